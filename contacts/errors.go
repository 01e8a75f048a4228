package contacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// A FieldError says which argument or field broke which rule. Every refusal of
// an argument is one, always as a pointer, before anything is sent. Its text
// holds neither the key nor a field's value.
type FieldError struct {
	// Field is an argument ("apiKey") or a field ("inputs[3].ExternalID").
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "contacts: " + e.Field + " " + e.Rule }

// Error is everything that goes wrong after the arguments were accepted, a
// context that ended included. It is always a pointer.
//
// errors.Is finds in it a status ([ErrNotFound] ...), what happened to the
// answer ([ErrTimeout] ...), the context's error and its cause. When a call was
// given up after refusals, the last of them is in it as well.
type Error struct {
	// Operation is the method and the path as a template, without ids.
	Operation string

	// StatusCode is the status of the answer, 0 without one.
	StatusCode int

	// Code is for an answer that has one. The service documents none for
	// contacts and attributes.
	Code string

	// Message is the service's explanation, or for an answer that is none of
	// the service's the beginning of its body: at most 512 bytes. The service
	// may change it, and it is not part of the error's text.
	Message string

	// Issues say what is wrong with which field, where the answer does: at most
	// 1,000. They are documented by Chatbase alone, whose API Bookbag imitates.
	Issues []Issue

	// MayBeDone says that what was asked for may have been done, although no
	// answer says so: the connection broke, or the service failed, when the
	// request had already left. It is about all attempts together, and of a
	// reading call it means nothing.
	MayBeDone bool

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

// Issue is what is wrong with a field. Both texts are the service's, of at most
// 512 bytes. Which form the names of fields have is not documented.
type Issue struct {
	Field   string
	Message string
}

// Error returns one line with the operation, status, code and request id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("contacts: " + e.Operation)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": status %d", e.StatusCode)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %s)", e.RetryAfter)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " %.128q", e.Code)
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

// Is reports whether target is this error's status.
func (e *Error) Is(target error) bool {
	status, ok := target.(statusError)
	return ok && (e.StatusCode == int(status) || target == ErrServer && e.StatusCode > 500)
}

type statusError int

func (s statusError) Error() string { return "contacts: status " + http.StatusText(int(s)) }

// Statuses, for errors.Is. ErrConflict means an external id, e-mail address or
// attribute name that is taken. ErrServer stands for all from 500 on.
var (
	ErrBadRequest   error = statusError(http.StatusBadRequest)
	ErrUnauthorized error = statusError(http.StatusUnauthorized)
	ErrForbidden    error = statusError(http.StatusForbidden)
	ErrNotFound     error = statusError(http.StatusNotFound)
	ErrConflict     error = statusError(http.StatusConflict)
	ErrTooLarge     error = statusError(http.StatusRequestEntityTooLarge)
	ErrRateLimited  error = statusError(http.StatusTooManyRequests)
	ErrServer       error = statusError(http.StatusInternalServerError)
)

var (
	// ErrTimeout says that no answer came within Options.Timeout.
	ErrTimeout = bookbag.ErrTimeout

	// ErrTooLong says that a response was longer than Options.MaxBody, had more
	// than 200,000 JSON values, of which an object or a list counts as five, or a
	// contact with more than 1 MB of custom attributes.
	ErrTooLong = bookbag.ErrTooLong

	// ErrUnexpectedResponse says that an answer of status 2xx was not what the
	// operation gives: a page of somebody else, or another kind of JSON.
	// Whether the operation was carried out is not known then.
	ErrUnexpectedResponse = errors.New("the answer is not of the documented form")

	// ErrRepeatedPage says that a list came back to a page that it had before.
	ErrRepeatedPage = errors.New("the list repeats a page")
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
		MayBeDone:  f.MayBeDone,
		RequestID:  f.RequestID,
		RetryAfter: f.RetryAfter,
		RateLimit:  RateLimit(f.RateLimit),
		Attempts:   f.Attempts,
		err:        f.Err,
		cause:      f.Cause,
	}
	if f.Err == nil {
		p := f.Problem
		e.Code, e.Message, e.Issues = p.Code, p.Message, parseIssues(p.Details)
	}
	if f.Refusal != nil {
		e.refusal = asError(f.Refusal)
	}
	return e
}

const maxIssues = 1000 // as many as an upsert has items

// parseIssues takes a list, and of an item that has another form its JSON.
func parseIssues(details json.RawMessage) []Issue {
	var items []json.RawMessage
	if json.Unmarshal(details, &items) != nil {
		return nil
	}
	var issues []Issue
	for _, item := range items[:min(len(items), maxIssues)] {
		var issue Issue
		if json.Unmarshal(item, &issue) != nil || issue == (Issue{}) {
			issue = Issue{Message: string(item)}
		}
		issues = append(issues, Issue{bookbag.Cut(issue.Field), bookbag.Cut(issue.Message)})
	}
	return issues
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

// judge decides what a failed upsert means. page is a rejection that is not the
// service's own, but perhaps a firewall's, which does not like one of the rows.
func judge(e *Error, page bool) verdict {
	noRowIsToBlame := []int{
		http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
	}
	dial, ok := errors.AsType[*net.OpError](e.err)
	neverDialled := ok && dial.Op == "dial"
	switch {
	case e.StatusCode == http.StatusTooManyRequests, neverDialled:
		return later
	case e.StatusCode == 0 && !e.MayBeDone: // the context, or the certificate
		return stop
	case e.err != nil, e.StatusCode >= 500, e.StatusCode == http.StatusRequestTimeout:
		return lost
	case e.StatusCode < 400, !page && slices.Contains(noRowIsToBlame, e.StatusCode):
		return stop
	}
	return rejected
}

func rowsFailed(first error) *Error {
	return &Error{Operation: upsertOperation, err: ErrRowsFailed, cause: first}
}

func contextEnded(ctx context.Context) *Error {
	e := &Error{Operation: upsertOperation, err: ctx.Err()}
	if cause := context.Cause(ctx); cause != e.err {
		e.cause = cause
	}
	return e
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
	for _, issue := range e.Issues {
		if n, ok := itemNumber(issue.Field); ok {
			items[n] = true
		}
	}
	return items
}

// ownIssues names the fields of a row that was sent alone without its number.
func ownIssues(issues []Issue) []Issue {
	own := slices.Clone(issues)
	for i, issue := range own {
		if _, ok := itemNumber(issue.Field); ok {
			_, own[i].Field = cutItem(issue.Field)
		}
	}
	return own
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
