package main

// What a shop adds to its own code, so that its customers chat: the handler that
// their browsers talk to. It keeps the key, and says who is signed in.

import (
	"context"
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
)

func chatEndpoint(bot *chatclient.Client, secret string, currentCustomer func(context.Context) (*customer, error)) (http.Handler, error) {
	visitor := func(r *http.Request) (chatproxy.Visitor, error) {
		c, err := currentCustomer(r.Context())
		if err != nil || c == nil {
			return chatproxy.Visitor{}, err
		}
		return chatproxy.Visitor{UserID: chatclient.UserID(c.ID)}, nil
	}
	proxy, err := chatproxy.New(bot, secret, visitor, &chatproxy.Options{
		Tools: map[string]chatproxy.Tool{"lookUpOrders": {Label: "Looking up your orders", Run: lookUpOrders}},
	})
	if err != nil {
		return nil, err
	}
	return http.StripPrefix("/api/chat", proxy), nil
}

// lookUpOrders is a tool of the assistant. It returns the orders of the customer who is
// signed in, whatever the model was made to ask for.
func lookUpOrders(_ context.Context, call chatproxy.ToolCall) (any, error) {
	return map[string]any{"orders": demoOrders[string(call.Visitor.UserID)]}, nil
}
