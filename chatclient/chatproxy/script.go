package chatproxy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"time"
)

//go:embed chatproxy.js
var script []byte

// Script serves chatproxy.js, the browser's side of the wire form, without
// dependencies. Mount it where the page's script tag looks for it, or serve
// the file from the source of this package in your own way. Browsers ask each
// time whether it has changed.
//
// With data-prefix, the path of the [Proxy], in its tag, it draws a chat right
// after the tag, or at the end of the page for a tag in its head, whose elements
// have class names that begin with "chatproxy". Without, it only gives the page
// the class ChatProxy; its comments say how it is used. It is a classic script:
// as a module it does not find its tag. A prefix that is no URL is a path of the
// page's origin, whatever a <base> in the page says.
func Script() http.Handler {
	sum := sha256.Sum256(script)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		boundWrite(w)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		http.ServeContent(w, r, "chatproxy.js", time.Time{}, bytes.NewReader(script))
	})
}
