package contacts

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
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

func (e *FieldError) Error() string { return "contacts: " + e.Field + ": " + e.Rule }

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

	err, cause error // why there is no usable response; nil for a rejection
	isService  bool  // a rejection in the service's format
	isOfRow    bool  // of a row that was sent alone
}

// Error returns one line with the operation, status, code and request id, and what to
// do.
func (e *Error) Error() string {
	f := bookbag.Failure{Operation: e.Operation, StatusCode: e.StatusCode, Err: e.err}
	f.Code, f.RetryAfter, f.RequestID = e.Code, e.RetryAfter, e.RequestID
	return f.Text("contacts")
}

// Unwrap returns the reason why there is no usable response, and the context's cause.
func (e *Error) Unwrap() []error { return bookbag.Causes(e.err, e.cause) }

// Is reports whether target is the error of the status.
func (e *Error) Is(target error) bool { return bookbag.StatusError(e.StatusCode).Matches(target) }

// Issue is a problem that the service reports with a field. Both texts are the
// service's, up to 512 bytes. The format of field names is not documented.
type Issue struct {
	Field   string
	Message string
}

func (i Issue) text() string { return strings.TrimSpace(i.Field + " " + i.Message) }

const maxIssues = 1000 // as many as an upsert has items

// Issues returns the problems that the response reports with fields, at most 1,000.
// They are documented by Chatbase, whose API Bookbag imitates, not by Bookbag. In a
// [Failure] of [Client.Sync], they are about its row alone.
func (e *Error) Issues() []Issue {
	var items []json.RawMessage
	if json.Unmarshal(e.Details, &items) != nil {
		return nil
	}
	var issues []Issue
	for _, item := range items[:min(len(items), maxIssues)] {
		var issue Issue
		if json.Unmarshal(item, &issue) != nil || issue == (Issue{}) { // of another form
			issue = Issue{Message: string(item)}
		}
		if _, path, ok := cutItem(issue.Field); ok && e.isOfRow {
			issue.Field = path
		}
		issues = append(issues, Issue{bookbag.Cut(issue.Field), bookbag.Cut(issue.Message)})
	}
	return issues
}

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

// Errors of contacts, for use with errors.Is.
var (
	// ErrConflict means status 409: the external id, e-mail address or attribute name
	// is taken.
	ErrConflict error = bookbag.StatusError(http.StatusConflict)

	// ErrTooLarge means status 413.
	ErrTooLarge error = bookbag.StatusError(http.StatusRequestEntityTooLarge)
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
		RetryAfter: f.RetryAfter, Attempts: f.Attempts, err: f.Err, cause: f.Cause, isService: f.Err == nil && f.IsService,
	}
	if f.LastRejection != nil {
		e.LastRejection = newError(f.LastRejection)
	}
	return e
}

// items returns the indexes of the inputs that the issues name.
func (e *Error) items() map[int]bool {
	items := map[int]bool{}
	for _, issue := range e.Issues() {
		if n, _, ok := cutItem(issue.Field); ok {
			items[n] = true
		}
	}
	return items
}

// cutItem splits the name of a field into the index of an input and the rest:
// "users[3].email", "users.3.email", "/users/3/email" or "3.email".
func cutItem(field string) (n int, path string, ok bool) {
	const separators = "./[]$ "
	field = strings.TrimLeft(field, separators)
	field = strings.TrimPrefix(field, "users")
	field = strings.TrimLeft(field, separators)
	if end := strings.IndexAny(field, separators); end >= 0 {
		field, path = field[:end], strings.TrimLeft(field[end:], separators)
	}
	parsed, err := strconv.ParseUint(field, 10, 16)
	return int(parsed), path, err == nil
}
