package chatclient

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// A FieldError says which argument or field broke which rule. Every rejected
// argument is one, always as a pointer, before anything is sent. Its text holds
// neither the key nor a field's value.
type FieldError struct {
	// Field is an argument ("apiKey") or a field of one ("Options.Timeout").
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "chatclient: " + e.Field + ": " + e.Rule }

// Error is everything that goes wrong after the arguments were accepted, a
// context that ended included. It is always a pointer.
//
// errors.Is reports what ended the call: a status ([ErrNotFound] ...), what happened
// to the response ([ErrTimeout] ...), or the context's error and its cause.
type Error struct {
	ResponseInfo // of the response

	// Operation is the method and the path as a template, without ids.
	Operation string

	// StatusCode is the status of the response, 0 without one.
	StatusCode int

	// Code is the service's error code. It is empty if the response has none, as one
	// about contacts or a proxy's page.
	Code string

	// Message is the service's explanation, or the beginning of a body that is not
	// the service's: at most 512 bytes. The service may change it, and it is not part
	// of the error's text.
	Message string

	// Details are the service's details or issues as they came, nil without.
	Details json.RawMessage

	// OutcomeUnknown reports whether the call may have been carried out although no
	// response shows it: the connection broke, the service failed, or its response
	// could not be used. It is about all attempts together. It means nothing for a
	// call that only reads.
	OutcomeUnknown bool

	// RetryAfter is how long the service asks to wait, 0 if it does not say.
	RetryAfter time.Duration

	// Attempts counts the attempts that were made.
	Attempts int

	// LastRejection is the last rejection before a call was given up for another
	// reason, such as the end of the context. errors.Is does not report it.
	// Default: nil.
	LastRejection *Error

	err, cause error // why there is no response that can be used; nil for a rejection
}

// Error returns one line with the operation, status, code and request id, and what to
// do.
func (e *Error) Error() string {
	f := bookbag.Failure{Operation: e.Operation, StatusCode: e.StatusCode, Err: e.err}
	f.Code, f.RetryAfter, f.RequestID = e.Code, e.RetryAfter, e.RequestID
	return f.Text("chatclient")
}

// Unwrap returns why there was no response that can be used, and the context's cause.
func (e *Error) Unwrap() []error { return bookbag.Causes(e.err, e.cause) }

// Is reports whether target is the error of the status.
func (e *Error) Is(target error) bool { return bookbag.StatusError(e.StatusCode).Matches(target) }

// Codes that the vendor documents, for Error.Code. The list is not declared complete, so
// others may come.
//
// Source: Bookbag, API v2, "Errors".
const (
	CodeInvalidBody             = "VALIDATION_INVALID_BODY"
	CodeMissingAPIKey           = "AUTH_MISSING_API_KEY"
	CodeInvalidAPIKey           = "AUTH_INVALID_API_KEY"
	CodeInsufficientPermissions = "AUTH_INSUFFICIENT_PERMISSIONS"
	CodeNotFound                = "RESOURCE_NOT_FOUND"
	CodeTooManyRequests         = "RATE_LIMIT_TOO_MANY_REQUESTS"
	CodeInternalServerError     = "INTERNAL_SERVER_ERROR"
	CodeNoUserMessage           = "CHAT_RETRY_NO_USER_MESSAGE"
	CodeRetryMessageNotFound    = "CHAT_RETRY_MESSAGE_NOT_FOUND"
	CodeToolCallNotFound        = "RESOURCE_TOOL_CALL_NOT_FOUND"
	CodeMessageNotFound         = "RESOURCE_MESSAGE_NOT_FOUND"
	CodeMessageNotAssistant     = "RESOURCE_MESSAGE_NOT_ASSISTANT"
)

// Codes that Bookbag does not document, but Chatbase, whose API it imitates.
const (
	CodeCreditsExhausted       = "CHAT_CREDITS_EXHAUSTED"
	CodeConversationNotOngoing = "CHAT_CONVERSATION_NOT_ONGOING"
	CodeInvalidJSON            = "VALIDATION_INVALID_JSON"
	CodeExpiredAPIKey          = "AUTH_EXPIRED_API_KEY"
	CodeConversationMismatch   = "CHAT_CONVERSATION_MISMATCH"
	CodeAgentCreditsExhausted  = "CHAT_AGENT_CREDITS_EXHAUSTED"
	CodeStreamingError         = "CHAT_STREAMING_ERROR"
	CodeRestrictedPlan         = "SUBSCRIPTION_API_RESTRICTED_PLAN"
	CodeAgentNotFound          = "AGENT_NOT_FOUND" // where Bookbag documents CodeNotFound
	CodeInvalidDateRange       = "VALIDATION_INVALID_DATE_RANGE"
	CodeEndpointDisabled       = "ENDPOINT_TEMPORARILY_DISABLED"
	CodeUnderMaintenance       = "SERVICE_UNDER_MAINTENANCE" // nothing was done: a message is sent again
)

// Statuses, for errors.Is. ErrServer is all from 500 on.
var (
	ErrBadRequest   error = bookbag.ErrBadRequest
	ErrUnauthorized error = bookbag.ErrUnauthorized
	ErrForbidden    error = bookbag.ErrForbidden
	ErrNotFound     error = bookbag.ErrNotFound
	ErrRateLimited  error = bookbag.ErrRateLimited
	ErrServer       error = bookbag.ErrServer
)

var (
	// ErrTimeout means that no response came within Options.Timeout.
	ErrTimeout = bookbag.ErrTimeout

	// ErrLimiter means that Options.Limiter returned an error, which is in the error
	// as well, or took longer than Options.MaxWait.
	ErrLimiter = bookbag.ErrLimiter

	// ErrTooLong means that a response is longer than Options.MaxBody, or has more
	// than 200,000 JSON values, of which an object or a list counts as five.
	ErrTooLong = bookbag.ErrTooLong

	// ErrUnexpectedResponse means that a response of status 2xx is not what the
	// operation returns: a proxy's page, or another kind of JSON. Whether the
	// operation was carried out is not known then.
	ErrUnexpectedResponse error = bookbag.ErrFormat

	// ErrRepeatedPage means that a list came back to a page that it had before.
	ErrRepeatedPage = bookbag.ErrRepeatedPage
)

// Errors of chats, for errors.Is.
var (
	// ErrCreditsExhausted means status 402.
	ErrCreditsExhausted error = bookbag.StatusError(http.StatusPaymentRequired)

	// ErrStreamCut means that a stream ended before its end was announced: the
	// reply is not complete.
	ErrStreamCut = errors.New("the stream was cut short")

	// ErrStreamIdle means that a stream was silent for Options.IdleTimeout.
	ErrStreamIdle = errors.New("the stream fell silent")

	// ErrStreamFailed means that the service reported a failure within a reply: by an
	// event of a stream, or by the finish reason error. Error.Code and Error.Message
	// are the service's, where it sent any.
	ErrStreamFailed = errors.New("the service reported a failure within the reply")

	// ErrStreamClosed means that a stream was closed before it was read.
	ErrStreamClosed = errors.New("the stream is closed")
)

// fail converts an error of package bookbag to one of this package.
func fail(err error) error {
	if e, ok := errors.AsType[*bookbag.ArgumentError](err); ok {
		return (*FieldError)(e)
	}
	if f, ok := errors.AsType[*bookbag.Failure](err); ok {
		return newError(f)
	}
	return err
}

func newError(f *bookbag.Failure) *Error {
	e := &Error{
		ResponseInfo: infoOf(f.ResponseInfo), Operation: f.Operation, StatusCode: f.StatusCode,
		Code: f.Code, Message: f.Message, Details: f.Details, OutcomeUnknown: f.OutcomeUnknown,
		RetryAfter: f.RetryAfter, Attempts: f.Attempts, err: f.Err, cause: f.Cause,
	}
	if f.LastRejection != nil {
		e.LastRejection = newError(f.LastRejection)
	}
	return e
}
