package bookbag

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
)

// Failure is any failure after the arguments were accepted.
type Failure struct {
	ResponseInfo
	Operation  string
	StatusCode int // 0 without a response
	Problem        // of a rejection, from the beginning of its body
	Attempts   int

	// OutcomeUnknown reports whether one of the attempts may have been carried out
	// although no response confirms it.
	OutcomeUnknown bool

	// Err is why there is no usable response. It is nil for a rejection. If the context
	// ended, it is ctx.Err(), and Cause is the context's cause if that is another error.
	Err, Cause error

	// LastRejection is the last one before a call was given up for another reason.
	LastRejection *Failure

	unsent bool // the limiter or the context prevented it, or the certificate is invalid
}

func (f *Failure) Error() string { return f.Text("bookbag") }

// Because makes it the failure of a context that has ended.
func (f *Failure) Because(ctx context.Context) *Failure {
	f.Err = ctx.Err()
	if cause := context.Cause(ctx); cause != f.Err {
		f.Cause = cause
	}
	return f
}

// advice is what to do about a status.
var advice = map[int]string{
	http.StatusUnauthorized: "check BOOKBAG_API_KEY",
	http.StatusForbidden:    "is the key for this agent?",
	http.StatusNotFound:     "check the agent, the ids of the call and Options.BaseURL",
}

func (f *Failure) advice() string {
	if f.StatusCode/100 == 3 {
		return "redirects are not followed: check Options.BaseURL"
	}
	return advice[f.StatusCode]
}

// Text returns one line with the operation, status, code and request id, and what to
// do, but without the service's message.
func (f *Failure) Text(pkg string) string {
	text := pkg + ": " + f.Operation
	if f.StatusCode != 0 {
		text += fmt.Sprintf(": status %d", f.StatusCode)
	}
	if f.Code != "" {
		text += fmt.Sprintf(" %.128q", f.Code)
	}
	if f.RetryAfter > 0 {
		text += fmt.Sprintf(" (retry after %s)", f.RetryAfter)
	} else if todo := f.advice(); todo != "" {
		text += " (" + todo + ")"
	}
	if f.Err != nil {
		text += ": " + Cut(f.Err.Error()) // a transport may return any text
	}
	if NeverDialed(f.Err) {
		text += " (check Options.BaseURL and the network)"
	}
	if f.RequestID != "" {
		text += fmt.Sprintf(" (request id %q)", f.RequestID)
	}
	return text
}

// Causes returns the errors that are not nil, for an Unwrap method.
func Causes(err, cause error) []error {
	return slices.DeleteFunc([]error{err, cause}, func(err error) bool { return err == nil })
}

// StatusError is a status as an error.
type StatusError int

func (s StatusError) Error() string {
	return fmt.Sprintf("status %d %s", int(s), http.StatusText(int(s)))
}

// Matches reports whether target is the error of a status. ErrServer matches all from 500.
func (s StatusError) Matches(target error) bool {
	return target == s || target == ErrServer && s > ErrServer
}

// Errors of both clients, which document them.
const (
	ErrBadRequest   = StatusError(http.StatusBadRequest)
	ErrUnauthorized = StatusError(http.StatusUnauthorized)
	ErrForbidden    = StatusError(http.StatusForbidden)
	ErrNotFound     = StatusError(http.StatusNotFound)
	ErrRateLimited  = StatusError(http.StatusTooManyRequests)
	ErrServer       = StatusError(http.StatusInternalServerError)
)

// Errors of both clients, which document them.
var (
	ErrTimeout      error = timeoutError{}
	ErrTooLong            = errors.New("the response is longer than the limit (see Options.MaxBody)")
	ErrLimiter            = errors.New("Options.Limiter did not let the call through within Options.MaxWait")
	ErrRepeatedPage       = errors.New("the list repeats a page")
)

type timeoutError struct{}

func (timeoutError) Error() string   { return "no response within Options.Timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// mayRepeat reports whether another attempt may succeed and cannot do the work twice.
func (f *Failure) mayRepeat(call Call) bool {
	switch {
	case f.unsent, f.Err == ErrTooLong: // another attempt would fail in the same way
		return false
	case f.StatusCode == http.StatusNotFound:
		return call.NotReady != "" && f.Code == call.NotReady && f.Attempts < 3
	case f.Err == nil && !slices.Contains(transient, f.StatusCode):
		return false
	}
	return call.Repeatable || !f.mayBeDone()
}

// transient are the statuses after which another attempt may succeed.
var transient = []int{
	http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// mayBeDone reports whether this attempt may have been carried out. A server that
// responds with a status from 500 may have done the work. In maintenance, it rejects a
// request "before any data is read or written".
func (f *Failure) mayBeDone() bool {
	if f.Err == nil {
		isMaintenance := f.StatusCode == http.StatusServiceUnavailable && f.Code == "SERVICE_UNDER_MAINTENANCE"
		return f.StatusCode >= 500 && !isMaintenance
	}
	return !f.unsent && !NeverDialed(f.Err)
}

// NeverDialed reports whether there was no connection, so that nothing was sent.
func NeverDialed(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
