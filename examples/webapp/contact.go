package main

// The contacts at Bookbag: each is created, updated and deleted with the customer's row.

import (
	"context"
	"errors"

	"github.com/chatident/chatident/contacts"
)

// contactSync updates contacts from customers, one at a time: of two concurrent updates of a
// customer, the older could arrive last. A shop with more traffic would use one lock per
// customer.
type contactSync struct {
	client    *contacts.Client
	customers customers
	lock      chan struct{} // a mutex that a context can interrupt
	schema    *contacts.Schema
}

func newContactSync(client *contacts.Client, customers customers) *contactSync {
	return &contactSync{client: client, customers: customers, lock: make(chan struct{}, 1)}
}

// upsert writes the customer's current row to the contact.
func (s *contactSync) upsert(ctx context.Context, id string) error {
	return s.locked(ctx, func() error {
		c, err := s.customers.byID(ctx, id)
		if err != nil {
			return err
		}
		contact := contactOf(c)
		if err := s.check(ctx, contact); err != nil {
			return err
		}
		_, err = s.client.Upsert(ctx, []contacts.Fields{contact})
		return err
	})
}

// delete deletes the contact and then the account. If deleting the contact fails, the account
// remains, and its customer can try again.
func (s *contactSync) delete(ctx context.Context, id string) error {
	return s.locked(ctx, func() error {
		if _, err := s.client.Delete(ctx, id); err != nil && !errors.Is(err, contacts.ErrNotFound) {
			return err
		}
		return s.customers.remove(ctx, id)
	})
}

func contactOf(c customer) contacts.Fields {
	email := contacts.Null[string]() // clears an address that is no longer confirmed
	if c.EmailConfirmed {
		email = contacts.Set(c.Email)
	}
	return contacts.Fields{
		ExternalID:       contacts.Set(c.ID), // equals the userId of the chat
		Name:             contacts.Set(c.Name()),
		Email:            email,
		CustomAttributes: contacts.Set(contacts.Values{"plan": c.Plan, "member_since": c.MemberSince}),
	}
}

// check defines the attributes before their first use: the service may silently drop values
// of unknown attributes.
func (s *contactSync) check(ctx context.Context, contact contacts.Fields) error {
	if s.schema == nil {
		schema, err := s.client.EnsureAttributes(ctx, []contacts.Attribute{
			{Name: "plan", Label: "Plan"},
			{Name: "member_since", Label: "Member since", Type: contacts.TypeDate},
		})
		if err != nil {
			return err
		}
		s.schema = schema
	}
	return s.schema.Check(contact)
}

func (s *contactSync) locked(ctx context.Context, do func() error) error {
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}
