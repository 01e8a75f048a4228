package main

import (
	"fmt"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
)

// service is the contacts API that the run writes to.
type service struct {
	client *contacts.Client
	name   string
	close  func()
}

// connect returns the real service if there is a key, and otherwise a fake that enforces the
// limit of 100 calls in any 10 seconds.
func connect(cfg config) (service, error) {
	if cfg.apiKey == "" {
		return connectToFake()
	}
	client, err := contacts.New(cfg.apiKey, cfg.agent, nil)
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
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: server.URL})
	return service{client, "a fake of Bookbag", server.Close}, err
}
