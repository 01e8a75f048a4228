package value

import (
	"strings"
	"unicode/utf8"
)

// Text returns the rule that a string breaks, or "".
func Text(s string) (rule string) {
	switch {
	case !utf8.ValidString(s):
		return notUTF8
	case strings.IndexByte(s, 0) >= 0:
		return "must not contain NUL"
	}
	return ""
}

// special is 1 for the bytes that a JSON string in an HTML page does not hold as
// they are: quote, backslash, < > & and everything but printable ASCII.
var special = func() (set [256]byte) {
	for c := range set {
		if c < ' ' || c >= utf8.RuneSelf || strings.ContainsRune(`"\<>&`, rune(c)) {
			set[c] = 1
		}
	}
	return set
}()

// plain returns how many bytes there are before a special one. It looks at four
// at a time, since most text has none.
func plain(s string) int {
	rest := s
	for len(rest) >= 4 && special[rest[0]]|special[rest[1]]|special[rest[2]]|special[rest[3]] == 0 {
		rest = rest[4:]
	}
	for len(rest) > 0 && special[rest[0]] == 0 {
		rest = rest[1:]
	}
	return len(s) - len(rest)
}

// AppendText appends s as it is between the quotes of a JSON string, with the
// escapes that json.Marshal writes. If s breaks the rule of [Text], the error is
// an *[Error] and what was appended must not be used.
func AppendText(dst []byte, s string) ([]byte, error) {
	start := 0
	for i := plain(s); i < len(s); i += plain(s[i:]) {
		c, size := s[i], 1
		if c == 0 {
			return dst, &Error{Rule: Text("\x00")}
		}
		if c < utf8.RuneSelf {
			dst = appendEscape(append(dst, s[start:i]...), c)
			start = i + 1
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				return dst, &Error{Rule: notUTF8}
			case r == '\u2028' || r == '\u2029': // line ends in older JavaScript
				dst = append(append(dst, s[start:i]...), `\u202`...)
				dst = append(dst, hexDigits[r&0xf])
				start = i + size
			}
		}
		i += size
	}
	return append(dst, s[start:]...), nil
}

const hexDigits = "0123456789abcdef"

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
