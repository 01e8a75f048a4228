package chatclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// A FieldError says which argument or field broke which rule. Every refusal of
// an argument is one, always as a pointer, before anything is sent. Its text
// holds neither the key nor a field's value.
type FieldError struct {
	// Field is an argument ("apiKey") or a field ("Message.Text").
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "chatclient: " + e.Field + " " + e.Rule }

// Error is everything that goes wrong after the arguments were accepted, a
// context that ended included. It is always a pointer.
//
// errors.Is finds in it a [Code], a status ([ErrNotFound] ...), what happened
// to the answer ([ErrStreamCut] ...), the context's error and its cause. When a
// call was given up after refusals, the last of them is in it as well.
type Error struct {
	// Operation is the method and the path as a template, without ids.
	Operation string

	// StatusCode is the status of the answer, 0 without one.
	StatusCode int

	// Code is what to branch on. It may be one that this package does not name,
	// and is empty where the answer had none, as a proxy's page.
	Code Code

	// Message is the service's explanation, or for an answer that is none of
	// the service's the beginning of its body: at most 512 bytes. The service
	// may change it, and it is not part of the error's text.
	Message string

	// Details are the service's, as they came; nil without.
	Details json.RawMessage

	// RequestID is the answer's x-request-id, for the service's support.
	RequestID string

	// RetryAfter is how long the service asks to wait; 0 when it does not say.
	RetryAfter time.Duration

	// RateLimit is the state of the key's budget.
	RateLimit RateLimit

	// Attempts counts the attempts that were made.
	Attempts int

	err     error  // why there was no answer that could be used; nil for a refusal
	cause   error  // the context's, where it is another error
	refusal *Error // the last one before
}

// Error returns one line with the operation, status, code and request id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("chatclient: " + e.Operation)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": status %d", e.StatusCode)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " %.128q", string(e.Code))
	}
	if e.err != nil {
		b.WriteString(": " + bookbag.Cut(e.err.Error())) // of a transport: it may be anything
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request id %q)", e.RequestID)
	}
	return b.String()
}

// Unwrap returns why there was no answer, the context's cause, and the last
// refusal, where there are such.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.err, e.cause} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if e.refusal != nil {
		errs = append(errs, e.refusal)
	}
	return errs
}

// Is reports whether target is this error's code or status.
func (e *Error) Is(target error) bool {
	switch target := target.(type) {
	case Code:
		return e.Code == target
	case statusError:
		return e.StatusCode == int(target) || target == ErrServer && e.StatusCode > 500
	}
	return false
}

// Code is an error code of the service. It is an error itself, so that
// errors.Is(err, CodeNotFound) works. The service's list is not declared
// complete, so others may come.
//
// Source: Bookbag, API v2, "Errors".
type Code string

func (c Code) Error() string { return string(c) }

// Codes that the vendor documents.
const (
	CodeInvalidBody             Code = "VALIDATION_INVALID_BODY"
	CodeMissingAPIKey           Code = "AUTH_MISSING_API_KEY"
	CodeInvalidAPIKey           Code = "AUTH_INVALID_API_KEY"
	CodeInsufficientPermissions Code = "AUTH_INSUFFICIENT_PERMISSIONS"
	CodeNotFound                Code = "RESOURCE_NOT_FOUND"
	CodeTooManyRequests         Code = "RATE_LIMIT_TOO_MANY_REQUESTS"
	CodeInternalServerError     Code = "INTERNAL_SERVER_ERROR"
	CodeNoUserMessage           Code = "CHAT_RETRY_NO_USER_MESSAGE"
	CodeRetryMessageNotFound    Code = "CHAT_RETRY_MESSAGE_NOT_FOUND"
	CodeToolCallNotFound        Code = "RESOURCE_TOOL_CALL_NOT_FOUND"
	CodeMessageNotFound         Code = "RESOURCE_MESSAGE_NOT_FOUND"
	CodeMessageNotAssistant     Code = "RESOURCE_MESSAGE_NOT_ASSISTANT"
)

// Codes that Bookbag does not document, but Chatbase, whose API it imitates.
const (
	CodeCreditsExhausted       Code = "CHAT_CREDITS_EXHAUSTED"
	CodeConversationNotOngoing Code = "CHAT_CONVERSATION_NOT_ONGOING"
	CodeInvalidJSON            Code = "VALIDATION_INVALID_JSON"
	CodeExpiredAPIKey          Code = "AUTH_EXPIRED_API_KEY"
	CodeConversationMismatch   Code = "CHAT_CONVERSATION_MISMATCH"
	CodeAgentCreditsExhausted  Code = "CHAT_AGENT_CREDITS_EXHAUSTED"
	CodeStreamingError         Code = "CHAT_STREAMING_ERROR"
	CodeRestrictedPlan         Code = "SUBSCRIPTION_API_RESTRICTED_PLAN"
	CodeAgentNotFound          Code = "AGENT_NOT_FOUND" // where Bookbag documents CodeNotFound
	CodeInvalidDateRange       Code = "VALIDATION_INVALID_DATE_RANGE"
	CodeEndpointDisabled       Code = "ENDPOINT_TEMPORARILY_DISABLED"
	CodeUnderMaintenance       Code = "SERVICE_UNDER_MAINTENANCE" // nothing was done: a message is sent again
)

type statusError int

func (s statusError) Error() string { return "chatclient: status " + http.StatusText(int(s)) }

// Statuses, for errors.Is where the code does not matter. ErrServer stands for
// all from 500 on.
var (
	ErrBadRequest       error = statusError(http.StatusBadRequest)
	ErrUnauthorized     error = statusError(http.StatusUnauthorized)
	ErrCreditsExhausted error = statusError(http.StatusPaymentRequired)
	ErrForbidden        error = statusError(http.StatusForbidden)
	ErrNotFound         error = statusError(http.StatusNotFound)
	ErrRateLimited      error = statusError(http.StatusTooManyRequests)
	ErrServer           error = statusError(http.StatusInternalServerError)
)

var (
	// ErrTimeout says that no answer came within Options.Timeout.
	ErrTimeout = bookbag.ErrTimeout

	// ErrLimiter says that Options.Limiter did not let the call through: what it
	// returned is in the error as well.
	ErrLimiter = bookbag.ErrLimiter

	// ErrStreamCut says that a stream ended before its end was announced: the
	// reply is not complete.
	ErrStreamCut = errors.New("the stream was cut short")

	// ErrStreamIdle says that a stream was silent for Options.IdleTimeout.
	ErrStreamIdle = errors.New("the stream fell silent")

	// ErrStreamFailed says that the service reported a failure within a reply: by an
	// event of a stream, or by the finish reason error. Error.Code and Error.Message
	// are the service's, where it sent any.
	ErrStreamFailed = errors.New("the service reported a failure within the reply")

	// ErrTooLong says that a response or the text of a stream was longer than
	// Options.MaxBody, or an event than Options.MaxEvent, or that one of them had
	// more than 200,000 JSON values, of which an object or a list counts as five.
	ErrTooLong = bookbag.ErrTooLong

	// ErrStreamClosed says that a stream was closed before it was read.
	ErrStreamClosed = errors.New("the stream is closed")

	// ErrUnexpectedResponse says that an answer of status 2xx was not what the
	// operation gives: a page of somebody else, another kind of JSON, or no
	// event stream. Whether the operation was carried out is not known then.
	ErrUnexpectedResponse = errors.New("the answer is not of the documented form")

	// ErrRepeatedCursor says that a list came back to a page that it had before.
	ErrRepeatedCursor = errors.New("the list repeats a cursor")
)

// fail turns a failure of the attempt loop into an *Error.
func fail(err error) error {
	f, _ := errors.AsType[*bookbag.Failure](err) // there are no others
	return asError(f)
}

func asError(f *bookbag.Failure) *Error {
	e := &Error{
		Operation:  f.Operation,
		StatusCode: f.StatusCode,
		RequestID:  f.RequestID,
		RetryAfter: f.RetryAfter,
		RateLimit:  RateLimit(f.RateLimit),
		Attempts:   f.Attempts,
		err:        f.Err,
		cause:      f.Cause,
	}
	if f.Err == nil {
		e.describe(f.Problem)
	}
	if f.Refusal != nil {
		e.refusal = asError(f.Refusal)
	}
	return e
}

func (e *Error) describe(p bookbag.Problem) {
	e.Code, e.Message, e.Details = Code(p.Code), p.Message, p.Details
}
