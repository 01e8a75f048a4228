package value

import (
	"cmp"
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// Kind is what a value becomes in JSON.
type Kind int

// Absent is the NULL of a driver.Valuer, Invalid a value that breaks the rule.
const (
	Absent Kind = iota
	Null
	Boolean
	Number
	String
	List
	Object
	Invalid
)

// Resolved is a value without its pointers, Valuers and MarshalJSON methods. The zero
// value is absent.
type Resolved struct {
	Kind    Kind
	Text    string        // of a string, or the JSON literal of a number or boolean
	members reflect.Value // of a list or an object; they are not checked
}

// Of resolves v. The error is an *[Error], and the kind is then Invalid.
func Of(v any) (Resolved, error) {
	p, rule := resolve(v)
	if rule != "" {
		return Resolved{Kind: Invalid}, &Error{Rule: rule}
	}
	return p, nil
}

// resolve returns the rule that v breaks, or "".
func resolve(v any) (p Resolved, rule string) {
	for range maxDepth {
		r := reflect.ValueOf(v)
		isNil := !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil() // its methods would panic
		switch t := v.(type) {
		case string:
			return Resolved{Kind: String, Text: t}, Text(t)
		case driver.Valuer:
			if isNil {
				return p, ""
			}
			inner, err := t.Value()
			if err != nil { // its text may hold the value
				return p, "must have a Value method that does not fail"
			}
			if inner == nil {
				return p, ""
			}
			v = inner
			continue
		}
		if isNil {
			return Resolved{Kind: Null}, ""
		}
		if m, ok := v.(json.Marshaler); ok {
			return resolveMarshaler(m)
		}
		if r.Kind() != reflect.Pointer {
			return resolveKind(v, r)
		}
		v = r.Elem().Interface()
	}
	return p, tooDeep
}

var tooDeep = fmt.Sprintf("must be at most %d deep (does it contain itself?)", maxDepth)

// resolveMarshaler is also for times, and for types that embed one.
func resolveMarshaler(m json.Marshaler) (Resolved, string) {
	t, isTime := m.(interface {
		IsZero() bool
		UnixNano() int64
	})
	if isTime && t.IsZero() {
		return Resolved{}, "must not be the zero time (leave it out, or pass nil)"
	}
	b, err := m.MarshalJSON()
	switch {
	case err == nil:
		return resolveJSON(b)
	case isTime:
		return Resolved{}, "must be a time of the years 0 to 9999"
	}
	return Resolved{}, "must have a MarshalJSON method that does not fail"
}

// resolveKind is for values that have no method for JSON.
func resolveKind(v any, r reflect.Value) (Resolved, string) {
	switch t := v.(type) {
	case json.Number:
		return resolveNumber(string(t))
	case time.Duration:
		return Resolved{}, "must not be a time.Duration (pass its Seconds, or the text of its String method)"
	case encoding.TextMarshaler:
		return Resolved{}, "must not be encoded by a MarshalText method (pass the text itself)"
	}
	members := Resolved{members: r}
	switch kind := r.Kind(); {
	case kind == reflect.String:
		return Resolved{Kind: String, Text: r.String()}, Text(r.String())
	case kind == reflect.Bool:
		return Resolved{Kind: Boolean, Text: strconv.FormatBool(r.Bool())}, ""
	case r.CanInt():
		return resolveNumber(strconv.FormatInt(r.Int(), 10))
	case r.CanUint():
		return resolveNumber(strconv.FormatUint(r.Uint(), 10))
	case r.CanFloat():
		return resolveFloat(r)
	case kind == reflect.Map && r.Type().Key().Kind() == reflect.String:
		members.Kind = Object
	case (kind == reflect.Slice || kind == reflect.Array) && r.Type().Elem().Kind() != reflect.Uint8:
		members.Kind = List
	default:
		return Resolved{}, fmt.Sprintf(cmp.Or(unsupported[kind], "must be a string, boolean, number, time, map or slice, got %.64s"), r.Type())
	}
	if r.Kind() != reflect.Array && r.IsNil() {
		members.Kind = Null
	}
	return members, ""
}

// unsupported has the rules of the kinds of which some or all types are rejected.
var unsupported = map[reflect.Kind]string{
	reflect.Struct: "must not be a struct, got %.64s (pass a map[string]any, or the result of json.Marshal as a json.RawMessage)",
	reflect.Slice:  "must not be bytes, got %.64s (pass a string)",
	reflect.Array:  "must not be bytes, got %.64s (pass a string)",
	reflect.Map:    "must be a map with string keys, got %.64s",
}
