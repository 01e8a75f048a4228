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

// namesCookie reports whether a placeholder stands where the name of a cookie
// does, which is before an = and behind the start or a semicolon. One that does
// not is only a part of the header, and its values are held to that.
func (t *program) namesCookie() bool {
	cookie := ""
	for _, part := range t.parts {
		cookie += part.before
		cookie = cookie[strings.LastIndexByte(cookie, ';')+1:]
		if !strings.Contains(cookie, "=") {
			return true
		}
	}
	return false
}

// schemes of credentials. Behind another word a value may be one of many.
var schemes = []string{"Bearer", "Basic", "Digest", "DPoP", "Token", "ApiKey", "Api-Key", "Key", "OAuth", "Negotiate"}

// isScheme wants one and a space: "Bearer ".
func isScheme(text string) bool {
	word, ok := strings.CutSuffix(text, " ")
	return ok && slices.ContainsFunc(schemes, func(scheme string) bool { return strings.EqualFold(scheme, word) })
}

// isToken checks the grammar of a header's name, RFC 9110 section 5.6.2.
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
