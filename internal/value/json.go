package value

import (
	"bytes"
	"encoding/json"
	"regexp"
	"unicode/utf8"
)

const notUTF8 = "must be valid UTF-8 (convert it, or replace the rest with strings.ToValidUTF8)"

// resolveJSON decodes the JSON that a caller's code wrote.
func resolveJSON(b []byte) (Resolved, string) {
	switch {
	case !utf8.Valid(b):
		return Resolved{}, notUTF8
	case !json.Valid(b):
		return Resolved{}, "must be one JSON value"
	case hasLoneSurrogate(b):
		return Resolved{}, `must not have half of a surrogate pair, such as \ud83d`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	_ = d.Decode(&v) // it is valid
	return resolve(v)
}

// completeEscape is every escape of a JSON string but half of a surrogate pair.
var completeEscape = regexp.MustCompile(`\\([^u]|u[^dD]|u[dD][0-7]|u[dD][89abAB]..\\u[dD][c-fC-F])`)

// hasLoneSurrogate looks for an escape of half a UTF-16 surrogate pair in valid
// JSON. encoding/json would replace it.
func hasLoneSurrogate(b []byte) bool {
	return bytes.Contains(b, []byte(`\u`)) && bytes.Contains(completeEscape.ReplaceAll(b, nil), []byte(`\`))
}
