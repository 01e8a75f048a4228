// Package chatclient is a client for Bookbag's chat API, version 2, for your server:
// it sends a customer's message and returns the reply, whole or as a stream.
//
// Most programs make one client for an agent, and one of two calls:
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
// The key reads every conversation of the agent. Keep it on the server, in a secret
// manager or the environment, never in a page or a repository. The package reads no
// environment itself, and prints the key nowhere.
//
// The service believes the userId that it is sent. Take it from your own session,
// never from the browser. Check that a conversation id from a browser belongs to that
// customer: whether the service does is not documented. [ParseUserID] takes ids of the
// service's form, and [DeriveUserID] makes one of an e-mail address.
//
// # Errors
//
// A bad argument is a *[FieldError], before anything is sent. Everything else is an
// *[Error]:
//
//	var e *chatclient.Error
//	switch {
//	case errors.Is(err, chatclient.ErrRateLimited) && errors.As(err, &e): // wait for e.RetryAfter
//	case errors.Is(err, chatclient.ErrStreamCut): // the reply is not complete
//	case errors.As(err, &e) && e.Code == chatclient.CodeCreditsExhausted:
//	case errors.As(err, &e) && e.OutcomeUnknown: // the message may have arrived
//	}
//
// A call is attempted three times if it is rejected with 429 or if no connection can be
// made. A call that only reads is also repeated after a broken connection, a time-out or
// a status 500, 502, 503 or 504. A message that may have arrived is never sent again: the
// service would take it for a second turn. The wait between attempts is that of
// Retry-After, else up to half a second, doubled each time. If it would pass the
// context's deadline or Options.MaxWait, the call fails at once.
//
// # What is not documented
//
// Where Bookbag's documentation leaves something open, this package follows that of
// Chatbase, whose API Bookbag imitates, decodes tolerantly, and the comment says that it
// does. Unknown codes, parts and events stay usable.
//
// Webhooks, leads, and version 1 of chat and conversations are not covered.
package chatclient
