package chatclient

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/secret"
)

const (
	maxMaxEvent   = 1 << 30
	maxToolOutput = 16 << 20
)

// Options configures a [Client]. Zero fields mean the defaults.
type Options struct {
	// BaseURL is the URL of the service: https, or http to a loopback host, without
	// user information, query and fragment. Default: https://app.bookbag.ai.
	BaseURL string

	// HTTPClient sends the requests. It is copied, and the copy does not follow
	// redirects. Its Timeout applies if Options.Timeout is not set. Default: the zero
	// http.Client.
	HTTPClient *http.Client

	// Timeout is the longest duration of one attempt; for a stream, until its header
	// arrives. Default: 1 minute. A negative value is an error.
	Timeout time.Duration

	// MaxRetries is the maximum number of attempts after the first, if a retry is
	// safe. Default: 2. Maximum: 10. Negative: no retries.
	MaxRetries int

	// MaxWait is the longest time that a call waits for the Limiter and between
	// attempts, in total. A call that would wait longer fails at once, with
	// [ErrLimiter] or the last rejection. Default: 30 seconds. A negative value is an
	// error.
	MaxWait time.Duration

	// MaxBody is the maximum length of a response in bytes, after decompression. It
	// limits what is kept of a stream, and each conversation of an export. Default:
	// 16 MB. Maximum: 1 GB. A negative value is an error.
	MaxBody int64

	// Limiter, if non-nil, is consulted before each attempt, possibly by several
	// goroutines at once. The service allows 100 requests per key in any 10 seconds,
	// on all machines together. rate.NewLimiter(10, 100) allows up to 199 in such a
	// window; 9 per second with a burst of 5 stays within the limit. Default: nil.
	Limiter Limiter

	// OnAttempt, if non-nil, is called after each attempt, on the goroutine of the
	// call. Default: nil.
	OnAttempt func(context.Context, Attempt)

	// IdleTimeout is the longest wait for the next event or comment of a stream, or
	// for the next conversation of an export. Default: 1 minute. A negative value is
	// an error.
	IdleTimeout time.Duration

	// MaxEvent is the maximum length of an event of a stream in bytes. A longer event
	// is [ErrTooLong]. Default: 1 MB. Maximum: 1 GB. A negative value is an error.
	MaxEvent int
}

// Limiter blocks until a request may be sent. It returns an error if the request may
// not be sent, or if the context ends. A *rate.Limiter of golang.org/x/time is a
// Limiter.
type Limiter interface {
	Wait(context.Context) error
}

// Attempt describes one attempt of a call.
type Attempt struct {
	Operation  string        // the HTTP method and the path template, without ids
	Number     int           // from 1
	StatusCode int           // 0 if there was no response
	Duration   time.Duration // of the attempt
	Wait       time.Duration // before the next attempt, 0 if there is none
	RequestID  string        // of the response
	Err        error         // why there is no usable response
}

// RateLimit is the state of the key's rate limit, as far as a response contains it.
// The other fields are zero. The names of the headers are documented by Chatbase,
// whose API Bookbag imitates, not by Bookbag.
type RateLimit struct {
	Limit     int       // requests allowed in a window
	Remaining int       // requests left in the window
	Reset     time.Time // when the window ends
}

// ResponseInfo is what every response has in addition to its content.
type ResponseInfo struct {
	RequestID string // x-request-id, for the service's support; may be empty
	RateLimit RateLimit
}

// Client calls the API for one agent. It is safe for concurrent use. It prints and
// encodes as [redacted].
type Client struct {
	redacted
	api         *bookbag.Client
	idleTimeout time.Duration
	maxEvent    int
}

type redacted = secret.Redacted

// New returns a Client for an agent. Keep the key on the server: it can read all
// conversations of the agent. The options may be nil. An invalid argument is a
// *[FieldError].
//
// Source: Bookbag, API v2, "Authentication".
func New(apiKey string, agent int64, options *Options) (*Client, error) {
	o := *cmp.Or(options, &Options{})
	switch {
	case o.IdleTimeout < 0:
		return nil, &FieldError{"Options.IdleTimeout", "must not be negative"}
	case o.MaxEvent < 0, o.MaxEvent > maxMaxEvent:
		return nil, &FieldError{"Options.MaxEvent", "must be from 0 to 1 GB"}
	}
	config := bookbag.Config{
		Root: "/api/v2", Agent: agent, BaseURL: o.BaseURL, HTTPClient: o.HTTPClient, Timeout: o.Timeout,
		MaxRetries: o.MaxRetries, MaxWait: o.MaxWait, MaxBody: o.MaxBody, Limiter: o.Limiter,
	}
	if o.OnAttempt != nil {
		config.OnAttempt = func(ctx context.Context, a bookbag.Attempt) { o.OnAttempt(ctx, Attempt(a)) }
	}
	api, err := bookbag.New(apiKey, config)
	if err != nil {
		return nil, fail(err)
	}
	return &Client{
		api: api, idleTimeout: cmp.Or(o.IdleTimeout, time.Minute), maxEvent: cmp.Or(o.MaxEvent, 1<<20),
	}, nil
}

// WithMaxWait returns a copy of c with another Options.MaxWait. If d is not positive,
// the copy does not wait.
func (c *Client) WithMaxWait(d time.Duration) *Client {
	if c.service() == nil {
		return nil
	}
	other, api := *c, *c.api
	api.MaxWait = max(d, 0)
	other.api = &api
	return &other
}

// Agent returns the id of the agent.
func (c *Client) Agent() int64 {
	if c.service() == nil {
		return 0
	}
	return c.api.Agent
}

// Health is the service's report on its health.
type Health struct {
	Status       string `json:"status"` // "ok"
	Timestamp    Time   `json:"timestamp"`
	ResponseInfo `json:"-"`
}

// Health requests the state of the service, without the key. A failure is an *[Error].
//
// Source: Bookbag, API v2, "Health". Only Chatbase documents the form of the response.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	call := readCall("/health")
	call.NoKey = true
	info, err := c.do(ctx, call, func(body []byte) error {
		if err := bookbag.Object(body, &h); err != nil || h.Status == "" {
			return bookbag.ErrFormat
		}
		return nil
	})
	h.ResponseInfo = info
	return h, err
}

// Check returns nil if the key works for the agent. It sends a call that reads one
// conversation. Its *[Error] is [ErrUnauthorized] if the key is wrong, [ErrForbidden]
// if the key is for another agent, and [ErrNotFound] if the agent does not exist.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.ConversationsPage(ctx, PageRequest{Limit: 1})
	return err
}

// service is nil for a Client that does not come from New. Its calls return an error.
func (c *Client) service() *bookbag.Client {
	if c == nil {
		return nil
	}
	return c.api
}

// readCall returns a GET, which may be repeated.
func readCall(path string, ids ...string) bookbag.Call {
	return bookbag.Call{Operation: "GET " + path, IDs: ids, Repeatable: true}
}

// writeCall returns a call that is not repeated if it may have arrived, because the
// service has no idempotency key. The body consists of texts and JSON that were checked:
// there is no error.
func writeCall(operation string, body any, ids ...string) bookbag.Call {
	b, _ := json.Marshal(body)
	return bookbag.Call{Operation: operation, IDs: ids, Body: b}
}

// do makes a call and decodes its response.
func (c *Client) do(ctx context.Context, call bookbag.Call, decode func(body []byte) error) (ResponseInfo, error) {
	info, err := c.service().Decode(ctx, call, decode)
	return infoOf(info), fail(err)
}

func infoOf(i bookbag.ResponseInfo) ResponseInfo {
	return ResponseInfo{i.RequestID, RateLimit(i.RateLimit)}
}
