// Package chattest is a fake of Bookbag's v2 chat API, for the tests of
// programs that talk to it. It needs no account, no network and nothing beyond
// the standard library.
//
// Most tests need two functions: [New] makes a fake, and [Fake.Start] puts it
// on a loopback port.
//
//	fake := chattest.New(nil)
//	server := fake.Start()
//	defer server.Close()
//	// Point the client at server.URL, with the key "oc_test_chattest" and agent 123.
//
// [Fake.Client] in the place of Start stays in memory, so that in a
// testing/synctest bubble a time-out of a minute takes no time. [Fake.Script]
// makes the next requests fail in chosen ways, and [Fake.Requests] shows what
// arrived. A Fake is an [http.Handler] too, for a demo to mount.
//
// # What is like the service, and what is a guess
//
// Documented by Bookbag, and done here in the same way: paths, the key, the
// rules for message, userId and conversationId, the envelopes, the error codes
// of each endpoint, the frames of a stream, page sizes and cursors, the
// unpaged export, and the limit of 100 requests in 10 seconds
// (Options.Window).
//
// Documented only by Chatbase, whose API Bookbag's imitates: the JSON of a
// reply, of a conversation and of a message; the bodies of retry, tool-result
// and feedback; the code VALIDATION_INVALID_JSON; the names of the rate limit's
// headers; that pages of messages walk backward from the newest; that a userId
// sent with a conversationId is ignored; that a retry drops what follows the
// user's message; that /health answers without an envelope; and the frames of
// Options.Delta.
//
// Documented nowhere, so do not let a program depend on it: an unknown user has
// an empty list; a malformed userId in a path is 400; one conversation takes
// limit and cursor, as its messages do; a tool call that has its result is not
// found; a tool result is kept in the message of its call; null is refused
// where a field is optional; an unknown path is RESOURCE_NOT_FOUND; a request
// that the limit refuses does not count; a reply that its reader left is kept
// as far as it came; titles are null; every turn costs one credit; and every
// wording.
//
// Source: Bookbag, "API v2"; Chatbase, "API v2".
package chattest
