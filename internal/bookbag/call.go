package bookbag

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrTimeout is the cause when an attempt took longer than Config.Timeout.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string   { return "no answer within the time limit" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// Call is one operation.
type Call struct {
	Operation string // a template: "GET /agents/{agentId}/conversations"
	Method    string
	Path      []string // segments after the base, escaped when the URL is made
	Query     url.Values
	Body      []byte // JSON, nil for none
	Accept    string // default application/json
	NoKey     bool

	// Repeatable says that doing it twice is the same as doing it once, so that
	// it may be repeated when it is not known whether it was done.
	Repeatable bool

	// NotReady is the code of a status 404 that can mean "not yet", and is tried
	// three times for. Default: none.
	NotReady string
}

// Response is an answer of status 200 to 299.
type Response struct {
	ResponseInfo
	StatusCode  int
	Attempts    int
	ContentType string
	foreign     foreign
	Body        []byte // of Do

	// Stream is the body of Open. Its reads fail when Context ends, which Abort
	// brings about. Close must be called in the end.
	Stream  io.ReadCloser
	Context context.Context
	Abort   context.CancelCauseFunc
}

// ResponseInfo is what every answer carries beside its body.
type ResponseInfo struct {
	RequestID  string
	RateLimit  RateLimit
	RetryAfter time.Duration // 0 when the answer has none
}

// Failure is everything that goes wrong after the arguments were accepted.
type Failure struct {
	ResponseInfo
	Operation  string
	StatusCode int     // 0 without an answer
	Problem    Problem // of a refusal, from the beginning of its body
	Attempts   int

	// MayBeDone says that one of the attempts may have been carried out, although
	// no answer says so.
	MayBeDone bool

	// Err says why there is no answer, or none that can be used. It is nil for
	// a refusal, and ctx.Err() when the context ended; Cause is then the
	// context's cause, where that is another error.
	Err, Cause error

	// Refusal is the last refusal before a call was given up for another reason.
	Refusal *Failure
}

func (f *Failure) Error() string {
	if f.Err != nil {
		return f.Err.Error()
	}
	return fmt.Sprintf("status %d", f.StatusCode)
}

// Do makes a call and reads its answer. Its error is a *Failure.
func (c *Client) Do(ctx context.Context, call Call) (*Response, error) {
	return c.repeat(ctx, call, func(res *http.Response, r *Response) error {
		defer r.Abort(nil)
		defer res.Body.Close()
		b, err := io.ReadAll(io.LimitReader(res.Body, c.maxBody+1))
		if err == nil && int64(len(b)) > c.maxBody {
			err = ErrTooLong
		}
		r.Body = b
		return err
	})
}

// Open makes a call and leaves its answer to be read as a stream. Its error is a
// *Failure.
func (c *Client) Open(ctx context.Context, call Call) (*Response, error) {
	return c.repeat(ctx, call, func(res *http.Response, r *Response) error {
		r.Stream = &body{res.Body, func(err error) error { return c.reason(r.Context, err) }}
		return nil
	})
}

// body is a body whose errors do not show the key.
type body struct {
	io.ReadCloser
	reason func(error) error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.reason(err)
	}
	return n, err
}

// repeat is the attempt loop. It never waits past the deadline of ctx, nor longer
// than maxWait in all: the caller gets the rejection then, with its RetryAfter.
func (c *Client) repeat(ctx context.Context, call Call, read func(*http.Response, *Response) error) (*Response, error) {
	var refusal *Failure
	mayBeDone := false
	left := c.maxWait
	for number := 1; ; number++ {
		begun := time.Now()
		res, failure := c.attempt(ctx, call, read, &left)
		attempt := Attempt{Operation: call.Operation, Number: number, Duration: time.Since(begun)}
		if failure == nil {
			res.Attempts = number
			attempt.StatusCode, attempt.RequestID = res.StatusCode, res.RequestID
			c.reportSuccess(ctx, attempt, res)
			return res, nil
		}
		mayBeDone = mayBeDone || mayHaveBeenDone(failure)
		failure.Operation, failure.Attempts, failure.MayBeDone, failure.Refusal = call.Operation, number, mayBeDone, refusal
		if failure.Err == nil {
			refusal = failure
		}
		var wait time.Duration
		again := false
		if ctx.Err() == nil && number <= c.maxRetries && mayRepeat(call, number, failure) {
			wait, again = pause(ctx, number, failure, left)
			left -= wait
		}
		attempt.StatusCode, attempt.RequestID, attempt.Err, attempt.Wait = failure.StatusCode, failure.RequestID, failure.Err, wait
		c.report(ctx, attempt)
		if again && sleep(ctx, wait) {
			continue
		}
		if ctx.Err() != nil {
			return nil, ended(ctx, failure, refusal)
		}
		return nil, failure
	}
}

// ended is the failure of a call whose context has ended.
func ended(ctx context.Context, last, refusal *Failure) *Failure {
	f := &Failure{Operation: last.Operation, Attempts: last.Attempts, MayBeDone: last.MayBeDone, Err: ctx.Err(), Refusal: refusal}
	if cause := context.Cause(ctx); cause != f.Err {
		f.Cause = cause
	}
	return f
}

func (c *Client) report(ctx context.Context, a Attempt) {
	if c.onAttempt != nil {
		c.onAttempt(ctx, a)
	}
}

// reportSuccess closes the answer if the caller's function panics: nobody else
// has it yet.
func (c *Client) reportSuccess(ctx context.Context, a Attempt, res *Response) {
	reported := false
	defer func() {
		if !reported {
			res.Close(nil)
		}
	}()
	c.report(ctx, a)
	reported = true
}

// Text makes a text of the response fit for an error.
func (r *Response) Text(text string) string { return r.foreign.text(text, maxText) }

// Problem decodes a failure that a response of status 2xx reports.
func (r *Response) Problem(text []byte) Problem { return r.foreign.problem(text) }

// Close ends the answer without reading on. Reads under way fail, with the cause
// as that of Context.
func (r *Response) Close(cause error) {
	r.Abort(cause)
	if r.Stream != nil {
		_ = r.Stream.Close()
	}
}

// attempt sends the request once.
func (c *Client) attempt(ctx context.Context, call Call, read func(*http.Response, *Response) error, left *time.Duration) (*Response, *Failure) {
	if err := c.await(ctx, left); err != nil {
		return nil, &Failure{Err: unsentError{err}}
	}
	if err := ctx.Err(); err != nil {
		return nil, &Failure{Err: unsentError{err}}
	}
	ctx, abort := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.timeout, func() { abort(ErrTimeout) })
	defer timer.Stop()

	res, err := c.http.Do(c.request(ctx, call))
	if err != nil {
		abort(nil)
		return nil, &Failure{Err: c.reason(ctx, err)}
	}
	r := &Response{ResponseInfo: c.foreign.parseInfo(res.Header), foreign: c.foreign, StatusCode: res.StatusCode, ContentType: res.Header.Get("Content-Type"), Context: ctx, Abort: abort}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer abort(nil)
		defer res.Body.Close()
		var body []byte
		if res.StatusCode != http.StatusSwitchingProtocols { // else it is the bare connection, on which no time-out ends a read
			body, _ = io.ReadAll(io.LimitReader(res.Body, c.maxError)) // what came of it is enough
		}
		return nil, &Failure{ResponseInfo: r.ResponseInfo, StatusCode: res.StatusCode, Problem: c.foreign.problem(body)}
	}
	if err := read(res, r); err != nil {
		return nil, &Failure{ResponseInfo: r.ResponseInfo, StatusCode: res.StatusCode, Err: c.reason(ctx, err)}
	}
	return r, nil
}

// await waits for the limiter, at most as long as is left, and takes that from it.
func (c *Client) await(ctx context.Context, left *time.Duration) error {
	if c.limiter == nil {
		return nil
	}
	begun := time.Now()
	defer func() { *left -= time.Since(begun) }()
	ctx, cancel := context.WithTimeout(ctx, *left)
	defer cancel()
	if err := c.limiter.Wait(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrLimiter, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, call Call) *http.Request {
	u := *c.base
	u.Path += "/" + strings.Join(call.Path, "/")
	escaped := make([]string, len(call.Path))
	for i, segment := range call.Path {
		escaped[i] = url.PathEscape(segment)
	}
	u.RawPath = c.base.EscapedPath() + "/" + strings.Join(escaped, "/")
	u.RawQuery = call.Query.Encode()

	r := (&http.Request{Method: call.Method, URL: &u, Host: u.Host, Header: http.Header{}}).WithContext(ctx)
	r.Header.Set("User-Agent", userAgent)
	r.Header.Set("Accept", cmp.Or(call.Accept, "application/json"))
	if !call.NoKey {
		c.authorize(r.Header)
	}
	if call.Body != nil {
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(call.Body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.Body)), nil }
		r.Body, _ = r.GetBody()
	}
	return r
}

// reason names why an attempt failed, without the URL that net/http adds.
func (c *Client) reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause == ErrTimeout {
		return ErrTimeout
	}
	for ue, ok := errors.AsType[*url.Error](err); ok; ue, ok = errors.AsType[*url.Error](err) {
		err = ue.Err
	}
	if c.foreign.repeatsKey(err.Error()) { // net/http quotes what it cannot read, and a peer may send back what it got
		return errShowsKey
	}
	return err
}

var errShowsKey = errors.New("the answer could not be read, and repeats the key")

// ErrTooLong says that a response is longer than Config.MaxBody, or has too many
// values.
var ErrTooLong = errors.New("the response is longer than the limit")

// ErrLimiter says that Config.Limiter did not let a call through.
var ErrLimiter = errors.New("the limiter did not let the call through")

// unsentError is why an attempt was not begun: the limiter refused it, or the
// context had ended.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// mayRepeat holds the rules of contract section 8: a refusal of 429 was not
// carried out, nor was one of maintenance or a request that never left; everything
// else may have been.
func mayRepeat(call Call, number int, f *Failure) bool {
	switch {
	case f.Err == nil:
		switch f.StatusCode {
		case http.StatusTooManyRequests:
			return true
		case http.StatusNotFound:
			return call.NotReady != "" && f.Problem.Code == call.NotReady && number < 3
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return call.Repeatable || isMaintenance(f)
		}
		return false
	case f.Err == ErrTooLong:
		return false
	}
	if isBadCertificate(f.Err) {
		return false // the next attempt meets the same one
	}
	if _, ok := f.Err.(unsentError); ok {
		return false
	}
	return call.Repeatable || neverDialled(f.Err)
}

// mayHaveBeenDone is about one attempt. Who fails with a status from 500 on may
// have done the work before.
func mayHaveBeenDone(f *Failure) bool {
	if f.Err == nil {
		return f.StatusCode >= 500 && !isMaintenance(f)
	}
	_, unsent := f.Err.(unsentError)
	return !unsent && !neverDialled(f.Err) && !isBadCertificate(f.Err)
}

// isMaintenance reports whether the service rejected a request "before any data is read
// or written".
func isMaintenance(f *Failure) bool {
	return f.StatusCode == http.StatusServiceUnavailable && f.Problem.Code == "SERVICE_UNDER_MAINTENANCE"
}

func isBadCertificate(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

func neverDialled(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// pause returns how long to wait before the next attempt, and false when that
// is too long to wait for.
func pause(ctx context.Context, number int, f *Failure, left time.Duration) (time.Duration, bool) {
	wait := f.RetryAfter
	if wait == 0 && f.StatusCode == http.StatusTooManyRequests {
		wait = max(0, time.Until(f.RateLimit.Reset))
	}
	if wait == 0 && f.StatusCode == http.StatusNotFound { // see Call.NotReady
		wait = 300 * time.Millisecond << (number - 1)
	}
	if wait == 0 {
		longest := min(500*time.Millisecond<<(number-1), 8*time.Second)
		wait = longest/2 + rand.N(longest/2)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false
	}
	if wait > left {
		return 0, false
	}
	return wait, true
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
