package contacts

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/secret"
)

// maxError leaves room for the issues of a whole upsert.
const maxError = 1 << 20

// Options of a [Client]. Zero fields mean the defaults.
type Options struct {
	// BaseURL is where the service is: https, or http to this machine, without
	// user information, query and fragment. Default: https://app.bookbag.ai.
	BaseURL string

	// HTTPClient makes the requests. It is copied: redirects are not followed,
	// and its Timeout becomes Options.Timeout where that is not set. Default:
	// the zero http.Client.
	HTTPClient *http.Client

	// Timeout bounds one attempt. Default: 1 minute.
	Timeout time.Duration

	// MaxRetries is how often a call is repeated at most, where that is safe.
	// Default: 2. Negative: never. At most 10.
	MaxRetries int

	// MaxWait is the longest time that a call waits, for the Limiter and between
	// attempts together. A call that would have to wait longer ends at once, with
	// [ErrLimiter] or the last rejection. Default: 30 seconds.
	MaxWait time.Duration

	// MaxBody is the maximum length in bytes of a response after decompression.
	// Default: 16 MB.
	MaxBody int64

	// RequireUserIDs refuses to write an external id that is not also a legal
	// userId of the chat API: 1 to 128 characters of a-z, A-Z, 0-9, dot,
	// underscore and hyphen. Under the same id, the service lines a contact up
	// with its conversations; an e-mail address is legal here and not there.
	// Contacts that have other ids can still be read, changed and deleted.
	// Default: any external id.
	RequireUserIDs bool

	// Limiter is waited for before each attempt. The service allows 100
	// requests in any 10 seconds for a key of the chat API; whether that goes
	// for contacts, under the same key, is not documented. Note that
	// rate.NewLimiter(10, 100) lets 199 into one such window, while 9 a second
	// with a burst of 5 stays within it. Default: none.
	Limiter Limiter

	// OnAttempt is told of each attempt after its end, on the goroutine of the
	// call. Like the Limiter, it must bear several calls at a time, as there are
	// in [Client.Sync]. Default: nobody is.
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

// RateLimit is the state of the key's budget as an answer tells it; what is
// missing is zero. Bookbag does not document whether answers about contacts
// have one. The names of the headers are those of Chatbase, whose API it
// imitates.
type RateLimit struct {
	Limit     int       // requests that a window allows
	Remaining int       // of them, those left
	Reset     time.Time // when the window is over
}

// ResponseInfo is what an answer carries beside its content.
type ResponseInfo struct {
	RequestID string // x-request-id, for the service's support; may be empty
	RateLimit RateLimit
}

// Client calls the API for one agent. It is safe for use by many goroutines.
// However it is printed or encoded, it shows as [redacted].
type Client struct {
	redacted
	api            *bookbag.Client
	once           *bookbag.Client // without repetitions and the limiter, for Sync
	limiter        Limiter
	window         bookbag.Window // of Sync
	agent          int64
	requireUserIDs bool
}

type redacted = secret.Redacted

// New returns a Client for an agent. The key stays on the server: it reads and
// deletes all contacts of the agent. The options may be nil. A bad argument is a
// *[FieldError].
//
// Source: Bookbag, API v1, "Authentication".
func New(apiKey string, agent int64, options *Options) (*Client, error) {
	var o Options
	if options != nil {
		o = *options
	}
	if broken := bookbag.Agent(agent); broken != "" {
		return nil, &FieldError{"agent", broken}
	}
	config := bookbag.Config{
		BaseURL:    o.BaseURL,
		HTTPClient: o.HTTPClient,
		Timeout:    o.Timeout,
		MaxRetries: o.MaxRetries,
		MaxWait:    o.MaxWait,
		MaxBody:    o.MaxBody,
		MaxError:   maxError,
		Limiter:    o.Limiter,
	}
	if o.OnAttempt != nil {
		config.OnAttempt = func(ctx context.Context, a bookbag.Attempt) { o.OnAttempt(ctx, Attempt(a)) }
	}
	api, err := bookbag.New(apiKey, config)
	if a, ok := errors.AsType[*bookbag.ArgumentError](err); ok {
		return nil, &FieldError{a.Field, a.Rule}
	}
	config.MaxRetries, config.Limiter = -1, nil
	once, err := bookbag.New(apiKey, config)
	return &Client{api: api, once: once, limiter: o.Limiter, agent: agent, requireUserIDs: o.RequireUserIDs}, err
}

// The paths, as they stand in an operation.
const (
	contactsPath   = "/chatbots/{chatbotId}/contacts"
	contactPath    = "/chatbots/{chatbotId}/contacts/{external_id}"
	attributesPath = "/chatbots/{chatbotId}/custom-attributes"
	attributePath  = "/chatbots/{chatbotId}/custom-attributes/{name}"
)

// call names an operation by its method and path, with the segments that the
// path has below the agent.
func (c *Client) call(method, path string, segments ...string) bookbag.Call {
	agent := strconv.FormatInt(c.agent, 10)
	return bookbag.Call{
		Operation: method + " " + path,
		Method:    method,
		Path:      append([]string{"api", "v1", "chatbots", agent}, segments...),
	}
}

// get names a reading operation, which may be repeated at will.
func (c *Client) get(path string, query url.Values, segments ...string) bookbag.Call {
	call := c.call(http.MethodGet, path, segments...)
	call.Query, call.Repeatable = query, true
	return call
}

// do makes a call and decodes its response.
func (c *Client) do(ctx context.Context, call bookbag.Call, decode func(*bookbag.Scanner) error) (ResponseInfo, error) {
	res, err := c.api.Do(ctx, call)
	if err != nil {
		return ResponseInfo{}, fail(err)
	}
	if err := bookbag.Scan(res.Body, decode); err != nil {
		return infoOf(res.ResponseInfo), undecodable(call.Operation, res, err)
	}
	return infoOf(res.ResponseInfo), nil
}

func infoOf(m bookbag.ResponseInfo) ResponseInfo {
	return ResponseInfo{RequestID: m.RequestID, RateLimit: RateLimit(m.RateLimit)}
}

// undecodable is the error of a response of status 2xx whose body is not what the
// operation returns.
func undecodable(operation string, res *bookbag.Response, err error) *Error {
	if err == bookbag.ErrFormat {
		err = ErrUnexpectedResponse
	}
	return asError(&bookbag.Failure{
		ResponseInfo: res.ResponseInfo, Operation: operation, StatusCode: res.StatusCode, Attempts: res.Attempts, MayBeDone: true, Err: err,
	})
}
