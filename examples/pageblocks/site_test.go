// Package pageblocks tests the blocks of hmachash in a browser: under each kind of
// Content-Security-Policy, in pages that are loaded or swapped, and with the vendor's
// script before, after and long after the block.
package pageblocks

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/require"
)

// cell is one combination. The journey names who is signed in on each page.
type cell struct {
	policy, navigation string
	arrival            time.Duration // of the vendors' scripts: before and after, or this long after the block
	journey            []string
}

const (
	before time.Duration = -1
	after  time.Duration = 0
	late                 = 2 * time.Second

	nobody = ""
)

var (
	policies    = []string{"nonce", "hash", "self"}
	navigations = []string{"load", "turbo", "htmx2", "htmx4"}
	arrivals    = []time.Duration{before, after, late}
	journeys    = [][]string{{nobody, "ada", "ada"}, {"ada", nobody, nobody}, {"ada", "grace", "grace"}}
)

func (c cell) String() string {
	when := map[time.Duration]string{before: "vendor before", after: "vendor after"}[c.arrival]
	if when == "" {
		when = fmt.Sprintf("vendor %s later", c.arrival)
	}
	return fmt.Sprintf("%s, %s, %s, %s", c.policy, c.navigation, when, strings.Join(c.journey, "-"))
}

// library is where npm ci puts the script of a navigation.
var library = map[string]string{
	"turbo": "@hotwired/turbo/dist/turbo.es2017-umd.js",
	"htmx2": "htmx2/dist/htmx.min.js",
	"htmx4": "htmx4/dist/htmx.min.js",
}

// vendors replaces the scripts of both vendors. It keeps what it was given where
// no page finds it but by standin().
const vendors = `(function () {
  var given = [];
  window.standin = function () { return JSON.stringify(given); };
  given.push(["ainisa", window.ainisaUser ? window.ainisaUser.user_id : ""]);
  window.bookbag = function (command, user) { given.push(["bookbag", command, user.user_id]); };
})();`

// loader loads the vendors' scripts some time after the last page has appeared and the test has
// seen it, as a consent banner does.
const loader = `(function () {
  var nonce = document.currentScript.nonce;
  var looking = setInterval(function () {
    if (document.getElementById("step").textContent !== "%d" || !window.isSeen) return;
    clearInterval(looking);
    setTimeout(function () {
      var script = document.createElement("script");
      script.src = "/vendors.js";
      script.nonce = nonce;
      document.head.append(script);
    }, %d);
  }, 20);
})();`

var page = template.Must(template.New("page").Parse(`<!doctype html><html lang="en"><head><title>Page {{.Step}}</title>
<link rel="icon" href="data:,">
{{if .Nonce}}<meta name="csp-nonce" content="{{.Nonce}}"><meta name="htmx-config" content='{"inlineScriptNonce":"{{.Nonce}}"}'>{{end}}
{{if .Library}}<script src="/library.js" nonce="{{.Nonce}}" defer></script>{{end}}
{{if .Before}}<script src="/vendors.js" nonce="{{.Nonce}}" defer></script>{{end}}
</head><body>
<h1 id="step">{{.Step}}</h1>
{{.Blocks}}
{{if .After}}<script src="/vendors.js" nonce="{{.Nonce}}"></script>{{end}}
{{if .Late}}<script src="/loader.js" nonce="{{.Nonce}}"></script>{{end}}
{{if .Next}}<a id="next" href="/{{.Next}}" hx-boost="{{.Boost}}">Next</a>{{end}}
</body></html>`))

// site serves the pages of a cell at /0, /1 and so on.
type site struct {
	cell
	ainisa  *hmachash.Ainisa
	bookbag *hmachash.Bookbag
}

func serve(t *testing.T, c cell) *httptest.Server {
	t.Helper()
	ainisa, err := hmachash.NewAinisa("the secret key of Ainisa", nil)
	require.NoError(t, err)
	bookbag, err := hmachash.NewBookbag("the signing secret of the agent", nil)
	require.NoError(t, err)
	s := &site{c, ainisa, bookbag}

	mux := http.NewServeMux()
	if file := library[c.navigation]; file != "" {
		packages := testenv.NodePackages(t, "examples/pageblocks")
		mux.HandleFunc("/library.js", func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join(packages, "node_modules", filepath.FromSlash(file)))
		})
	}
	mux.Handle("/chatident.js", hmachash.ScriptFile())
	for path, code := range map[string]string{"/vendors.js": vendors, "/loader.js": fmt.Sprintf(loader, len(c.journey)-1, c.arrival.Milliseconds())} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			_, _ = w.Write([]byte(code))
		})
	}
	mux.HandleFunc("/{step}", s.page)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	var step int
	if _, err := fmt.Sscan(r.PathValue("step"), &step); err != nil || step >= len(s.journey) {
		http.NotFound(w, r)
		return
	}
	const sessionNonce = "bm9uY2Ugb2YgdGhlIHNlc3Npb24" // as the guide says, the same for each page
	nonce := map[string]string{"nonce": sessionNonce}[s.policy]
	blocks, err := s.blocks(s.journey[step], nonce)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", "base-uri 'none'; object-src 'none'; script-src "+map[string]string{
		"nonce": "'nonce-" + sessionNonce + "'", "hash": "'self' " + hmachash.ScriptHash, "self": "'self'",
	}[s.policy])
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	whole := step == 0 || s.navigation == "load" // a vendor's script runs once in the life of a page
	next := ""
	if step+1 < len(s.journey) {
		next = fmt.Sprint(step + 1)
	}
	_ = page.Execute(w, map[string]any{
		"Step": step, "Next": next, "Nonce": nonce, "Blocks": blocks, "Library": library[s.navigation] != "", "Boost": strings.HasPrefix(s.navigation, "htmx"),
		"Before": s.arrival == before, "After": s.arrival == after && whole, "Late": s.arrival > 0 && whole,
	})
}

// blocks returns those of both vendors for a customer.
func (s *site) blocks(who, nonce string) (template.HTML, error) {
	ainisaUser, bookbagUser := hmachash.AinisaUser{ID: who}, hmachash.BookbagUser{ID: who, Name: strings.ToUpper(who)}
	if s.policy == "self" {
		a, err := s.ainisa.Data(ainisaUser)
		if err != nil {
			return "", err
		}
		b, err := s.bookbag.Data(bookbagUser)
		return a + b + `<script src="/chatident.js" data-turbo-temporary></script>`, err
	}
	a, err := s.ainisa.Script(ainisaUser, nonce)
	if err != nil {
		return "", err
	}
	b, err := s.bookbag.Script(bookbagUser, nonce)
	return a + b, err
}
