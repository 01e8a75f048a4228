package chatproxy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"net/http"
	"strings"
	"time"
)

//go:embed chatproxy.js
var script []byte

const scriptName = "chatproxy.js"

var scriptTag = fmt.Sprintf(`"%x"`, sha256.Sum256(script))

// serveScript serves chatproxy.js, which needs no session. It reports whether the request is for it.
// Browsers revalidate it each time.
func serveScript(w http.ResponseWriter, r *http.Request) bool {
	if strings.TrimPrefix(r.URL.Path, "/") != scriptName {
		return false
	}
	boundWrite(w)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
		return true
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", scriptTag)
	http.ServeContent(w, r, scriptName, time.Time{}, bytes.NewReader(script))
	return true
}
