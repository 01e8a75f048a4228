package pageblocks

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/hmachash"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// groupPage is a page of the shop, which has Ainisa's widget, or of the help, which has Bookbag's.
var groupPage = template.Must(template.New("page").Parse(`<!doctype html><html lang="en"><head><title>Page</title>
<link rel="icon" href="data:,">
{{.Meta}}
<script src="/library.js" defer></script>
{{.Widget}}
</head><body>
{{.Block}}
<p id="path">{{.Path}}</p>
<a id="shop" href="/shop"{{.Attribute}}>Shop</a> <a id="orders" href="/shop/orders">Orders</a>
<a id="help" href="/help"{{.Attribute}}>Help</a> <a id="moved" href="{{.Moved}}">Moved to the other group</a>
</body></html>`))

// Stand-ins for the vendors' scripts, which keep what they find as they run.
const (
	ainisaWidget  = `window.ainisaWidget = JSON.stringify(window.ainisaUser ?? null);`
	bookbagWidget = `window.bookbag = (command, user) => { window.bookbagWidget = user.user_id; };`
)

// serveGroups serves both groups of pages. The customer is ada. The attribute is that of links
// between groups, and meta returns what the head of a group has.
func serveGroups(t *testing.T, attribute template.HTMLAttr, meta func(group string) template.HTML) *httptest.Server {
	t.Helper()
	ainisa, err := hmachash.NewAinisa("the secret key of Ainisa", nil)
	require.NoError(t, err)
	bookbag, err := hmachash.NewBookbag("the signing secret of the agent", nil)
	require.NoError(t, err)
	page := func(w http.ResponseWriter, r *http.Request) {
		group := strings.Split(r.URL.Path, "/")[1]
		block, err := ainisa.Script(hmachash.AinisaUser{ID: "ada"}, "")
		widget, moved := template.HTML(`<script src="/ainisa.js" defer></script>`), "/shop/moved"
		if group == "help" {
			block, err = bookbag.Script(hmachash.BookbagUser{ID: "ada"}, "")
			widget, moved = `<script src="/bookbag.js" defer></script>`, "/help/moved"
		}
		assert.NoError(t, err)
		w.Header().Set("Cache-Control", "private, no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		assert.NoError(t, groupPage.Execute(w, map[string]any{"Meta": meta(group), "Widget": widget, "Block": block, "Path": r.URL.Path,
			"Moved": moved, "Attribute": attribute}))
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/shop", "/shop/orders", "/help"} {
		mux.HandleFunc("GET "+path, page)
	}
	mux.Handle("GET /shop/moved", http.RedirectHandler("/help", http.StatusSeeOther))
	mux.Handle("GET /help/moved", http.RedirectHandler("/shop", http.StatusSeeOther))
	handleScripts(t, mux, "turbo", map[string]string{"/ainisa.js": ainisaWidget, "/bookbag.js": bookbagWidget})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// Pages of different vendors, with Turbo: how a visitor goes from one group to the other
// without the first group's customer and widget, as docs/page-blocks.md says.
func TestGroups_LoadWholePage(t *testing.T) {
	const whole, swapped = true, false
	noMeta := func(string) template.HTML { return "" }
	root := func(group string) template.HTML {
		return template.HTML(`<meta name="turbo-root" content="/` + group + `">`)
	}
	tracked := func(group string) template.HTML {
		return template.HTML(`<meta name="page-group" content="` + group + `" data-turbo-track="reload">`)
	}
	for name, c := range map[string]struct {
		attribute   template.HTMLAttr
		meta        func(string) template.HTML
		link, moved bool // whether a link to the other group, and one that redirects there, load a whole page
	}{
		"nothing":         {"", noMeta, swapped, swapped},
		"data-turbo":      {` data-turbo="false"`, noMeta, whole, swapped},
		"turbo-root":      {"", root, whole, swapped},
		"tracked element": {"", tracked, whole, whole},
	} {
		for from, to := range map[string]string{"shop": "help", "help": "shop"} {
			for link, want := range map[string]bool{to: c.link, "moved": c.moved} {
				t.Run(fmt.Sprintf("%s, %s, %s", name, from, link), func(t *testing.T) {
					t.Parallel()
					server := serveGroups(t, c.attribute, c.meta)
					b := browser.New(t)
					b.Do(chromedp.Navigate(server.URL+"/"+from), chromedp.Evaluate[chromedp.Void]("window.life = 1"))
					b.Do(chromedp.Click(chromedp.CSS("#" + link)))
					b.WaitFor(fmt.Sprintf(`document.getElementById("path")?.textContent === "/%s"`, to))
					b.WaitFor(fmt.Sprintf(`(window.life !== 1) === %t`, want))
					if to == "shop" {
						b.WaitFor(`window.ainisaUser?.user_id === "ada" && "ainisaWidget" in window`)
						b.WaitFor(fmt.Sprintf(`("bookbag" in window) === %t`, !want))
						return
					}
					b.WaitFor(`window.bookbagWidget === "ada"`)
					b.WaitFor(fmt.Sprintf(`("ainisaUser" in window && "ainisaWidget" in window) === %t`, !want))
				})
			}
		}
	}
}

// Within a group, a tracked element and turbo-root let Turbo swap the body.
func TestGroups_SwapWithinGroup(t *testing.T) {
	server := serveGroups(t, "", func(group string) template.HTML {
		return template.HTML(`<meta name="turbo-root" content="/` + group + `"><meta name="page-group" content="` + group + `" data-turbo-track="reload">`)
	})
	b := browser.New(t)
	b.Do(chromedp.Navigate(server.URL+"/shop"), chromedp.Evaluate[chromedp.Void]("window.life = 1"), chromedp.Click(chromedp.CSS("#orders")))
	b.WaitFor(`document.getElementById("path")?.textContent === "/shop/orders"`)
	b.WaitFor(`window.life === 1`)
}

// Turbo adds a tag that the first page does not have as soon as it can. With defer, too, its
// script runs before the body is swapped, hence before the block.
func TestGroups_AddedTagRunsBeforeTheBlock(t *testing.T) {
	server := serveGroups(t, "", func(string) template.HTML { return "" })
	b := browser.New(t)
	b.Do(chromedp.Navigate(server.URL+"/help"), chromedp.Evaluate[chromedp.Void](`addEventListener("turbo:before-render", (event) => {
		event.preventDefault();
		window.swap = event.detail.resume;
	})`))
	b.Do(chromedp.Click(chromedp.CSS("#shop")))
	b.WaitFor(`"swap" in window && "ainisaWidget" in window`)
	assert.Equal(t, "null", b.Evaluate("window.ainisaWidget"), "the widget found no customer")
	assert.Equal(t, "/help", b.Evaluate(`document.getElementById("path").textContent`))
	b.Do(chromedp.Evaluate[chromedp.Void]("window.swap()"))
	b.WaitFor(`window.ainisaUser?.user_id === "ada"`)
	assert.Equal(t, "null", b.Evaluate("window.ainisaWidget"))
}
