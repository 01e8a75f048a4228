package contactstest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Contact is a contact that a Fake holds, as in its responses.
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

// clone shares only texts and values, which are replaced and never changed.
func (c *Contact) clone() Contact {
	copied := *c
	copied.StripeAccounts = slices.Clone(c.StripeAccounts)
	copied.CustomAttributes = maps.Clone(c.CustomAttributes)
	return copied
}

// Attribute is a definition, as in the responses of a Fake.
type Attribute struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	Type        string `json:"type"` // text, number, boolean or date; empty in Options: text
	Description string `json:"description"`
	Archived    bool   `json:"archived"`
}

// store holds contacts and definitions in the order in which they were made.
type store struct {
	foldIDs       bool // external ids are in lower case
	rejectUnknown bool // values of attributes that are not defined

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

// find returns nil for an unknown external id.
func (s *store) find(externalID string) *Contact { return s.byID[s.fold(externalID)] }

// fold returns an external id as it is stored.
func (s *store) fold(externalID string) string {
	if s.foldIDs {
		return strings.ToLower(externalID)
	}
	return externalID
}

// findOrCreate generates an external id if it is empty.
func (s *store) findOrCreate(externalID string) *Contact {
	if externalID == "" {
		externalID = s.unusedID()
	}
	if c := s.find(externalID); c != nil {
		return c
	}
	externalID = s.fold(externalID)
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

// apply sets the fields, which check has accepted. Values of attributes that are
// not defined are dropped silently.
func (s *store) apply(c *Contact, f fields, replace bool) {
	if id := s.fold(f.text("external_id")); id != "" {
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
