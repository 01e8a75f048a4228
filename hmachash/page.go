package hmachash

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkVendorSecret refuses what a dashboard's secret never has, and a file
// with a line end at its end gives it.
func checkVendorSecret(field, secret string) error {
	if strings.TrimSpace(secret) != secret {
		return &FieldError{field, "must not begin or end with white space"}
	}
	return nil
}

// newVendorHasher is New for a secret that was copied from a dashboard.
func newVendorHasher(secret string, options *Options) (*Hasher, error) {
	if err := checkVendorSecret("secret", secret); err != nil {
		return nil, err
	}
	if options != nil {
		for i, s := range options.Previous {
			if err := checkVendorSecret(secretField(i+1), s); err != nil {
				return nil, err
			}
		}
	}
	return New(secret, options)
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
