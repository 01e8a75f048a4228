package hmachash

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// newVendorHasher is New for a secret that was copied from a dashboard. Such a
// one has no white space at its edges, but a file gives it a line end.
func newVendorHasher(secret string, options *Options) (*Hasher, error) {
	return newHasher(secret, options, func(field, secret string) error {
		if strings.TrimSpace(secret) != secret {
			return &FieldError{field, "must not begin or end with white space"}
		}
		return checkSecret(field, secret)
	})
}

// checkPageID wants an id that comes back unchanged from a page: the vendor
// sends it on in an HTTP header, where the edges are trimmed.
func checkPageID(field, id string) error {
	if err := checkID(field, id); err != nil {
		return err
	}
	first, _ := utf8.DecodeRuneInString(id)
	last, _ := utf8.DecodeLastRuneInString(id)
	switch {
	case isSpace(first), isSpace(last):
		return &FieldError{field, "must not begin or end with white space"}
	case strings.ContainsFunc(id, unicode.IsControl):
		return &FieldError{field, "must not hold control characters"}
	}
	return nil
}

// isSpace adds to Go's white space what JavaScript's trim removes besides.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' }

// script returns a script element with the nonce unless that is empty. The
// attributes and the code must already be safe where they stand.
func script(attributes, nonce, code string) (template.HTML, error) {
	if nonce != "" {
		if !validNonce(nonce) {
			return "", &FieldError{"nonce", "must be base64 or base64url, with at most two = at its end"}
		}
		attributes += ` nonce="` + nonce + `"`
	}
	return template.HTML("<script" + attributes + ">" + code + "</script>"), nil
}

// validNonce checks base64-value of CSP Level 3.
func validNonce(nonce string) bool {
	digits := strings.TrimRight(nonce, "=")
	return digits != "" && len(nonce)-len(digits) <= 2 && !strings.ContainsFunc(digits, func(r rune) bool {
		return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("+/-_", r))
	})
}
