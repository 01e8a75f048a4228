package contacts

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/value"
)

// Attribute is the definition of a custom attribute. The name and type of a defined
// attribute cannot be changed. It cannot be deleted, only archived.
//
// Source: Bookbag, API v1, "Custom attributes".
type Attribute struct {
	// Name starts with a letter, followed by letters, digits, underscores and
	// hyphens.
	Name string `json:"name"`

	// Type is the type of the values. Default: [TypeText].
	Type AttributeType `json:"type,omitempty"`

	Label       string `json:"label,omitempty"`
	Description string `json:"description,omitempty"`

	// Archived reports whether the attribute is archived. It accepts no new values
	// then.
	Archived bool `json:"archived,omitempty"`
}

// AttributeType is the type of an attribute's values. The service may have types that
// this package does not name.
type AttributeType string

// The types of attributes.
const (
	TypeText    AttributeType = "text"
	TypeNumber  AttributeType = "number"
	TypeBoolean AttributeType = "boolean"
	TypeDate    AttributeType = "date" // its format is not documented
)

// AttributeUpdate is a change of a definition. Fields that are not set keep their
// values.
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
	for _, f := range [][2]string{{"Label", label}, {"Description", description}} {
		if rule := value.Text(f[1]); rule != "" {
			return &FieldError{name + "." + f[0], rule}
		}
	}
	return nil
}

func checkAttributeName(field, name string) error {
	if !attributeName.MatchString(name) {
		return &FieldError{field, "must start with a letter and contain only letters, digits, underscores and hyphens"}
	}
	return nil
}

var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*\z`)

// Attributes returns all definitions, including archived ones. Its errors are of type
// *[Error].
//
// Source: Bookbag, API v1, "Custom attributes". It is not documented whether the list
// is the response itself or its data, so both are accepted.
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

// DefineAttribute creates a definition. If the response is lost, the call is not
// retried, because a second attempt would find the name taken: see
// [Client.EnsureAttributes].
//
// An invalid field is a *[FieldError]. Every other error is an *[Error].
//
// Source: Bookbag, API v1, "Custom attributes". The format of the response is not
// documented: fields that it does not have are those of the argument.
func (c *Client) DefineAttribute(ctx context.Context, a Attribute) (Attribute, error) {
	if err := a.check("attribute"); err != nil {
		return Attribute{}, err
	}
	return c.writeAttribute(ctx, bookbag.Call{Operation: "POST " + attributesPath}, a, a)
}

// UpdateAttribute changes the fields of a definition that are set in the update. A
// contact keeps its value of an attribute that is archived, but the attribute accepts
// no new ones. If the response is lost, the call is retried, because a second update
// changes nothing.
//
// An invalid name or an empty update is a *[FieldError]. Every other error is an
// *[Error], such as [ErrNotFound].
//
// Source: Bookbag, API v1, "Custom attributes". It is not documented that other
// fields keep their values, nor what the response contains.
func (c *Client) UpdateAttribute(ctx context.Context, name string, u AttributeUpdate) (Attribute, error) {
	if err := checkAttributeName("name", name); err != nil {
		return Attribute{}, err
	}
	if u == (AttributeUpdate{}) {
		return Attribute{}, &FieldError{"update", "must set at least one field"}
	}
	if err := checkTexts("update", u.Label.value, u.Description.value); err != nil {
		return Attribute{}, err
	}
	call := bookbag.Call{Operation: "PUT " + attributePath, IDs: []string{name}, Repeatable: true}
	return c.writeAttribute(ctx, call, u, Attribute{Name: name})
}

// writeAttribute returns the known fields of the attribute, updated from the
// response.
func (c *Client) writeAttribute(ctx context.Context, call bookbag.Call, body any, known Attribute) (Attribute, error) {
	call.Body, _ = json.Marshal(body) // of strings and booleans, which are checked
	_, err := c.do(ctx, call, func(body []byte) error { return bookbag.Record(body, "name", &known) })
	if err != nil {
		return Attribute{}, err
	}
	return known, nil
}
