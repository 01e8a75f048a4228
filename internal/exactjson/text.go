package exactjson

import (
	"strings"
	"unicode/utf8"
)

// plain are the characters of ASCII that encoding/json leaves as they are: all
// that are printable, but for quote, backslash, and < > & for the sake of HTML.
// It is a table, since it is looked at for each byte.
var plain = func() (set [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		set[c] = !strings.ContainsRune(`"\<>&`, rune(c))
	}
	return set
}()

// AppendText appends s as it stands inside the quotes of a JSON string, as
// json.Marshal writes it, or returns ErrNotUTF8. What is appended then is of no
// use.
func AppendText(dst []byte, s string) ([]byte, error) {
	start := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		c, size := s[i], 1
		if c < utf8.RuneSelf {
			dst = appendEscape(append(dst, s[start:i]...), c)
			start = i + 1
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				return dst, ErrNotUTF8
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
