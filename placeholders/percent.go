package placeholders

import (
	"strings"
	"unicode/utf8"
)

// unreserved are the characters of RFC 3986 section 2.3, which mean the same
// everywhere in a URL.
var unreserved = asciiSet(func(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._~", rune(c))
})

// appendPercent appends s with all but the unreserved characters
// percent-encoded; in a form a space becomes a plus sign.
func appendPercent(dst []byte, s string, form bool) ([]byte, string) {
	if !utf8.ValidString(s) {
		return dst, notUTF8
	}
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case unreserved.has(c):
			dst = append(dst, c)
		case form && c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&0xf])
		}
	}
	return dst, ""
}

// decoded returns the byte that stands at i, percent-encoded or not, and the
// length of what stands for it.
func decoded[T string | []byte](s T, i int) (c byte, length int) {
	if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
		return hexValue(s[i+1])<<4 | hexValue(s[i+2]), len("%00")
	}
	return s[i], 1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}

// escaped reports whether the text at i, a percent sign, is followed by its two
// digits: they are never left to a value.
func escaped(text string, i int) bool {
	return i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2])
}
