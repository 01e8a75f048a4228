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

// startUseChat builds the page made with the AI SDK, and opens a shop that has it.
func startUseChat(t *testing.T) *site {
	t.Helper()
	built := t.TempDir()
	npm := exec.CommandContext(t.Context(), "npm", "run", "build", "--no-update-notifier", "--", "--outdir="+built)
	npm.Dir = testenv.NodePackages(t, "examples/webapp/usechat")
	output, err := npm.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return start(t, func(c *config) { c.useChat = built })
}

// useChat goes to the page made with the AI SDK as a customer. Its elements have
// the names of those of the other chat.
func (b tab) useChat(url, name string) {
	b.signIn(url, name)
	b.Do(chromedp.Navigate(url+"/usechat"), chromedp.WaitVisible(chatText))
}

// press presses keys where the focus is.
func (b tab) press(keys string) { b.Do(chromedp.KeyEvent(keys)) }

// told waits until the page tells of a failure.
func (b tab) told(sentence string) {
	b.WaitFor(fmt.Sprintf(`document.querySelector("#log [role=alert]")?.textContent === %q`, sentence))
}

// continued returns for each message which conversation Bookbag was asked to go on
// with, empty for a new one.
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

func TestUseChatInABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.Do(chromedp.Navigate(s.url + "/usechat"))
	assert.Contains(t, b.Text("main"), "sign in as one first")
	b.useChat(s.url, "ada")

	// A reply comes in pieces.
	b.say("Tell me a story")
	b.begun()
	assert.NotContains(t, b.Text("#log"), "on a Thursday")
	b.Picture("usechat-running")
	assert.Contains(t, b.reply(1), "on a Thursday")

	// The second turn goes on with the conversation of the first.
	b.say("Who am I?")
	assert.Contains(t, b.reply(2), `You are Ada Lovelace, customer cust-1001, on the plan "pro".`)
	ids := continued(t, s.bookbag.Chat)
	require.Len(t, ids, 2)
	assert.Empty(t, ids[0])
	assert.NotEmpty(t, ids[1])

	// What is said is text, and its end is in sight.
	b.say("<img src=x onerror=alert(1)> <b>bold</b>")
	assert.Contains(t, b.reply(3), "You said: <img src=x onerror=alert(1)> <b>bold</b>")
	b.WaitFor(`document.querySelector("#log img, #log b") === null`)
	b.WaitFor(`document.querySelector("#log li:last-child").getBoundingClientRect().bottom <= document.getElementById("ask").getBoundingClientRect().top`)
	b.pictures(t, "usechat")
	b.RequireQuietConsole()
}

func TestUseChatStops(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.useChat(s.url, "ada")
	b.say("Tell me a story")
	b.begun()
	b.Do(chromedp.Click(chromedp.CSS("#stop")), chromedp.WaitVisible(chatSend))
	assert.NotContains(t, b.reply(1), "on a Thursday")
	assert.Contains(t, b.Text("#log"), "This reply was stopped.")
	b.Picture("usechat-stopped")

	// With the keyboard alone, for the focus came back.
	b.press("Hello" + kb.Enter)
	b.reply(2)
	b.press("Another story" + kb.Enter)
	b.begun()
	b.press(kb.Escape)
	assert.NotContains(t, b.reply(3), "on a Thursday")
	b.WaitFor(`/This reply was stopped/.test(document.getElementById("log").textContent)`)

	// It stops when its customer signs out in another tab.
	b.press("A third story" + kb.Enter)
	b.begun()
	other := b.Tab()
	other.Do(chromedp.Navigate(s.url), chromedp.Click(chromedp.CSS(".who button")), chromedp.WaitVisible(chromedp.CSS("a[href^='/login']")))
	assert.NotContains(t, b.reply(4), "on a Thursday")
	ids := continued(t, s.bookbag.Chat)
	require.Len(t, ids, 4)
	assert.Empty(t, ids[0])
	assert.NotEmpty(t, ids[1], "the conversation of the first reply continues")
	assert.Equal(t, []json.Number{ids[1], ids[1]}, ids[2:])
	other.RequireQuietConsole()
	b.RequireQuietConsole()
}

func TestUseChatTellsOfFailures(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.useChat(s.url, "ada")

	// What failed can be sent again, without a second turn of it.
	again := func() { b.Do(chromedp.Click(chromedp.CSS("#log .error button"))) }
	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"), chattest.Cut(2), chattest.Pass(),
		chattest.StreamError(2, "the model failed at sk_secret")))
	b.say("How long does a refund take?")
	b.told("The assistant takes no messages at the moment.")
	again()
	b.told("The reply was cut short. Please try again.")
	again()
	assert.Contains(t, b.reply(1), "three to five days")
	b.say("How long does a refund take?")
	b.told("The assistant could not finish this reply. Please try again.")
	assert.NotContains(t, b.Text("body"), "sk_secret")
	b.pictures(t, "usechat-failure")
	again()
	assert.Contains(t, b.reply(2), "three to five days")

	b.offline(t, true)
	b.say("Hello?")
	b.told("The shop cannot be reached. Please try again.")
	b.offline(t, false)
	again()
	assert.Contains(t, b.reply(3), "What can I do for you?")
	b.WaitFor(`document.querySelector("#log [role=alert]") === null`)
	b.Do(chromedp.Click(chromedp.CSS("#again")))
	assert.Contains(t, b.reply(3), "What can I do for you?")
	assert.Equal(t, "3", b.Evaluate(`String(document.querySelectorAll("#log .user").length)`))

	_, err := s.db.Exec("DELETE FROM sessions")
	require.NoError(t, err)
	b.say("Hello")
	b.told("Please sign in to chat.")
	b.Do(chromedp.Click(chromedp.CSS("#log a.button")), chromedp.WaitVisible(chromedp.CSS("label input[name=username]")))
	b.RequireQuietConsole(browser.Refused, "net::ERR_INTERNET_DISCONNECTED")
}

// offline cuts the browser off, or connects it again.
func (b tab) offline(t *testing.T, is bool) {
	t.Helper()
	_, err := chromedp.Call(b.Context, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}},
	})
	require.NoError(t, err)
}

// A page whose ticket is good for nothing begins anew.
func TestUseChatBeginsAnew(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	b.useChat(s.url, "ada")
	b.say("My order is a secret")
	b.reply(1)
	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING")))
	b.say("Hello")
	b.told("This conversation has ended. Please begin a new one.")
	b.WaitFor(`document.querySelectorAll("#log .message").length === 1`)
	b.press(kb.Enter) // what was not taken is in the field
	b.reply(1)

	s.bookbag.Chat.Script(forMessages(s.bookbag.Chat, chattest.Status(404, "RESOURCE_NOT_FOUND")))
	b.say("Who am I?")
	b.told("This conversation cannot be found. Please begin a new one.")
	b.WaitFor(`document.querySelectorAll("#log .message").length === 1`)
	b.Picture("usechat-anew")
	b.press(kb.Enter)
	assert.Contains(t, b.reply(1), "You are Ada Lovelace")

	var begun []bool
	for _, id := range continued(t, s.bookbag.Chat) {
		begun = append(begun, id == "")
	}
	assert.Equal(t, []bool{true, false, true, false, true}, begun)
	b.RequireQuietConsole(browser.Refused)
}
