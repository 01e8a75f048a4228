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
// absent. What a MarshalJSON method returns, and a json.RawMessage, is decoded
// and checked by the same rule.
package value

import (
	"bytes"
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// maxDepth bounds how deep maps and slices may be nested, and how many pointers
// and Valuers may be around one value. It also ends the walk of a cycle.
const maxDepth = 32

// Error says which part of a value breaks the rule. It holds no value.
type Error struct {
	Path string // of the part, such as ["address"][3]; empty for the value itself
	Rule string // "must be ... (what to do instead)"
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Rule
	}
	return e.Path + " " + e.Rule
}

// Kind is what a value becomes in JSON.
type Kind int

// Absent is the NULL of a driver.Valuer.
const (
	Absent Kind = iota
	Null
	Boolean
	Number
	String
	List
	Object
)

// Simple is the kind of a value and, unless it is Absent, Null, List or Object,
// its text: that of the string, or the JSON literal of the number or boolean.
type Simple struct {
	Kind Kind
	Text string
}

// Of returns the kind and text of v. The members of a map or slice are not
// checked. The error is an *[Error].
func Of(v any) (Simple, error) {
	if s, ok := v.(string); ok {
		if rule := Text(s); rule != "" {
			return Simple{}, &Error{Rule: rule}
		}
		return Simple{String, s}, nil
	}
	p, rule := resolve(v)
	if rule != "" {
		return Simple{}, &Error{Rule: rule}
	}
	if p.kind == Number && p.text == "" {
		return Simple{Number, string(p.appendNumber(nil))}, nil
	}
	return Simple{p.kind, p.text}, nil
}

// KindOf is [Of] for the kind alone, which takes no allocation for a number.
func KindOf(v any) (Kind, error) {
	p, rule := resolve(v)
	if rule != "" {
		return Absent, &Error{Rule: rule}
	}
	return p.kind, nil
}

// resolved is a value without its pointers, Valuers and MarshalJSON methods.
type resolved struct {
	kind    Kind
	text    string        // of a String, and the literal of a Boolean or json.Number
	integer int64         // of a Number without text, if bits is 0
	float   float64       // of a Number without text, if bits is 32 or 64
	bits    int           //
	members reflect.Value // of a List or an Object
}

// resolve returns the rule that v breaks, or "".
func resolve(v any) (p resolved, rule string) {
	for range maxDepth {
		r := reflect.ValueOf(v)
		if !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil() {
			return resolved{kind: nilKind(v)}, ""
		}
		switch t := v.(type) {
		case string:
			return resolved{kind: String, text: t}, Text(t)
		case time.Time:
			return resolveTime(t)
		case time.Duration:
			return resolved{}, "must not be a time.Duration (pass its Seconds, or the text of its String method)"
		case json.Number:
			return resolved{kind: Number, text: string(t)}, checkNumber(string(t))
		case json.RawMessage:
			return resolveJSON(t)
		case driver.Valuer:
			inner, err := t.Value()
			if err != nil { // its text may hold the value
				return resolved{}, "must have a Value method that does not fail"
			}
			if inner == nil {
				return resolved{kind: Absent}, ""
			}
			v = inner
			continue
		case json.Marshaler:
			if isZeroTime(v) {
				return resolved{}, zeroTime
			}
			b, err := t.MarshalJSON()
			if err != nil {
				return resolved{}, "must have a MarshalJSON method that does not fail"
			}
			return resolveJSON(b)
		}
		if r.Kind() == reflect.Pointer {
			v = r.Elem().Interface()
			continue
		}
		return resolveKind(v, r)
	}
	return resolved{}, tooDeep
}

var tooDeep = fmt.Sprintf("must be at most %d deep (does it contain itself?)", maxDepth)

// nilKind is for nil and nil pointers, whose methods would panic.
func nilKind(v any) Kind {
	if _, ok := v.(driver.Valuer); ok {
		return Absent
	}
	return Null
}

func resolveKind(v any, r reflect.Value) (resolved, string) {
	if _, ok := v.(encoding.TextMarshaler); ok {
		return resolved{}, "must not be encoded by a MarshalText method (pass the text itself)"
	}
	switch r.Kind() {
	case reflect.String:
		return resolved{kind: String, text: r.String()}, Text(r.String())
	case reflect.Bool:
		if r.Bool() {
			return resolved{kind: Boolean, text: "true"}, ""
		}
		return resolved{kind: Boolean, text: "false"}, ""
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return resolved{kind: Number, integer: r.Int()}, checkInteger(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n := int64(min(r.Uint(), maxInteger+1))
		return resolved{kind: Number, integer: n}, checkInteger(n)
	case reflect.Float32, reflect.Float64:
		return resolved{kind: Number, float: r.Float(), bits: r.Type().Bits()}, checkFloat(r.Float())
	case reflect.Map:
		return resolveMap(r)
	case reflect.Slice, reflect.Array:
		return resolveSlice(r)
	}
	if r.Kind() == reflect.Struct {
		return resolved{}, fmt.Sprintf("must not be a struct, got %.64s (pass a map[string]any, or the result of json.Marshal as a json.RawMessage)", r.Type())
	}
	return resolved{}, fmt.Sprintf("must be a string, boolean, number, time, map or slice, got %.64s", r.Type())
}

func resolveMap(r reflect.Value) (resolved, string) {
	switch {
	case r.Type().Key().Kind() != reflect.String:
		return resolved{}, fmt.Sprintf("must be a map with string keys, got %.64s", r.Type())
	case r.IsNil():
		return resolved{kind: Null}, ""
	}
	return resolved{kind: Object, members: r}, ""
}

func resolveSlice(r reflect.Value) (resolved, string) {
	switch {
	case r.Type().Elem().Kind() == reflect.Uint8:
		return resolved{}, fmt.Sprintf("must not be bytes, got %.64s (pass a string)", r.Type())
	case r.Kind() == reflect.Slice && r.IsNil():
		return resolved{kind: Null}, ""
	}
	return resolved{kind: List, members: r}, ""
}

const zeroTime = "must not be the zero time (leave it out, or pass nil)"

func resolveTime(t time.Time) (resolved, string) {
	if t.IsZero() {
		return resolved{}, zeroTime
	}
	b, err := t.MarshalText() // RFC 3339
	if err != nil {
		return resolved{}, "must be a time of the years 0 to 9999"
	}
	return resolved{kind: String, text: string(b)}, ""
}

// isZeroTime reports whether v embeds a zero time.Time, whose MarshalJSON method
// is then that of v.
func isZeroTime(v any) bool {
	t, ok := v.(interface {
		IsZero() bool
		UnixNano() int64
	})
	return ok && t.IsZero()
}

// resolveJSON decodes JSON that a caller's code wrote.
func resolveJSON(b []byte) (resolved, string) {
	if b == nil {
		return resolved{kind: Null}, ""
	}
	if rule := checkJSON(b); rule != "" {
		return resolved{}, rule
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return resolved{}, notJSON
	}
	return resolve(v)
}
