package pageblocks

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// swapping is how a site with sessions swaps its pages. The nonce is the session's: a sign-in
// makes a new one, and a sign-out ends the session.
type swapping struct {
	library  string    // of the pages: turbo, htmx2, htmx4
	hash     bool      // script-src has hmachash.ScriptHash
	tracked  bool      // <meta name="csp-nonce"> has data-turbo-track="reload"
	redirect bool      // a boosted request from a page with another nonce gets HX-Redirect
	missing  bool      // the next page is a 404, with everything that other pages have
	noCache  bool      // the pages have <meta name="turbo-cache-control" content="no-cache">
	form     bool      // the next page is the response to a form that Turbo submits, with status 500
	script   bool      // the pages have the script of the guide
	mark     bool      // the policy has no nonces; the pages have <meta name="session-mark">, and responses a Session-Mark
	prefetch bool      // Turbo fetches a link's page when the mouse is over the link, and keeps it for ten minutes
	foreign  chan bool // the pages have a frame that Turbo loads at once, with another nonce each time; receives its requests
}

var sessionPage = template.Must(template.New("page").Parse(`<!doctype html><html lang="en"><head><title>Page</title>
<link rel="icon" href="data:,">
<meta name="{{if .Mark}}session-mark{{else}}csp-nonce{{end}}" content="{{.Nonce}}"{{if .Tracked}} data-turbo-track="reload"{{end}}>
<meta name="htmx-config" content='{"inlineScriptNonce":"{{.Nonce}}","inlineStyleNonce":"{{.Nonce}}"}'>
<script src="/library.js" nonce="{{.Nonce}}" defer></script>
<script src="/vendors.js" nonce="{{.Nonce}}" defer></script>
<meta {{if .Prefetch}}name="turbo-prefetch-cache-time" content="600000"{{else}}name="turbo-prefetch" content="false"{{end}}>
{{if .NoCache}}<meta name="turbo-cache-control" content="no-cache">{{end}}
{{if .Script}}<script src="/whole.js" nonce="{{.Nonce}}" defer></script>{{end}}
</head><body{{if .Redirect}} hx-headers='{"Page-Nonce":"{{.Nonce}}"}' hx-headers:inherited='{"Page-Nonce":"{{.Nonce}}"}'{{end}}>
{{.Blocks}}
<p id="who">{{.Who}}</p>
<a id="next" href="/next" hx-boost="{{.Boost}}">Next</a>
<turbo-frame id="cart"><a id="show" href="/next" hx-boost="false">Cart of {{.Who}}</a></turbo-frame>
{{if .Foreign}}<turbo-frame id="foreign" src="/foreign"></turbo-frame>{{end}}
<form method="post" action="/save"><button id="save">Save</button></form>
<form method="post" action="/login" data-turbo="false"><button id="in">Sign in</button><button id="grace" name="who" value="grace">Sign in as Grace</button></form>
<form method="post" action="/logout" data-turbo="false"><button id="out">Sign out</button></form>
</body></html>`))

// loadWhole is the script of docs/page-blocks.md.
const loadWhole = `addEventListener("turbo:before-fetch-response", (event) => {
  const { target, detail: { fetchResponse } } = event;
  if (target === document.documentElement && !fetchResponse.succeeded) { // a link
    event.preventDefault();
    location.href = fetchResponse.location;
    return;
  }
  const failedForm = target instanceof HTMLFormElement && fetchResponse.serverError;
  const nonce = "'nonce-" + document.querySelector("meta[name=csp-nonce]")?.content + "'";
  const policy = fetchResponse.header("Content-Security-Policy");
  const inFrame = target.closest("turbo-frame, [data-turbo-frame]");
  if (failedForm || (inFrame && !policy?.includes(nonce))) {
    event.preventDefault();
    if (navigator.userActivation.hasBeenActive) location.reload(); // a visitor clicked, so this is no loop
  }
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // the page is from the back/forward cache
});
`

// loadWholeByMark is the script with the lines for a policy without nonces.
func loadWholeByMark(t *testing.T) string {
	script := loadWhole
	for _, change := range [][2]string{
		{`  const nonce = "'nonce-" + document.querySelector("meta[name=csp-nonce]")?.content + "'";
  const policy = fetchResponse.header("Content-Security-Policy");
`, markOfPage},
		{`  if (failedForm || (inFrame && !policy?.includes(nonce))) {
`, markDiffers},
	} {
		require.Contains(t, script, change[0])
		script = strings.Replace(script, change[0], change[1], 1)
	}
	return script
}

// These lines are in docs/page-blocks.md.
const (
	markOfPage = `  const mark = document.querySelector("meta[name=session-mark]")?.content;
`
	markDiffers = `  if (failedForm || (inFrame && fetchResponse.header("Session-Mark") !== mark)) {
`
)

// serveSessions serves a page to sign in at /, and another at /next.
func serveSessions(t *testing.T, how swapping) *httptest.Server {
	t.Helper()
	ainisa, err := hmachash.NewAinisa("the secret key of Ainisa", nil)
	require.NoError(t, err)
	bookbag, err := hmachash.NewBookbag("the signing secret of the agent", nil)
	require.NoError(t, err)
	s := &site{cell{policy: "nonce"}, ainisa, bookbag}
	sessions := scs.New()
	nonce := func(r *http.Request) string {
		n := sessions.GetString(r.Context(), "nonce")
		if n == "" {
			n = rand.Text()
			sessions.Put(r.Context(), "nonce", n)
		}
		return n
	}
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n, who := nonce(r), sessions.GetString(r.Context(), "customer")
			if how.redirect {
				redirectsOpenPage(w, r, n)
				if w.Header().Get("HX-Redirect") != "" {
					return
				}
			}
			blocks, err := s.blocks(who, n)
			assert.NoError(t, err)
			scripts := "'nonce-" + n + "'"
			if how.mark {
				scripts = "'self'"
				w.Header().Set("Session-Mark", n)
			}
			if how.hash {
				scripts += " " + hmachash.ScriptHash
			}
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src "+scripts+"; style-src 'nonce-"+n+"'; connect-src 'self'; img-src data:")
			w.Header().Set("Cache-Control", "private, no-store")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			assert.NoError(t, sessionPage.Execute(w, map[string]any{"Nonce": n, "Tracked": how.tracked, "Script": how.script, "Mark": how.mark, "Prefetch": how.prefetch, "Foreign": how.foreign != nil, "NoCache": how.noCache, "Redirect": how.redirect,
				"Blocks": blocks, "Who": who, "Boost": strings.HasPrefix(how.library, "htmx")}))
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page(http.StatusOK))
	mux.Handle("GET /next", page(map[bool]int{false: http.StatusOK, true: http.StatusNotFound}[how.missing]))
	mux.Handle("POST /save", page(http.StatusInternalServerError))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, sessions.RenewToken(r.Context()))
		sessions.Put(r.Context(), "customer", cmp.Or(r.FormValue("who"), "ada"))
		sessions.Put(r.Context(), "nonce", rand.Text())
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, sessions.Destroy(r.Context()))
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /foreign", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'nonce-"+rand.Text()+"'")
		how.foreign <- true
		_, _ = w.Write([]byte(`<turbo-frame id="foreign"><p id="stranger"></p></turbo-frame>`))
	})
	mux.HandleFunc("GET /away", func(w http.ResponseWriter, _ *http.Request) { // sets no cookie
		_, _ = w.Write([]byte(`<!doctype html><title>Away</title><link rel="icon" href="data:,">`))
	})
	mux.HandleFunc("POST /end", func(_ http.ResponseWriter, r *http.Request) { // all sessions, on the server
		assert.NoError(t, sessions.Iterate(r.Context(), sessions.Destroy))
	})
	whole := loadWhole
	if how.mark {
		whole = loadWholeByMark(t)
	}
	handleScripts(t, mux, how.library, map[string]string{"/vendors.js": vendors, "/whole.js": whole})
	server := httptest.NewServer(sessions.LoadAndSave(mux))
	t.Cleanup(server.Close)
	return server
}

// redirectsOpenPage has the lines of docs/page-blocks.md for htmx.
func redirectsOpenPage(w http.ResponseWriter, r *http.Request, nonce string) {
	if r.Header.Get("HX-Boosted") == "true" && r.Header.Get("Page-Nonce") != nonce {
		w.Header().Set("HX-Redirect", r.URL.RequestURI())
		return
	}
}

// handleScripts serves the library at /library.js, and the others at their paths.
func handleScripts(t *testing.T, mux *http.ServeMux, name string, others map[string]string) {
	packages := testenv.NodePackages(t, "examples/pageblocks")
	mux.HandleFunc("GET /library.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(packages, "node_modules", filepath.FromSlash(library[name])))
	})
	for path, code := range others {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			_, _ = w.Write([]byte(code))
		})
	}
}

// A page is open, and its customer signs out in another tab. The next swap of the open page shows
// what its policy and its head make of that, as docs/page-blocks.md says.
func TestSwappedPages_SignOutInAnotherTab(t *testing.T) {
	guide, err := os.ReadFile("../../docs/page-blocks.md")
	require.NoError(t, err)
	for _, lines := range []string{loadWhole, markOfPage, markDiffers} {
		require.Contains(t, string(guide), lines)
	}
	const (
		widgetKeeps = `[["ainisa","ada"],["bookbag","identify","ada"]]`
		widgetIsNew = `[["ainisa",""]]`
	)
	for name, c := range map[string]struct {
		how     swapping
		whole   bool   // the page is loaded
		blocked bool   // the block's script is
		user    string // window.ainisaUser
		widget  string // what the vendors' scripts were given
	}{
		"Turbo, nonce":                                {swapping{library: "turbo"}, false, true, "ada", widgetKeeps},
		"Turbo, nonce and hash":                       {swapping{library: "turbo", hash: true}, false, false, nobody, widgetKeeps},
		"Turbo, tracked nonce":                        {swapping{library: "turbo", tracked: true}, true, false, nobody, widgetIsNew},
		"Turbo, tracked nonce and hash":               {swapping{library: "turbo", tracked: true, hash: true}, true, false, nobody, widgetIsNew},
		"Turbo, tracked nonce, error status":          {swapping{library: "turbo", tracked: true, missing: true}, false, true, "ada", widgetKeeps},
		"Turbo, tracked nonce and hash, error status": {swapping{library: "turbo", tracked: true, hash: true, missing: true}, false, false, nobody, widgetKeeps},
		"Turbo, error status is loaded whole": {swapping{library: "turbo", tracked: true, hash: true, missing: true, script: true},
			true, false, nobody, widgetIsNew},
		"Turbo, tracked nonce and hash, form with status 500": {swapping{library: "turbo", tracked: true, hash: true, form: true},
			false, false, nobody, widgetKeeps},
		"Turbo, form with status 500 loads a whole page": {swapping{library: "turbo", tracked: true, hash: true, form: true, script: true},
			true, false, nobody, widgetIsNew},
		"htmx 2, nonce":                 {swapping{library: "htmx2"}, false, false, nobody, widgetKeeps},
		"htmx 4, nonce":                 {swapping{library: "htmx4"}, false, false, nobody, widgetKeeps},
		"htmx 2, nonce and HX-Redirect": {swapping{library: "htmx2", redirect: true}, true, false, nobody, widgetIsNew},
		"htmx 4, nonce and HX-Redirect": {swapping{library: "htmx4", redirect: true}, true, false, nobody, widgetIsNew},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serveSessions(t, c.how)
			open := browser.New(t)
			open.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("#in")))
			open.WaitFor(`document.readyState === "complete" && document.getElementById("who").textContent === "ada"`)
			open.WaitFor(fmt.Sprintf(`standin() === %q`, widgetKeeps))
			open.Do(chromedp.Evaluate[chromedp.Void](`window.life = 1; window.blocked = 0;
				document.addEventListener("securitypolicyviolation", (event) => { if (event.blockedURI === "inline") window.blocked++ })`))

			other := open.Tab()
			other.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("#out")))
			other.WaitFor(`document.getElementById("who").textContent === ""`)

			if strings.HasPrefix(c.how.library, "htmx") {
				open.WaitFor(htmxHasLink)
			}
			click, path := chromedp.CSS("#next"), "/next"
			if c.how.form {
				click, path = "#save", "/"
			}
			open.Do(chromedp.Click(click))
			open.WaitFor(fmt.Sprintf(`location.pathname === %q && document.getElementById("who")?.textContent === ""`, path))
			open.WaitFor(fmt.Sprintf(`(window.life !== 1) === %t`, c.whole))
			open.WaitFor(fmt.Sprintf(`(window.blocked > 0) === %t`, c.blocked))
			open.WaitFor(fmt.Sprintf(`(window.ainisaUser?.user_id ?? "") === %q`, c.user))
			open.WaitFor(fmt.Sprintf(`standin() === %q`, c.widget))
			if c.blocked && !c.how.missing { // the symptom in docs/not-working.md
				open.RequireQuietConsole("Executing inline script violates the following Content Security Policy directive",
					"the Content-Security-Policy blocked script-src-elem inline")
			}
		})
	}
}

// After a sign-out in another tab, the back button shows Turbo's snapshot of the previous
// customer's page, unless the page forbids snapshots.
func TestSwappedPages_BackAfterSignOutInAnotherTab(t *testing.T) {
	for name, noCache := range map[string]bool{"snapshot": false, "no-cache": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serveSessions(t, swapping{library: "turbo", hash: true, tracked: true, noCache: noCache})
			open := browser.New(t)
			open.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("#in")))
			open.WaitFor(`document.readyState === "complete" && document.getElementById("who").textContent === "ada"`)
			// Turbo changes the address before it renders.
			open.Do(chromedp.Evaluate[chromedp.Void](`window.life = 1; addEventListener("turbo:load", () => { window.shown = location.pathname })`))
			open.Do(chromedp.Click(chromedp.CSS("#next")))
			open.WaitFor(`window.life === 1 && window.shown === "/next"`)

			other := open.Tab()
			other.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("#out")))
			other.WaitFor(`document.getElementById("who").textContent === ""`)

			open.Do(chromedp.Evaluate[chromedp.Void](`history.back()`))
			if noCache {
				open.WaitFor(`window.life !== 1 && location.pathname === "/" && document.getElementById("who")?.textContent === ""`)
				open.WaitFor(`!("ainisaUser" in window)`)
				return
			}
			open.WaitFor(`window.life === 1 && window.shown === "/" && document.getElementById("who").textContent === "ada"`)
		})
	}
}

// Turbo fetches the page of a link when the mouse is over it. If the customer then signs out in
// another tab, a click shows the page of before, unless the page forbids this.
func TestSwappedPages_PrefetchBeforeSignOutInAnotherTab(t *testing.T) {
	for name, prefetch := range map[string]bool{"prefetched": true, "not prefetched": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serveSessions(t, swapping{library: "turbo", hash: true, tracked: true, script: true, prefetch: prefetch})
			open := openAsAda(t, server)
			open.Do(chromedp.Evaluate[chromedp.Void](`window.life = 1;
				document.getElementById("next").addEventListener("turbo:before-fetch-response", () => { window.isFetched = true });
				document.getElementById("next").dispatchEvent(new MouseEvent("mouseenter"))`))
			if prefetch {
				open.WaitFor(`window.isFetched`)
			}
			other := open.Tab()
			other.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("#out")))
			other.WaitFor(`document.getElementById("who").textContent === ""`)

			open.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("next").click()`))
			if prefetch {
				open.WaitFor(`window.life === 1 && location.pathname === "/next" && document.getElementById("who").textContent === "ada"`)
				return
			}
			open.WaitFor(`window.life !== 1 && location.pathname === "/next" && document.getElementById("who")?.textContent === ""`)
			open.WaitFor(`standin() === '[["ainisa",""]]'`)
		})
	}
}

// Chromium keeps a page with no-store in its back/forward cache while the cookies are the same. If
// the session ends on the server, the back button shows that page, unless it loads itself again.
func TestSwappedPages_BackAfterTheSessionEnded(t *testing.T) {
	for name, script := range map[string]bool{"no script": false, "script": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serveSessions(t, swapping{library: "turbo", hash: true, tracked: true, noCache: true, script: script})
			open := openAsAda(t, server)
			open.Do(chromedp.Evaluate[chromedp.Void](`window.life = 1`), chromedp.Navigate(server.URL+"/away"))
			response, err := http.Post(server.URL+"/end", "", http.NoBody)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())

			open.Do(chromedp.Evaluate[chromedp.Void](`history.back()`))
			if !script {
				open.WaitFor(`window.life === 1 && document.getElementById("who")?.textContent === "ada"`)
				return
			}
			open.WaitFor(`window.life !== 1 && location.pathname === "/" && document.getElementById("who")?.textContent === ""`)
			open.WaitFor(`standin() === '[["ainisa",""]]'`)
		})
	}
}

// Another customer signs in in another tab. Turbo does not compare the response of a frame.
func TestSwappedPages_FrameAfterSignInInAnotherTab(t *testing.T) {
	for name, how := range map[string]swapping{"no script": {}, "script": {script: true}, "script, policy without nonces": {script: true, mark: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			how.library, how.hash, how.tracked = "turbo", true, true
			server := serveSessions(t, how)
			open := openAsAda(t, server)
			open.Do(chromedp.Evaluate[chromedp.Void](`window.life = 1; document.getElementById("show").isOld = true`), chromedp.Click(chromedp.CSS("#show")))
			open.WaitFor(`window.life === 1 && !document.getElementById("show").isOld`) // the frame works

			other := open.Tab()
			other.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("#grace")))
			other.WaitFor(`document.getElementById("who")?.textContent === "grace"`)

			open.Do(chromedp.Click(chromedp.CSS("#show")))
			open.WaitFor(`document.getElementById("show")?.textContent === "Cart of grace"`)
			if !how.script {
				open.WaitFor(`window.life === 1 && document.getElementById("who").textContent === "ada" && window.ainisaUser.user_id === "ada"`)
				return
			}
			open.WaitFor(`window.life !== 1 && document.getElementById("who")?.textContent === "grace"`)
			open.WaitFor(`standin() === '[["ainisa","grace"],["bookbag","identify","grace"]]'`)
		})
	}
}

// A frame that never has the page's nonce stays empty. The page does not load itself again.
func TestSwappedPages_FrameWithAnotherNonceIsNoLoop(t *testing.T) {
	requests := make(chan bool, 1000)
	server := serveSessions(t, swapping{library: "turbo", hash: true, tracked: true, script: true, foreign: requests})
	open := browser.New(t)
	open.Do(chromedp.Navigate(server.URL))
	<-requests
	open.WaitFor(`!document.getElementById("foreign").hasAttribute("busy")`)
	open.WaitFor(`performance.getEntriesByType("navigation")[0].type === "navigate"`)
	open.WaitFor(`document.getElementById("stranger") === null`)
}

// openAsAda opens the site in a new browser, and signs in.
func openAsAda(t *testing.T, server *httptest.Server) *browser.Browser {
	t.Helper()
	open := browser.New(t)
	open.Do(chromedp.Navigate(server.URL), chromedp.Click(chromedp.CSS("#in")))
	open.WaitFor(`document.readyState === "complete" && document.getElementById("who").textContent === "ada"`)
	open.WaitFor(`standin() === '[["ainisa","ada"],["bookbag","identify","ada"]]'`)
	return open
}

// The stand-in of docs/page-blocks.md writes what the vendors' scripts would be given.
func TestPageBlocksGuide_StandIn(t *testing.T) {
	guide, err := os.ReadFile("../../docs/page-blocks.md")
	require.NoError(t, err)
	_, script, found := strings.Cut(string(guide), "## Without the vendors")
	require.True(t, found)
	_, script, found = strings.Cut(script, "```js\n")
	require.True(t, found)
	script, _, _ = strings.Cut(script, "```")
	ainisa, err := hmachash.NewAinisa("the secret key of Ainisa", nil)
	require.NoError(t, err)
	bookbag, err := hmachash.NewBookbag("the signing secret of the agent", nil)
	require.NoError(t, err)
	blocks, err := (&site{cell{policy: "hash"}, ainisa, bookbag}).blocks("ada", "")
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/standin.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = fmt.Fprint(w, script)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, `<!doctype html><title>Page</title><script>window.lines = []; console.log = (...all) => lines.push(all.join(" "))</script>`,
			`<script src="/standin.js" defer></script><body>`, blocks)
	}))
	t.Cleanup(server.Close)
	open := browser.New(t)
	open.Do(chromedp.Navigate(server.URL))
	open.WaitFor(`window.lines?.join() === "Ainisa's widget: ada,Bookbag's widget: identify ada"`)
}
