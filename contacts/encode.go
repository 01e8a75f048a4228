package contacts

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// appendJSON appends the JSON of an input, or returns a *FieldError relative to
// it. By hand, since with encoding/json, which takes most of its time for the
// optional fields, a Sync takes twice as long.
func (in *Fields) appendJSON(b []byte) ([]byte, *FieldError) {
	o := object{b: append(b, '{')}
	for _, f := range [...]struct {
		name, field string
		value       Optional[string]
	}{
		{"external_id", "ExternalID", in.ExternalID}, {"name", "Name", in.Name}, {"email", "Email", in.Email}, {"phonenumber", "PhoneNumber", in.PhoneNumber},
	} {
		if o.field(f.name, f.value.state) {
			o.text(f.field, f.value.value)
		}
	}
	if o.field("stripe_accounts", in.StripeAccounts.state) {
		o.accounts(in.StripeAccounts.value)
	}
	if o.field("custom_attributes", in.CustomAttributes.state) {
		o.values("CustomAttributes", in.CustomAttributes.value)
	}
	return append(o.b, '}'), o.err
}

// object is JSON that is being written, and the first error of that.
type object struct {
	b   []byte
	err *FieldError
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
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
}

func (o *object) text(field, s string) {
	b, err := value.AppendText(append(o.b, '"'), s)
	o.b = append(b, '"')
	o.fail(field, err)
}

func (o *object) accounts(accounts []StripeAccount) {
	o.b = append(o.b, '[')
	for i, a := range accounts {
		o.comma()
		o.b = append(o.b, '{')
		account := fmt.Sprintf("StripeAccounts[%d].", i)
		o.field("label", set)
		o.text(account+"Label", a.Label)
		o.field("stripe_id", set)
		o.text(account+"StripeID", a.StripeID)
		if a.StripeEmail != "" {
			o.field("stripe_email", set)
			o.text(account+"StripeEmail", a.StripeEmail)
		}
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ']')
}

// values writes attributes in the order of their names.
func (o *object) values(field string, values Values) {
	type named struct {
		name  string
		value any
	}
	sorted := make([]named, 0, 16)
	for name, v := range values {
		sorted = append(sorted, named{name, v})
	}
	slices.SortFunc(sorted, func(a, b named) int { return strings.Compare(a.name, b.name) })
	o.b = append(o.b, '{')
	for _, v := range sorted {
		before := len(o.b)
		o.comma()
		b, err := value.AppendText(append(o.b, '"'), v.name)
		o.b = append(b, `":`...)
		isAbsent := false
		if err == nil {
			isAbsent, err = o.value(v.value)
		}
		if err != nil {
			o.fail(field+value.Path(v.name), err)
		}
		if isAbsent {
			o.b = o.b[:before]
		}
	}
	o.b = append(o.b, '}')
}

// read is an attribute's value that the service sent. It is sent back as it came,
// even if this package would not take it from its caller.
type read struct{ value any }

// value writes a value. The kinds that most are of need no reflection.
func (o *object) value(v any) (isAbsent bool, err error) {
	switch v := v.(type) {
	case nil:
		o.b = append(o.b, "null"...)
		return false, nil
	case string:
		o.b, err = value.AppendText(append(o.b, '"'), v)
		o.b = append(o.b, '"')
		return false, err
	case bool:
		o.b = strconv.AppendBool(o.b, v)
		return false, nil
	case int:
		if -1<<53 < v && v < 1<<53 {
			o.b = strconv.AppendInt(o.b, int64(v), 10)
			return false, nil
		}
	case read:
		b, err := json.Marshal(v.value)
		o.b = append(o.b, b...)
		return false, err
	}
	simple, err := value.Of(v)
	switch {
	case err != nil:
		return false, err
	case simple.Kind == value.String:
		return o.value(simple.Text)
	case simple.Kind == value.Boolean, simple.Kind == value.Number:
		o.b = append(o.b, simple.Text...)
		return false, nil
	}
	o.b, err = value.Append(o.b, v, maxValuesBytes)
	return simple.Kind == value.Absent, err
}

// fail keeps the first error, as that of a field.
func (o *object) fail(field string, err error) {
	if err == nil || o.err != nil {
		return
	}
	o.err = &FieldError{field, err.Error()}
	if e, ok := errors.AsType[*value.Error](err); ok {
		o.err = &FieldError{field + e.Path, e.Rule}
	}
}
