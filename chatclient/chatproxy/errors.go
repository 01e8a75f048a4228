package chatproxy

import (
	"errors"

	"github.com/chatident/chatident/internal/endpoint"
)

// A FieldError says which argument of [New] broke which rule. It is always a
// pointer, and holds neither a secret nor a field's value.
type FieldError struct {
	// Field is an argument ("secret") or a field ("Options.Previous[0]").
	Field string

	// Rule is the rule in words: "must not be nil".
	Rule string
}

func (e *FieldError) Error() string { return "chatproxy: " + e.Field + ": " + e.Rule }

// PanicError reports a panic in the visitor function, a tool, Options.Allow, Options.AcquireStream,
// Options.Chats or Options.OnReply, or in the client during a poll.
type PanicError struct {
	// Type is the Go type of the value, such as "runtime.boundsError".
	Type string

	// Text is the value's text if it is an error or a string, cut to 256 bytes
	// and with a space for each character that does not print. Other values,
	// which may hold anything, have no text.
	Text string

	// Stack is the stack of the goroutine, as debug.Stack formats it.
	Stack []byte
}

func (e *PanicError) Error() string { return "chatproxy: " + (*endpoint.Panic)(e).String() }

var (
	// ErrCannotFlush says that the ResponseWriter cannot be flushed, so that a
	// reply would not arrive as it is written.
	ErrCannotFlush = errors.New("chatproxy: the ResponseWriter cannot be flushed (is the handler within http.TimeoutHandler?)")

	// ErrForeignConversation says that a response of the service names another user
	// or another conversation than the one asked for, or an owner that cannot be
	// read. The browser gets no ticket for it; a reply that names one ends with an
	// error, and in a list it is left out.
	ErrForeignConversation = errors.New("chatproxy: the service responded with another user's or another conversation")

	// ErrUnusableID says that the service sent an id or a cursor that the client
	// would not send back. What it belongs to is left out.
	ErrUnusableID = errors.New("chatproxy: the service sent an id that cannot be sent back")

	// ErrReplyTooLong says that a reply was ended after 10 minutes, or at the bytes of
	// Options.KeepReplies.
	ErrReplyTooLong = errors.New("chatproxy: the reply took more than 10 minutes, or more bytes than kept replies may have")

	// ErrUnknownTool says that the assistant called a tool that is neither in Options.Tools
	// nor in Options.PageTools.
	ErrUnknownTool = errors.New("it is in neither Options.Tools nor Options.PageTools")

	// ErrRepeatedCall says that a reply was ended since it waits for a call that another
	// reply is making. The tool did not run again.
	ErrRepeatedCall = errors.New("chatproxy: the reply waits for a call that another one is making")

	// ErrTooManyCalls says that a reply was ended after 10 rounds of tools, or at a round
	// with more than 10 calls.
	ErrTooManyCalls = errors.New("chatproxy: the reply called too many tools")

	// ErrNoToolCall says that a reply waits for the result of a tool, but that neither
	// its stream nor the stored message has the call, or nothing its conversation.
	ErrNoToolCall = errors.New("chatproxy: the reply waits for a tool, but its call or its conversation cannot be found")

	// ErrChats says that Options.Chats failed, or returned a value that is not the
	// visitor's. The message is handled as one without a chat, and a conversation from
	// before a sign-in is not continued.
	ErrChats = errors.New("chatproxy: Options.Chats")
)

// The following are reported once by each Proxy, since they are true of all its requests.
var (
	// ErrNotStripped says that no path was found for a request, but that there is one
	// for the end of its path.
	ErrNotStripped = errors.New(`chatproxy: the path begins with a prefix (mount the handler as http.StripPrefix("/chat", proxy))`)

	// ErrNoWriteDeadline says that the server has a WriteTimeout, but that a middleware
	// hides the deadlines of its ResponseWriter: longer replies are cut off.
	ErrNoWriteDeadline = errors.New("chatproxy: the ResponseWriter has no deadlines and the server a WriteTimeout (a middleware's writer needs an Unwrap method)")

	// ErrWriteFailed says that a write failed while the visitor was still there. The
	// error of the write is in it as well.
	ErrWriteFailed = errors.New("chatproxy: the reply could not be written (does a middleware or a proxy end it?)")

	// ErrNoContinuation says that the service rejected the continuation of a reply with 400,
	// after it took the results of tools: Tools and PageTools do not work with it. The error
	// of the client is in it as well.
	ErrNoContinuation = errors.New("chatproxy: the service does not continue a reply after the results of tools")

	// ErrNothingAllowed says that Options.Allow has rejected the first 20 requests.
	ErrNothingAllowed = errors.New("chatproxy: Options.Allow has rejected the first 20 requests (does its store respond?)")
)
