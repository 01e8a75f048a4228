// Package value decides which Go values the module puts into JSON: those that a
// JavaScript program reads back unchanged. Values are checked before they are
// encoded, so that nothing rests on how encoding/json writes what it cannot
// represent.
//
// Accepted are strings of valid UTF-8 without NUL, booleans, nil, integers of at
// most 2^53-1 in size, finite floats, times other than the zero time, and maps
// with string keys, slices and arrays of these, at most 32 deep, and pointers to
// these. A json.Number must keep its value as a float64. A driver.Valuer, such as
// sql.NullString, counts as what its Value method returns, and its NULL as
// absent. What a MarshalJSON method returns is decoded and checked by the same
// rule.
package value

import "strings"

// maxDepth bounds how deep maps and slices may be nested, and how many pointers
// and Valuers may be around one value. It also ends the walk of a cycle.
const maxDepth = 32

// Error says which part of a value breaks the rule. It holds no value.
type Error struct {
	Path string // of the part, such as ["address"][3]; empty for the value itself
	Rule string // "must be ... (what to do instead)"
}

func (e *Error) Error() string {
	return strings.TrimPrefix(e.Path+" "+e.Rule, " ")
}
