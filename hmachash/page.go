package hmachash

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// pageScript reads the data elements of a page, removes them, and passes each customer to
// the vendor's widget. It may run any number of times: in a page whose body is swapped, it
// runs with each body. It waits for window.bookbag and does not define it, because the
// embed may mistake a stub for itself.
//
//go:embed page.js
var pageScript string

// ScriptHash is a source expression for a Content-Security-Policy, as in "script-src
// "+ScriptHash. It allows the script of [Ainisa.Script] and [Bookbag.Script], which is the
// same in every page, without a nonce. It may change with a new version of this package.
const ScriptHash = "'sha256-iT/ujjG+8iHqJjhvY7NUVwFDPLuiCYh8atiWeU9W20Y='"

// ScriptFile serves the script of [Ainisa.Script] and [Bookbag.Script] as a file, for a
// policy of script-src 'self'. Put [Ainisa.Data] or [Bookbag.Data] into the page, and
// after it a <script> tag with the path of the file, without defer and async.
func ScriptFile() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache") // asks each time, and has 304 back
		h.Set("Etag", `"`+strings.Trim(ScriptHash, "'")+`"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(pageScript))
	})
}

// dataElement returns the element that pageScript reads, with what identify returns for
// the user. A policy does not govern it, since no browser runs it, and Turbo leaves it out
// of its page cache.
func dataElement[User any](vendor string, u User, identify func(User) (any, error)) (template.HTML, error) {
	identity, err := identify(u)
	if err != nil {
		return "", err
	}
	object, err := json.Marshal(identity) // escapes < > & U+2028 U+2029
	return template.HTML(`<script type="application/json" data-chatident="` + vendor + `" data-turbo-temporary>` + string(object) + `</script>`), err
}

// withScript adds the script to a data element.
func withScript(nonce string, data template.HTML, err error) (template.HTML, error) {
	tag, badNonce := script(" data-turbo-temporary", nonce, pageScript)
	if err := cmp.Or(err, badNonce); err != nil {
		return "", err
	}
	return data + tag, nil
}

// script returns a script element with the nonce unless that is empty. The
// attributes and the code must already be safe in their place.
func script(attributes, nonce, code string) (template.HTML, error) {
	if nonce != "" {
		if !nonceForm.MatchString(nonce) {
			return "", &FieldError{"nonce", "must be base64 or base64url, with at most two = at its end"}
		}
		attributes += ` nonce="` + nonce + `"`
	}
	return template.HTML("<script" + attributes + ">" + code + "</script>"), nil
}

// nonceForm is base64-value of CSP Level 3.
var nonceForm = regexp.MustCompile(`^[A-Za-z0-9+/_-]+={0,2}$`)
