package bookbag

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	maxText  = 512 // bytes of a message
	maxShort = 128 // bytes of a code and of a request id

	withheld = "[withheld: it repeats the API key]"
)

// sanitizer makes texts of a peer fit for errors, attempts and logs. A peer may
// send back the key it was sent, in whatever place and form.
type sanitizer struct {
	repeatsKey func(text string) bool // holds the key, out of reach of printers
}

// newSanitizer returns one that finds the key, and 20 or more bytes of its secret in a
// row: these have one of the parts, each of which begins in the middle of the one before.
func newSanitizer(apiKey string) sanitizer {
	const publicPrefix, length = 4, 12 // of "oc_live_", of a part
	parts := []string{apiKey}
	for i := publicPrefix; i+length <= len(apiKey); i += length / 2 {
		parts = append(parts, apiKey[i:i+length])
	}
	return sanitizer{func(text string) bool {
		unescaped := unescape(text)
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) || strings.Contains(unescaped, part) })
	}}
}

// Text makes a text of a response fit for an error.
func (s sanitizer) Text(text string) string { return s.text(text, maxText) }

// text returns a text as it may be shown: see cut.
func (s sanitizer) text(text string, limit int) string {
	if s.repeatsKey(text) {
		return withheld
	}
	return cut(text, limit)
}

// escapes are those of URLs, JSON and Go.
var escapes = regexp.MustCompile(`%[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.`)

// unescape replaces escapes of ASCII. What else it does to the text is of no
// importance: it is only searched.
func unescape(text string) string {
	if !strings.ContainsAny(text, `%\`) { // as mostly
		return text
	}
	return escapes.ReplaceAllStringFunc(text, func(escape string) string {
		digits := strings.TrimLeft(escape, `%\ux`)
		if c, err := strconv.ParseUint(digits, 16, 8); err == nil && len(escape) > 2 {
			return string(rune(c))
		}
		return escape[1:]
	})
}

// Cut makes foreign text fit to be kept in an error: short, valid UTF-8, one
// line, and without the characters that turn the direction of the text around it.
func Cut(text string) string { return cut(text, maxText) }

func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text[:min(len(text), limit)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, text)
}
