package placeholders

import (
	"slices"
	"strings"
)

const (
	untrimmed     = "must not make a header that begins or ends with white space"
	notHeaderText = "must have only visible characters of ASCII, and spaces"
)

// header checks the value of a header, and finds out whether its placeholder is
// all there is, but for a scheme such as Bearer.
func (p *parser) header() {
	place := headerPart
	if n := len(p.pieces); n > 0 && n <= 2 && p.pieces[n-1].name != "" && (n == 1 || isScheme(p.pieces[0].text)) {
		place = headerWhole
	}
	for i := range p.pieces {
		piece := &p.pieces[i]
		piece.place = place
		if at := strings.IndexFunc(piece.text, func(r rune) bool { return r < ' ' || r >= 0x7f }); at >= 0 {
			p.fault(piece.offset+at, "a header "+notHeaderText)
		}
	}
	if trimmed := strings.TrimLeft(p.src, " "); trimmed != p.src {
		p.fault(0, "a header must not begin with white space")
	} else if trimmed := strings.TrimRight(p.src, " "); trimmed != p.src {
		p.fault(len(trimmed), "a header must not end with white space")
	}
}

// strictHeader is for a header in which some characters have a meaning, however
// little of it the template itself writes.
func (t *program) strictHeader() {
	for i := range t.parts {
		t.parts[i].place = headerPart
	}
}

// isScheme wants a word and one space: "Bearer ".
func isScheme(text string) bool {
	word, ok := strings.CutSuffix(text, " ")
	return ok && isToken(word)
}

// isToken checks the grammar of a header's name and of a scheme, RFC 9110
// section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// appendHeader appends s as it is, or refuses it: a header has no escapes. Other
// characters than ASCII are refused, since how they arrive is not defined, and
// since a reader who takes them for Latin-1 can see a line end in them.
func appendHeader(dst []byte, s string, part bool) ([]byte, string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c >= 0x7f:
			return dst, notHeaderText
		case part && slices.Contains([]byte("\"'`\\,;"), c):
			return dst, "must not have quotes, backslashes, commas or semicolons where it is only a part of the header"
		}
	}
	return append(dst, s...), ""
}
