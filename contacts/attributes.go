package contacts

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/value"
)

// Attribute is the definition of a custom attribute of contacts. Its name and
// type cannot be changed once it is there, and it cannot be deleted: archive it.
//
// Source: Bookbag, API v1, "Custom attributes".
type Attribute struct {
	// Name begins with a letter, and goes on with letters, digits, underscore
	// and hyphen.
	Name string `json:"name"`

	// Type is that of the values. Default: [TypeText].
	Type AttributeType `json:"type,omitempty"`

	Label       string `json:"label,omitempty"`
	Description string `json:"description,omitempty"`

	// Archived attributes take no values.
	Archived bool `json:"archived,omitempty"`
}

// AttributeType is the type of an attribute's values. The service may have
// others than this package names.
type AttributeType string

// Types of attributes.
const (
	TypeText    AttributeType = "text"
	TypeNumber  AttributeType = "number"
	TypeBoolean AttributeType = "boolean"
	TypeDate    AttributeType = "date" // in which form is not documented
)

// AttributeUpdate is what can be changed of a definition.
type AttributeUpdate struct {
	Label       Optional[string] `json:"label,omitzero"`
	Description Optional[string] `json:"description,omitzero"`
	Archived    Optional[bool]   `json:"archived,omitzero"`
}

func (a *Attribute) check(name string) error {
	if err := checkAttributeName(name+".Name", a.Name); err != nil {
		return err
	}
	switch a.Type {
	case "", TypeText, TypeNumber, TypeBoolean, TypeDate:
		return checkTexts(name, a.Label, a.Description)
	}
	return &FieldError{name + ".Type", "must be text, number, boolean or date"}
}

func checkTexts(name, label, description string) error {
	if rule := value.Text(label); rule != "" {
		return &FieldError{name + ".Label", rule}
	}
	if rule := value.Text(description); rule != "" {
		return &FieldError{name + ".Description", rule}
	}
	return nil
}

func checkAttributeName(field, name string) error {
	if !attributeName.MatchString(name) {
		return &FieldError{field, "must begin with a letter, and have only letters, digits, underscore and hyphen"}
	}
	return nil
}

var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*\z`)

// Attributes returns all definitions, the archived ones included. What goes
// wrong is an *[Error].
//
// Source: Bookbag, API v1, "Custom attributes"; whether the list is in the
// response's data or is the response itself is not documented, and both are read.
func (c *Client) Attributes(ctx context.Context) ([]Attribute, error) {
	var attributes []Attribute
	_, err := c.do(ctx, get(attributesPath), func(body []byte) (err error) {
		list := body
		if !bytes.HasPrefix(body, []byte("[")) {
			list = bookbag.Members(body)["data"]
		}
		attributes, err = bookbag.List[Attribute](list, bookbag.Unlimited)
		return err
	})
	if err != nil {
		return nil, err
	}
	return attributes, nil
}

// DefineAttribute makes a definition. It is not repeated when it may have
// arrived, as the repetition would find the name taken: for that, there is
// [Client.EnsureAttributes].
//
// A bad field is a *[FieldError], everything else that goes wrong an *[Error].
//
// Source: Bookbag, API v1, "Custom attributes"; the form of the response is not
// documented, so what it does not have is as in the argument.
func (c *Client) DefineAttribute(ctx context.Context, a Attribute) (Attribute, error) {
	if err := a.check("attribute"); err != nil {
		return Attribute{}, err
	}
	return c.writeAttribute(ctx, bookbag.Call{Operation: "POST " + attributesPath}, a, a)
}

// UpdateAttribute changes what the update has of a definition. Archived, the
// attribute keeps the values that there are and takes no others. It is repeated
// when it may have arrived, as that changes nothing.
//
// A bad name, and an update without any field, is a *[FieldError], everything
// else that goes wrong an *[Error] ([ErrNotFound]).
//
// Source: Bookbag, API v1, "Custom attributes"; that what is left out stays as
// it is, and the form of the response, are not documented.
func (c *Client) UpdateAttribute(ctx context.Context, name string, u AttributeUpdate) (Attribute, error) {
	if err := checkAttributeName("name", name); err != nil {
		return Attribute{}, err
	}
	if u == (AttributeUpdate{}) {
		return Attribute{}, &FieldError{"update", "must have a field"}
	}
	if err := checkTexts("update", u.Label.value, u.Description.value); err != nil {
		return Attribute{}, err
	}
	call := bookbag.Call{Operation: "PUT " + attributePath, IDs: []string{name}, Repeatable: true}
	return c.writeAttribute(ctx, call, u, Attribute{Name: name})
}

// writeAttribute returns what is known of the attribute, with what the response
// has of it.
func (c *Client) writeAttribute(ctx context.Context, call bookbag.Call, body any, known Attribute) (Attribute, error) {
	call.Body, _ = json.Marshal(body) // of strings and booleans, which are checked
	_, err := c.do(ctx, call, func(body []byte) error { return bookbag.Record(body, "name", &known) })
	if err != nil {
		return Attribute{}, err
	}
	return known, nil
}
