package main

// The chat handler that the customers' browsers call. It keeps the API key on the server and
// adds the id of the signed-in customer.

import (
	"context"
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
)

func newChat(bot *chatclient.Client, secret string, currentCustomer func(context.Context) (*customer, error)) (*chatproxy.Proxy, error) {
	visitor := func(r *http.Request) (chatproxy.Visitor, error) {
		c, err := currentCustomer(r.Context())
		if err != nil || c == nil {
			return chatproxy.Visitor{}, err
		}
		return chatproxy.Visitor{UserID: chatclient.UserID(c.ID)}, nil
	}
	return chatproxy.New(bot, secret, visitor, &chatproxy.Options{
		Tools: map[string]chatproxy.Tool{"lookUpOrders": {Label: "Looking up your orders", Run: lookUpOrders}},
	})
}

// lookUpOrders is a tool that the assistant calls. It returns the orders of the signed-in
// customer, whatever customer the message or the model names.
func lookUpOrders(_ context.Context, call chatproxy.ToolCall) (any, error) {
	return map[string]any{"orders": demoOrders[string(call.Visitor.UserID)]}, nil
}
