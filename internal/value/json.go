package value

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

const (
	notUTF8 = "must be valid UTF-8 (convert it, or replace the rest with strings.ToValidUTF8)"
	notJSON = "must be one JSON value"
)

// checkJSON returns the rule that JSON breaks whose strings would not be decoded
// to what they say, or "".
func checkJSON(b []byte) (rule string) {
	switch {
	case !utf8.Valid(b):
		return notUTF8
	case !json.Valid(b):
		return notJSON
	case hasLoneSurrogate(b):
		return `must not have half of a surrogate pair, such as \ud83d`
	}
	return ""
}

// hasLoneSurrogate looks for an escape of half a UTF-16 surrogate pair in valid
// JSON. encoding/json would replace it.
func hasLoneSurrogate(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		i++ // the escaped character, so that \\u is not taken for an escape
		switch first := escapedUnit(b[i-1:]); {
		case isHighSurrogate(first) && isLowSurrogate(escapedUnit(b[i+5:])):
			i += 10
		case isHighSurrogate(first), isLowSurrogate(first):
			return true
		}
	}
	return false
}

// escapedUnit returns the UTF-16 code unit of the escape \uXXXX at the start of b, 0 if there is
// none.
func escapedUnit(b []byte) uint64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return unit
}

func isHighSurrogate(unit uint64) bool { return 0xd800 <= unit && unit < 0xdc00 }
func isLowSurrogate(unit uint64) bool  { return 0xdc00 <= unit && unit < 0xe000 }
