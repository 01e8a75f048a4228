package placeholders

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
)

// unreserved are the characters of RFC 3986 section 2.3, which mean the same
// everywhere in a URL. A table, since this is looked up for each byte of a value.
var unreserved = func() (set [256]bool) {
	for c := range byte(utf8.RuneSelf) {
		set[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
	}
	return set
}()

// appendPercent appends s with all but the unreserved characters
// percent-encoded; in a form a space becomes a plus sign. It returns the rule that
// s breaks.
func appendPercent(dst []byte, s string, form bool) ([]byte, string) {
	if rule := value.Text(s); rule != "" {
		return dst, rule
	}
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case unreserved[c]:
			dst = append(dst, c)
		case form && c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&0xf])
		}
	}
	return dst, ""
}

// appendDecoded appends s without its percent-encoding.
func appendDecoded[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		c, isEscape := unescape(s[i:])
		if isEscape {
			i += len("00")
		}
		dst = append(dst, c)
	}
	return dst
}

// unescape returns the first character of s, which may be a % and two digits.
func unescape[T string | []byte](s T) (c byte, isEscape bool) {
	if len(s) > 2 && s[0] == '%' {
		var decoded [1]byte
		if _, err := hex.Decode(decoded[:], []byte{s[1], s[2]}); err == nil {
			return decoded[0], true
		}
	}
	return s[0], false
}

// decode returns s without its percent-encoding, and with spaces for plus signs.
func decode(s string) string {
	return string(appendDecoded(nil, strings.ReplaceAll(s, "+", " ")))
}

// checkEncoded reports the characters of s, which is at byte at of the text, that
// are neither unreserved nor allowed. It is one fault for all: a character that
// must be encoded is often followed by others.
func (s *scanned) checkEncoded(at int, text, allowed string) {
	var stray []string
	first := 0
	for i, r := range text {
		_, isEscape := unescape(text[i:])
		if isEscape || r < utf8.RuneSelf && (r == 0 || unreserved[byte(r)] || strings.ContainsRune(allowed, r)) {
			continue
		}
		if len(stray) == 0 {
			first = i
		}
		advice := fmt.Sprintf("%s for %q", url.PathEscape(string(r)), string(r))
		if !slices.Contains(stray, advice) && len(stray) < 10 {
			stray = append(stray, advice)
		}
	}
	if len(stray) > 0 {
		s.fault(at+first, "must be percent-encoded (write "+strings.Join(stray, ", ")+")")
	}
}

// pairs checks name=value&name=value, a form or the query of a URL, which is at
// byte at of the text. Its placeholders with a name of repeat may be lists.
func (s *scanned) pairs(at int, text string, position position, repeat []string) {
	s.checkEncoded(at, text, "!$'()*+,/:=?@&")
	for pair := range strings.SplitSeq(text, "&") {
		name, content, _ := strings.Cut(pair, "=")
		if name == "" {
			s.fault(at, "a name must not be empty (write name=value&name=value)")
		}
		value, end := at+len(name)+len("="), at+len(pair)
		s.place(at, at+len(name), position, "a placeholder must be in the value of a parameter, after its =")
		s.place(value, end, position, embeddedInPair(decode(content)))
		placeholders := s.between(value, end)
		for i, p := range placeholders {
			if !slices.Contains(repeat, p.name) {
				continue
			}
			placeholders[i].pair = name + "="
			if content != nul {
				s.fault(p.at, "a placeholder that is repeated must be a whole value, such as tag={{tags}}")
			}
		}
		at = end + len("&")
	}
}
