package main

import (
	"fmt"

	"golang.org/x/time/rate"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
)

// service is where the contacts are.
type service struct {
	client *contacts.Client
	name   string
	close  func()
}

// connect returns the real service where there is a key, else a fake, which
// enforces the limit of 100 calls in any 10 seconds.
func connect(cfg config) (service, error) {
	if cfg.apiKey == "" {
		return connectToFake()
	}
	client, err := contacts.New(cfg.apiKey, cfg.agent, &contacts.Options{Limiter: limiter()})
	if err != nil {
		return service{}, wrong("BOOKBAG_API_KEY: %w", err)
	}
	return service{client, fmt.Sprintf("agent %d of Bookbag", cfg.agent), func() {}}, nil
}

func connectToFake() (service, error) {
	fake, err := contactstest.New(&contactstest.Options{Window: true})
	if err != nil {
		return service{}, err
	}
	server := fake.Start()
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: server.URL, Limiter: limiter()})
	return service{client, "a fake of Bookbag", server.Close}, err
}

// limiter stays within that limit: 95 calls in any 10 seconds at most. If other
// programs use the same key, they need their part of it.
func limiter() *rate.Limiter { return rate.NewLimiter(9, 5) }
