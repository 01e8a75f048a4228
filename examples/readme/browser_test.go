package readme

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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

// The one tag of the README, in a page with a strict Content-Security-Policy.
func TestDrawnChat_InABrowser(t *testing.T) {
	b := browser.New(t)
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	tag := regexp.MustCompile(`<script src="/chat/.*></script>`).Find(readme)
	require.NotNil(t, tag, "the README has no script tag for the chat")

	fake, err := chattest.New(&chattest.Options{Pace: 20 * time.Millisecond, Reply: func(turn chattest.Turn) []chattest.Part {
		if turn.Message == "tell me a story" {
			return []chattest.Part{chattest.Text(strings.Repeat("and then ", 2000))}
		}
		return []chattest.Part{chattest.Text("<b>You</b> said: " + turn.Message)}
	}})
	require.NoError(t, err)
	service := fake.Start()
	defer service.Close()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: service.URL})
	require.NoError(t, err)
	ada := func(*http.Request) (chatproxy.Visitor, error) { return chatproxy.Visitor{UserID: "ada"}, nil }
	proxy, err := chatproxy.New(bot, "0123456789abcdef0123456789abcdef", ada, nil)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><h1>Shop</h1>` + string(tag)))
	})
	site := httptest.NewServer(mux)
	defer site.Close()

	const (
		input = chromedp.CSS(".chatproxy input")
		send  = chromedp.CSS(".chatproxy button[type=submit]")
		stop  = chromedp.CSS(".chatproxy button[type=button]")
	)
	reply := func(n string) chromedp.CSS { return chromedp.CSS(".chatproxy-log > :nth-child(" + n + ")") }
	b.Do(chromedp.Navigate(site.URL), chromedp.WaitVisible(input), chromedp.SendKeys(input, "Wo ist mein Päckchen? 📦\n"))
	b.Do(chromedp.WaitVisible(reply("2")), chromedp.WaitVisible(send))
	assert.Contains(t, b.Text(reply("1")), "Wo ist mein Päckchen? 📦")
	assert.Contains(t, b.Text(reply("2")), "<b>You</b> said: Wo ist mein Päckchen? 📦", "text, not markup")

	// A second turn of the same conversation, which the visitor stops.
	b.Do(chromedp.SendKeys(input, "tell me a story\n"), chromedp.WaitVisible(reply("4")), chromedp.WaitVisible(stop))
	b.Picture("chatproxy-tag")
	b.Do(chromedp.Click(stop), chromedp.WaitVisible(send))
	stopped := b.Text(reply("4"))
	b.Do(chromedp.SendKeys(input, "Hello again\n"), chromedp.WaitVisible(reply("6")), chromedp.WaitVisible(send))
	assert.Equal(t, stopped, b.Text(reply("4")), "nothing comes after the stop")
	assert.Contains(t, b.Text(reply("6")), "said: Hello again")
	requests := fake.Requests()
	require.Len(t, requests, 3)
	for _, request := range requests[1:] {
		assert.Contains(t, string(request.Body), `"conversationId":456`)
	}
	b.RequireQuietConsole()
}

// An error is a sentence for the visitor, who can send the message again.
func TestDrawnChat_ErrorInABrowser(t *testing.T) {
	b := browser.New(t)
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	service := fake.Start()
	defer service.Close()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: service.URL})
	require.NoError(t, err)
	ada := func(*http.Request) (chatproxy.Visitor, error) { return chatproxy.Visitor{UserID: "ada"}, nil }
	proxy, err := chatproxy.New(bot, "0123456789abcdef0123456789abcdef", ada, &chatproxy.Options{OnError: func(*http.Request, error) {}})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<!doctype html><script src="/chat/chatproxy.js" data-prefix="/chat" defer></script>`))
	})
	site := httptest.NewServer(mux)
	defer site.Close()

	const input = chromedp.CSS(".chatproxy input")
	fake.Script(chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"))
	b.Do(chromedp.Navigate(site.URL), chromedp.WaitVisible(input), chromedp.SendKeys(input, "Hello\n"))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy-error")))
	assert.Contains(t, b.Text(".chatproxy-error"), "The assistant takes no messages at the moment.")
	b.Picture("chatproxy-rejected")
	b.Do(chromedp.Click(chromedp.CSS(".chatproxy-error button")), chromedp.WaitVisible(chromedp.CSS(".chatproxy-assistant")))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".chatproxy button[type=submit]")))
	assert.Contains(t, b.Text(".chatproxy-assistant"), "You said: Hello")
}

// The recipe of docs/csp.md passes with the policy of the Megadesk guide.
func TestCSPGuide_EmbedInATest(t *testing.T) {
	testenv.Program(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	site := struct{ URL string }{startMegadesk(t)}

	embed := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, `fetch("/api/megadesk-identity").then(r => r.text()).then(t => document.documentElement.dataset.fetched = t)`)
	}))
	defer embed.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, // which only root needs
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("host-resolver-rules", "MAP getmegadesk.com:443 "+embed.Listener.Addr().String()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL)))
	ctx, cancel = context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	fetched := chromedp.WaitReady(chromedp.CSS(`[data-fetched^='{"identity":']`))
	require.NoError(t, chromedp.Do(ctx, fetched))
}
