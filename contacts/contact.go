package contacts

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// Contact is a customer in the service. Fields that a response does not have, or has
// as null, are zero.
//
// Source: Bookbag, API v1, "Contacts".
type Contact struct {
	ID               string          `json:"id"` // assigned by the service: "contact_1"
	ExternalID       string          `json:"external_id"`
	Name             string          `json:"name"`
	Email            string          `json:"email"`
	PhoneNumber      string          `json:"phonenumber"`
	StripeAccounts   []StripeAccount `json:"stripe_accounts"`
	CustomAttributes Values          `json:"custom_attributes"`
	CreatedAt        Time            `json:"created_at"`
	UpdatedAt        Time            `json:"updated_at"`

	ResponseInfo `json:"-"` // of a response with one contact
}

// StripeAccount is an account of a customer at Stripe.
//
// Source: Chatbase, "Contacts". Bookbag does not document the fields.
type StripeAccount struct {
	Label       string `json:"label"`
	StripeID    string `json:"stripe_id"`
	StripeEmail string `json:"stripe_email,omitempty"`
}

// Values are the values of custom attributes, by name. A value that was read is nil,
// a string, a bool or a [json.Number], which keeps all digits.
//
// A value to write must be one that a JavaScript program reads back unchanged: nil,
// which clears the attribute, a string of valid UTF-8 without NUL, a boolean, an
// integer up to 2^53-1 in magnitude, a finite number, a time other than the zero time
// (sent as RFC 3339), or a pointer to one of these. Maps and slices of these are sent
// too, but no documented type of attributes accepts them. A driver.Valuer, such as
// sql.NullString, counts as its value. If that is NULL, the attribute is absent. Any
// other value, such as a []byte, is a *[FieldError] that says what to pass instead.
type Values map[string]any

// maxValuesBytes is the maximum length of the custom attributes of a contact that is
// read. Decoding them takes several times as much memory.
const maxValuesBytes = 1 << 20

// UnmarshalJSON decodes an object. Any other value leaves v nil. More than 1 MB is
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

// Time is a time that the service sends in Unix seconds. The zero Time is
// null, or for a value that is not a number.
type Time struct{ time.Time }

// UnmarshalJSON decodes a number, or a string that contains one.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = bookbag.ParseSeconds(b)
	return nil
}

// MarshalJSON returns Unix seconds, or null for the zero Time.
func (t Time) MarshalJSON() ([]byte, error) { return bookbag.FormatSeconds(t.Time), nil }

// Get returns the contact with an external id.
//
// An invalid id is a *[FieldError]. Every other error is an *[Error]: [ErrNotFound]
// if there is no such contact or no such agent, [ErrUnexpectedResponse] if the
// response is about another contact.
//
// Source: Bookbag, API v1, "Contacts". It is not documented whether the contact is
// the response itself or its data, so both are accepted.
func (c *Client) Get(ctx context.Context, externalID string) (*Contact, error) {
	if err := checkExternalID(externalID); err != nil {
		return nil, err
	}
	return c.contact(ctx, get(contactPath, externalID), func(contact *Contact) bool {
		return contact.isOf(externalID)
	})
}

// contact makes a call whose response is a contact that isGood accepts.
func (c *Client) contact(ctx context.Context, call bookbag.Call, isGood func(*Contact) bool) (*Contact, error) {
	var contact Contact
	info, err := c.do(ctx, call, func(body []byte) error { return contact.read(body, isGood) })
	if err != nil {
		return nil, err
	}
	contact.ResponseInfo = info
	return &contact, nil
}

// read decodes a response that is a contact.
func (c *Contact) read(body []byte, isGood func(*Contact) bool) error {
	err := bookbag.Record(body, "external_id", c)
	if err == nil && !isGood(c) {
		err = bookbag.ErrFormat
	}
	return err
}

// isOf reports whether the contact has an external id. Whether the service keeps the
// case of ids is not documented.
func (c *Contact) isOf(externalID string) bool { return foldID(c.ExternalID) == foldID(externalID) }

// Update changes the fields of a contact that are set in the input, and clears those
// that are null. Other fields keep their values. It replaces custom attributes and
// Stripe accounts as a whole: an update with one attribute removes all others.
// [Client.MergeAttributes] keeps them.
//
// If the response is lost, the call is retried, because a second update changes
// nothing. An update that changes the external id is not retried, because a second
// one would not find the contact.
//
// An invalid id or field, or an empty input, is a *[FieldError]. Every other error is
// an *[Error]: [ErrNotFound], or [ErrConflict] if another contact has the new
// external id or e-mail address.
//
// Source: Bookbag, API v1, "Contacts". The response is decoded as in [Client.Get].
func (c *Client) Update(ctx context.Context, externalID string, in Fields) (*Contact, error) {
	if err := checkExternalID(externalID); err != nil {
		return nil, err
	}
	if reflect.ValueOf(in).IsZero() {
		return nil, &FieldError{"input", "must set at least one field"}
	}
	body, err := c.encode("input", &in)
	if err != nil {
		return nil, err
	}
	newID, renames := in.ExternalID.Get()
	return c.patch(ctx, externalID, body, !renames || newID == externalID)
}

func (c *Client) patch(ctx context.Context, externalID string, body []byte, repeatable bool) (*Contact, error) {
	call := bookbag.Call{Operation: "PATCH " + contactPath, IDs: []string{externalID}, Body: body, Repeatable: repeatable}
	return c.contact(ctx, call, func(*Contact) bool { return true })
}

// MergeAttributes sets the attributes in values, removes those whose value is nil,
// and keeps all others. A driver.Valuer that is NULL, such as a sql.NullString, keeps
// the attribute.
//
// The service has no call for this, so MergeAttributes reads the contact and sends
// all attributes back. A change that another writer makes in between is lost without
// an error: write the attributes of a contact in one place only. If the contact has a
// value of an archived attribute, the service may reject the update with an Issue
// that names the attribute. Remove the value with nil.
//
// An invalid id or value is a *[FieldError]. Every other error is an *[Error], such
// as [ErrNotFound]. If the response does not have the attributes as an object, the
// error is [ErrUnexpectedResponse], and nothing is changed.
func (c *Client) MergeAttributes(ctx context.Context, externalID string, values Values) (*Contact, error) {
	if len(values) == 0 {
		return nil, &FieldError{"values", "must not be empty"}
	}
	var changes object
	if changes.values("values", values); changes.err != nil {
		return nil, changes.err
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
	merged := map[string]json.RawMessage{}
	for name, v := range contact.CustomAttributes {
		merged[name], _ = json.Marshal(v) // as it was sent, even if this package would reject it in an input
	}
	_ = json.Unmarshal(changes.b, &merged) // adds to the map
	maps.DeleteFunc(merged, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	body, _ := json.Marshal(map[string]any{"custom_attributes": merged})
	return c.patch(ctx, externalID, body, true)
}
