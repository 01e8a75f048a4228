package contacts

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/value"
)

// Contact is a customer as the service knows them. What a response does not
// have, or has as null, is zero.
//
// Source: Bookbag, API v1, "Contacts".
type Contact struct {
	ID               string          `json:"id"` // of the service: "contact_1"
	ExternalID       string          `json:"external_id"`
	Name             string          `json:"name"`
	Email            string          `json:"email"`
	PhoneNumber      string          `json:"phonenumber"`
	StripeAccounts   []StripeAccount `json:"stripe_accounts"`
	CustomAttributes Values          `json:"custom_attributes"`
	CreatedAt        Time            `json:"created_at"`
	UpdatedAt        Time            `json:"updated_at"`

	ResponseInfo `json:"-"` // of a response about one contact
}

// StripeAccount is an account of a customer at Stripe.
//
// Source: Chatbase, "Contacts"; Bookbag itself does not document the fields.
type StripeAccount struct {
	Label       string `json:"label"`
	StripeID    string `json:"stripe_id"`
	StripeEmail string `json:"stripe_email,omitempty"`
}

// Values are those of custom attributes, by name. A value that was read is nil,
// a string, a bool or a [json.Number], which keeps all digits.
//
// A value to be written is what a JavaScript program reads back unchanged: nil, a
// string of valid UTF-8 without NUL, a boolean, an integer of at most 2^53-1 in
// size, a finite number, a time other than the zero time (sent as RFC 3339), or a
// pointer to one of these. A driver.Valuer, such as sql.NullString, counts as the
// value that it has, and its NULL as absent. Any other value, such as a []byte, is
// a *[FieldError] that says what to pass instead.
type Values map[string]any

// maxValuesBytes is the length of the custom attributes of a contact that are
// read. To decode them takes several times as much memory.
const maxValuesBytes = 1 << 20

// UnmarshalJSON reads an object. Anything else means none. More than 1 MB is
// [ErrTooLong].
func (v *Values) UnmarshalJSON(b []byte) error {
	if len(b) > maxValuesBytes {
		return ErrTooLong
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var values map[string]any
	if d.Decode(&values) != nil {
		values = nil
	}
	*v = values
	return nil
}

// Time is a time that the service sends as Unix seconds. The zero Time is null,
// or anything that is not a number.
type Time struct{ time.Time }

// UnmarshalJSON takes a number, also one in a string.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = bookbag.ParseSeconds(b)
	return nil
}

// MarshalJSON returns Unix seconds, or null.
func (t Time) MarshalJSON() ([]byte, error) { return bookbag.FormatSeconds(t.Time), nil }

// Get returns the contact of an external id. A bad one is a *[FieldError],
// everything else that goes wrong an *[Error], of which [ErrNotFound] means that
// there is no such contact, or no such agent, and [ErrUnexpectedResponse] that the
// response is not about it.
//
// Source: Bookbag, API v1, "Contacts"; whether the record is in the response's
// data or is the response itself is not documented, and both are read.
func (c *Client) Get(ctx context.Context, externalID string) (*Contact, error) {
	if err := checkExternalID(externalID); err != nil {
		return nil, err
	}
	return c.contact(ctx, get(contactPath, externalID), func(contact *Contact) bool {
		return contact.isOf(externalID)
	})
}

// contact makes a call whose response is a contact for which isGood returns true.
func (c *Client) contact(ctx context.Context, call bookbag.Call, isGood func(*Contact) bool) (*Contact, error) {
	var contact Contact
	info, err := c.do(ctx, call, func(body []byte) error { return contact.read(body, isGood) })
	if err != nil {
		return nil, err
	}
	contact.ResponseInfo = info
	return &contact, nil
}

// read decodes the contact that is a response.
func (c *Contact) read(body []byte, isGood func(*Contact) bool) error {
	err := bookbag.Record(body, "external_id", c)
	if err == nil && !isGood(c) {
		err = bookbag.ErrFormat
	}
	return err
}

// isOf reports whether it is the contact of an external id. Whether the service keeps the case
// of an id is not documented.
func (c *Contact) isOf(externalID string) bool { return foldID(c.ExternalID) == foldID(externalID) }

// Update changes the fields of a contact that the input has, and clears those
// that are null. The others stay as they are, with one thing to mind: custom
// attributes and Stripe accounts are replaced whole. An update with one
// attribute drops all others; [Client.MergeAttributes] keeps them.
//
// It is repeated when it may have arrived, as that changes nothing, unless the
// input has another external id: a repetition would not find the contact.
//
// A bad id or field, and an input without any, is a *[FieldError], everything
// else that goes wrong an *[Error]: [ErrNotFound], or [ErrConflict] when another
// contact has the new external id or e-mail address.
//
// Source: Bookbag, API v1, "Contacts"; the response is read as by [Client.Get].
func (c *Client) Update(ctx context.Context, externalID string, in Fields) (*Contact, error) {
	if err := checkExternalID(externalID); err != nil {
		return nil, err
	}
	if in.isZero() {
		return nil, &FieldError{"input", "must have a field"}
	}
	body, err := c.encode("input", &in)
	if err != nil {
		return nil, err
	}
	newID, renames := in.ExternalID.Get()
	call := bookbag.Call{Operation: "PATCH " + contactPath, IDs: []string{externalID}, Body: body, Repeatable: !renames || newID == externalID}
	return c.contact(ctx, call, func(*Contact) bool { return true })
}

// MergeAttributes changes the attributes that values has, removes those that it
// has as nil, and keeps the others of the contact. The NULL of a driver.Valuer, such
// as sql.NullString, keeps the attribute.
//
// The service has no call for that, so it reads the contact and sends all of
// its attributes back. Whatever another writer changes between the two is lost,
// without an error: let one place of your program write the attributes of a
// contact. If the contact still has a value of an attribute that is archived by
// now, the service may reject the whole, with an Issue that names it: remove it
// then, as nil.
//
// A bad id or value is a *[FieldError], everything else that goes wrong an
// *[Error] ([ErrNotFound]). A response that does not have the attributes as an
// object, as documented, is [ErrUnexpectedResponse], and nothing is changed.
func (c *Client) MergeAttributes(ctx context.Context, externalID string, values Values) (*Contact, error) {
	if len(values) == 0 {
		return nil, &FieldError{"values", "must not be empty"}
	}
	var o object
	if o.values("values", values); o.err != nil { // found before anything is sent
		return nil, o.err
	}
	if err := checkExternalID(externalID); err != nil {
		return nil, err
	}
	contact, err := c.contact(ctx, get(contactPath, externalID), func(contact *Contact) bool {
		return contact.isOf(externalID) && contact.CustomAttributes != nil // else all would be lost
	})
	if err != nil {
		return nil, err
	}
	return c.Update(ctx, externalID, Fields{CustomAttributes: Set(contact.CustomAttributes.mergedWith(values))})
}

// mergedWith returns the attributes v that were read, with values instead of
// those that they have.
func (v Values) mergedWith(values Values) Values {
	merged := Values{}
	for name, have := range v {
		if have != nil {
			merged[name] = read{have}
		}
	}
	for name, want := range values {
		switch simple, _ := value.Of(want); simple.Kind { // values are checked already
		case value.Absent:
		case value.Null:
			delete(merged, name)
		default:
			merged[name] = want
		}
	}
	return merged
}
