package contactstest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Contact is one that a Fake holds, as it shows it.
type Contact struct {
	ID               string                     `json:"id"`
	ExternalID       string                     `json:"external_id"`
	Name             *string                    `json:"name"`
	Email            *string                    `json:"email"`
	PhoneNumber      *string                    `json:"phonenumber"`
	StripeAccounts   []json.RawMessage          `json:"stripe_accounts"`
	CustomAttributes map[string]json.RawMessage `json:"custom_attributes"`
	CreatedAt        int64                      `json:"created_at"`
	UpdatedAt        int64                      `json:"updated_at"`
}

// clone shares nothing that changes: texts and values are replaced, not
// rewritten.
func (c *Contact) clone() Contact {
	copied := *c
	copied.StripeAccounts = slices.Clone(c.StripeAccounts)
	copied.CustomAttributes = maps.Clone(c.CustomAttributes)
	return copied
}

// Attribute is a definition, as a Fake shows it.
type Attribute struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	Type        string `json:"type"` // text, number, boolean or date; empty in Options: text
	Description string `json:"description"`
	Archived    bool   `json:"archived"`
}

// store holds contacts and definitions in the order in which they were made.
type store struct {
	contacts   []*Contact
	byID       map[string]*Contact // by external id
	attributes []Attribute
	created    int64
	generated  int64
}

func newStore(attributes []Attribute) store {
	s := store{byID: map[string]*Contact{}}
	for _, a := range attributes {
		if a.Type == "" {
			a.Type = "text"
		}
		s.attributes = append(s.attributes, a)
	}
	return s
}

// attribute returns nil for one that is not defined.
func (s *store) attribute(name string) *Attribute {
	i := slices.IndexFunc(s.attributes, func(a Attribute) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &s.attributes[i]
}

// obtain returns the contact of an external id, made if there is none. An empty
// id is generated.
func (s *store) obtain(externalID string) *Contact {
	if externalID == "" {
		externalID = s.unusedID()
	}
	if c := s.byID[externalID]; c != nil {
		return c
	}
	s.created++
	c := &Contact{
		ID:               "contact_" + strconv.FormatInt(s.created, 10),
		ExternalID:       externalID,
		StripeAccounts:   []json.RawMessage{},
		CustomAttributes: map[string]json.RawMessage{},
		CreatedAt:        time.Now().Unix(),
	}
	s.byID[externalID] = c
	s.contacts = append(s.contacts, c)
	return c
}

func (s *store) unusedID() string {
	for {
		s.generated++
		if id := "generated_" + strconv.FormatInt(s.generated, 10); s.byID[id] == nil {
			return id
		}
	}
}

func (s *store) remove(c *Contact) {
	delete(s.byID, c.ExternalID)
	s.contacts = slices.DeleteFunc(s.contacts, func(other *Contact) bool { return other == c })
}

// apply sets what the fields have, which were checked before. Attributes that
// are not defined are dropped without a word.
func (s *store) apply(c *Contact, f fields, replace bool) {
	if id := f.text("external_id"); id != "" {
		delete(s.byID, c.ExternalID)
		c.ExternalID = id
		s.byID[id] = c
	}
	into(f, "name", &c.Name)
	into(f, "email", &c.Email)
	into(f, "phonenumber", &c.PhoneNumber)
	if into(f, "stripe_accounts", &c.StripeAccounts) && c.StripeAccounts == nil {
		c.StripeAccounts = []json.RawMessage{}
	}
	var values map[string]json.RawMessage
	if into(f, "custom_attributes", &values) && (replace || values == nil) {
		c.CustomAttributes = map[string]json.RawMessage{}
	}
	for name, value := range values {
		switch {
		case s.attribute(name) == nil:
		case isNull(value):
			delete(c.CustomAttributes, name)
		default:
			c.CustomAttributes[name] = value
		}
	}
	c.UpdatedAt = time.Now().Unix()
}
