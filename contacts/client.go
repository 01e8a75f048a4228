package contacts

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/secret"
)

// maxError leaves room for the issues of a whole upsert.
const maxError = 1 << 20

// Options of a [Client]. Zero fields mean the defaults.
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

	// RequireUserIDs rejects, as a *[FieldError], writes with an external id that is
	// not a legal userId of the chat API: 1 to 128 characters of a-z, A-Z, 0-9, dot,
	// underscore and hyphen. The service connects a contact with the conversations of
	// the same id. An e-mail address is a legal external id, but not a legal userId.
	// Contacts with other ids can still be read, updated and deleted. Default: any
	// external id.
	RequireUserIDs bool
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

// Client calls the API for one agent. It is safe for concurrent use. Printing or
// encoding it, in any way, shows only "[redacted]".
type Client struct {
	redacted
	api            *bookbag.Client
	once           *bookbag.Client // without retries and limiter, for Sync
	window         window          // of all runs of Sync
	requireUserIDs bool
}

type redacted = secret.Redacted

// New returns a Client for an agent. The key must stay on the server, because it can
// read and delete all contacts of the agent. The options may be nil. An invalid
// argument is a *[FieldError].
//
// Source: Bookbag, API v1, "Authentication".
func New(apiKey string, agent int64, options *Options) (*Client, error) {
	o := *cmp.Or(options, &Options{})
	config := bookbag.Config{
		Root: "/api/v1", Agent: agent, BaseURL: o.BaseURL, HTTPClient: o.HTTPClient, Timeout: o.Timeout,
		MaxRetries: o.MaxRetries, MaxWait: o.MaxWait, MaxBody: o.MaxBody, MaxError: maxError, Limiter: o.Limiter,
	}
	if o.OnAttempt != nil {
		config.OnAttempt = func(ctx context.Context, a bookbag.Attempt) { o.OnAttempt(ctx, Attempt(a)) }
	}
	api, err := bookbag.New(apiKey, config)
	if err != nil {
		return nil, fail(err)
	}
	once := *api
	once.MaxRetries, once.Limiter = 0, nil
	return &Client{api: api, once: &once, requireUserIDs: o.RequireUserIDs}, nil
}

// service is nil for a Client that does not come from New. Its calls return an error.
func (c *Client) service() *bookbag.Client {
	if c == nil {
		return nil
	}
	return c.api
}

// The paths of operations.
const (
	contactsPath   = "/chatbots/{chatbotId}/contacts"
	contactPath    = "/chatbots/{chatbotId}/contacts/{external_id}"
	attributesPath = "/chatbots/{chatbotId}/custom-attributes"
	attributePath  = "/chatbots/{chatbotId}/custom-attributes/{name}"
)

// get returns a call that only reads.
func get(path string, ids ...string) bookbag.Call {
	return bookbag.Call{Operation: "GET " + path, IDs: ids, Repeatable: true}
}

// do makes a call and decodes its response.
func (c *Client) do(ctx context.Context, call bookbag.Call, decode func(body []byte) error) (ResponseInfo, error) {
	info, err := c.service().Decode(ctx, call, decode)
	return infoOf(info), fail(err)
}

func infoOf(i bookbag.ResponseInfo) ResponseInfo {
	return ResponseInfo{i.RequestID, RateLimit(i.RateLimit)}
}
