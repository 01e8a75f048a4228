// Package chatclient talks to Bookbag's chat API, version 2, from your server:
// it sends what a customer says and gives back the reply, whole or as it comes.
//
// Most programs need one client for an agent, made once, and one of two calls:
//
//	bot, err := chatclient.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
//	reply, err := bot.Send(ctx, chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
//	stream, err := bot.Stream(ctx, chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
//	for text, err := range stream.Text() { ... }
//
// In tests, the package chattest plays the service.
//
// # The key and the customer
//
// The key reads every conversation of the agent. It belongs on the server: in a
// secret manager or the environment, never in a page or a repository. The
// package reads no environment itself, and nothing of it prints the key.
//
// The service believes the userId that it is sent. Take it from your own
// session, never from the browser, and check yourself that a conversation id
// which came from a browser is one of that customer's: whether the service does
// is not documented. [ParseUserID] takes ids of the service's form, and
// [DeriveUserID] makes one of an e-mail address.
//
// # Failures
//
// A bad argument is a *[FieldError], before anything is sent. Everything else
// is an *[Error], to be looked into with errors.Is and errors.As:
//
//	var e *chatclient.Error
//	switch {
//	case errors.Is(err, chatclient.ErrRateLimited) && errors.As(err, &e): // wait for e.RetryAfter, where the service says it
//	case errors.Is(err, chatclient.CodeCreditsExhausted):
//	case errors.Is(err, chatclient.ErrStreamCut): // what was read is no whole reply
//	case errors.Is(err, context.Canceled):
//	}
//
// A call is repeated by itself, twice at most, when it was refused with 429 or
// the connection could not be made, and a call that only reads also after a
// broken connection, a time-out or a status 500, 502, 503 or 504. A message is
// never sent again when it may have arrived: the service would take it for a
// second turn.
// Between attempts it waits as long as Retry-After says, else up to half a
// second, doubled each time; never past the context's deadline, and never for
// more than Options.MaxWait in all: then the rejection is returned at once.
//
// # What is promised and what is not
//
// Where Bookbag's documentation leaves something open, this package follows
// that of Chatbase, whose API Bookbag imitates, decodes tolerantly, and says so
// in the comment: the forms of conversations and messages, the names of the
// rate limit's headers, the body of feedback, retry and tool results, and
// [Client.Continue]. Unknown codes, parts and events stay usable.
//
// Webhooks, leads, and version 1 of chat and conversations are not covered.
package chatclient
