package placeholders

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/exactjson"
)

// Values are what placeholders are replaced with, by their names. What a value
// becomes is the first of these that fits:
//
//   - nil, and a nil pointer, map or slice: null, in a JSON template where the
//     placeholder is a whole value. Elsewhere they are refused.
//   - A json.Number is a number, and refused if it is not one.
//   - An encoding.TextMarshaler (a time.Time is one, and becomes RFC 3339) is
//     the text that it makes, and a fmt.Stringer likewise.
//   - Strings are themselves; integers are in decimal; floats have the digits
//     that encoding/json gives them, and NaN and the infinities are refused;
//     booleans are true and false.
//   - Maps and slices are their encoding/json, where the placeholder is a whole
//     value of a JSON template. Elsewhere they are refused.
//
// Everything else is refused, such as structs and pointers. So is text that is
// not valid UTF-8. What panics in a method of a value is not caught.
type Values map[string]any

const (
	notUTF8 = "must be valid UTF-8"
	notNull = "must not be null: it has no form here"
	tooLong = "is too long" // becomes an error about the output
)

// text is what a value becomes where there are no types.
type text struct {
	string
	bare bool // JSON writes it without quotes
}

// textOf returns the text of a value, or the rule that it breaks.
func textOf(v any) (text, string) {
	switch v := v.(type) {
	case string:
		return text{v, false}, ""
	case json.Number:
		if !isNumber(string(v)) {
			return text{}, "must be a number"
		}
		return text{string(v), true}, ""
	case *json.Number: // which is a Stringer as well
		return textOf(*v)
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		if err != nil { // its text may hold the value
			return text{}, "must be a value whose MarshalText does not fail"
		}
		return text{string(b), false}, ""
	case fmt.Stringer:
		return text{v.String(), false}, ""
	}
	return textOfKind(reflect.ValueOf(v))
}

func textOfKind(v reflect.Value) (text, string) {
	switch v.Kind() {
	case reflect.String:
		return text{v.String(), false}, ""
	case reflect.Bool:
		return text{strconv.FormatBool(v.Bool()), true}, ""
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return text{strconv.FormatInt(v.Int(), 10), true}, ""
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return text{strconv.FormatUint(v.Uint(), 10), true}, ""
	case reflect.Float32, reflect.Float64:
		return textOfFloat(v.Float(), v.Type().Bits())
	case reflect.Map, reflect.Slice:
		return text{}, "must be a single value: an object or a list has no form here"
	}
	return text{}, "must be text, a number, a boolean or a time"
}

// textOfFloat writes exponents where JavaScript does, as encoding/json.
func textOfFloat(f float64, bits int) (text, string) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return text{}, "must be a finite number"
	}
	format, size := byte('f'), math.Abs(f)
	if size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	s := strconv.FormatFloat(f, format, -1, bits)
	return text{strings.Replace(s, "e-0", "e-", 1), true}, ""
}

// isNumber checks the grammar of RFC 8259, section 6.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "+-.0123456789eE") == "" && json.Valid([]byte(s))
}

// isNil is for pointers too whose methods would panic.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return r.IsNil()
	}
	return false
}

// appendAny appends a value of any type as its place wants it, or returns the
// rule that it breaks.
func (p place) appendAny(dst []byte, v any, limit int) ([]byte, string) {
	if _, ok := v.(string); !ok && isNil(v) {
		if p == jsonValue {
			return append(dst, "null"...), ""
		}
		return dst, notNull
	}
	if p == jsonValue && isObjectOrList(v) {
		b, err := exactjson.Marshal(v)
		if err != nil {
			return dst, err.Error() // one of two, without the value
		}
		if len(b) > limit-len(dst) {
			return dst, tooLong
		}
		return append(dst, b...), ""
	}
	t, rule := textOf(v)
	switch {
	case rule != "":
		return dst, rule
	case len(t.string) > limit-len(dst):
		return dst, tooLong
	case p != jsonValue:
		return p.appendText(dst, t.string)
	case t.bare:
		return append(dst, t.string...), ""
	}
	dst, rule = appendJSON(append(dst, '"'), t.string)
	return append(dst, '"'), rule
}

func isObjectOrList(v any) bool {
	switch v.(type) {
	case encoding.TextMarshaler, fmt.Stringer:
		return false
	}
	kind := reflect.TypeOf(v).Kind()
	return kind == reflect.Map || kind == reflect.Slice
}
