package value

import (
	"encoding/json"
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

// escapes has what json.Marshal writes for a character of ASCII in an HTML page, if
// that is not the character itself.
var escapes = func() (set [utf8.RuneSelf]string) {
	for c := range rune(utf8.RuneSelf) {
		if quoted, _ := json.Marshal(string(c)); len(quoted) > len(`"c"`) {
			set[c] = string(quoted[1 : len(quoted)-1])
		}
	}
	return set
}()

// isPlain reports whether s is ASCII without escapes, as most text is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || escapes[s[i]] != "" {
			return false
		}
	}
	return true
}

// AppendText appends s as it is between the quotes of a JSON string, with the
// escapes that json.Marshal writes. If s breaks the rule of [Text], the error is
// an *[Error] and dst is returned.
func AppendText(dst []byte, s string) ([]byte, error) {
	if isPlain(s) {
		return append(dst, s...), nil
	}
	if rule := Text(s); rule != "" {
		return dst, &Error{Rule: rule}
	}
	start := 0
	for i, r := range s {
		if escape := escapeOf(r); escape != "" {
			dst = append(append(dst, s[start:i]...), escape...)
			start = i + utf8.RuneLen(r)
		}
	}
	return append(dst, s[start:]...), nil
}

// escapeOf returns "" for a character that is written as it is.
func escapeOf(r rune) string {
	switch {
	case r < utf8.RuneSelf:
		return escapes[r]
	case r == '\u2028': // it and the next end a line in older JavaScript
		return `\u2028`
	case r == '\u2029':
		return `\u2029`
	}
	return ""
}
