package contacts

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
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

func (e *FieldError) Error() string { return "contacts: " + e.Field + ": " + e.Rule }

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
	row        bool  // it is about one row that was sent alone
}

// Error returns one line with the operation, status, code and request id, and what to
// do.
func (e *Error) Error() string {
	f := bookbag.Failure{Operation: e.Operation, StatusCode: e.StatusCode, Err: e.err}
	f.Code, f.RetryAfter, f.RequestID = e.Code, e.RetryAfter, e.RequestID
	return f.Text("contacts")
}

// Unwrap returns why there was no response that can be used, and the context's cause.
func (e *Error) Unwrap() []error { return bookbag.Causes(e.err, e.cause) }

// Is reports whether target is the error of the status.
func (e *Error) Is(target error) bool { return bookbag.StatusError(e.StatusCode).Matches(target) }

// Issue is what is wrong with a field. Both texts are the service's, of at most
// 512 bytes. Which form the names of fields have is not documented.
type Issue struct {
	Field   string
	Message string
}

func (i Issue) text() string { return strings.TrimSpace(i.Field + " " + i.Message) }

const maxIssues = 1000 // as many as an upsert has items

// Issues returns what is wrong with which field, if the response says: at most 1,000.
// They are documented by Chatbase alone, whose API Bookbag imitates. Those of a row of
// [Client.Sync] are about this row alone.
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
		if _, ok := itemNumber(issue.Field); ok && e.row {
			_, issue.Field = cutItem(issue.Field)
		}
		issues = append(issues, Issue{bookbag.Cut(issue.Field), bookbag.Cut(issue.Message)})
	}
	return issues
}

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

// Errors of contacts, for errors.Is.
var (
	// ErrConflict means status 409: an external id, e-mail address or attribute name
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
		RetryAfter: f.RetryAfter, Attempts: f.Attempts, err: f.Err, cause: f.Cause,
	}
	if f.LastRejection != nil {
		e.LastRejection = newError(f.LastRejection)
	}
	return e
}

// verdict is what a response means for the rows of a call.
type verdict int

const (
	saved    verdict = iota // those that the response has
	rejected                // at least one of them is bad
	lost                    // they may be saved
	later                   // they are not saved, and can be sent again
	stop                    // they are not saved, and no other row will be
)

// classify decides what a failed upsert means. page is a rejection that is not the
// service's own, but perhaps a firewall's, which does not like one of the rows.
func classify(e *Error, page bool) verdict {
	noRowIsToBlame := []int{
		http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
	}
	dial, ok := errors.AsType[*net.OpError](e.err)
	neverDialled := ok && dial.Op == "dial"
	switch {
	case e.StatusCode == http.StatusTooManyRequests, neverDialled:
		return later
	case e.StatusCode == 0 && !e.OutcomeUnknown: // the context, or the certificate
		return stop
	case e.err != nil, e.StatusCode >= 500, e.StatusCode == http.StatusRequestTimeout:
		return lost
	case e.StatusCode < 400, !page && slices.Contains(noRowIsToBlame, e.StatusCode):
		return stop
	}
	return rejected
}

// stoppedBy is the error of a run that a row's error ended.
func stoppedBy(why, of error) *Error {
	e, ok := errors.AsType[*Error](of)
	if !ok {
		return &Error{Operation: upsertOperation, err: why, cause: of}
	}
	stopped := *e
	stopped.err, stopped.cause = why, e.err
	return &stopped
}

// items returns the items of an upsert that the issues are about.
func (e *Error) items() map[int]bool {
	items := map[int]bool{}
	for _, issue := range e.Issues() {
		if n, ok := itemNumber(issue.Field); ok {
			items[n] = true
		}
	}
	return items
}

// itemNumber reads which item of an upsert a field is of: "users[3].email",
// "users.3.email", "/users/3/email" or "3.email".
func itemNumber(field string) (n int, ok bool) {
	number, _ := cutItem(field)
	parsed, err := strconv.ParseUint(number, 10, 16)
	return int(parsed), err == nil
}

func cutItem(field string) (number, path string) {
	const separators = "./[]$ "
	field = strings.TrimLeft(field, separators)
	field = strings.TrimPrefix(field, "users")
	field = strings.TrimLeft(field, separators)
	if end := strings.IndexAny(field, separators); end >= 0 {
		return field[:end], strings.TrimLeft(field[end:], separators)
	}
	return field, ""
}
