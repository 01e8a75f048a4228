// Package textdelta decodes the most frequent event of a stream,
// {"type":"text-delta","text":"..."}, without encoding/json.
package textdelta

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Prefix and Suffix are what is before and after the text as a JSON string.
const (
	Prefix = `{"type":"text-delta","text":`
	Suffix = `}`
)

// Quoted returns the text of an event as a JSON string with its quotes, unchanged. It returns false
// if the event is not exactly a type and a text of valid UTF-8, in that order and without white
// space, or if the text begins or ends with half of a surrogate pair. Decode such an event.
func Quoted(event []byte) (text []byte, ok bool) {
	text, hasPrefix := bytes.CutPrefix(event, []byte(Prefix))
	text, hasSuffix := bytes.CutSuffix(text, []byte(Suffix))
	if !hasPrefix || !hasSuffix || len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' || !utf8.Valid(text) {
		return nil, false
	}
	if slices.ContainsFunc(text[1:len(text)-1], isSpecial) { // in few events
		_, half := CutHalf(text)
		if !json.Valid(text) || half != "" || beginsWithHalf(text) {
			return nil, false
		}
	}
	return text, true
}

// isSpecial reports whether a character in a JSON string may be invalid or begin an escape.
func isSpecial(c byte) bool { return c < ' ' || c == '"' || c == '\\' }

const halfLen = len(`\ud83d`)

// CutHalf removes the first half of a surrogate pair from the end of a JSON string, because the
// second half may be at the beginning of the next text. It returns the half as its escape, ""
// if there is none.
func CutHalf(quoted []byte) (whole []byte, half string) {
	at := len(quoted) - 1 - halfLen
	if at < 1 || !isHalf(quoted[at:], "89abAB") {
		return quoted, ""
	}
	before := bytes.TrimRight(quoted[:at], `\`)
	if (at-len(before))%2 == 1 { // the backslash is escaped itself
		return quoted, ""
	}
	return append(bytes.Clone(quoted[:at]), '"'), string(quoted[at : at+halfLen])
}

// beginsWithHalf reports whether a JSON string begins with the second half of a surrogate pair.
func beginsWithHalf(quoted []byte) bool {
	return len(quoted) >= 2+halfLen && isHalf(quoted[1:], "cdefCDEF")
}

func isHalf(escape []byte, third string) bool {
	return escape[0] == '\\' && escape[1] == 'u' && (escape[2] == 'd' || escape[2] == 'D') && strings.IndexByte(third, escape[3]) >= 0
}

// Text decodes a valid JSON string as encoding/json does. The result may be a part of quoted.
func Text(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is valid
	return []byte(s)
}
