package contacts

import (
	"slices"
	"strconv"

	"github.com/chatident/chatident/internal/exactjson"
)

// appendJSON appends what exactjson.Marshal gives of an input, or returns one of
// its errors. encoding/json takes five times as long, most of it for the fields that
// are optional, and a Sync has to do it for each row.
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

// object is JSON that is being written, and the first error of that.
type object struct {
	b   []byte
	err error
}

// field begins a field that is not absent, and reports whether a value is to
// follow.
func (o *object) field(name string, state optionalState) bool {
	if state == absent {
		return false
	}
	o.name(name)
	if state == null {
		o.b = append(o.b, "null"...)
	}
	return state == set
}

func (o *object) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
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
	o.b = append(o.b, '{')
	names := make([]string, 0, 16)
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o.name(name)
		o.value(values[name])
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
