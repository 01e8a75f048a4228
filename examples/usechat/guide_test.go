package usechat

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const guide = "../../docs/chat-in-the-browser.md"

// blocks returns the blocks of code of a document in a language.
func blocks(t *testing.T, document, language string) (code []string) {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		code = append(code, found[1])
	}
	return code
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// Each block of JavaScript in the guide is in a script that the tests run.
func TestGuide_BlocksAreInScripts(t *testing.T) {
	space := regexp.MustCompile(`\s+`)
	scripts := space.ReplaceAllString(readFile(t, "guide.js")+readFile(t, "usechat.jsx")+readFile(t, "strict.js")+readFile(t, "session.js"), " ")
	found := blocks(t, guide, "js")
	require.Len(t, found, 4)
	for _, code := range found {
		code = strings.TrimSpace(space.ReplaceAllString(code, " "))
		code = strings.TrimSuffix(strings.TrimPrefix(code, "useChat("), ")") // whose options Node has too
		assert.Contains(t, scripts, code)
	}
	assert.Equal(t, []string{readFile(t, "guide.jsx")}, blocks(t, guide, "jsx"))
}

// The declaration has the members of the class, and no others.
func TestGuide_DeclarationHasEachMember(t *testing.T) {
	declarations := blocks(t, guide, "ts")
	require.NotEmpty(t, declarations)
	var declared []string
	_, class, found := strings.Cut(declarations[0], "declare class ChatProxy {\n")
	require.True(t, found)
	for _, member := range regexp.MustCompile(`(?m)^  (?:readonly )?(\w+)[:(]`).FindAllStringSubmatch(class, -1) {
		declared = append(declared, member[1])
	}
	script := `import "../../chatclient/chatproxy/chatproxy.js";
		console.log([...Object.getOwnPropertyNames(ChatProxy.prototype), ...Object.keys(new ChatProxy("/chat"))].join(" "))`
	node := exec.Command("node", "--input-type=module", "--eval", script)
	node.Dir = testenv.NodePackages(t, "examples/usechat")
	members, err := node.Output()
	require.NoError(t, err)
	assert.ElementsMatch(t, strings.Fields(string(members)), declared)
}

// drawnPage has the chat that chatproxy.js draws.
func drawnPage(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: cookieName(r.Host), Value: r.FormValue("visitor"), Path: "/", HttpOnly: true})
	w.Header().Set("Content-Security-Policy", "script-src 'self'; connect-src 'self'")
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Drawn</title><link rel="icon" href="data:,">
		<script src="/chat/chatproxy.js" data-prefix="/chat" defer></script>`))
}

// An anonymous visitor clicks to the next page during the first reply: the conversation is
// there, and continues. After signing in, another one begins.
func TestGuide_DrawnChat(t *testing.T) {
	b := browser.New(t)
	s := newSite(t)
	open := func(visitor string) {
		b.Do(chromedp.Navigate(s.url+"/drawn?visitor="+visitor), chromedp.WaitVisible(chromedp.CSS(".chatproxy input")))
	}
	say := func(text string) { b.Do(chromedp.SendKeys(chromedp.CSS(".chatproxy input"), text+"\n")) }
	drawn := func(lines ...string) {
		b.WaitFor(`[...document.querySelectorAll(".chatproxy-log p")].map((p) => p.textContent).join("|") === "` + strings.Join(lines, "|") + `" &&
			document.querySelector(".chatproxy button").type === "submit" && !document.querySelector(".chatproxy button").disabled`)
	}
	open(anonymous)
	release := s.hold(t, 1)
	say("one")
	b.WaitFor(`document.querySelector(".chatproxy-assistant")?.textContent === "Assistant: You "`)
	open(anonymous)
	release()
	drawn("You: one", "Assistant: You said: one")
	say("two")
	drawn("You: one", "Assistant: You said: one", "You: two", "Assistant: You said: two")
	assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))

	open(customer)
	drawn("")
	say("three")
	drawn("You: three", "Assistant: You said: three")
	assert.ElementsMatch(t, [][]string{{"one", "two"}, {"three"}}, s.said(t))
	b.RequireQuietConsole(browser.ErrorStatus) // the ticket of another visitor
}

// guidePage has the elements of guide.js.
func guidePage(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: cookieName(r.Host), Value: customer, Path: "/", HttpOnly: true})
	w.Header().Set("Content-Security-Policy", "script-src 'self'; connect-src 'self'")
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Guide</title><link rel="icon" href="data:,">
		<form id="form"><input id="text"></form><button id="stop">Stop</button><button id="again">Another reply</button><div id="log"></div>
		<script src="/chat/chatproxy.js"></script><script src="/guide.js"></script>`))
}

func TestGuide_Page(t *testing.T) {
	b := browser.New(t)
	s := newSite(t)
	say := func(text string) {
		b.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("text").value = ""`))
		b.Do(chromedp.SendKeys(chromedp.CSS("#text"), text+"\n"))
	}
	line := func(n int, text string) {
		b.WaitFor(`document.querySelectorAll("#log p")[` + string(rune('0'+n)) + `]?.textContent === ` + text)
	}
	b.Do(chromedp.Navigate(s.url + "/guide"))
	release := s.hold(t, 1)
	say("one")
	line(0, `"You "`)
	b.Do(chromedp.Click(chromedp.CSS("#stop")))
	release()
	say("two")
	line(1, `"You said: two"`)
	b.Do(chromedp.Click(chromedp.CSS("#again")))
	line(2, `"You said: two"`)
	assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))
	b.RequireQuietConsole()
}

// componentPage is the page of guide.jsx, with the tags of the guide.
func (s *site) componentPage(t *testing.T) http.HandlerFunc {
	tags := blocks(t, guide, "html")
	require.Len(t, tags, 2)
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie(cookieName(r.Host)); err != nil {
			http.SetCookie(w, &http.Cookie{Name: cookieName(r.Host), Value: customer, Path: "/", HttpOnly: true})
			http.Redirect(w, r, r.URL.String(), http.StatusSeeOther)
			return
		}
		bundle := "/scripts/guide" + r.FormValue("major") + ".js"
		s.writePage(w, r, strings.Replace(tags[1], "/bundle.js", bundle, 1))
	}
}

// aboutPage is another page of the site.
func (s *site) aboutPage(w http.ResponseWriter, r *http.Request) {
	s.writePage(w, r, `<p id="about">About us.</p><form action="/sign-out" method="post"><button>Sign out</button></form>`)
}

// writePage writes a page with the header and the script of the guide, or a note if the visitor is
// not signed in.
func (s *site) writePage(w http.ResponseWriter, r *http.Request, body string) {
	v, _ := s.visitor(r)
	if v.UserID == "" {
		body = `<p id="signed-out">Signed out.</p>`
	}
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("Content-Security-Policy", "script-src 'self'; connect-src 'self'")
	fmt.Fprintf(w, `<!doctype html><html lang="en" data-visitor=%q><meta charset="utf-8"><title>Component</title>`+
		`<link rel="icon" href="data:,"><script src="/session.js" defer></script>%s`, v.UserID, body)
}

// component is the page of guide.jsx in a tab.
type component struct {
	*browser.Browser
	url string
}

// openComponent runs a test with the component and each major of the AI SDK.
func openComponent(t *testing.T, test func(*testing.T, component, *site)) {
	openComponentWith(t, chatproxy.Options{}, test)
}

func openComponentWith(t *testing.T, options chatproxy.Options, test func(*testing.T, component, *site)) {
	b := browser.New(t)
	for _, major := range majors {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			own := options // which newSiteWith completes
			s := newSiteWith(t, &own)
			c := component{b.TabFor(t), s.url + "/component?major=" + major}
			c.open()
			test(t, c, s)
		})
	}
}

func (c component) open() {
	c.Do(chromedp.Navigate(c.url), chromedp.WaitVisible(chromedp.CSS("input")))
}

func (c component) send(text string) { c.Do(chromedp.SendKeys(chromedp.CSS("input"), text+"\n")) }

// click clicks the first button with a text.
func (c component) click(text string) {
	button := fmt.Sprintf(`[...document.querySelectorAll("button")].find((b) => b.textContent === %q)`, text)
	c.WaitFor(button + " !== undefined")
	c.Do(chromedp.Evaluate[chromedp.Void](button + ".click()"))
}

// shows waits until the messages are these paragraphs, and no reply is running.
func (c component) shows(paragraphs ...string) {
	c.WaitFor(fmt.Sprintf(`[...document.querySelectorAll("div > div > p")].map((p) => p.textContent).join("|") === %q &&
		![...document.querySelectorAll("button")].some((b) => b.textContent === "Stop")`, strings.Join(paragraphs, "|")))
}

// A conversation with more messages than a page of the largest size opens with its first
// message. The list of conversations continues after its first page.
func TestGuide_ComponentOpensLongHistory(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		var long chatclient.ConversationID
		var want []string
		for i := range 52 {
			text := fmt.Sprint("message ", i)
			reply, err := s.bot.Send(t.Context(), chatclient.Message{Text: text, UserID: customer, ConversationID: long})
			require.NoError(t, err)
			long = reply.Metadata.ConversationID
			want = append(want, text, "You said: "+text)
		}
		for i := range 20 { // the first page
			_, err := s.bot.Send(t.Context(), chatclient.Message{Text: fmt.Sprint("newer ", i), UserID: customer})
			require.NoError(t, err)
		}
		listed := func(n int) {
			c.WaitFor(fmt.Sprintf(`[...document.querySelectorAll("button")].filter((b) => /^(newer|message) /.test(b.textContent)).length === %d`, n))
		}
		c.click("Earlier conversations")
		listed(20)
		c.click("Earlier conversations")
		listed(21)
		c.WaitFor(noEarlier)
		c.click("message 0")
		c.shows(want...)
		c.send("the last one")
		c.shows(append(want, "the last one", "You said: the last one")...)
		assert.Len(t, s.said(t), 21, "the conversation continues")
		c.click("New chat")
		c.shows()
		assert.Empty(t, s.reported())
		c.RequireQuietConsole()
	})
}

// The label of a tool appears only while the tool runs, and thumbs once a reply is complete. A
// thumb is shown at once, and in the history.
func TestGuide_ComponentShowsLabelAndThumbs(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		const noLabel = `document.querySelector("[role=status]") === null`
		s.toolMayEnd = make(chan struct{})
		c.send("lookUpOrder")
		c.WaitFor(`document.querySelector("[role=status]")?.textContent === "Looking up your order"`)
		c.WaitFor(`document.querySelector("button[aria-pressed]") === null`)
		close(s.toolMayEnd)
		c.shows("lookUpOrder", "Let me see. ", `lookUpOrder: "shipped_to_ada";`)
		c.WaitFor(noLabel)
		pressed := func(want string) {
			c.WaitFor(`[...document.querySelectorAll("button[aria-pressed=true]")].map((b) => b.textContent).join() === "` + want + `"`)
		}
		pressed("")
		c.click("Good")
		pressed("Good")
		c.click("Bad")
		pressed("Bad")

		c.open()
		c.click("Earlier conversations")
		c.click("lookUpOrder")
		c.shows("lookUpOrder", "Let me see. ", `lookUpOrder: "shipped_to_ada";`)
		c.WaitFor(noLabel)
		pressed("Bad")
		c.WaitFor(`document.querySelector(".user button") === null`)
		assert.Empty(t, s.reported())
		c.RequireQuietConsole()
	})
}

// The page stops a reply before it signs out.
func TestGuide_ComponentStopsAndSignsOut(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		begun := func(n int) {
			c.WaitFor(fmt.Sprintf(`[...document.querySelectorAll(".assistant p")].at(%d)?.textContent === "You "`, n))
		}
		release := s.hold(t, 1)
		c.send("one")
		begun(0)
		c.click("Stop")
		release()
		c.shows("one", "You ")
		require.Eventually(t, func() bool { return s.stops.Load() == 1 }, 10*time.Second, 10*time.Millisecond)
		s.stopDelay.Store(int64(300 * time.Millisecond)) // a page that does not wait signs out within it
		s.hold(t, 1)
		c.send("two")
		begun(1)
		c.Do(chromedp.Click(chromedp.CSS("form[action='/sign-out'] button")), chromedp.WaitVisible(chromedp.CSS("#signed-out")))
		assert.Equal(t, []string{"/chat/stop", "/chat/stop", "/sign-out"}, s.visits())
		assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))
		c.RequireQuietConsole()
	})
}

// noEarlier reports that the list of conversations is complete.
const noEarlier = `![...document.querySelectorAll("button")].some((b) => b.textContent === "Earlier conversations")`

// listed waits until the buttons of the list of conversations are these.
func (c component) listed(titles ...string) {
	c.WaitFor(fmt.Sprintf(`[...document.querySelectorAll("#chat > button")].map((b) => b.textContent)
		.filter((text) => !["New chat", "Earlier conversations"].includes(text)).join("|") === %q`, strings.Join(titles, "|")))
}

// A sign-out does not wait for a stop that does not end.
func TestGuide_ComponentSignsOutWithoutStop(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		s.holdStops.Store(true)
		c.click("Sign out")
		c.WaitFor(`document.querySelector("#signed-out")`)
		assert.Empty(t, s.reported())
		c.RequireQuietConsole()
	})
}

// After a sign-out in another tab, the page goes, and no tool of its reply runs.
func TestGuide_ComponentSignOutInAnotherTab(t *testing.T) {
	openComponentWith(t, chatproxy.Options{KeepReplies: true}, func(t *testing.T, c component, s *site) {
		c.send("one")
		c.shows("one", "You said: one")
		release := s.hold(t, 1)
		c.send("lookUpOrder")
		c.WaitFor(`[...document.querySelectorAll(".assistant p")].at(-1)?.textContent === "Let "`)
		other := c.TabFor(t)
		other.Do(chromedp.Navigate(s.url+"/about"), chromedp.Click(chromedp.CSS("form button")), chromedp.WaitVisible(chromedp.CSS("#signed-out")))
		c.WaitFor(`document.querySelector("#signed-out") && !document.querySelector("#chat")`)
		release()
		require.NoError(t, s.proxy.Shutdown(t.Context()), "the reply ends")
		assert.Zero(t, s.toolRuns.Load())
		assert.Empty(t, s.reported())
		other.RequireQuietConsole()
		c.RequireQuietConsole()
	})
}

// When the session has ended, or is another customer's, the page removes the messages and the
// list with the next response.
func TestGuide_ComponentOfAnotherVisitor(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		_, err := s.bot.Send(t.Context(), chatclient.Message{Text: "of grace", UserID: "grace"})
		require.NoError(t, err)
		for _, test := range []struct {
			visitor   chatproxy.Visitor
			act       func()
			sentence  string
			afterList string
		}{
			{chatproxy.Visitor{}, func() { c.send("two") }, "Please sign in to chat.", ""},
			{chatproxy.Visitor{UserID: "grace"}, func() { c.send("two") }, "conversation", "of grace"},
			{chatproxy.Visitor{UserID: "grace"}, func() { c.click("private") }, "conversation", "of grace"},
			{chatproxy.Visitor{}, func() { c.click("New chat") }, "Please sign in to chat.", ""},
		} {
			s.become(chatproxy.Visitor{UserID: customer})
			c.open()
			c.send("private")
			c.shows("private", "You said: private")
			c.click("Earlier conversations")
			c.WaitFor(noEarlier)
			s.become(test.visitor)
			test.act()
			c.WaitFor(fmt.Sprintf(`document.querySelector("[role=alert]")?.textContent.includes(%q)`, test.sentence))
			c.shows()
			c.listed()
			if test.afterList != "" {
				c.click("Earlier conversations")
				c.listed(test.afterList)
				c.WaitFor(`document.querySelector("[role=alert]") === null`)
			}
		}
		assert.Empty(t, s.reported())
		c.RequireQuietConsole(browser.ErrorStatus)
	})
}

// Nor does a list that goes on after its first page keep the titles of the customer before.
func TestGuide_ComponentCursorOfAnotherVisitor(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		for i := range 21 {
			_, err := s.bot.Send(t.Context(), chatclient.Message{Text: fmt.Sprint("private ", i), UserID: customer})
			require.NoError(t, err)
		}
		c.click("Earlier conversations")
		c.WaitFor(`document.querySelectorAll("#chat > button").length === 22`)
		s.become(chatproxy.Visitor{UserID: "grace"})
		c.click("Earlier conversations")
		c.WaitFor(`document.querySelector("[role=alert]")?.textContent.includes("Another customer")`)
		c.listed()
		assert.Empty(t, s.reported())
		c.RequireQuietConsole(browser.ErrorStatus)
	})
}

// A chat that is still loading does not replace the one that the visitor has chosen after it.
func TestGuide_ComponentChoosesAnotherChat(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		for _, text := range []string{"one", "two"} {
			_, err := s.bot.Send(t.Context(), chatclient.Message{Text: text, UserID: customer})
			require.NoError(t, err)
		}
		c.click("Earlier conversations")
		c.listed("two", "one")
		for _, test := range []struct {
			choice string
			shown  []string
		}{
			{"two", []string{"two", "You said: two"}},
			{"New chat", nil},
		} {
			mayLoad := make(chan struct{})
			s.mayLoad.Store(&mayLoad)
			c.Do(chromedp.Evaluate[chromedp.Void](`performance.clearResourceTimings()`))
			c.click("one")
			require.Eventually(t, func() bool { return s.mayLoad.Load() == nil }, 30*time.Second, 10*time.Millisecond)
			c.click(test.choice)
			c.shows(test.shown...)
			close(mayLoad)
			c.WaitFor(fmt.Sprintf(`performance.getEntriesByType("resource").filter(({ name }) => name.includes("/messages?")).length === %d`, 1+len(test.shown)/2))
			c.send("typed meanwhile")
			c.shows(append(test.shown, "typed meanwhile", "You said: typed meanwhile")...)
			c.open()
			c.click("Earlier conversations")
		}
		assert.ElementsMatch(t, [][]string{{"one"}, {"two", "typed meanwhile"}, {"typed meanwhile"}}, s.said(t))
		assert.Empty(t, s.reported())
		c.RequireQuietConsole()
	})
}

// A chat that began after the list was loaded is listed when the next one begins.
func TestGuide_ComponentListsANewChat(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		c.click("Earlier conversations")
		c.WaitFor(noEarlier)
		c.send("one")
		c.shows("one", "You said: one")
		c.listed()
		c.click("New chat")
		c.shows()
		c.listed("one")
		c.send("two")
		c.shows("two", "You said: two")
		c.click("New chat")
		c.listed("two", "one")
		c.click("one")
		c.shows("one", "You said: one")
		assert.Empty(t, s.reported())
		c.RequireQuietConsole()
	})
}

// After a sign-out on another page, the back button does not show the chat.
func TestGuide_ComponentBackAfterSignOut(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		c.send("private")
		c.shows("private", "You said: private")
		c.Do(chromedp.Navigate(s.url+"/about"), chromedp.WaitVisible(chromedp.CSS("#about")))
		c.click("Sign out")
		c.WaitFor(`document.querySelector("#signed-out")`)
		c.Do(chromedp.Evaluate[chromedp.Void](`history.go(-2)`))
		c.WaitFor(`location.pathname === "/component" && document.querySelector("#signed-out") && !document.body.textContent.includes("private")`)
		c.RequireQuietConsole()
	})
}

// A failed message is sent again once. An ended conversation makes room for a new one.
func TestGuide_ComponentFailures(t *testing.T) {
	openComponent(t, func(t *testing.T, c component, s *site) {
		alert := func(text string) {
			c.WaitFor(fmt.Sprintf(`document.querySelector("[role=alert]")?.textContent === %q`, text))
		}
		setOffline(t, c.Browser, true)
		c.send("one")
		alert("The site cannot be reached. Please try again. Try again")
		setOffline(t, c.Browser, false)
		s.fake.Script(chattest.BadGateway())
		c.click("Try again")
		alert("The assistant is not available at the moment. Try again")
		c.click("Try again")
		c.shows("one", "You said: one")
		s.fake.Script(chattest.Status(http.StatusBadRequest, chatclient.CodeConversationNotOngoing))
		c.send("two")
		alert("This conversation has ended. Please begin a new one. ")
		c.shows()
		c.send("three")
		c.shows("three", "You said: three")
		assert.Equal(t, [][]string{{"three"}, {"one"}}, s.said(t))
		c.RequireQuietConsole(browser.ErrorStatus, "net::ERR_INTERNET_DISCONNECTED")
	})
}
