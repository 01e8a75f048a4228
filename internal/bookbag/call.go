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
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Call is one operation.
type Call struct {
	// Operation is the method and the path after Config.Root as a template:
	// "GET /agents/{agentId}/conversations/{conversationId}". The first part in braces
	// is the agent, and IDs are the others.
	Operation string
	IDs       []string

	Query  url.Values
	Body   []byte // JSON, nil for none
	Accept string // default application/json
	NoKey  bool

	// Repeatable reports whether two calls have the effect of one, so that a call whose
	// response was lost may be repeated.
	Repeatable bool

	// NotReady is the code of a status 404 that can mean "not yet". A call is attempted
	// three times then. Default: none.
	NotReady string
}

// Response is a response of status 200 to 299.
type Response struct {
	ResponseInfo
	sanitizer
	Operation   string
	StatusCode  int
	Attempts    int
	ContentType string
	Body        []byte // of Do

	// Stream is the body of Open. Its reads fail when the context ends, or after
	// Abort. Close must be called at the end.
	Stream io.ReadCloser

	ctx, parent context.Context
	Abort       context.CancelCauseFunc
}

// Do makes a call and reads its response. Its error is a *Failure, or ErrNoClient.
func (c *Client) Do(ctx context.Context, call Call) (*Response, error) {
	return c.repeat(ctx, call, func(r *Response) error {
		defer r.Close(nil)
		b, err := io.ReadAll(io.LimitReader(r.Stream, c.MaxBody+1))
		if err == nil && int64(len(b)) > c.MaxBody {
			err = ErrTooLong
		}
		r.Body = b
		return err
	})
}

// Decode makes a call and decodes its response as [Response.Decode] does. Its error is
// a *Failure.
func (c *Client) Decode(ctx context.Context, call Call, decode func(body []byte) error) (ResponseInfo, error) {
	res, err := c.Do(ctx, call)
	if err != nil {
		return ResponseInfo{}, err
	}
	return res.ResponseInfo, res.Decode(decode)
}

// Open makes a call whose response is read as a stream. Its error is a *Failure.
func (c *Client) Open(ctx context.Context, call Call) (*Response, error) {
	return c.repeat(ctx, call, func(*Response) error { return nil })
}

// Decode calls decode with the body. decode must check that it is JSON. Its error is a
// *Failure.
func (r *Response) Decode(decode func(body []byte) error) error {
	body := bytes.TrimSpace(r.Body)
	err := CheckLength(body)
	if err == nil {
		err = decode(body)
	}
	if err == nil {
		return nil
	}
	f := r.Failure(err)
	if err == ErrFormat {
		f.Problem = r.Problem(body[:min(len(body), maxProblem)])
	}
	return f
}

// maxProblem is how much of the body of a success is searched for a Problem.
const maxProblem = 64 << 10

// Close ends the response without reading the rest. Reads in progress fail with the
// cause.
func (r *Response) Close(cause error) {
	r.Abort(cause)
	_ = r.Stream.Close()
}

// Err returns an error if the context of the response has ended.
func (r *Response) Err() error { return r.ctx.Err() }

// Failure returns the failure of a response that err makes unusable.
func (r *Response) Failure(err error) *Failure {
	return &Failure{
		ResponseInfo: r.ResponseInfo, Operation: r.Operation, StatusCode: r.StatusCode, Attempts: r.Attempts, OutcomeUnknown: true, Err: err,
	}
}

// Ended returns the failure of a response whose context has ended, or nil.
func (r *Response) Ended() *Failure {
	switch cause := context.Cause(r.ctx); cause {
	case nil:
		return nil
	case context.Cause(r.parent):
		return r.Failure(nil).Because(r.parent)
	default:
		return r.Failure(cause)
	}
}

// repeat is the attempt loop. If a wait would exceed the deadline of ctx, or all waits
// Config.MaxWait, it returns the rejection at once, with its RetryAfter.
func (c *Client) repeat(ctx context.Context, call Call, read func(*Response) error) (*Response, error) {
	if c == nil {
		return nil, ErrNoClient
	}
	var rejection *Failure // the last one
	unknown := false
	left := c.MaxWait
	for number := 1; ; number++ {
		begun := time.Now()
		res, f := c.attempt(ctx, call, number, &left, read)
		attempt := Attempt{Operation: call.Operation, Number: number, StatusCode: res.StatusCode, Duration: time.Since(begun), RequestID: res.RequestID}
		if f == nil {
			c.OnAttempt(ctx, attempt)
			return res, nil
		}
		unknown = unknown || f.mayBeDone()
		f.OutcomeUnknown, attempt.Err = unknown, f.Err
		if f.Err == nil {
			rejection = f
		} else {
			f.LastRejection = rejection
		}
		again := false
		if ctx.Err() == nil && number <= c.MaxRetries && f.mayRepeat(call) {
			attempt.Wait, again = f.pause(ctx, left)
			left -= attempt.Wait
		}
		c.OnAttempt(ctx, attempt)
		switch {
		case again && Sleep(ctx, attempt.Wait):
		case ctx.Err() != nil:
			ended := &Failure{Operation: f.Operation, Attempts: number, OutcomeUnknown: unknown, LastRejection: rejection}
			return nil, ended.Because(ctx)
		default:
			return nil, f
		}
	}
}

// attempt sends the request once. Its response is never nil, and empty without one.
func (c *Client) attempt(parent context.Context, call Call, number int, left *time.Duration, read func(*Response) error) (*Response, *Failure) {
	r := &Response{sanitizer: c.sanitizer, Operation: call.Operation, Attempts: number, parent: parent}
	if err := c.await(parent, left); err != nil {
		f := r.Failure(err)
		f.unsent = true
		return r, f
	}
	r.ctx, r.Abort = context.WithCancelCause(parent)
	timer := time.AfterFunc(c.Timeout, func() { r.Abort(ErrTimeout) })
	defer timer.Stop()

	res, err := c.send(c.request(r.ctx, call))
	if err != nil {
		r.Abort(nil)
		f := r.Failure(c.reason(r.ctx, err))
		_, f.unsent = errors.AsType[*tls.CertificateVerificationError](err)
		return r, f
	}
	r.ResponseInfo, r.StatusCode, r.ContentType = c.parseInfo(res.Header), res.StatusCode, res.Header.Get("Content-Type")
	r.Stream = &body{res.Body, r}
	if res.StatusCode >= 200 && res.StatusCode <= 299 {
		if err := read(r); err != nil {
			return r, r.Failure(err)
		}
		return r, nil
	}
	defer r.Close(nil)
	f := r.Failure(nil)
	var b []byte
	if res.StatusCode != http.StatusSwitchingProtocols { // its body is the connection, which no timeout ends
		b, _ = io.ReadAll(io.LimitReader(res.Body, c.MaxError)) // the beginning of a body is enough
	}
	f.Problem = c.Problem(b)
	return r, f
}

// body is a response body whose errors do not contain the key.
type body struct {
	io.ReadCloser
	of *Response
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.of.reason(b.of.ctx, err)
	}
	return n, err
}

// await waits for the limiter, at most for the time that is left, and subtracts the wait.
func (c *Client) await(ctx context.Context, left *time.Duration) error {
	if c.Limiter == nil {
		return ctx.Err()
	}
	begun := time.Now()
	defer func() { *left -= time.Since(begun) }()
	waits, cancel := context.WithTimeout(ctx, *left)
	defer cancel()
	switch err := c.Limiter.Wait(waits); {
	case err == nil:
		return ctx.Err()
	case waits.Err() != nil: // maybe ctx too: repeat checks that
		return ErrLimiter
	default:
		return fmt.Errorf("%w: %w", ErrLimiter, err)
	}
}

// Values of headers that all requests share.
var (
	userAgent = []string{"chatident-go (+https://github.com/chatident/chatident)"}
	jsonType  = []string{"application/json"}
)

func (c *Client) request(ctx context.Context, call Call) *http.Request {
	method, template, _ := strings.Cut(call.Operation, " ")
	target := c.base + c.fill(template, call.IDs)
	if len(call.Query) > 0 {
		target += "?" + call.Query.Encode()
	}
	r, _ := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(call.Body)) // New and the clients checked every part
	r.Header["User-Agent"], r.Header["Accept"] = userAgent, []string{cmp.Or(call.Accept, jsonType[0])}
	if !call.NoKey {
		c.authorize(r.Header)
	}
	if call.Body != nil {
		r.Header["Content-Type"] = jsonType
	}
	return r
}

// fill returns the path of a template, escaped.
func (c *Client) fill(template string, ids []string) string {
	segments := strings.Split(template, "/")
	ids = append([]string{strconv.FormatInt(c.Agent, 10)}, ids...)
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = url.PathEscape(ids[0])
			ids = ids[1:]
		}
	}
	return strings.Join(segments, "/")
}

// reason is why an attempt failed, without the URL that net/http adds.
func (s sanitizer) reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause == ErrTimeout {
		return ErrTimeout
	}
	for ue, ok := errors.AsType[*url.Error](err); ok; ue, ok = errors.AsType[*url.Error](err) {
		err = ue.Err
	}
	if s.repeatsKey(err.Error()) { // net/http quotes malformed responses, and a peer may send the key back
		return errShowsKey
	}
	return err
}

var errShowsKey = errors.New("the response could not be read, and repeats the key")

// pause returns how long to wait before the next attempt, or false if that is too long.
func (f *Failure) pause(ctx context.Context, left time.Duration) (time.Duration, bool) {
	longest := min(500*time.Millisecond<<(f.Attempts-1), 8*time.Second)
	wait := longest/2 + rand.N(longest/2)
	untilReset := time.Until(f.RateLimit.Reset)
	switch {
	case f.RetryAfter > 0:
		wait = f.RetryAfter
	case f.StatusCode == http.StatusTooManyRequests && untilReset > 0:
		wait = untilReset
	case f.StatusCode == http.StatusNotFound: // see Call.NotReady
		wait = 300 * time.Millisecond << (f.Attempts - 1)
	}
	if deadline, ok := ctx.Deadline(); wait > left || ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, true
}

// Sleep returns false if ctx ends first.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-timer.Done()
	return ctx.Err() == nil
}
