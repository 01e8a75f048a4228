package contacts

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chatident/chatident/internal/value"
)

// appendJSON appends the JSON of an input, or returns a *FieldError relative to it.
// It does not use encoding/json, which takes more than twice as long for the optional
// fields.
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

// object is a JSON object that is being written, and its first error.
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
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), `":`...)
	if state == null {
		o.b = append(o.b, "null"...)
	}
	return state == set
}

func (o *object) text(field, s string) {
	b, err := value.AppendText(append(o.b, '"'), s)
	o.b = append(b, '"')
	o.fail(field, err)
}

func (o *object) accounts(accounts []StripeAccount) {
	for i, a := range accounts {
		for _, f := range [][2]string{{"Label", a.Label}, {"StripeID", a.StripeID}, {"StripeEmail", a.StripeEmail}} {
			if rule := value.Text(f[1]); rule != "" {
				o.fail(fmt.Sprintf("StripeAccounts[%d].%s", i, f[0]), &value.Error{Rule: rule})
			}
		}
	}
	b, _ := json.Marshal(accounts) // of texts that are checked
	o.b = append(o.b, b...)
}

// maxAttributes is the maximum length of the JSON of attributes to write. Without it, a
// value that contains itself several times would fill the memory.
const maxAttributes = 16 << 20

func (o *object) values(field string, values Values) {
	b, err := value.Append(o.b, values, maxAttributes)
	o.b = b
	o.fail(field, err)
}

// fail stores an error as that of a field, unless there is one already.
func (o *object) fail(field string, err error) {
	if err == nil || o.err != nil {
		return
	}
	o.err = &FieldError{field, err.Error()}
	if e, ok := errors.AsType[*value.Error](err); ok {
		o.err = &FieldError{field + e.Path, e.Rule}
	}
}
