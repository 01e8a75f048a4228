package chatproxy

import (
	"errors"

	"github.com/chatident/chatident/internal/endpoint"
)

// FieldError reports an argument of [New], or a field of the [Visitor], that breaks a rule. It is
// always returned as a pointer. Its text contains neither a secret nor the value of a field.
type FieldError struct {
	// Field names the argument ("secret") or the field ("Options.Previous[0]").
	Field string

	// Rule is the broken rule in words: "must not be nil".
	Rule string
}

func (e *FieldError) Error() string { return "chatproxy: " + e.Field + ": " + e.Rule }

// PanicError reports a panic of the visitor function, of a tool, of Options.Allow,
// Options.AcquireStream, Options.Chats or Options.OnReply, or of the client during a poll.
type PanicError struct {
	// Type is the Go type of the value, such as "runtime.boundsError".
	Type string

	// Text is the text of the value if it is an error or a string: at most 256 bytes, with a
	// space for each character that does not print. For any other value it is empty.
	Text string

	// Stack is the stack of the goroutine, as debug.Stack formats it.
	Stack []byte
}

func (e *PanicError) Error() string { return "chatproxy: " + (*endpoint.Panic)(e).String() }

// Errors that Options.OnError receives.
var (
	// ErrCannotFlush means that the ResponseWriter cannot be flushed, so that a reply would
	// not arrive as it is written. The response is 500.
	ErrCannotFlush = errors.New("chatproxy: the ResponseWriter cannot be flushed (is the handler within http.TimeoutHandler?)")

	// ErrForeignConversation means that a response of the service names another user or
	// conversation than the request, or that such an id cannot be decoded. The browser gets
	// no ticket for it. A reply ends with an error; in a list, the item is omitted.
	ErrForeignConversation = errors.New("chatproxy: the service responded with another user's or another conversation")

	// ErrUnusableID means that the service sent an id or a cursor that the client would not
	// send back. The item that it belongs to is omitted.
	ErrUnusableID = errors.New("chatproxy: the service sent an id that cannot be sent back")

	// ErrReplyTooLong means that a reply was ended after 10 minutes, or at the size limits of
	// Options.KeepReplies.
	ErrReplyTooLong = errors.New("chatproxy: the reply took more than 10 minutes, or more bytes than kept replies may have")

	// ErrUnknownTool means that the assistant called a tool that is neither in Options.Tools
	// nor in Options.PageTools.
	ErrUnknownTool = errors.New("it is in neither Options.Tools nor Options.PageTools")

	// ErrRepeatedCall means that a reply was ended because another reply is still running the
	// same call. The tool did not run again.
	ErrRepeatedCall = errors.New("chatproxy: the reply waits for a call that another one is making")

	// ErrTooManyCalls means that a reply was ended after 10 rounds of tools, or at a round
	// with more than 10 calls.
	ErrTooManyCalls = errors.New("chatproxy: the reply called too many tools")

	// ErrNoToolCall means that a reply waits for a tool's result, but the call is neither in
	// the stream nor in the stored message, or the conversation is unknown.
	ErrNoToolCall = errors.New("chatproxy: the reply waits for a tool, but its call or its conversation cannot be found")

	// ErrChats means that Options.Chats returned an error, panicked, or returned a value of
	// another visitor. The message is handled as one without a chat, and a conversation from
	// before a sign-in is not continued.
	ErrChats = errors.New("chatproxy: Options.Chats")
)

// Errors that Options.OnError receives once from each Proxy, because they concern all requests.
var (
	// ErrNotStripped means that there is no route for the path of a request, but there is one
	// for the end of the path.
	ErrNotStripped = errors.New(`chatproxy: the path begins with a prefix (mount the handler as http.StripPrefix("/chat", proxy))`)

	// ErrNoWriteDeadline means that the server has a WriteTimeout, and that a middleware hides
	// the deadlines of the ResponseWriter: longer replies are cut off.
	ErrNoWriteDeadline = errors.New("chatproxy: the ResponseWriter has no deadlines and the server a WriteTimeout (a middleware's writer needs an Unwrap method)")

	// ErrWriteFailed means that a write failed although the visitor had not left. It is joined
	// with the error of the write.
	ErrWriteFailed = errors.New("chatproxy: the reply could not be written (does a middleware or a proxy end it?)")

	// ErrNoContinuation means that the service accepted the results of tools, but rejected the
	// continuation of the reply with 400: Tools and PageTools do not work with it. It is joined
	// with the error of the client.
	ErrNoContinuation = errors.New("chatproxy: the service does not continue a reply after the results of tools")

	// ErrNothingAllowed means that Options.Allow has rejected the first 20 requests.
	ErrNothingAllowed = errors.New("chatproxy: Options.Allow has rejected the first 20 requests (does its store respond?)")
)
