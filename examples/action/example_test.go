package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/chatident/chatident/identity"
	"github.com/chatident/chatident/placeholders"
)

// The payload that your site mints tokens from is a source of an action's
// values, so that a test can see what the action does for a customer.
func Example_payload() {
	payload := identity.Payload{
		User: identity.UserDetail{ID: "user-123", Email: "ada@example.com", Name: "Ada", Plan: "pro", Extra: map[string]any{"orders": 3}},
		Integrations: identity.Integrations{
			Services: map[string]map[string]any{"shop": {"token": "a-token-of-the-shop"}},
		},
	}
	file, err := os.ReadFile("action.json")
	if err != nil {
		log.Fatal(err)
	}
	action, err := placeholders.ParseAction(file)
	if err != nil {
		log.Fatal(err)
	}
	compiled, err := placeholders.Compile(action, nil)
	if err != nil {
		log.Fatal(err)
	}
	request, err := compiled.Request(context.Background(), payload)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(request.Method, request.URL)
	fmt.Println(request.Header.Get("Authorization"))
	// Output:
	// POST https://api.example.com/customers/user-123/refunds?plan=pro
	// Bearer a-token-of-the-shop
}
