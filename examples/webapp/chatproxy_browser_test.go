package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// scriptSite is a page with chatproxy.js, in front of a server that responds in the wire
// form of chatproxy with whatever a test needs.
type scriptSite struct {
	*httptest.Server
	page    string // around the script's tag
	respond http.HandlerFunc

	mu       sync.Mutex
	requests []*http.Request // to the chat
}

const scriptTag = `<script src="/chatproxy.js" data-prefix="/chat/" defer></script>`

// newScriptSite serves a page under a Content-Security-Policy that allows scripts of the
// site alone.
func newScriptSite(t *testing.T, page string, respond http.HandlerFunc) *scriptSite {
	s := &scriptSite{page: page, respond: respond}
	mux := http.NewServeMux()
	mux.HandleFunc("/chatproxy.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../../chatclient/chatproxy/chatproxy.js")
	})
	mux.HandleFunc("/chat/", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		s.respond(w, r)
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'self'")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><link rel="icon" href="data:,">` + s.page))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *scriptSite) asked() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// replying responds with frames, all in one write.
func replying(frames ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("data: " + strings.Join(frames, "\n\ndata: ") + "\n\ndata: [DONE]\n\n"))
	}
}

func failing(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"version":1,"error":{"code":%q,"message":%q}}`, code, message)
	}
}

const (
	scriptInput = chromedp.CSS(".chatproxy input")
	finish      = `{"type":"finish","finishReason":"stop"}`
)

// Markup that somebody brought into the page neither redirects the chat nor switches it
// off: it hides properties of document and window, or changes the base of links.
func TestChatProxyScript_MarkupInThePage(t *testing.T) {
	b := browser.New(t)
	other := newScriptSite(t, "", replying(finish))
	for name, markup := range map[string]string{
		"currentScript":      `<img name="currentScript" data-prefix="OTHER/chat">`,
		"two of them":        `<img name="currentScript" data-prefix="OTHER/chat"><img name="currentScript" id="currentScript">`,
		"object":             `<object name="currentScript" id="currentScript" data-prefix="OTHER/chat"></object>`,
		"form":               `<form name="currentScript" data-prefix="OTHER/chat"><input name="closest"><input name="dataset"></form>`,
		"methods":            `<img name="createElement"><img name="body"><img name="addEventListener"><form name="documentElement"></form>`,
		"globals":            `<a id="ChatProxy" href="OTHER/chat"></a><a id="fetch"></a><a id="origin" href="OTHER"></a><a id="location" href="OTHER"></a><form id="document" name="document"></form>`,
		"the names of class": `<a id="Document"></a><a id="HTMLScriptElement"></a><a id="Reflect"></a><a id="Object"></a><a id="URL" href="OTHER"></a><img name="prototype">`,
		"base":               `<base href="OTHER/">`,
	} {
		for place, page := range map[string]string{"head": `<head>` + scriptTag + `</head><body>` + markup, "body": markup + scriptTag} {
			t.Run(name+", "+place, func(t *testing.T) {
				s := newScriptSite(t, "", replying(`{"type":"text-delta","text":"here"}`, finish))
				s.page = strings.ReplaceAll(page, "OTHER", other.URL)
				if name == "base" { // else the tag itself is of the other site
					s.page = strings.ReplaceAll(s.page, `src="/`, `src="`+s.URL+`/`)
				}
				b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "Hello\n"))
				b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy-assistant")))
				assert.Equal(t, "/chat/messages", s.asked()[0].URL.Path)
				assert.Empty(t, other.asked())
			})
		}
	}
}

// What a visitor, the assistant and the server say is text.
func TestChatProxyScript_TextIsNoMarkup(t *testing.T) {
	b := browser.New(t)
	const markup = `<img src="data:," onerror="1"><b>bold</b>`
	s := newScriptSite(t, scriptTag, replying(`{"type":"text-delta","text":"<b>a"}`, `{"type":"text-delta","text":"</b>"}`, finish))
	b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, markup+"\n"))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	b.WaitFor(`document.querySelector(".chatproxy-assistant")?.textContent === "Assistant: <b>a</b>"`)
	assert.Equal(t, "You: "+markup, b.Evaluate(`document.querySelector(".chatproxy-user").textContent`))
	s.respond = failing(429, "busy", markup)
	b.Do(chromedp.SendKeys(scriptInput, "again\n"), chromedp.WaitVisible(chromedp.CSS(".chatproxy-error")))
	assert.Equal(t, markup, b.Evaluate(`document.querySelector(".chatproxy-error").textContent`))
	assert.Equal(t, "0", b.Evaluate(`String(document.querySelectorAll(".chatproxy-log p *").length)`))
	b.RequireQuietConsole(browser.Refused)
}

// An empty message is not sent, nor one while a reply comes; a second click on Send is
// no click on Stop; and what was typed since is not replaced by what failed.
func TestChatProxyScript_WhatIsSent(t *testing.T) {
	b := browser.New(t)
	end := make(chan bool)
	s := newScriptSite(t, scriptTag, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("data: {\"type\":\"text-delta\",\"text\":\"one\"}\n\n"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-end:
			replying(`{"type":"text-delta","text":" two"}`, finish)(w, r)
		case <-r.Context().Done():
		}
	})
	b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "  \n"))
	b.Do(chromedp.SendKeys(scriptInput, "Hello"), chromedp.Evaluate[chromedp.Void](`(() => {
		const button = document.querySelector(".chatproxy button");
		for (const detail of [1, 2]) button.dispatchEvent(new MouseEvent("click", { detail, bubbles: true, cancelable: true }));
	})()`))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy-assistant")), chromedp.SendKeys(scriptInput, "more\n"))
	b.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".chatproxy").requestSubmit()`))
	end <- true
	b.WaitFor(`document.querySelector(".chatproxy-assistant").textContent === "Assistant: one two"`)
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	assert.Len(t, s.asked(), 1)
	assert.Equal(t, "You: Hello", b.Evaluate(`[...document.querySelectorAll(".chatproxy-user")].map((p) => p.textContent).join()`))
	assert.Equal(t, "more", b.Evaluate(`document.querySelector(".chatproxy input").value`))
	assert.Equal(t, "4000", b.Evaluate(`String(document.querySelector(".chatproxy input").maxLength)`))

	failed := make(chan bool)
	s.respond = func(w http.ResponseWriter, r *http.Request) {
		<-failed
		failing(502, "bot_unavailable", "Not now.")(w, r)
	}
	b.Do(chromedp.SendKeys(scriptInput, "\n"))
	b.WaitFor(`document.querySelector(".chatproxy input").value === ""`)
	b.Do(chromedp.SendKeys(scriptInput, "typed since"))
	failed <- true
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy-error")))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	assert.Equal(t, "typed since", b.Evaluate(`document.querySelector(".chatproxy input").value`))

	// What failed comes back for another try, unless a part of its reply is there.
	for i, respond := range []http.HandlerFunc{
		failing(502, "bot_unavailable", "Not now."),
		replying(`{"type":"text-delta","text":"one"}`, `{"type":"error","code":"reply_failed","message":"Not now."}`),
	} {
		s.respond = respond
		b.Do(chromedp.SendKeys(scriptInput, "\n"))
		b.WaitFor(fmt.Sprintf(`document.querySelectorAll(".chatproxy-error").length === %d`, i+2))
		b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
		assert.Equal(t, []string{"typed since", ""}[i], b.Evaluate(`document.querySelector(".chatproxy input").value`))
	}
	b.RequireQuietConsole(browser.Refused)
}

// Without data-prefix a script draws nothing, and the class sends cookies to its own
// origin alone and takes nothing from the cache.
func TestChatProxyScript_Class(t *testing.T) {
	b := browser.New(t)
	page := ""
	cacheable := func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", page)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Cache-Control", "max-age=600")
		h.Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"version":1,"conversations":[],"cursor":null}`))
	}
	s := newScriptSite(t, `<body><script src="/chatproxy.js" defer></script>`, cacheable)
	other := newScriptSite(t, "", cacheable)
	page = s.URL
	b.Do(chromedp.Navigate(s.URL))
	b.WaitFor(`typeof ChatProxy === "function"`)
	assert.Equal(t, "0", b.Evaluate(`String(document.body.querySelectorAll("form, .chatproxy").length)`))
	b.Do(chromedp.Evaluate[chromedp.Void](`document.cookie = "session=s"`)) // which ports do not isolate
	b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(async () => {
		for (const prefix of ["/chat", %q]) for (const _ of [1, 2]) await new ChatProxy(prefix).history();
		window.asked = true;
	})()`, other.URL+"/chat")))
	b.WaitFor(`window.asked`)
	for site, cookie := range map[*scriptSite]string{s: "session=s", other: ""} {
		if requests := site.asked(); assert.Len(t, requests, 2, "each call is a request") {
			assert.Equal(t, cookie, requests[0].Header.Get("Cookie"))
		}
	}
	b.RequireQuietConsole()
}
