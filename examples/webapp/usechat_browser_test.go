package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startUseChat builds the page that uses the AI SDK, and opens a shop that serves it.
func startUseChat(t *testing.T) *site {
	t.Helper()
	built := t.TempDir()
	npm := exec.CommandContext(t.Context(), "npm", "run", "build", "--no-update-notifier", "--", "--outdir="+built)
	npm.Dir = testenv.NodePackages(t, "examples/webapp/usechat")
	output, err := npm.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return start(t, func(c *config) { c.useChat = built })
}

// useChat signs in as a customer and opens the page that uses the AI SDK. Its elements have
// the same ids as those of the other chat page.
func (b tab) useChat(url, name string) {
	b.signIn(url, name)
	b.Do(chromedp.Navigate(url+"/usechat"), chromedp.WaitVisible(chatText))
}

// press presses keys where the focus is.
func (b tab) press(keys string) { b.Do(chromedp.KeyEvent(keys)) }

// waitForAlert waits until the page shows an error.
func (b tab) waitForAlert(sentence string) {
	b.WaitFor(fmt.Sprintf(`document.querySelector("#log [role=alert]")?.textContent === %q`, sentence))
}

// continued returns the conversation that each message to Bookbag continues, empty for a new
// conversation.
func continued(t *testing.T, fake *chattest.Fake) []json.Number {
	t.Helper()
	var ids []json.Number
	for _, r := range fake.Requests() {
		if !strings.HasSuffix(r.Path, "/chat") {
			continue
		}
		var body struct{ ConversationID json.Number }
		require.NoError(t, json.Unmarshal(r.Body, &body))
		ids = append(ids, body.ConversationID)
	}
	return ids
}

func TestUseChat_InABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.Do(chromedp.Navigate(s.url + "/usechat"))
	assert.Contains(t, b.Text("main"), "Sign in to chat")
	b.useChat(s.url, "ada")

	// A reply arrives in pieces.
	resume := s.holdStories(1)
	defer resume()
	b.send("Tell me a story")
	b.storyBegun()
	assert.NotContains(t, b.Text("#log"), "on a Thursday")
	b.Picture("usechat-running")
	resume()
	assert.Contains(t, b.reply(1), "on a Thursday")

	// The second message continues the conversation of the first.
	b.send("Who am I?")
	assert.Contains(t, b.reply(2), `You are Ada Lovelace, customer cust-1001, on the plan "pro".`)
	ids := continued(t, s.bookbag.Chat)
	require.Len(t, ids, 2)
	assert.Empty(t, ids[0])
	assert.NotEmpty(t, ids[1])

	// Messages are shown as text, scrolled to the end.
	b.send("<img src=x onerror=alert(1)> <b>bold</b>")
	assert.Contains(t, b.reply(3), "You said: <img src=x onerror=alert(1)> <b>bold</b>")
	b.WaitFor(`document.querySelector("#log img, #log b") === null`)
	b.WaitFor(`document.querySelector("#log li:last-child").getBoundingClientRect().bottom <= document.getElementById("ask").getBoundingClientRect().top`)
	b.pictures(t, "usechat")
	b.RequireQuietConsole()
}

func TestUseChat_Stop(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.useChat(s.url, "ada")
	resume := s.holdStories(1)
	defer resume()
	b.send("Tell me a story")
	b.storyBegun()
	b.Do(chromedp.Click(chromedp.CSS("#stop")), chromedp.WaitVisible(chatSend))
	resume()
	assert.NotContains(t, b.reply(1), "on a Thursday")
	assert.Contains(t, b.Text("#log"), "This reply was stopped.")
	b.Picture("usechat-stopped")

	// With the keyboard alone: the focus returned to the field.
	b.press("Hello" + kb.Enter)
	b.reply(2)
	defer s.holdStories(1)()
	b.press("Another story" + kb.Enter)
	b.storyBegun()
	b.press(kb.Escape)
	assert.NotContains(t, b.reply(3), "on a Thursday")
	b.WaitFor(`/This reply was stopped/.test(document.getElementById("log").textContent)`)

	// The reply stops when the customer signs out in another tab.
	defer s.holdStories(1)()
	b.press("A third story" + kb.Enter)
	b.storyBegun()
	other := tab{b.Tab()}
	other.Do(chromedp.Navigate(s.url))
	other.signOut()
	assert.NotContains(t, b.reply(4), "on a Thursday")
	ids := continued(t, s.bookbag.Chat)
	require.Len(t, ids, 4)
	assert.Empty(t, ids[0])
	assert.NotEmpty(t, ids[1], "the conversation of the first reply continues")
	assert.Equal(t, []json.Number{ids[1], ids[1]}, ids[2:])
	other.RequireQuietConsole()
	b.RequireQuietConsole()
}

func TestUseChat_Failures(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.useChat(s.url, "ada")

	// A failed message can be sent again without adding it a second time.
	again := func() { b.Do(chromedp.Click(chromedp.CSS("#log .error button"))) }
	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"), chattest.Cut(2), chattest.Pass(),
		chattest.StreamError(2, "the model failed at sk_secret")))
	b.send("How long does a refund take?")
	b.waitForAlert("The assistant takes no messages at the moment.")
	again()
	b.waitForAlert("The reply was cut short. Please try again.")
	again()
	assert.Contains(t, b.reply(1), "three to five days")
	b.send("How long does a refund take?")
	b.waitForAlert("The assistant could not finish this reply. Please try again.")
	assert.NotContains(t, b.Text("body"), "sk_secret")
	b.pictures(t, "usechat-failure")
	again()
	assert.Contains(t, b.reply(2), "three to five days")

	b.offline(t, true)
	b.send("Hello?")
	b.waitForAlert("The shop cannot be reached. Please try again.")
	b.offline(t, false)
	again()
	assert.Contains(t, b.reply(3), "What can I do for you?")
	b.WaitFor(`document.querySelector("#log [role=alert]") === null`)
	b.Do(chromedp.Click(chromedp.CSS("#again")))
	assert.Contains(t, b.reply(3), "What can I do for you?")
	assert.Equal(t, "3", b.Evaluate(`String(document.querySelectorAll("#log .user").length)`))

	_, err := s.db.Exec("DELETE FROM sessions")
	require.NoError(t, err)
	b.send("Hello")
	b.waitForAlert("Please sign in to chat.")
	b.Load(chromedp.Click(chromedp.CSS("#log a.button")))
	b.Do(chromedp.WaitVisible(chromedp.CSS("label input[name=username]")))
	b.RequireQuietConsole(browser.ErrorStatus, "net::ERR_INTERNET_DISCONNECTED")
}

// offline disconnects or reconnects the browser.
func (b tab) offline(t *testing.T, is bool) {
	t.Helper()
	_, err := chromedp.Call(b.Context, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}},
	})
	require.NoError(t, err)
}

// A page with an invalid ticket begins a new conversation.
func TestUseChat_NewConversation(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.useChat(s.url, "ada")
	b.send("This is a secret")
	b.reply(1)
	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING")))
	b.send("Hello")
	b.waitForAlert("This conversation has ended. Please begin a new one.")
	b.WaitFor(`document.querySelectorAll("#log .message").length === 1`)
	b.press(kb.Enter) // the rejected message is in the field
	b.reply(1)

	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Status(404, "RESOURCE_NOT_FOUND")))
	b.send("Who am I?")
	b.waitForAlert("This conversation cannot be found. Please begin a new one.")
	b.WaitFor(`document.querySelectorAll("#log .message").length === 1`)
	b.Picture("usechat-anew")
	b.press(kb.Enter)
	assert.Contains(t, b.reply(1), "You are Ada Lovelace")

	var begun []bool
	for _, id := range continued(t, s.bookbag.Chat) {
		begun = append(begun, id == "")
	}
	assert.Equal(t, []bool{true, false, true, false, true}, begun)
	b.RequireQuietConsole(browser.ErrorStatus)
}
