package contacts

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/exactjson"
)

// appendJSON appends what exactjson.Marshal gives of an input, or returns one of
// its errors, or errEmptyNumber. By hand, since with encoding/json, which takes
// most of its time for the optional fields, a Sync takes twice as long.
func (in *Input) appendJSON(b []byte) ([]byte, error) {
	o := object{b: append(b, '{')}
	for _, f := range [...]struct {
		name  string
		value *Optional[string]
	}{
		{"external_id", &in.ExternalID}, {"name", &in.Name}, {"email", &in.Email}, {"phonenumber", &in.PhoneNumber},
	} {
		if o.field(f.name, f.value.state) {
			o.text(f.value.value)
		}
	}
	if o.field("stripe_accounts", in.StripeAccounts.state) {
		o.any(in.StripeAccounts.value)
	}
	if o.field("custom_attributes", in.CustomAttributes.state) {
		o.values(in.CustomAttributes.value)
	}
	return append(o.b, '}'), o.err
}

var errEmptyNumber = errors.New("must be a number, is an empty json.Number")

// object is JSON that is being written, and the first error of that.
type object struct {
	b   []byte
	err error
}

// field begins a field that is not absent, and reports whether a value is to
// follow. The name needs no escapes.
func (o *object) field(name string, state optionalState) bool {
	if state == absent {
		return false
	}
	o.comma()
	o.b = append(append(append(o.b, '"'), name...), `":`...)
	if state == null {
		o.b = append(o.b, "null"...)
	}
	return state == set
}

func (o *object) comma() {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
}

func (o *object) name(name string) {
	o.comma()
	o.text(name)
	o.b = append(o.b, ':')
}

func (o *object) text(s string) {
	b, err := exactjson.AppendText(append(o.b, '"'), s)
	o.b = append(b, '"')
	o.fail(err)
}

// values writes them in the order of their names, as encoding/json does.
func (o *object) values(values Values) {
	if values == nil {
		o.b = append(o.b, "null"...)
		return
	}
	type named struct {
		name  string
		value any
	}
	sorted := make([]named, 0, 16)
	for name, value := range values {
		sorted = append(sorted, named{name, value})
	}
	slices.SortFunc(sorted, func(a, b named) int { return strings.Compare(a.name, b.name) })
	o.b = append(o.b, '{')
	for _, v := range sorted {
		o.name(v.name)
		o.value(v.value)
	}
	o.b = append(o.b, '}')
}

func (o *object) value(v any) {
	switch v := v.(type) {
	case nil:
		o.b = append(o.b, "null"...)
	case string:
		o.text(v)
	case bool:
		o.b = strconv.AppendBool(o.b, v)
	case int:
		o.b = strconv.AppendInt(o.b, int64(v), 10)
	case int64:
		o.b = strconv.AppendInt(o.b, v, 10)
	case json.Number:
		if v == "" { // encoding/json would make it 0
			o.fail(errEmptyNumber)
		}
		o.any(v)
	default:
		o.any(v)
	}
}

func (o *object) any(v any) {
	b, err := exactjson.Marshal(v)
	o.b = append(o.b, b...)
	o.fail(err)
}

func (o *object) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}
