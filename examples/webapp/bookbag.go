package main

import (
	"fmt"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/contacts"
	"golang.org/x/time/rate"
)

// bookbag is the address of Bookbag and the shop's account there.
type bookbag struct {
	baseURL string // empty for the real one
	key     string
	agent   int64
}

// clients returns a client for the chat and one for contacts. They share a limiter for
// Bookbag's limit of 100 requests in any 10 seconds per API key: a burst of 5 and 9 requests
// per second are at most 95.
func (b bookbag) clients() (*chatclient.Client, *contacts.Client, error) {
	limiter := rate.NewLimiter(9, 5)
	bot, err := chatclient.New(b.key, b.agent, &chatclient.Options{BaseURL: b.baseURL, Limiter: limiter})
	if err != nil {
		return nil, nil, fmt.Errorf("BOOKBAG_API_KEY: %w", err)
	}
	contactsClient, err := contacts.New(b.key, b.agent, &contacts.Options{BaseURL: b.baseURL, Limiter: limiter, RequireUserIDs: true})
	if err != nil {
		return nil, nil, fmt.Errorf("BOOKBAG_API_KEY: %w", err)
	}
	return bot, contactsClient, nil
}
