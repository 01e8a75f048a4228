package main

// The identity of the signed-in customer for the vendors: a token for Megadesk and a user
// hash for Ainisa.

import (
	"context"
	"errors"
	"net/http"

	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
)

// megadeskEndpoint serves the token of the signed-in customer.
func megadeskEndpoint(secret string, actions *hmachash.Hasher, currentCustomer func(context.Context) (*customer, error)) (http.Handler, error) {
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
		return payloadOf(*c, actions)
	}
	return identity.Handler(minter, lookup, nil), nil
}

// payloadOf returns the content of the customer's token. It includes the credential with which
// Megadesk's actions call the shop, which neither the visitor nor the model can see.
func payloadOf(c customer, actions *hmachash.Hasher) (*identity.Payload, error) {
	token, err := actionToken(actions, c.ID)
	if err != nil {
		return nil, err
	}
	p := &identity.Payload{
		User: identity.UserDetail{
			ID:    c.ID,
			Name:  c.Name(),
			Plan:  c.Plan,
			Extra: map[string]any{"memberSince": c.MemberSince},
		},
		Integrations: identity.Integrations{
			StripeCustomerID: c.StripeCustomerID,
			Services:         map[string]map[string]any{"shop": {"token": token}},
		},
	}
	if c.EmailConfirmed { // an unconfirmed address may be somebody else's, and would open their tickets
		p.User.Email = c.Email
	}
	return p, nil
}

// ainisaUserOf returns the user for Ainisa. It is empty if c is nil.
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

// currentCustomer returns nil if the visitor is not signed in, or if the account no longer
// exists.
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
