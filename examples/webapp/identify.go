package main

// What a shop adds to its own code, so that its chat vendors know who is signed
// in: how a customer becomes a token and a user hash, and the two mounted.

import (
	"context"
	"errors"
	"net/http"

	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
)

// megadeskEndpoint serves the token of whoever is signed in.
func megadeskEndpoint(secret string, currentCustomer func(context.Context) (*customer, error)) (http.Handler, error) {
	key, err := identity.ParseKey(secret)
	if err != nil {
		return nil, err
	}
	minter, err := identity.NewMinter(key, nil)
	if err != nil {
		return nil, err
	}
	lookup := func(r *http.Request) (*identity.Payload, error) {
		c, err := currentCustomer(r.Context())
		if err != nil || c == nil {
			return nil, err
		}
		return payloadOf(*c), nil
	}
	return identity.Handler(minter, lookup, nil), nil
}

func payloadOf(c customer) *identity.Payload {
	p := &identity.Payload{
		User: identity.UserDetail{
			ID:    c.ID,
			Name:  c.Name(),
			Plan:  c.Plan,
			Extra: map[string]any{"memberSince": c.MemberSince},
		},
		Integrations: identity.Integrations{StripeCustomerID: c.StripeCustomerID},
	}
	if c.EmailConfirmed { // an address that anybody could have typed would open its owner's tickets
		p.User.Email = c.Email
	}
	return p
}

// ainisaUserOf gives Ainisa the customer. Nobody is an empty user.
func ainisaUserOf(c *customer) hmachash.AinisaUser {
	if c == nil {
		return hmachash.AinisaUser{}
	}
	u := hmachash.AinisaUser{ID: c.ID, FirstName: c.FirstName, LastName: c.LastName}
	if c.EmailConfirmed {
		u.Email = c.Email
	}
	return u
}

// currentCustomer returns nil when nobody is signed in, or when the account of
// the session is gone.
func (s *shop) currentCustomer(ctx context.Context) (*customer, error) {
	id := s.sessions.GetString(ctx, sessionCustomer)
	if id == "" {
		return nil, nil
	}
	c, err := s.customers.byID(ctx, id)
	switch {
	case errors.Is(err, errNoCustomer):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &c, nil
}
