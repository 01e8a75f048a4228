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

// sanitizer removes the key from texts of a peer, before they are in errors, attempts
// and logs. A peer may send the key back in any place and form.
type sanitizer struct {
	repeatsKey func(text string) bool // has the key, where no printer finds it
}

// newSanitizer returns a sanitizer that finds the key, or 20 consecutive bytes of its
// secret. Each part starts in the middle of the previous one, so that any 20 bytes
// contain a whole part.
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

// Text returns a text of a response as an error may contain it.
func (s sanitizer) Text(text string) string { return s.text(text, maxText) }

// text replaces a text that contains the key, and cuts any other.
func (s sanitizer) text(text string, limit int) string {
	if s.repeatsKey(text) {
		return withheld
	}
	return cut(text, limit)
}

// escapes matches the escapes of URLs, JSON and Go.
var escapes = regexp.MustCompile(`%[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.`)

// unescape replaces escapes of ASCII. It may garble other text, which is only searched.
func unescape(text string) string {
	if !strings.ContainsAny(text, `%\`) { // most texts
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

// Cut returns a text of a peer for an error: at most 512 bytes of valid UTF-8 in one
// line, without characters that change the direction of the text around it.
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
