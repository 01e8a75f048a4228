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
	scripts := space.ReplaceAllString(readFile(t, "guide.js")+readFile(t, "usechat.jsx")+readFile(t, "strict.js"), " ")
	found := blocks(t, guide, "js")
	require.Len(t, found, 3)
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
func componentPage(t *testing.T) http.HandlerFunc {
	tags := blocks(t, guide, "html")
	require.Len(t, tags, 2)
	return func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: cookieName(r.Host), Value: customer, Path: "/", HttpOnly: true})
		w.Header().Set("Content-Security-Policy", "script-src 'self'; connect-src 'self'")
		bundle := "/scripts/guide" + r.FormValue("major") + ".js"
		fmt.Fprint(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>Component</title><link rel="icon" href="data:,">`,
			strings.Replace(tags[1], "/bundle.js", bundle, 1))
	}
}

// component is the page of guide.jsx in a tab.
type component struct {
	*browser.Browser
	url string
}

// openComponent runs a test with the component and each major of the AI SDK.
func openComponent(t *testing.T, test func(*testing.T, component, *site)) {
	b := browser.New(t)
	for _, major := range majors {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
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
		c.WaitFor(`![...document.querySelectorAll("button")].some((b) => b.textContent === "Earlier conversations")`)
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
