// Package field has the rules of the texts that a caller sets by name: a
// customer's id, name or e-mail address. Each function returns the rule that a text
// breaks, in words, or "".
package field

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/chatident/chatident/internal/value"
)

// Text is the rule of every named text: one of [value.Text], without white space at
// its edges. "ada@example.com " is another address to whoever compares it.
func Text(s string) string {
	rule := value.Text(s)
	if rule == "" && s != strings.TrimFunc(s, isSpace) {
		rule = "must not begin or end with white space (use strings.TrimSpace)"
	}
	return rule
}

// isSpace adds to Go's white space the control characters, and what JavaScript's
// trim removes or nobody sees.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("\ufeff\u200b\u2060\u180e", r)
}

// ID is the rule of a customer's id, which must not be empty.
func ID(s string) string {
	if s == "" {
		return "must not be empty"
	}
	return OptionalID(s)
}

// OptionalID is ID for an id that may be empty.
func OptionalID(s string) string { return cmp.Or(Text(s), Set(s)) }

// Set is the part of ID about ids that mean "not set": every such visitor would
// become the same customer.
func Set(s string) string {
	const quotes, longest = "\"'`", len("{00000000-0000-0000-0000-000000000000}")
	if s == "" || len(s) > longest {
		return ""
	}
	text := strings.Trim(s, quotes)
	switch {
	case isUnset(strings.ToLower(text)), strings.HasPrefix(text, "%!"): // fmt writes %!s(<nil>)
		return "must be the id of a customer, got a text that programs write when there is none, such as undefined or <nil>"
	case strings.Trim(text, "0-{}") == "" && strings.Contains(text, "0"): // 0, the nil UUID
		return "must be the id of a customer, got one of zeros only, as an unset number or UUID has"
	}
	return ""
}

// isUnset knows what programs write, in lower case, where there is no id.
func isUnset(text string) bool {
	switch text {
	case "", "undefined", "null", "nil", "none", "nan", "true", "false",
		"<nil>", "(nil)", "<null>", "(null)", "<none>", "<no value>", "[object object]",
		"anonymous", "guest", "anonymoususer", "not_authenticated", "unknown", "n/a",
		"{ false}", "{0 false}", "map[]", "[]", "{}":
		return true
	}
	return false
}

// MaxPageID bounds an id in a page, in bytes: servers bound the headers in which the vendor
// sends it on.
const MaxPageID = 512

// PageID is the rule of an id that is written into a page, and comes back in an HTTP
// header: also of at most 512 bytes, and without characters that nobody sees.
func PageID(s string) string {
	rule := ID(s)
	switch {
	case rule != "":
		return rule
	case len(s) > MaxPageID:
		return "must be at most 512 bytes"
	case strings.ContainsFunc(s, isInvisible):
		return "must not contain control characters or others that do not print, such as U+200B"
	}
	return ""
}

func isInvisible(r rune) bool {
	return !unicode.IsPrint(r) || r == '\u2800' || // an empty pattern of Braille dots
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
