package bookbag

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
)

// Failure is everything that goes wrong after the arguments were accepted.
type Failure struct {
	ResponseInfo
	Operation  string
	StatusCode int // 0 without a response
	Problem        // of a rejection, from the beginning of its body
	Attempts   int

	// OutcomeUnknown reports whether one of the attempts may have been carried out,
	// although no response shows it.
	OutcomeUnknown bool

	// Err is why there is no response, or none that can be used. It is nil for
	// a rejection, and ctx.Err() when the context ended; Cause is then the
	// context's cause, if that is another error.
	Err, Cause error

	// LastRejection is the last one before a call was given up for another reason.
	LastRejection *Failure

	unsent bool // the limiter rejected it, the context had ended, or the certificate is bad
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
// do, but none of the service's texts.
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
		text += ": " + Cut(f.Err.Error()) // of a transport: it may be anything
	}
	if neverDialed(f.Err) {
		text += " (check Options.BaseURL and the network)"
	}
	if f.RequestID != "" {
		text += fmt.Sprintf(" (request id %q)", f.RequestID)
	}
	return text
}

// Causes returns those of two errors that are not nil, for an Unwrap method.
func Causes(err, cause error) []error {
	return slices.DeleteFunc([]error{err, cause}, func(err error) bool { return err == nil })
}

// StatusError is a status as an error.
type StatusError int

func (s StatusError) Error() string {
	return fmt.Sprintf("status %d %s", int(s), http.StatusText(int(s)))
}

// Matches reports whether a status is that of target; ErrServer is all from 500 on.
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

// mayRepeat holds the rules of contract section 8: a rejection with 429 was not
// carried out, nor was one of maintenance or a request that never left; everything
// else may have been.
func (f *Failure) mayRepeat(call Call) bool {
	switch {
	case f.unsent, f.Err == ErrTooLong: // the next attempt meets the same one
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

// mayBeDone is about one attempt. Who fails with a status from 500 on may have done
// the work before, except for maintenance: that rejects a request "before any data is
// read or written".
func (f *Failure) mayBeDone() bool {
	if f.Err == nil {
		isMaintenance := f.StatusCode == http.StatusServiceUnavailable && f.Code == "SERVICE_UNDER_MAINTENANCE"
		return f.StatusCode >= 500 && !isMaintenance
	}
	return !f.unsent && !neverDialed(f.Err)
}

func neverDialed(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
