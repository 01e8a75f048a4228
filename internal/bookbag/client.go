// Package bookbag is what the clients of Bookbag's API share: the attempt loop with
// authorization, limits and retries, the decoding of responses within bounds, and
// the forms of ids and times. None of it shows in a public signature.
//
// The facts of the service are in its public documentation. The names of the
// rate limit's headers are those of Chatbase, whose API Bookbag imitates, and are
// read tolerantly.
package bookbag

import (
	"context"
	"fmt"
	"github.com/chatident/chatident/internal/secret"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	defaultBaseURL  = "https://app.bookbag.ai"
	defaultTimeout  = time.Minute
	defaultRetries  = 2
	defaultMaxBody  = 16 << 20
	defaultMaxError = 64 << 10
	maxRetries      = 10
	defaultMaxWait  = 30 * time.Second
	maxBodyOfAnyone = 1 << 30

	userAgent = "chatident-go (+https://github.com/chatident/chatident)"
)

// Config of a Client. Zero fields mean the defaults.
type Config struct {
	BaseURL    string        // https, or http to a loopback host
	HTTPClient *http.Client  // copied; no redirects are followed
	Timeout    time.Duration // of one attempt; for a stream, to its first byte
	MaxRetries int           // after the first attempt; negative: none
	MaxWait    time.Duration // of all waits of a call
	MaxBody    int64         // of a decoded answer, in bytes
	MaxError   int64         // what is kept of a refusal's body, in bytes
	Limiter    Limiter
	OnAttempt  func(context.Context, Attempt)
}

// Limiter is waited for before each attempt.
type Limiter interface {
	Wait(context.Context) error
}

// Attempt reports one attempt, after its end.
type Attempt struct {
	Operation  string        // the operation as a template, without ids
	Number     int           // from 1
	StatusCode int           // 0 without an answer
	Duration   time.Duration // to the answer's header
	Wait       time.Duration // before the next attempt; 0 when there is none
	RequestID  string
	Err        error // without an answer
}

// ArgumentError says which argument broke which rule. The clients turn it into
// an error of their own.
type ArgumentError struct{ Field, Rule string }

func (e *ArgumentError) Error() string { return e.Field + " " + e.Rule }

// Client makes calls. It is safe for use by many goroutines.
type Client struct {
	base       *url.URL
	authorize  func(http.Header) // holds the key, out of reach of printers
	foreign    foreign
	http       *http.Client
	timeout    time.Duration
	maxRetries int
	maxWait    time.Duration
	maxBody    int64
	maxError   int64
	limiter    Limiter
	onAttempt  func(context.Context, Attempt)
}

// New checks its arguments and returns a Client, or an *ArgumentError.
func New(apiKey string, c Config) (*Client, error) {
	if err := checkKey(apiKey); err != nil {
		return nil, err
	}
	base, err := parseBase(or(c.BaseURL, defaultBaseURL))
	if err != nil {
		return nil, err
	}
	switch {
	case c.Timeout < 0:
		return nil, &ArgumentError{"Options.Timeout", "must not be negative"}
	case c.MaxWait < 0:
		return nil, &ArgumentError{"Options.MaxWait", "must not be negative"}
	case c.MaxRetries > maxRetries:
		return nil, &ArgumentError{"Options.MaxRetries", fmt.Sprintf("must be at most %d", maxRetries)}
	case c.MaxBody < 0, c.MaxBody > maxBodyOfAnyone:
		return nil, &ArgumentError{"Options.MaxBody", fmt.Sprintf("must be from 0 to %d bytes", maxBodyOfAnyone)}
	}
	client := &Client{
		base:       base,
		authorize:  func(h http.Header) { h.Set("Authorization", "Bearer "+apiKey) },
		foreign:    newForeign(apiKey),
		http:       withoutRedirects(c.HTTPClient),
		timeout:    or(c.Timeout, defaultTimeout),
		maxRetries: max(or(c.MaxRetries, defaultRetries), 0),
		maxWait:    or(c.MaxWait, defaultMaxWait),
		maxBody:    or(c.MaxBody, defaultMaxBody),
		maxError:   or(c.MaxError, defaultMaxError),
		limiter:    c.Limiter,
		onAttempt:  c.OnAttempt,
	}
	if c.Timeout == 0 && c.HTTPClient != nil && c.HTTPClient.Timeout > 0 {
		client.timeout = c.HTTPClient.Timeout
	}
	return client, nil
}

// WithMaxWait returns a Client that shares everything with c but Config.MaxWait.
func (c *Client) WithMaxWait(d time.Duration) *Client {
	other := *c
	other.maxWait = max(d, 0)
	return &other
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// checkKey rejects what cannot be in a header, or was not pasted whole. It does not
// check the form that the vendor gives its keys: that may change.
func checkKey(apiKey string) error {
	if rule := secret.CheckIn("", apiKey); rule != "" {
		return &ArgumentError{"apiKey", rule}
	}
	return nil
}

func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	refuse := func(rule string) (*url.URL, error) { return nil, &ArgumentError{"Options.BaseURL", rule} }
	switch {
	case err != nil || base.Hostname() == "" || base.Opaque != "":
		return refuse("must be an absolute URL")
	case base.Scheme != "https" && base.Scheme != "http":
		return refuse("must be https")
	case base.Scheme == "http" && !isLoopback(base.Hostname()):
		return refuse("must be https, unless its host is this machine")
	case base.User != nil:
		return refuse("must have no user information")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "" || strings.Contains(text, "#"):
		return refuse("must have no query and no fragment")
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = strings.TrimRight(base.RawPath, "/")
	return base, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// withoutRedirects copies the caller's client. Its Timeout would cut a stream
// in the middle, and following a redirect could carry the key or the body to
// another host.
func withoutRedirects(caller *http.Client) *http.Client {
	var c http.Client
	if caller != nil {
		c = *caller
	}
	c.Timeout = 0
	c.Transport = noLocation{c.Transport}
	return &c
}

// noLocation takes from a redirect where it leads, so that it is an answer like
// any other, whatever stands there.
type noLocation struct{ next http.RoundTripper }

func (t noLocation) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	res, err := next.RoundTrip(r)
	if res != nil {
		res.Header.Del("Location")
	}
	return res, err
}
