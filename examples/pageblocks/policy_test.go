package pageblocks

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/chromedp"
)

// What Turbo and htmx need of a policy, as docs/csp.md says.
func TestPolicy_OfLibraries(t *testing.T) {
	const (
		styleIsBlocked = `document.head.querySelector("style").sheet === null`
		styleApplies   = `document.head.querySelector("style").sheet !== null`
		sheetIsAdopted = `document.querySelector("style") === null && document.adoptedStyleSheets.length === 1`
		noStyle        = `document.querySelector("style") === null && document.adoptedStyleSheets.length === 0`
		isLoaded       = `window.life !== 1 && document.getElementById("path").textContent === "/next"`
		isSwapped      = `window.life === 1 && document.getElementById("path").textContent === "/next"`
	)
	for name, c := range map[string]struct{ library, policy, meta, shows, then string }{
		"turbo, nonce":        {"turbo", "connect-src 'self'; style-src 'nonce-c2Vzc2lvbg'", `<meta name="csp-nonce" content="c2Vzc2lvbg">`, styleApplies, isSwapped},
		"turbo, no style-src": {"turbo", "connect-src 'self'", `<meta name="csp-nonce" content="c2Vzc2lvbg">`, styleIsBlocked, isSwapped},
		"turbo, no connect-src": {"turbo", "style-src 'nonce-c2Vzc2lvbg'", `<meta name="csp-nonce" content="c2Vzc2lvbg">`, "",
			isLoaded},
		"htmx2, nothing": {"htmx2", "connect-src 'self'", "", styleIsBlocked, isSwapped},
		"htmx2, nonce": {"htmx2", "connect-src 'self'; style-src 'nonce-c2Vzc2lvbg'", `<meta name="htmx-config" content='{"inlineStyleNonce":"c2Vzc2lvbg"}'>`,
			styleApplies, isSwapped},
		"htmx2, no styles": {"htmx2", "connect-src 'self'", `<meta name="htmx-config" content='{"includeIndicatorStyles":false}'>`, noStyle, isSwapped},
		"htmx4, nothing":   {"htmx4", "connect-src 'self'", "", sheetIsAdopted, isSwapped},
		"htmx4, no connect-src": {"htmx4", "default-src 'none'", "", sheetIsAdopted,
			`window.life === 1 && blocked.includes("connect-src")`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			shown, release := context.WithCancel(t.Context()) // ends once the progress bar was seen
			mux.HandleFunc("GET /{page}", func(w http.ResponseWriter, r *http.Request) {
				if c.library == "turbo" && r.URL.Path == "/next" {
					<-shown.Done()
				}
				w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; img-src data:; "+c.policy)
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>Page</title><link rel="icon" href="data:,">%s
					<script src="/library.js" defer></script></head><body><p id="path">%s</p><a id="next" href="/next" hx-boost="true">Next</a></body></html>`,
					c.meta, r.URL.Path)
			})
			handleScripts(t, mux, c.library, nil)
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			t.Cleanup(release)
			b := browser.New(t)
			b.Do(chromedp.Navigate(server.URL+"/first"), chromedp.Evaluate[chromedp.Void](`window.life = 1; window.blocked = [];
				document.addEventListener("securitypolicyviolation", (event) => { blocked.push(event.effectiveDirective) });
				if (window.Turbo) Turbo.config.drive.progressBarDelay = 0`))
			if c.shows == "" {
				release()
			}
			if c.library != "turbo" {
				b.WaitFor(c.shows)
				b.WaitFor(htmxHasLink)
			}
			b.Do(chromedp.Click(chromedp.CSS("#next")))
			if c.library == "turbo" && c.shows != "" {
				b.WaitFor(c.shows)
			}
			release()
			b.WaitFor(c.then)
		})
	}
}
