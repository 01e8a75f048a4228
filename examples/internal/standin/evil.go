package standin

import (
	"html/template"
	"net/http"
)

// Evil is another site that a customer of the shop has open. Its page, GET /evil/, sends
// requests to the shop with the customer's cookies, and reports the results to the page
// that frames it.
type Evil struct {
	shopURL string
	mux     *http.ServeMux
}

// NewEvil returns the site for the shop with this URL.
func NewEvil(shopURL string) *Evil {
	e := &Evil{shopURL: shopURL, mux: http.NewServeMux()}
	e.mux.HandleFunc("GET /evil/{$}", e.page)
	e.mux.HandleFunc("GET /evil/evil.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		http.ServeFileFS(w, r, scripts, "evil.js")
	})
	return e
}

func (e *Evil) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.mux.ServeHTTP(w, r) }

var evilPage = template.Must(template.New("evil").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>You have won a parcel</title>
<link rel="icon" href="data:,">
<p>You have won a parcel!</p>
<script src="/evil/evil.js" data-shop="{{.}}"></script>
</html>
`))

func (e *Evil) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = evilPage.Execute(w, e.shopURL) // an error means that the visitor has left
}
