package usechat

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each block of JavaScript in the guide is in a script that the tests run.
func TestGuide_BlocksAreInScripts(t *testing.T) {
	guide, err := os.ReadFile("../../docs/chat-in-the-browser.md")
	require.NoError(t, err)
	var scripts string
	for _, name := range []string{"guide.js", "usechat.jsx"} {
		script, err := os.ReadFile(name)
		require.NoError(t, err)
		scripts += string(script)
	}
	space := regexp.MustCompile(`\s+`)
	scripts = space.ReplaceAllString(scripts, " ")
	blocks := regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	require.Len(t, blocks, 8)
	for _, block := range blocks {
		code := strings.TrimSpace(space.ReplaceAllString(block[1], " "))
		code = strings.TrimSuffix(strings.TrimPrefix(code, "useChat("), ")") // whose options Node has too
		assert.Contains(t, scripts, code)
	}
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
