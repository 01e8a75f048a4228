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

// resolved is a value without its pointers, Valuers and MarshalJSON methods. The
// zero value is absent.
type resolved struct {
	Simple
	members reflect.Value // of a List or an Object
}

func simple(kind Kind, text string) resolved { return resolved{Simple: Simple{kind, text}} }

// resolve returns the rule that v breaks, or "".
func resolve(v any) (p resolved, rule string) {
	for range maxDepth {
		r := reflect.ValueOf(v)
		if !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil() {
			return simple(nilKind(v), ""), ""
		}
		switch t := v.(type) {
		case string:
			return simple(String, t), Text(t)
		case driver.Valuer:
			inner, err := t.Value()
			if err != nil { // its text may hold the value
				return p, "must have a Value method that does not fail"
			}
			if inner == nil {
				return p, ""
			}
			v = inner
			continue
		case json.Marshaler:
			return resolveMarshaler(t)
		}
		if r.Kind() != reflect.Pointer {
			return resolveKind(v, r)
		}
		v = r.Elem().Interface()
	}
	return p, tooDeep
}

var tooDeep = fmt.Sprintf("must be at most %d deep (does it contain itself?)", maxDepth)

// nilKind is for nil and nil pointers, whose methods would panic.
func nilKind(v any) Kind {
	if _, ok := v.(driver.Valuer); ok {
		return Absent
	}
	return Null
}

// resolveMarshaler is also for times, and for types that embed one.
func resolveMarshaler(m json.Marshaler) (resolved, string) {
	t, isTime := m.(interface {
		IsZero() bool
		UnixNano() int64
	})
	if isTime && t.IsZero() {
		return resolved{}, "must not be the zero time (leave it out, or pass nil)"
	}
	b, err := m.MarshalJSON()
	switch {
	case err == nil:
		return resolveJSON(b)
	case isTime:
		return resolved{}, "must be a time of the years 0 to 9999"
	}
	return resolved{}, "must have a MarshalJSON method that does not fail"
}

// resolveKind is for values that have no method for JSON.
func resolveKind(v any, r reflect.Value) (resolved, string) {
	switch t := v.(type) {
	case json.Number:
		return resolveNumber(string(t))
	case time.Duration, encoding.TextMarshaler:
		return resolved{}, unsupported(v)
	}
	switch kind := r.Kind(); {
	case kind == reflect.String:
		return simple(String, r.String()), Text(r.String())
	case kind == reflect.Bool:
		return simple(Boolean, strconv.FormatBool(r.Bool())), ""
	case r.CanInt():
		return resolveInteger(strconv.FormatInt(r.Int(), 10))
	case r.CanUint():
		return resolveInteger(strconv.FormatUint(r.Uint(), 10))
	case r.CanFloat():
		return resolveFloat(r)
	case kind == reflect.Map && r.Type().Key().Kind() == reflect.String:
		return resolveMembers(Object, r)
	case (kind == reflect.Slice || kind == reflect.Array) && r.Type().Elem().Kind() != reflect.Uint8:
		return resolveMembers(List, r)
	}
	return resolved{}, unsupported(v)
}

func resolveMembers(kind Kind, r reflect.Value) (resolved, string) {
	if r.Kind() != reflect.Array && r.IsNil() {
		return simple(Null, ""), ""
	}
	return resolved{Simple{Kind: kind}, r}, ""
}

var unsupportedKinds = map[reflect.Kind]string{
	reflect.Struct: "must not be a struct, got %.64s (pass a map[string]any, or the result of json.Marshal as a json.RawMessage)",
	reflect.Slice:  "must not be bytes, got %.64s (pass a string)",
	reflect.Array:  "must not be bytes, got %.64s (pass a string)",
	reflect.Map:    "must be a map with string keys, got %.64s",
}

// unsupported returns the rule for a type that is never accepted.
func unsupported(v any) string {
	switch v.(type) {
	case time.Duration:
		return "must not be a time.Duration (pass its Seconds, or the text of its String method)"
	case encoding.TextMarshaler:
		return "must not be encoded by a MarshalText method (pass the text itself)"
	}
	t := reflect.TypeOf(v)
	return fmt.Sprintf(cmp.Or(unsupportedKinds[t.Kind()], "must be a string, boolean, number, time, map or slice, got %.64s"), t)
}
