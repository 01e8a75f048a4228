package chatclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/secret"
)

const (
	defaultIdleTimeout = time.Minute
	defaultMaxEvent    = 1 << 20
	defaultMaxBody     = 16 << 20
	maxMaxEvent        = 1 << 30
	maxToolOutput      = 16 << 20
)

// Options of a [Client]. Zero fields mean the defaults.
type Options struct {
	// BaseURL is where the service is: https, or http to this machine, without
	// user information, query and fragment. Default: https://app.bookbag.ai.
	BaseURL string

	// HTTPClient makes the requests. It is copied: redirects are not followed,
	// and its Timeout, which would cut streams, becomes Options.Timeout where
	// that is not set. Default: the zero http.Client.
	HTTPClient *http.Client

	// Timeout bounds one attempt; for a stream, the time to the header of its
	// answer. Default: 1 minute.
	Timeout time.Duration

	// IdleTimeout bounds the silence within a stream: the time from when an
	// event is asked for to when it, or a comment, is there. Default: 1 minute.
	IdleTimeout time.Duration

	// MaxRetries is how often a call is repeated at most, where that is safe.
	// Default: 2. Negative: never. At most 10.
	MaxRetries int

	// MaxWait is the longest time that a call waits, for the Limiter and between
	// attempts together. A call that would have to wait longer ends at once, with
	// [ErrLimiter] or the last rejection. Default: 30 seconds.
	MaxWait time.Duration

	// MaxBody is the maximum length in bytes of a response after decompression, of
	// what a stream's reply keeps, and of a conversation of an export. Default:
	// 16 MB.
	MaxBody int64

	// MaxEvent bounds an event of a stream, in bytes. Default: 1 MB.
	MaxEvent int

	// Limiter is waited for before each attempt. The service allows 100
	// requests in any 10 seconds for a key, on all machines together: note
	// that rate.NewLimiter(10, 100) lets 199 into one such window, while 9 a
	// second with a burst of 5 stays within it. Default: none.
	Limiter Limiter

	// OnAttempt is told of each attempt after its end, on the goroutine of the
	// call. Default: nobody is.
	OnAttempt func(context.Context, Attempt)
}

// Limiter waits until a request may be sent, or returns an error when it may
// not or the context ends. *rate.Limiter of golang.org/x/time is one.
type Limiter interface {
	Wait(context.Context) error
}

// Attempt is one attempt of a call.
type Attempt struct {
	Operation  string        // the method and the path as a template, without ids
	Number     int           // from 1
	StatusCode int           // 0 without an answer
	Duration   time.Duration // of the attempt
	Wait       time.Duration // before the next attempt, 0 when there is none
	RequestID  string        // of the answer
	Err        error         // why there was no answer that could be used
}

// RateLimit is the state of the key's budget as an answer tells it. The names
// of its headers are not documented by Bookbag, but by Chatbase, whose API it
// imitates; what is missing is zero.
type RateLimit struct {
	Limit     int       // requests that a window allows
	Remaining int       // of them, those left
	Reset     time.Time // when the window is over
}

// ResponseInfo is what every answer carries beside its content.
type ResponseInfo struct {
	RequestID string // x-request-id, for the service's support
	RateLimit RateLimit
}

// Client calls the API for one agent. It is safe for use by many goroutines.
// However it is printed or encoded, it shows as [redacted].
type Client struct {
	redacted
	api         *bookbag.Client
	agent       int64
	idleTimeout time.Duration
	maxEvent    int
	maxText     int64
}

type redacted = secret.Redacted

// New returns a Client for an agent. The key stays on the server: it reads all
// conversations of the agent. The options may be nil. A bad argument is a
// *[FieldError].
//
// Source: Bookbag, API v2, "Authentication".
func New(apiKey string, agent int64, options *Options) (*Client, error) {
	var o Options
	if options != nil {
		o = *options
	}
	if err := checkRule("agent", bookbag.Agent(agent)); err != nil {
		return nil, err
	}
	switch {
	case o.IdleTimeout < 0:
		return nil, &FieldError{"Options.IdleTimeout", "must not be negative"}
	case o.MaxEvent < 0, o.MaxEvent > maxMaxEvent:
		return nil, &FieldError{"Options.MaxEvent", "must be from 0 to 1 GB"}
	case o.IdleTimeout == 0:
		o.IdleTimeout = defaultIdleTimeout
	}
	if o.MaxEvent == 0 {
		o.MaxEvent = defaultMaxEvent
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	config := bookbag.Config{
		BaseURL:    o.BaseURL,
		HTTPClient: o.HTTPClient,
		Timeout:    o.Timeout,
		MaxRetries: o.MaxRetries,
		MaxWait:    o.MaxWait,
		MaxBody:    o.MaxBody,
		Limiter:    o.Limiter,
	}
	if o.OnAttempt != nil {
		config.OnAttempt = func(ctx context.Context, a bookbag.Attempt) { o.OnAttempt(ctx, Attempt(a)) }
	}
	api, err := bookbag.New(apiKey, config)
	if a, ok := errors.AsType[*bookbag.ArgumentError](err); ok {
		return nil, &FieldError{a.Field, a.Rule}
	}
	return &Client{api: api, agent: agent, idleTimeout: o.IdleTimeout, maxEvent: o.MaxEvent, maxText: o.MaxBody}, err
}

// WithMaxWait returns a client that shares everything with c but Options.MaxWait:
// in its place, it waits for d at most. If d is not positive, it does not wait.
func (c *Client) WithMaxWait(d time.Duration) *Client {
	other := *c
	other.api = c.api.WithMaxWait(d)
	return &other
}

// Agent returns the agent that the client is for.
func (c *Client) Agent() int64 { return c.agent }

// agentPath returns the segments of a path below the agent.
func (c *Client) agentPath(segments ...string) []string {
	return append([]string{"api", "v2", "agents", strconv.FormatInt(c.agent, 10)}, segments...)
}

func get(operation string, path []string, query url.Values) bookbag.Call {
	return bookbag.Call{Operation: "GET " + operation, Method: http.MethodGet, Path: path, Query: query, Repeatable: true}
}

// send returns a call that changes something, and so is not repeated when it may
// have arrived: the service has no idempotency key. The body consists of texts and
// JSON that are checked.
func send(method, operation string, path []string, body any) bookbag.Call {
	b, _ := json.Marshal(body)
	return bookbag.Call{Operation: method + " " + operation, Method: method, Path: path, Body: b}
}

// do makes a call and decodes its response.
func (c *Client) do(ctx context.Context, call bookbag.Call, decode func(*bookbag.Scanner) error) (ResponseInfo, error) {
	res, err := c.api.Do(ctx, call)
	if err != nil {
		return ResponseInfo{}, fail(err)
	}
	if err := bookbag.Scan(res.Body, decode); err != nil {
		return infoOf(res), undecodable(call.Operation, res, err)
	}
	return infoOf(res), nil
}

func infoOf(res *bookbag.Response) ResponseInfo {
	return ResponseInfo{RequestID: res.RequestID, RateLimit: RateLimit(res.RateLimit)}
}

// undecodable is the error of a response whose body is not what the operation
// returns.
func undecodable(operation string, res *bookbag.Response, err error) *Error {
	if err != bookbag.ErrFormat {
		return because(operation, res, err, nil)
	}
	e := because(operation, res, ErrUnexpectedResponse, nil)
	e.describe(res.Problem(res.Body[:min(len(res.Body), maxProblem)]))
	return e
}

// maxProblem is how much of a body is searched for a problem.
const maxProblem = 64 << 10

// because is the error of an answer of status 2xx that could not be used.
func because(operation string, res *bookbag.Response, err, cause error) *Error {
	return asError(&bookbag.Failure{
		ResponseInfo: res.ResponseInfo, Operation: operation, StatusCode: res.StatusCode, Attempts: res.Attempts, Err: err, Cause: cause,
	})
}
