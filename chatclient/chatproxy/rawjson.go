package chatproxy

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
)

// A body may be a megabyte of tiny values, which cost a hundred times as much once
// they are decoded. So a value is looked up in the text of the body, and only what is
// used is decoded. All functions here take valid JSON without white space at its edges.

// fields are members of a JSON object by name, as they were written.
type fields map[string]json.RawMessage

// pick returns the members of these names, none for a value that is no object. The last
// member of a name counts, as in encoding/json.
func pick(object json.RawMessage, names ...string) fields {
	f := fields{}
	for name, value := range members(object) {
		if slices.Contains(names, name) {
			f[name] = value
		}
	}
	return f
}

// text returns a string, "" where it is absent or null, and false for other values.
func (f fields) text(name string) (s string, ok bool) {
	raw, present := f[name]
	return s, !present || json.Unmarshal(raw, &s) == nil
}

// list returns the elements of an array, none for a value that is no array. It stops
// after limit elements and one more, by which the caller sees that there are too many.
func list(array json.RawMessage, limit int) (values []json.RawMessage) {
	if len(array) == 0 || array[0] != '[' {
		return nil
	}
	for value := range inner(array) {
		if values = append(values, value); len(values) > limit {
			break
		}
	}
	return values
}

// members returns an iterator over the names and values of an object.
func members(object json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		if len(object) == 0 || object[0] != '{' {
			return
		}
		var name json.RawMessage
		for value := range inner(object) {
			if name == nil {
				name = value
				continue
			}
			if !yield(unquote(name), value) {
				return
			}
			name = nil
		}
	}
}

// inner returns an iterator over the values within an array, or over the names and
// values of an object in turn.
func inner(outer json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		for rest := outer[1:]; ; {
			rest = bytes.TrimLeft(rest, " \t\r\n,:")
			if rest[0] == ']' || rest[0] == '}' {
				return
			}
			n := valueLen(rest)
			if !yield(rest[:n:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// valueLen returns the length of the value that b begins with.
func valueLen(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += stringLen(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // it closes what a number or a literal is in
				return i
			}
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(b)
}

// stringLen returns the length of the string that b begins with, with its quotes.
func stringLen(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func unquote(quoted json.RawMessage) (s string) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	_ = json.Unmarshal(quoted, &s) // a valid string: there is no error
	return s
}
