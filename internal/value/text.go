package value

import (
	"encoding/json"
	"strconv"
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

// escapes has, for each ASCII character, the escape that json.Marshal writes, or "" if it
// writes the character itself. It is not empty for bytes of 0x80 and above, which are parts
// of other characters.
var escapes = func() (set [256]string) {
	for c := range rune(256) {
		if quoted, _ := json.Marshal(string(c)); len(quoted) > len(`"c"`) {
			set[c] = string(quoted[1 : len(quoted)-1])
		}
	}
	return set
}()

// plain returns how many bytes there are before one that may need an escape. It looks
// at four at a time, since most text has none.
func plain(s string) int {
	rest := s
	for len(rest) >= 4 && len(escapes[rest[0]])|len(escapes[rest[1]])|len(escapes[rest[2]])|len(escapes[rest[3]]) == 0 {
		rest = rest[4:]
	}
	for len(rest) > 0 && escapes[rest[0]] == "" {
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
		r, size := utf8.DecodeRuneInString(s[i:])
		escape := ""
		switch {
		case r == 0, r == utf8.RuneError && size == 1:
			return dst, &Error{Rule: Text(s)}
		case r < utf8.RuneSelf:
			escape = escapes[r]
		case r == '\u2028', r == '\u2029': // they end a line in older JavaScript
			escape = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if escape != "" {
			dst = append(append(dst, s[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(dst, s[start:]...), nil
}
