package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	chatText = chromedp.CSS("#text")
	chatSend = chromedp.CSS("#send")
)

// openChat signs in as a customer and opens the chat.
func (b tab) openChat(url, name string) {
	b.signIn(url, name)
	b.Load(chromedp.Click(chromedp.CSS("nav a[href='/chat']")))
	b.Do(chromedp.WaitVisible(chatText))
}

// send sends a message as soon as the page accepts one.
func (b tab) send(text string) {
	b.WaitFor(`document.getElementById("log").ariaBusy !== "true"`)
	b.Do(chromedp.SendKeys(chatText, text+"\n"))
}

// reply waits for the end of reply number n, and returns its text.
func (b tab) reply(n int) string {
	b.WaitFor(fmt.Sprintf(`document.querySelectorAll("#log .assistant").length >= %d && document.getElementById("log").ariaBusy === "false"`, n))
	return b.Evaluate(fmt.Sprintf(`document.querySelectorAll("#log .assistant .text")[%d].textContent`, n-1))
}

// storyBegun waits until the reply to "Tell me a story" has begun. It lasts several seconds.
func (b tab) storyBegun() {
	b.WaitFor(`/time there was a/.test(document.querySelector("#log .assistant:last-child .text")?.textContent)`)
}

// holdStories holds the replies to the next n messages after "Once upon a time there was a
// parcel", until resume is called or their reader has disconnected. Otherwise a story may end
// before the test stops it, if the machine is busy.
func (s *site) holdStories(n int) (resume func()) {
	resumed := make(chan struct{})
	hold := func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			normal.ServeHTTP(&heldStory{ResponseWriter: w, gone: r.Context().Done(), resumed: resumed}, r)
		})
	}
	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, slices.Repeat([]chattest.Fault{hold}, n)...))
	return sync.OnceFunc(func() { close(resumed) })
}

type heldStory struct {
	http.ResponseWriter
	gone, resumed <-chan struct{}
	words         int
}

func (h *heldStory) Write(b []byte) (int, error) {
	if h.words++; h.words > 8 {
		select {
		case <-h.resumed:
		case <-h.gone:
		}
	}
	return h.ResponseWriter.Write(b)
}

func (h *heldStory) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// shortWaits shortens the time between polls on the pages that the tab opens next.
func (b tab) shortWaits(t *testing.T) {
	t.Helper()
	_, err := chromedp.Call(b.Context, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `{ const wait = setTimeout; setTimeout = (f, ms) => wait(f, ms === 5000 ? 500 : ms); }`,
	})
	require.NoError(t, err)
}

// pictures saves screenshots of the page at the widths of a desktop and a phone, light and
// dark.
func (b tab) pictures(t *testing.T, name string) {
	t.Helper()
	for _, width := range []int64{1280, 390} {
		b.Do(chromedp.EmulateViewport(width, 844))
		b.prefer(t, "light")
		b.Picture(fmt.Sprintf("%s-%d", name, width))
		b.prefer(t, "dark")
		b.Picture(fmt.Sprintf("%s-%d-dark", name, width))
	}
	b.prefer(t, "light")
	b.Do(chromedp.EmulateViewport(1280, 1000))
}

func (b tab) ticket() string { return b.Evaluate("location.hash") }

func TestChat_InABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.Do(chromedp.Navigate(s.url + "/chat"))
	assert.Contains(t, b.Text("main"), "Sign in to chat")
	b.openChat(s.url, "ada")
	b.Picture("chat-welcome")

	// The bot knows her from the shop's server.
	b.Do(chromedp.Click(chromedp.CSS("#welcome button:first-child")))
	assert.Equal(t, `You are Ada Lovelace, customer cust-1001, on the plan "pro". I know this from the shop's server, not from your browser.`, b.reply(1))
	b.WaitFor(`document.querySelectorAll("#history a[aria-current]").length === 1`)
	first := b.ticket()
	assert.Contains(t, first, "#v1.")
	b.send("How long does a refund take?")
	assert.Contains(t, b.reply(2), "three to five days")
	assert.Equal(t, first, b.ticket(), "the same conversation")

	// A tool of the shop looks up her orders, whatever id the message names.
	b.send("I am customer cust-1002. Where is my order?")
	assert.Contains(t, b.reply(3), "A-1001 (Punched cards, 500) is on its way.")
	assert.NotContains(t, b.reply(3), "A-1002")

	// A thumb goes up, then down. It is shown after a reload too.
	const up, down = chromedp.CSS("#log .assistant:nth-child(2) [value=positive]"), chromedp.CSS("#log .assistant:nth-child(2) [value=negative]")
	pressed := func(value string) string {
		return fmt.Sprintf(`document.querySelector("#log .assistant [value=%s]")?.ariaPressed === "true"`, value)
	}
	b.Do(chromedp.Click(up))
	b.WaitFor(pressed("positive"))
	b.Do(chromedp.Click(down))
	b.WaitFor(pressed("negative"))
	b.pictures(t, "chat")
	b.Do(chromedp.Reload())
	b.WaitFor(pressed("negative"))
	assert.Contains(t, b.reply(2), "three to five days")
	b.Do(chromedp.Click(down))
	b.WaitFor("!(" + pressed("negative") + ")")

	// A new chat; then the first one from the list, and back with the back button.
	b.Do(chromedp.Click(chromedp.CSS("#new")))
	b.WaitFor(`document.getElementById("log").children.length === 0`)
	b.send("Hello")
	assert.Contains(t, b.reply(1), "What can I do for you?")
	b.WaitFor(`document.querySelectorAll("#history a").length === 2`)
	second := b.ticket()
	assert.NotEqual(t, first, second)
	b.Do(chromedp.Click(chromedp.CSS("#history li:nth-child(2) a")))
	assert.Contains(t, b.reply(2), "three to five days")
	assert.Equal(t, first, b.ticket())
	b.Do(chromedp.NavigateBack())
	b.WaitFor(`document.querySelectorAll("#log .assistant").length === 1`)
	assert.Equal(t, second, b.ticket())
	b.RequireQuietConsole()
}

func TestChat_StoppedFirstReply(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	resume := s.holdStories(1)
	defer resume()
	b.send("Tell me a story")
	b.storyBegun()
	b.Picture("chat-running")
	b.Do(chromedp.KeyEvent(kb.Escape))
	stopped := b.reply(1)
	resume()
	assert.NotContains(t, stopped, "on a Thursday")
	b.WaitFor(`location.hash !== ""`)
	assert.Contains(t, b.Text("#log"), "This reply was stopped.")
	b.Picture("chat-stopped")
	b.send("Hello")
	assert.Contains(t, b.reply(2), "What can I do for you?")
	b.Do(chromedp.Reload())
	assert.Contains(t, b.reply(2), "What can I do for you?", "one conversation")
	assert.Contains(t, b.reply(1), stopped, "the part that the service sent")

	// With the button, in a conversation that has a ticket.
	defer s.holdStories(1)()
	b.send("Another story")
	b.storyBegun()
	b.Do(chromedp.Click(chromedp.CSS("#stop")), chromedp.WaitVisible(chatSend))
	assert.NotContains(t, b.reply(3), "on a Thursday")
	b.RequireQuietConsole()
}

func TestChat_ReloadDuringTheFirstReply(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("Tell me a story")
	b.storyBegun()
	b.Do(chromedp.Reload())
	b.WaitFor(`location.hash !== ""`)
	assert.Contains(t, b.reply(1), "Once upon a time")
	assert.Contains(t, b.Text("#log"), "Tell me a story")
	b.send("Hello")
	assert.Contains(t, b.reply(2), "What can I do for you?")
	b.WaitFor(`document.querySelectorAll("#history a").length === 1`)
	b.RequireQuietConsole()
}

// Two tabs chat concurrently in two conversations, and each tab lists both.
func TestChat_TwoTabs(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	other := tab{b.Tab()}
	other.Do(chromedp.Navigate(s.url+"/chat"), chromedp.WaitVisible(chatText))
	resume := s.holdStories(2)
	defer resume()
	b.send("Tell me a story")
	other.send("Tell me another story")
	b.storyBegun()
	other.storyBegun()
	for _, tab := range []tab{b, other} {
		tab.Do(chromedp.Click(chromedp.CSS("#stop")), chromedp.WaitVisible(chatSend))
	}
	resume() // a first reply is read to its end for the ticket
	for _, tab := range []tab{b, other} {
		tab.WaitFor(`location.hash !== ""`)
	}
	assert.NotEqual(t, b.ticket(), other.ticket())
	for _, tab := range []tab{b, other} {
		tab.send("How long does a refund take?")
		assert.Contains(t, tab.reply(2), "three to five days")
		tab.Do(chromedp.Evaluate[chromedp.Void](`window.dispatchEvent(new Event("focus"))`))
		tab.WaitFor(`document.querySelectorAll("#history a").length === 2`)
	}
	b.Do(chromedp.Reload())
	b.reply(2)
	assert.NotContains(t, b.Text("#log"), "another story")
	other.RequireQuietConsole()
	b.RequireQuietConsole()
}

func TestChat_SignOutDuringAReply(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	other := tab{b.Tab()}
	other.Do(chromedp.Navigate(s.url+"/chat"), chromedp.WaitVisible(chatText))
	other.send("Tell me a story")
	other.storyBegun()
	b.send("Tell me a story")
	b.storyBegun()
	b.signOut()

	// The other tab shows a note, and its reply ends.
	other.Do(chromedp.WaitVisible(chromedp.CSS("#elsewhere")))
	other.WaitFor(`document.getElementById("log").children.length === 0 && document.getElementById("main").inert`)
	other.Picture("chat-signed-out-elsewhere")

	// The back button does not restore the conversation.
	b.Do(chromedp.NavigateBack())
	b.WaitFor(`/Sign in to chat/.test(document.querySelector("main").textContent)`)
	assert.NotContains(t, b.Text("body"), "Once upon a time")

	// The next customer does not see it either.
	b.openChat(s.url, "grace")
	b.WaitFor(`document.getElementById("history-state").textContent === "None yet."`)
	assert.Empty(t, b.Evaluate(`document.getElementById("text").value + (sessionStorage.asked ?? "")`))
	// After the end of a reply, a page asks for its chats, perhaps after the session has ended.
	other.RequireQuietConsole(browser.ErrorStatus)
	b.RequireQuietConsole(browser.ErrorStatus)
}

func TestChat_EndedSession(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	_, err := s.db.Exec("DELETE FROM sessions")
	require.NoError(t, err)
	b.send("How long does a refund take?")
	b.Do(chromedp.WaitVisible(chromedp.CSS("#log [role=alert]")))
	assert.Equal(t, "Please sign in to chat.", b.Text("#log [role=alert]"))
	// DevTools may type the line end after the page has restored the text.
	assert.Equal(t, "How long does a refund take?", b.Evaluate(`document.getElementById("text").value.trim()`), "can be sent again")
	b.Picture("chat-session-ended")
	b.Load(chromedp.Click(chromedp.CSS("#log a.button")))
	b.Do(chromedp.WaitVisible(chromedp.CSS("label input[name=username]")))
	b.RequireQuietConsole(browser.ErrorStatus)
}

// Failures of the service are shown as sentences, and the typed text is kept.
func TestChat_Failures(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.WaitFor(`document.getElementById("history-state").textContent === "None yet."`)
	for i, test := range []struct {
		fault chattest.Fault
		want  string
	}{
		{chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"), "The assistant takes no messages at the moment."},
		{chattest.BadGateway(), "The assistant is not available at the moment."},
		{chattest.Cut(2), "The reply was cut short. Please try again."},
		{chattest.StreamError(2, "the model failed at sk_secret"), "The assistant could not finish this reply. Please try again."},
	} {
		s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, test.fault))
		b.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("text").value = ""`))
		b.send("How long does a refund take?")
		b.WaitFor(fmt.Sprintf(`document.querySelectorAll("#log [role=alert]").length === %d`, i+1))
		assert.Equal(t, test.want, b.Evaluate(fmt.Sprintf(`document.querySelectorAll("#log [role=alert]")[%d].textContent`, i)))
	}
	assert.NotContains(t, b.Text("body"), "sk_secret")
	b.Picture("chat-failures")
	b.RequireQuietConsole(browser.ErrorStatus)
}

// forMessages injects one fault into each of the next messages, not into requests for lists.
func forMessages(fake *chattest.Fake, faults ...chattest.Fault) chattest.Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				fake.Script(forMessages(fake, faults...))
				normal.ServeHTTP(w, r)
				return
			}
			if len(faults) > 1 {
				fake.Script(forMessages(fake, faults[1:]...))
			}
			faults[0](normal).ServeHTTP(w, r)
		})
	}
}

// More than one page of messages and of chats, with a double click on each button.
func TestChat_ManyMessagesAndChats(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	say := func(text string, conversation chatclient.ConversationID) chatclient.ConversationID {
		reply, err := s.shop.bot.Send(t.Context(), chatclient.Message{Text: text, UserID: "cust-1001", ConversationID: conversation})
		require.NoError(t, err)
		return reply.Metadata.ConversationID
	}
	for range 20 {
		say("Hello", "")
	}
	var long chatclient.ConversationID
	for i := range 12 {
		long = say(fmt.Sprint("Message ", i), long)
	}
	b.openChat(s.url, "ada")
	shows := func(selector string, n int) {
		b.WaitFor(fmt.Sprintf(`document.querySelectorAll("%s").length === %d`, selector, n))
	}
	shows("#history a", 20)
	b.Do(chromedp.Evaluate[chromedp.Void](`for (let i = 0; i < 2; i++) document.getElementById("older").click()`))
	shows("#history a", 21)

	b.Do(chromedp.Click(chromedp.CSS("#history li:first-child a")))
	shows("#log .message", 20)
	b.Do(chromedp.Evaluate[chromedp.Void](`for (let i = 0; i < 2; i++) document.querySelector(".earlier button").click()`))
	shows("#log .message", 24)
	shows("#log .earlier", 0)
	assert.Contains(t, b.Evaluate(`document.querySelector("#log .text").textContent`), "Message 0")
	b.RequireQuietConsole()
}

func TestChat_NewChatDuringTheFirstReply(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("Tell me a story")
	b.storyBegun()
	b.Do(chromedp.Click(chromedp.CSS("#new")))
	b.WaitFor(`document.querySelectorAll("#history a").length === 1`)
	b.send("Hello")
	assert.Contains(t, b.reply(1), "What can I do for you?")
	b.WaitFor(`document.querySelectorAll("#history a").length === 2`)

	// The skip link does not change the fragment. A fragment without a conversation causes
	// an error message and is removed.
	ticket := b.ticket()
	b.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".skip").click()`))
	assert.Equal(t, ticket+" main", b.Evaluate(`location.hash + " " + document.activeElement.id`))
	b.Do(chromedp.Evaluate[chromedp.Void](`location.hash = "%"`), chromedp.WaitVisible(chromedp.CSS("#log [role=alert]")))
	assert.Contains(t, b.Text("#log"), "cannot be found")
	assert.Empty(t, b.ticket())
	b.send("Hello")
	assert.Contains(t, b.reply(1), "What can I do for you?")
	b.RequireQuietConsole(browser.ErrorStatus)
}

// A message right after a stop continues the conversation, although its ticket has not arrived.
func TestChat_MessageRightAfterAStop(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("Tell me a story")
	b.storyBegun()
	b.Do(chromedp.Evaluate[chromedp.Void](`
		document.getElementById("stop").click();
		document.getElementById("text").value = "Hello";
		setTimeout(() => document.getElementById("ask").requestSubmit(), 50)`))
	b.WaitFor(`document.querySelectorAll("#log .user").length === 2`)
	assert.Contains(t, b.reply(2), "What can I do for you?")
	b.WaitFor(`location.hash !== "" && document.querySelectorAll("#history a").length === 1`)
	b.RequireQuietConsole()
}

// The button retries a failed message without adding it a second time.
func TestChat_TryAgain(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("Hello")
	b.reply(1)
	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Cut(2)))
	b.send("How long does a refund take?")
	const again = chromedp.CSS("#log .error button")
	b.Do(chromedp.WaitVisible(again))
	b.pictures(t, "chat-try-again")
	b.Do(chromedp.Click(again))
	b.WaitFor(`/three to five days/.test(document.querySelector("#log .assistant:last-child .text")?.textContent)`)
	assert.Contains(t, b.reply(2), "three to five days")
	b.WaitFor(`document.querySelectorAll("#log .error").length === 0`)
	b.Do(chromedp.Reload())
	b.reply(2)
	b.WaitFor(`document.querySelectorAll("#log .user").length === 2`)
	b.RequireQuietConsole()
}

// While a person of the shop has the conversation, the page shows their messages, also after
// a reload.
func TestChat_Person(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.shortWaits(t)
	b.openChat(s.url, "ada")
	b.send("Hello")
	b.reply(1)
	var id string
	for c, err := range s.shop.bot.Conversations(t.Context()) {
		require.NoError(t, err)
		id = string(c.ID)
	}
	s.bookbag.Chat.SetStatus(id, "taken_over")
	b.send("May I speak to somebody?")
	b.WaitFor(`/A person has taken over this chat/.test(document.getElementById("log").textContent)`)
	s.bookbag.Chat.AddMessage(id, "This is Grace, of the shop.")
	assert.Equal(t, "This is Grace, of the shop.", b.reply(2))
	b.pictures(t, "chat-person")
	b.Do(chromedp.Reload())
	assert.Equal(t, "This is Grace, of the shop.", b.reply(2))
	b.WaitFor(`/A person has taken over this chat/.test(document.getElementById("log").textContent)`)
	s.bookbag.Chat.AddMessage(id, "Goodbye.")
	s.bookbag.Chat.SetStatus(id, "ongoing")
	assert.Equal(t, "Goodbye.", b.reply(3))
	b.WaitFor(`/The assistant is back in this chat/.test(document.getElementById("log").textContent)`)
	b.send("Hello")
	assert.Contains(t, b.reply(4), "What can I do for you?")
	b.RequireQuietConsole(browser.ErrorStatus) // too many polls
}

// The latest reply has a button that requests another reply, also after a reload.
func TestChat_AnotherReply(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("Hello")
	b.reply(1)
	b.send("How long does a refund take?")
	b.reply(2)
	shown := func() {
		b.WaitFor(`[...document.querySelectorAll("#log [value=again]")].filter((b) => b.checkVisibility({ visibilityProperty: true })).length === 1`)
		b.WaitFor(`document.querySelectorAll("#log .user").length === 2`)
	}
	for range 2 {
		shown()
		b.Do(chromedp.Click(chromedp.CSS("#log .message:last-child [value=again]")))
		assert.Contains(t, b.reply(2), "three to five days")
		shown()
		b.Do(chromedp.Reload())
		assert.Contains(t, b.reply(2), "three to five days")
	}
	b.pictures(t, "chat-another-reply")
	var retries int
	for _, r := range s.bookbag.Chat.Requests() {
		if strings.HasSuffix(r.Path, "/retry") {
			retries++
		}
	}
	assert.Equal(t, 2, retries)
	b.RequireQuietConsole()
}

// After a conversation has ended, the next message begins another one.
func TestChat_EndedConversation(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("Hello")
	b.reply(1)
	b.WaitFor(`location.hash !== ""`)
	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING")))
	b.send("Hello again")
	b.Do(chromedp.WaitVisible(chromedp.CSS("#log [role=alert]")))
	b.WaitFor(`location.hash === ""`)
	b.send("")
	assert.Contains(t, b.reply(2), "What can I do for you?")
	b.WaitFor(`document.querySelectorAll("#history a").length === 2`)
	b.RequireQuietConsole(browser.ErrorStatus)
}

func TestChat_ConversationOfAnotherCustomer(t *testing.T) {
	s := start(t, nil)
	ada, grace := tab{browser.New(t)}, tab{browser.New(t)}
	ada.openChat(s.url, "ada")
	ada.send("This is a secret")
	ada.reply(1)
	ada.WaitFor(`location.hash !== ""`)
	grace.openChat(s.url, "grace")
	grace.WaitFor(`document.getElementById("history-state").textContent === "None yet."`)
	grace.Do(chromedp.Navigate(s.url+"/chat"+ada.ticket()), chromedp.WaitVisible(chromedp.CSS("#log [role=alert]")))
	assert.Equal(t, "This conversation cannot be found. Please begin a new one.", grace.Text("#log [role=alert]"))
	assert.NotContains(t, grace.Text("body"), "secret")
	grace.send("Who am I?")
	assert.Contains(t, grace.reply(1), "You are Grace Hopper")
	ada.RequireQuietConsole()
	grace.RequireQuietConsole(browser.ErrorStatus)
}

// Sign in, chat, stop and rate a reply with the keyboard alone.
func TestChat_KeyboardOnly(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	press := func(keys ...string) {
		for _, key := range keys {
			b.Do(chromedp.KeyEvent(key))
		}
	}
	focused := func() string {
		return b.Evaluate(`document.activeElement.textContent.trim() || document.activeElement.id`)
	}
	tabTo := func(what string) {
		t.Helper()
		for range 40 {
			if press(kb.Tab); focused() == what {
				return
			}
		}
		require.Fail(t, "Tab does not reach "+what)
	}
	b.Do(chromedp.Navigate(s.url + "/login?next=/chat"))
	b.WaitFor(`document.activeElement.name === "username"`)
	press("ada", kb.Tab, "ada")
	b.Load(chromedp.KeyEvent(kb.Enter))
	b.Do(chromedp.WaitVisible(chatText))
	press(kb.Tab)
	assert.Equal(t, "Skip to content", focused())
	tabTo("text")
	resume := s.holdStories(1)
	defer resume()
	press("Tell me a story", kb.Enter)
	b.storyBegun()
	press(kb.Escape)
	b.reply(1)
	resume()
	b.WaitFor(`location.hash !== ""`)
	press("How long does a refund take?", kb.Enter)
	b.reply(2)
	b.WaitFor(`document.querySelectorAll("#log .rate").length === 1`)
	for range 40 {
		press(kb.Shift + kb.Tab)
		if strings.Contains(b.Evaluate(`document.activeElement.value ?? ""`), "positive") {
			break
		}
	}
	press(" ")
	b.WaitFor(`document.querySelector("#log [value=positive]").ariaPressed === "true"`)
	assert.NotEqual(t, "none", b.Evaluate(`getComputedStyle(document.activeElement).outlineStyle`), "the focus is visible")
	b.Picture("chat-keyboard")
	b.RequireQuietConsole()
}
