// Package chattest is a fake of Bookbag's v2 chat API, for the tests of programs
// that call it. It needs no account, no network and only the standard library.
//
//	fake, err := chattest.New(nil)
//	server := fake.Start() // on a loopback port
//	defer server.Close()
//	// Point the client at server.URL, with the key "oc_test_chattest" and agent 123.
//
// [Fake.Client] in place of Start stays in memory, so that in a testing/synctest
// bubble a timeout of a minute takes no time. [Fake.Requests] returns what
// arrived. A Fake is an [http.Handler] too.
//
// # What a test decides
//
//   - What the assistant says: Options.Reply, with [Text] and [ToolCall]. It is
//     called again with the results of tools, and after a retry.
//   - How long it takes: sleep in Reply, or use Options.Pace, [Slow] or [Think].
//   - How the next requests fail: [Fake.Script] with [Status], [Cut],
//     [StreamError] and others.
//   - What a person does: [Fake.SetStatus] takes a conversation over or pauses
//     it, and [Fake.AddMessage] writes in the place of the assistant.
//   - How to read what Bookbag's documentation leaves open: Options.Readings.
//
// # What is documented, and what is a guess
//
// Documented by Bookbag: paths, the key, the rules for message, userId and
// conversationId, envelopes, the error codes of each endpoint, the frames of a
// stream, page sizes and cursors, the unpaged export, and the limit of 100
// requests in 10 seconds.
//
// Documented only by Chatbase, whose API Bookbag's imitates: the JSON of a
// reply, a conversation and a message; the bodies of retry, tool-result and
// feedback; VALIDATION_INVALID_JSON; the names of the rate limit's headers; pages
// of messages that walk backward from the newest; that a retry truncates the
// conversation and sends the user's message again; and /health without an
// envelope.
//
// Documented nowhere, so that no program should depend on it: a malformed userId
// in a path is 400; null is rejected where a field is optional; one conversation
// takes limit and cursor; a result is stored in the message of its call; rejected
// requests do not count; every turn costs one credit; the names of sources in the
// export; an ended conversation rejects messages; and every wording.
//
// Source: Bookbag, "API v2"; Chatbase, "API v2". docs/readings.md has the table
// of readings.
package chattest
