// Package chatclient is a client for Bookbag's chat API, version 2. Your server uses it
// to send a customer's message and to receive the reply, whole or as a stream.
//
// Most programs create one client for an agent, and use one of two calls:
//
//	bot, err := chatclient.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
//	reply, err := bot.Send(ctx, chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
//	stream, err := bot.Stream(ctx, chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
//	for text, err := range stream.Text() { ... }
//
// Package chattest is a fake of the service for tests.
//
// # The key and the customer
//
// The key can read every conversation of the agent. Keep it on the server, never in a
// page or a repository. The package never prints it.
//
// The service does not verify the user id that it receives. Take it from your session,
// never from the browser. It is not documented whether the service checks that a
// conversation belongs to the user: check a conversation id from a browser yourself.
// [ParseUserID] checks the form of an id, and [DeriveUserID] derives one from an e-mail
// address.
//
// # Errors
//
// An invalid argument is a *[FieldError], and nothing is sent. Any other error is an
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
// A call is attempted up to three times if the service responds with 429 or if no
// connection can be established. A call that only reads is also retried after a broken
// connection, a timeout or a status 500, 502, 503 or 504. A message that may have arrived
// is never sent again, because the service would add it twice. Between attempts, a call
// waits as Retry-After says. Without that header it waits up to half a second, and up to
// twice as long each time. If the wait would exceed the context's deadline or
// Options.MaxWait, the call fails at once.
//
// # What is not documented
//
// Where Bookbag's documentation is incomplete, this package follows that of Chatbase,
// whose API Bookbag imitates, and decodes responses tolerantly. The comments say where.
// Unknown codes, parts and events remain usable.
//
// The package does not cover pausing a conversation, webhooks, leads, and version 1 of
// chat and conversations.
package chatclient
