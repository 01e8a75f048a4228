package chatclient

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// FieldError reports an argument or field that breaks a rule. It is always returned
// as a pointer, before anything is sent. Its text contains neither the key nor the
// value of a field.
type FieldError struct {
	// Field names the argument ("apiKey") or the field of one ("Options.Timeout").
	Field string

	// Rule is the broken rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "chatclient: " + e.Field + ": " + e.Rule }

// Error is any failure after the arguments were accepted, including the end of the
// context. It is always returned as a pointer.
//
// errors.Is reports what ended the call: the status ([ErrNotFound] ...), the reason
// why there is no usable response ([ErrTimeout] ...), or the context's error and its
// cause.
type Error struct {
	ResponseInfo // of the response

	// Operation is the HTTP method and the path template, without ids.
	Operation string

	// StatusCode is the status of the response, or 0 if there was none.
	StatusCode int

	// Code is the service's error code. It is empty if the response has none, like
	// the page of a proxy or an error about contacts.
	Code string

	// Message is the service's explanation, or the beginning of a body that is not in
	// the service's format, up to 512 bytes. The service may change it. It is not
	// part of the error's text.
	Message string

	// Details are the service's details or issues, unchanged. Nil if there are none.
	Details json.RawMessage

	// OutcomeUnknown reports whether the call may have been carried out although no
	// response confirms it: the connection broke, the service failed, or its response
	// was unusable. It covers all attempts. It has no meaning for a call that only
	// reads.
	OutcomeUnknown bool

	// RetryAfter is how long the service asks to wait, or 0 if it does not say.
	RetryAfter time.Duration

	// Attempts is the number of attempts that were made.
	Attempts int

	// LastRejection is the last rejection before the call was given up for another
	// reason, such as the end of the context. errors.Is does not report it. Nil if
	// there was none.
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

// Unwrap returns the reason why there is no usable response, and the context's cause.
func (e *Error) Unwrap() []error { return bookbag.Causes(e.err, e.cause) }

// Is reports whether target is the error of the status.
func (e *Error) Is(target error) bool { return bookbag.StatusError(e.StatusCode).Matches(target) }

// Codes of Error.Code that Bookbag documents. It does not say that the list is
// complete.
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

// Codes of Error.Code that only Chatbase documents, whose API Bookbag imitates.
const (
	CodeCreditsExhausted       = "CHAT_CREDITS_EXHAUSTED"
	CodeConversationNotOngoing = "CHAT_CONVERSATION_NOT_ONGOING"
	CodeInvalidJSON            = "VALIDATION_INVALID_JSON"
	CodeExpiredAPIKey          = "AUTH_EXPIRED_API_KEY"
	CodeConversationMismatch   = "CHAT_CONVERSATION_MISMATCH"
	CodeAgentCreditsExhausted  = "CHAT_AGENT_CREDITS_EXHAUSTED"
	CodeStreamingError         = "CHAT_STREAMING_ERROR"
	CodeRestrictedPlan         = "SUBSCRIPTION_API_RESTRICTED_PLAN"
	CodeAgentNotFound          = "AGENT_NOT_FOUND" // Bookbag documents CodeNotFound for this
	CodeInvalidDateRange       = "VALIDATION_INVALID_DATE_RANGE"
	CodeEndpointDisabled       = "ENDPOINT_TEMPORARILY_DISABLED"
	CodeUnderMaintenance       = "SERVICE_UNDER_MAINTENANCE" // nothing was done: a message is retried
)

// Errors for statuses, for use with errors.Is. ErrServer matches all statuses from 500.
var (
	ErrBadRequest   error = bookbag.ErrBadRequest
	ErrUnauthorized error = bookbag.ErrUnauthorized
	ErrForbidden    error = bookbag.ErrForbidden
	ErrNotFound     error = bookbag.ErrNotFound
	ErrRateLimited  error = bookbag.ErrRateLimited
	ErrServer       error = bookbag.ErrServer
)

var (
	// ErrTimeout means that no response arrived within Options.Timeout.
	ErrTimeout = bookbag.ErrTimeout

	// ErrLimiter means that Options.Limiter returned an error, which is wrapped as
	// well, or that the wait would exceed Options.MaxWait.
	ErrLimiter = bookbag.ErrLimiter

	// ErrTooLong means that a response is longer than Options.MaxBody, or has more
	// than 200,000 JSON values, where an object or an array counts as five.
	ErrTooLong = bookbag.ErrTooLong

	// ErrUnexpectedResponse means that a response with status 2xx is not what the
	// operation returns, such as a proxy's page or another kind of JSON. Whether the
	// operation was carried out is unknown.
	ErrUnexpectedResponse error = bookbag.ErrFormat

	// ErrRepeatedPage means that a list returned a page for the second time.
	ErrRepeatedPage = bookbag.ErrRepeatedPage
)

// Errors of chats, for use with errors.Is.
var (
	// ErrCreditsExhausted means status 402.
	ErrCreditsExhausted error = bookbag.StatusError(http.StatusPaymentRequired)

	// ErrStreamCut means that the stream ended before its end marker. The reply is
	// incomplete.
	ErrStreamCut = errors.New("the stream ended before its end marker")

	// ErrStreamIdle means that no event, comment or exported conversation arrived
	// within Options.IdleTimeout.
	ErrStreamIdle = errors.New("the stream was idle for too long")

	// ErrStreamFailed means that the service reported a failure within a reply: by an
	// error event, or by the finish reason error. Error.Code and Error.Message are
	// from the service, if it sent any.
	ErrStreamFailed = errors.New("the service reported a failure in the reply")

	// ErrStreamClosed means that the stream was closed before its end.
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
