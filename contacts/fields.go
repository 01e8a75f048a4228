package contacts

import (
	"cmp"
	"maps"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/field"
)

// Fields are the fields of a contact to write. Each one is absent, null or a value:
//
//	contacts.Fields{
//		ExternalID:       contacts.Set("user_8821"),
//		Email:            contacts.Null[string](),
//		CustomAttributes: contacts.Set(contacts.Values{"plan": "pro"}),
//	}
//
// Source: Bookbag, API v1, "Contacts".
type Fields struct {
	// ExternalID is your id of the customer, and the key of an upsert: any UTF-8
	// text, such as "user_8821", "ada@example.com" or "shop/17". Text that a server
	// may interpret as another path is rejected: "", "..", "a/..;/b", "%2e". Use the
	// UserID of the customer's chats, so that the service connects the contact with
	// its conversations.
	ExternalID Optional[string] `json:"external_id,omitzero"`

	Name        Optional[string] `json:"name,omitzero"`
	Email       Optional[string] `json:"email,omitzero"`
	PhoneNumber Optional[string] `json:"phonenumber,omitzero"`

	// StripeAccounts replace all accounts of the contact.
	StripeAccounts Optional[[]StripeAccount] `json:"stripe_accounts,omitzero"`

	// CustomAttributes replace all attributes of the contact in an update.
	// [Client.MergeAttributes] does not replace them. Whether an upsert replaces or
	// merges them is not documented: send all of them. Define them first, because the
	// service may drop undefined ones. [Schema.Check] finds those.
	CustomAttributes Optional[Values] `json:"custom_attributes,omitzero"`
}

// encode checks an input and returns its JSON. A *FieldError begins with the name of
// the argument.
func (c *Client) encode(name string, in *Fields) ([]byte, error) {
	if c.service() == nil {
		return nil, fail(bookbag.ErrNoClient)
	}
	if err := c.check(name, in); err != nil {
		return nil, err
	}
	b, err := in.appendJSON(make([]byte, 0, 256))
	if err != nil {
		return nil, &FieldError{name + "." + err.Field, err.Rule}
	}
	return b, nil
}

func (c *Client) check(name string, in *Fields) error {
	const nilRule = "must not be nil (pass an empty, non-nil value for none, or Null to clear the field)"
	if in.ExternalID.IsNull() {
		return &FieldError{name + ".ExternalID", "must not be null"}
	}
	if id, ok := in.ExternalID.Get(); ok {
		broken := cmp.Or(brokenByExternalID(id), field.ID(id))
		if broken == "" && c.requireUserIDs {
			broken = bookbag.UserID(id)
		}
		if broken != "" {
			return &FieldError{name + ".ExternalID", broken}
		}
	}
	if accounts, ok := in.StripeAccounts.Get(); ok && accounts == nil {
		return &FieldError{name + ".StripeAccounts", nilRule}
	}
	if values, ok := in.CustomAttributes.Get(); ok && values == nil {
		return &FieldError{name + ".CustomAttributes", nilRule}
	}
	return nil
}

// withoutEmpty omits the fields and attributes that are "", or sets them to null.
func (in Fields) withoutEmpty(clears bool) Fields {
	empty := absent
	if clears {
		empty = null
	}
	for _, field := range []*Optional[string]{&in.Name, &in.Email, &in.PhoneNumber} {
		if *field == Set("") {
			field.state = empty
		}
	}
	var kept Values // a copy: the caller's must not change
	for name, value := range in.CustomAttributes.value {
		if value != "" {
			continue
		}
		if kept == nil {
			kept = maps.Clone(in.CustomAttributes.value)
		}
		if kept[name] = nil; !clears {
			delete(kept, name)
		}
	}
	switch {
	case kept == nil:
	case len(kept) == 0: // an empty object might remove all attributes
		in.CustomAttributes = Optional[Values]{}
	default:
		in.CustomAttributes.value = kept
	}
	return in
}
