package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scriptSite is a page with chatproxy.js, with a server that responds in the wire form of
// chatproxy as a test needs.
type scriptSite struct {
	*httptest.Server
	page    string           // around the script's tag
	respond http.HandlerFunc // to everything but a stop

	mu       sync.Mutex
	requests []scriptRequest // to the chat
}

// scriptRequest is a request with the fields of its body.
type scriptRequest struct {
	*http.Request
	ID, Chat, Message, Conversation string
}

func (r scriptRequest) path() string { return strings.TrimPrefix(r.URL.Path, "/chat") }

const scriptTag = `<script src="/chatproxy.js" data-prefix="/chat/" defer></script>`

// newScriptSite serves a page under a Content-Security-Policy that allows scripts of the
// site alone.
func newScriptSite(t *testing.T, markup string, respond http.HandlerFunc) *scriptSite {
	s := &scriptSite{page: markup, respond: respond}
	mux := http.NewServeMux()
	mux.HandleFunc("/chatproxy.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../../chatclient/chatproxy/chatproxy.js")
	})
	mux.HandleFunc("/chat/", func(w http.ResponseWriter, r *http.Request) {
		request := scriptRequest{Request: r}
		_ = json.NewDecoder(r.Body).Decode(&request)
		s.mu.Lock()
		s.requests = append(s.requests, request)
		s.mu.Unlock()
		if r.URL.Path == "/chat/stop" {
			responding(`{"version":1,"stopped":true}`)(w, r)
			return
		}
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

// received returns the requests to the chat, in order.
func (s *scriptSite) received() []scriptRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// paths returns the paths of the requests to the chat, in order.
func (s *scriptSite) paths() (paths []string) {
	for _, r := range s.received() {
		paths = append(paths, r.path())
	}
	return paths
}

// replying responds with frames, all in one write.
func replying(frames ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("data: " + strings.Join(frames, "\n\ndata: ") + "\n\ndata: [DONE]\n\n"))
	}
}

func responding(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// beginning responds with a first piece of a reply, and ends when it may or when the
// visitor has left.
func beginning(piece string, end <-chan bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: {\"type\":\"text-delta\",\"text\":%q}\n\n", piece)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-end:
			replying(`{"type":"text-delta","text":" two"}`, finish)(w, r)
		case <-r.Context().Done():
		}
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
		"globals":            `<a id="ChatProxy" href="OTHER/chat"></a><a id="fetch"></a><a id="origin" href="OTHER"></a><a id="location" href="OTHER"></a><a id="crypto"></a><a id="sessionStorage"></a><form id="document" name="document"></form>`,
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
				assert.Equal(t, "/chat/messages", s.received()[0].URL.Path)
				assert.Empty(t, other.received())
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
	b.RequireQuietConsole(browser.ErrorStatus)
}

// An empty message is not sent, nor one while a reply comes; a second click on Send is
// no click on Stop; and what was typed since is not replaced by what failed.
func TestChatProxyScript_WhatIsSent(t *testing.T) {
	b := browser.New(t)
	end := make(chan bool)
	s := newScriptSite(t, scriptTag, beginning("one", end))
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
	assert.Len(t, s.received(), 1)
	assert.Equal(t, "You: Hello", b.Evaluate(`[...document.querySelectorAll(".chatproxy-user")].map((p) => p.textContent).join()`))
	assert.Equal(t, "more", b.Evaluate(`document.querySelector(".chatproxy input").value`))
	assert.Equal(t, "4000", b.Evaluate(`String(document.querySelector(".chatproxy input").maxLength)`))

	failed := make(chan bool)
	s.respond = func(w http.ResponseWriter, r *http.Request) {
		<-failed
		failing(429, "busy", "Not now.")(w, r)
	}
	b.Do(chromedp.SendKeys(scriptInput, "\n"))
	b.WaitFor(`document.querySelector(".chatproxy input").value === ""`)
	b.Do(chromedp.SendKeys(scriptInput, "typed since"))
	failed <- true
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy-error")))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	assert.Equal(t, "typed since", b.Evaluate(`document.querySelector(".chatproxy input").value`))

	// What was not taken comes back for another try.
	s.respond = failing(429, "busy", "Not now.")
	b.Do(chromedp.SendKeys(scriptInput, "\n"))
	b.WaitFor(`document.querySelectorAll(".chatproxy-error").length === 2`)
	assert.Equal(t, "typed since", b.Evaluate(`document.querySelector(".chatproxy input").value`))
	assert.Equal(t, "0", b.Evaluate(`String(document.querySelectorAll(".chatproxy-error button").length)`))
	b.RequireQuietConsole(browser.ErrorStatus)
}

// The server learns of a stop, and the message after it is of the same chat.
func TestChatProxyScript_Stop(t *testing.T) {
	b := browser.New(t)
	s := newScriptSite(t, scriptTag, beginning("one", nil))
	b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "Hello\n"))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy-assistant")), chromedp.Click(chromedp.CSS(".chatproxy button[type=button]")))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	s.respond = replying(finish)
	b.Do(chromedp.SendKeys(scriptInput, "More\n"))
	b.WaitFor(`document.querySelectorAll(".chatproxy-user").length === 2`)
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	assert.Equal(t, []string{"/messages", "/stop", "/messages"}, s.paths())
	for _, r := range s.received() {
		assert.Equal(t, s.received()[0].Chat, r.Chat)
	}
	assert.Equal(t, "0", b.Evaluate(`String(document.querySelectorAll(".chatproxy-error").length)`))
	b.RequireQuietConsole()
}

// The label of a tool is shown as text while it runs.
func TestChatProxyScript_Tool(t *testing.T) {
	b := browser.New(t)
	end := make(chan bool)
	rest := replying(`{"type":"start-step"}`, `{"type":"text-delta","text":"one"}`, finish)
	s := newScriptSite(t, scriptTag, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(`data: {"type":"data-tool","data":{"label":"<b>Looking</b>"}}` + "\n\n"))
		_ = http.NewResponseController(w).Flush()
		<-end
		rest(w, r)
	})
	b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "Hello\n"))
	b.WaitFor(`document.querySelector(".chatproxy-tool")?.textContent === "<b>Looking</b>"`)
	close(end)
	b.WaitFor(`document.querySelector(".chatproxy-assistant")?.textContent === "Assistant: one"`)
	assert.Empty(t, b.Evaluate(`document.querySelector(".chatproxy-tool").textContent`))
	b.RequireQuietConsole()
}

// A message whose outcome is unknown, or whose reply failed, is sent again under its id, and
// the new reply takes the place of what there was of the first.
func TestChatProxyScript_TryAgain(t *testing.T) {
	b := browser.New(t)
	s := newScriptSite(t, scriptTag, failing(502, "bot_unavailable", "Not now."))
	b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "Hello\n"))
	const again = chromedp.CSS(".chatproxy-error button")
	text := func() string {
		return b.Evaluate(`document.querySelector(".chatproxy-log").innerText.replace(/\s+/g, " ").trim()`)
	}
	b.Do(chromedp.WaitVisible(again))
	assert.Equal(t, "You: Hello Not now. Try again", text())
	assert.Empty(t, b.Evaluate(`document.querySelector(".chatproxy input").value`))
	s.respond = replying(`{"type":"text-delta","text":"half"}`, `{"type":"error","code":"reply_cut","message":"Cut."}`)
	b.Do(chromedp.Click(again))
	b.WaitFor(`/Cut/.test(document.querySelector(".chatproxy-error")?.textContent)`)
	assert.Equal(t, "You: Hello Assistant: half Cut. Try again", text())
	s.respond = replying(`{"type":"text-delta","text":"whole"}`, finish)
	b.Do(chromedp.Click(again), chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	b.WaitFor(`/whole/.test(document.querySelector(".chatproxy-assistant")?.textContent)`)
	assert.Equal(t, "You: Hello Assistant: whole", text())
	assert.Equal(t, []string{"/messages", "/retry", "/retry"}, s.paths())
	for _, r := range s.received() {
		assert.Equal(t, "Hello", r.Message)
		assert.Equal(t, s.received()[0].ID, r.ID)
	}

	// Another message leaves nothing to try again.
	s.respond = failing(502, "bot_unavailable", "Not now.")
	b.Do(chromedp.SendKeys(scriptInput, "one\n"), chromedp.WaitVisible(again))
	s.respond = replying(`{"type":"text-delta","text":"end"}`, finish)
	b.Do(chromedp.SendKeys(scriptInput, "two\n"))
	b.WaitFor(`/end/.test(document.querySelector(".chatproxy-assistant:last-child")?.textContent)`)
	assert.Equal(t, "You: Hello Assistant: whole You: one Not now. You: two Assistant: end", text())
	b.RequireQuietConsole(browser.ErrorStatus)
}

const history = `{"version":1,"conversation":"v1.c.x","status":"ongoing","poll":null,"cursor":null,"messages":[
	{"id":"v1.m.1","role":"user","parts":[{"type":"text","text":"Hello"}]},
	{"id":"v1.m.2","role":"assistant","parts":[{"type":"text","text":"<b>Hi</b>"},{"type":"tool-call"}]}]}`

// The chat continues in the next page of the tab, unless another visitor has signed in.
func TestChatProxyScript_NextPage(t *testing.T) {
	b := browser.New(t)
	s := newScriptSite(t, scriptTag, replying(`{"type":"finish","conversation":"v1.c.x","userMessage":"v1.m.1","message":"v1.m.2"}`))
	say := func(text string) {
		b.Do(chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, text+"\n"))
		b.WaitFor(fmt.Sprintf(`document.querySelector(".chatproxy-user:last-of-type")?.textContent === "You: %s" &&
			document.querySelector(".chatproxy button").type === "submit"`, text))
	}
	b.Do(chromedp.Navigate(s.URL))
	say("Hello")
	sent := s.respond
	s.respond = func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			responding(history)(w, r)
			return
		}
		sent(w, r)
	}
	b.Do(chromedp.Navigate(s.URL + "/?page=2"))
	b.WaitFor(`document.querySelectorAll(".chatproxy-log p").length === 2`)
	assert.Equal(t, "You: Hello|Assistant: <b>Hi</b>", b.Evaluate(`[...document.querySelectorAll(".chatproxy-log p")].map((p) => p.textContent).join("|")`))
	say("More")
	first, second := s.received()[0], s.received()[2]
	assert.Equal(t, first.Chat, second.Chat)
	assert.Equal(t, "v1.c.x", second.Conversation)
	assert.NotEqual(t, first.ID, second.ID)

	s.respond = failing(404, "conversation_not_found", "It cannot be found.")
	b.Do(chromedp.Navigate(s.URL + "/?page=3"))
	b.WaitFor(`document.querySelector(".chatproxy button")?.disabled === false`)
	s.respond = replying(finish)
	say("Mine")
	assert.Equal(t, "1", b.Evaluate(`String(document.querySelectorAll(".chatproxy-log p").length)`))
	third := s.received()[4]
	assert.Empty(t, third.Conversation)
	assert.NotEqual(t, first.Chat, third.Chat)

	other := b.Tab() // another chat
	other.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "Other\n"))
	other.WaitFor(`document.querySelector(".chatproxy-user") !== null && document.querySelector(".chatproxy button").type === "submit"`)
	assert.NotEqual(t, third.Chat, s.received()[5].Chat)
	other.RequireQuietConsole()
	b.RequireQuietConsole(browser.ErrorStatus)
}

// A browser that forbids storage has a chat for each page.
func TestChatProxyScript_NoStorage(t *testing.T) {
	b := browser.New(t)
	_, err := chromedp.Call(b.Context, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("denied", "SecurityError"); } })`,
	})
	require.NoError(t, err)
	s := newScriptSite(t, scriptTag, replying(`{"type":"text-delta","text":"here"}`, finish))
	b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "Hello\n"))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy-assistant")))
	b.RequireQuietConsole()
}

// While a person has the conversation, the chat draws each of their messages once, and
// continues after a failed poll.
func TestChatProxyScript_Person(t *testing.T) {
	b := browser.New(t)
	_, err := chromedp.Call(b.Context, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `{ const wait = setTimeout; waits = []; setTimeout = (f, ms) => { const polls = [5000, 7000].includes(ms); if (polls) waits.push(ms); return wait(f, polls ? 20 : ms); }; }`,
	})
	require.NoError(t, err)
	message := func(id, role, text string) string {
		return fmt.Sprintf(`{"id":%q,"role":%q,"parts":[{"type":"text","text":%q}]}`, id, role, text)
	}
	poll := func(next string, messages ...string) http.HandlerFunc {
		return responding(fmt.Sprintf(`{"version":1,"status":"taken_over","poll":%s,"messages":[%s]}`, next, strings.Join(messages, ",")))
	}
	polls := []http.HandlerFunc{
		poll(`"v1.p.2"`, message("v1.m.2", "assistant", "Bot"), message("v1.m.3", "user", "Mine"), message("v1.m.4", "assistant", "One")),
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			failing(429, "too_many_requests", "Wait.")(w, r)
		},
		failing(502, "bot_unavailable", "Not now."),
		poll(`"v1.p.2"`),
		poll(`null`, message("v1.m.4", "assistant", "One"), message("v1.m.5", "assistant", "Two")),
	}
	s := newScriptSite(t, scriptTag, replying(`{"type":"finish","finishReason":"stop","conversation":"v1.c.x","message":"v1.m.2"}`))
	b.Do(chromedp.Navigate(s.URL), chromedp.WaitVisible(scriptInput), chromedp.SendKeys(scriptInput, "Hello\n"))
	b.WaitFor(`document.querySelector(".chatproxy-user") !== null && document.querySelector(".chatproxy button").type === "submit"`)
	s.respond = func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			replying(`{"type":"finish","finishReason":"held","poll":"v1.p.1","userMessage":"v1.m.3"}`)(w, r)
			return
		}
		polls[0](w, r)
		polls = polls[1:]
	}
	b.Do(chromedp.SendKeys(scriptInput, "Mine\n"))
	b.WaitFor(`document.querySelectorAll(".chatproxy-assistant").length === 2`)
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	assert.Equal(t, "You: Hello|You: Mine|Assistant: One|Assistant: Two", b.Evaluate(`[...document.querySelectorAll(".chatproxy-log p")].map((p) => p.textContent).join("|")`))
	assert.Equal(t, "5000,5000,7000,5000,5000", b.Evaluate(`waits.join()`))
	var targets []string
	for _, r := range s.received()[2:] {
		targets = append(targets, r.URL.RequestURI())
	}
	assert.Equal(t, []string{
		"/chat/conversations/v1.p.1/poll?after=v1.m.3", "/chat/conversations/v1.p.2/poll?after=v1.m.4", "/chat/conversations/v1.p.2/poll?after=v1.m.4",
		"/chat/conversations/v1.p.2/poll?after=v1.m.4", "/chat/conversations/v1.p.2/poll?after=v1.m.4",
	}, targets, "and none after the last")
	b.RequireQuietConsole(browser.ErrorStatus)
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
		if requests := site.received(); assert.Len(t, requests, 2, "each call is a request") {
			assert.Equal(t, cookie, requests[0].Header.Get("Cookie"))
		}
	}
	b.RequireQuietConsole()
}
