package main

// What a shop adds to its own code, so that the bot knows its customers: the
// contact of each follows the row of the table, and goes with it.

import (
	"context"
	"errors"

	"github.com/chatident/chatident/contacts"
)

// contactBook brings contacts into step with customers, one at a time: were two
// changes of a customer on their way together, the older could arrive last. A
// shop with more traffic would keep them apart for each customer only.
type contactBook struct {
	client    *contacts.Client
	customers customers
	turn      chan struct{}
	schema    *contacts.Schema
}

func newContactBook(client *contacts.Client, customers customers) *contactBook {
	return &contactBook{client: client, customers: customers, turn: make(chan struct{}, 1)}
}

// follow makes the contact what the customer's row is now.
func (b *contactBook) follow(ctx context.Context, id string) error {
	return b.inTurn(ctx, func() error {
		c, err := b.customers.byID(ctx, id)
		if err != nil {
			return err
		}
		contact := contactOf(c)
		if err := b.check(ctx, contact); err != nil {
			return err
		}
		_, err = b.client.Upsert(ctx, []contacts.Fields{contact})
		return err
	})
}

// forget deletes the contact and then the account: an account that is there can
// ask again when the first of the two failed.
func (b *contactBook) forget(ctx context.Context, id string) error {
	return b.inTurn(ctx, func() error {
		if _, err := b.client.Delete(ctx, id); err != nil && !errors.Is(err, contacts.ErrNotFound) {
			return err
		}
		return b.customers.remove(ctx, id)
	})
}

func contactOf(c customer) contacts.Fields {
	email := contacts.Null[string]() // also one that is no longer confirmed
	if c.EmailConfirmed {
		email = contacts.Set(c.Email)
	}
	return contacts.Fields{
		ExternalID:       contacts.Set(c.ID), // the same as the userId of the chat
		Name:             contacts.Set(c.Name()),
		Email:            email,
		CustomAttributes: contacts.Set(contacts.Values{"plan": c.Plan, "member_since": c.MemberSince}),
	}
}

// check defines the attributes the first time: the service may drop the values
// of unknown ones without a word.
func (b *contactBook) check(ctx context.Context, contact contacts.Fields) error {
	if b.schema == nil {
		schema, err := b.client.EnsureAttributes(ctx, []contacts.Attribute{
			{Name: "plan", Label: "Plan"},
			{Name: "member_since", Label: "Member since", Type: contacts.TypeDate},
		})
		if err != nil {
			return err
		}
		b.schema = schema
	}
	return b.schema.Check(contact)
}

func (b *contactBook) inTurn(ctx context.Context, do func() error) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}
