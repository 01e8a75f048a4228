// Package bookbag is what the clients of Bookbag's API share: the attempt loop with
// authorization, limiter and retries, the decoding of responses within bounds, and
// the rules for errors, ids and times. None of it is in a public signature.
//
// The names of the rate limit's headers are documented by Chatbase, whose API Bookbag
// imitates, and are decoded tolerantly.
package bookbag

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chatident/chatident/internal/secret"
)

const (
	defaultBaseURL = "https://app.bookbag.ai"
	maxRetries     = 10
	maxMaxBody     = 1 << 30
)

// Config of a Client. Zero fields other than the first two mean the defaults.
type Config struct {
	Root  string // of all paths: "/api/v2"
	Agent int64

	BaseURL    string        // https, or http to a loopback host
	HTTPClient *http.Client  // copied; no redirects are followed
	Timeout    time.Duration // of one attempt; for a stream, to its header
	MaxRetries int           // after the first attempt; negative: none
	MaxWait    time.Duration // of all waits of a call
	MaxBody    int64         // of a decoded response, in bytes
	MaxError   int64         // what is read of a rejection's body, in bytes
	Limiter    Limiter
	OnAttempt  func(context.Context, Attempt)
}

// Limiter is consulted before each attempt.
type Limiter interface {
	Wait(context.Context) error
}

// Attempt describes one attempt, after its end.
type Attempt struct {
	Operation  string
	Number     int
	StatusCode int
	Duration   time.Duration
	Wait       time.Duration
	RequestID  string
	Err        error
}

// ArgumentError says which argument broke which rule. The clients convert it to an
// error of their package.
type ArgumentError struct{ Field, Rule string }

func (e *ArgumentError) Error() string { return e.Field + ": " + e.Rule }

// ErrNoClient is the error of each call of a nil Client.
var ErrNoClient = &ArgumentError{"Client", "must come from New (was its error ignored?)"}

// Client makes calls. It is safe for concurrent use. In a copy, MaxRetries,
// MaxWait and Limiter may be changed: 0 means none.
type Client struct {
	Config
	sanitizer
	base      string                                      // of all URLs, with Config.Root
	authorize func(http.Header)                           // has the key, where no printer finds it
	send      func(*http.Request) (*http.Response, error) // has requests with the key
}

// New checks its arguments and returns a Client, or an *ArgumentError.
func New(apiKey string, c Config) (*Client, error) {
	base, baseRule := parseBase(cmp.Or(c.BaseURL, defaultBaseURL))
	keyRule := secret.CheckIn("", apiKey)
	switch {
	case keyRule != "":
		return nil, &ArgumentError{"apiKey", keyRule}
	case c.Agent <= 0:
		return nil, &ArgumentError{"agent", "must be positive (see the agent's page in Bookbag)"}
	case baseRule != "":
		return nil, &ArgumentError{"Options.BaseURL", baseRule}
	case c.Timeout < 0:
		return nil, &ArgumentError{"Options.Timeout", "must not be negative"}
	case c.MaxWait < 0:
		return nil, &ArgumentError{"Options.MaxWait", "must not be negative"}
	case c.MaxRetries > maxRetries:
		return nil, &ArgumentError{"Options.MaxRetries", fmt.Sprintf("must be at most %d", maxRetries)}
	case c.MaxBody < 0, c.MaxBody > maxMaxBody:
		return nil, &ArgumentError{"Options.MaxBody", fmt.Sprintf("must be from 0 to %d bytes", maxMaxBody)}
	}
	c.HTTPClient = cmp.Or(c.HTTPClient, &http.Client{})
	if c.OnAttempt == nil {
		c.OnAttempt = func(context.Context, Attempt) {}
	}
	c.Timeout = cmp.Or(c.Timeout, max(c.HTTPClient.Timeout, 0), time.Minute)
	send := withoutRedirects(*c.HTTPClient).Do
	c.HTTPClient = nil
	c.MaxRetries = max(cmp.Or(c.MaxRetries, 2), 0)
	c.MaxWait = cmp.Or(c.MaxWait, 30*time.Second)
	c.MaxBody = cmp.Or(c.MaxBody, 16<<20)
	c.MaxError = cmp.Or(c.MaxError, 64<<10)
	authorization := []string{"Bearer " + apiKey}
	return &Client{c, newSanitizer(apiKey), base + c.Root, func(h http.Header) { h["Authorization"] = authorization }, send}, nil
}

func parseBase(text string) (base, rule string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "", "must be an absolute URL, such as https://app.bookbag.ai"
	case u.Scheme != "https" && u.Scheme != "http":
		return "", "must be https"
	case u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback():
		return "", "must be https, unless its host is this machine"
	case u.User != nil:
		return "", "must have no user information"
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return "", "must have no query and no fragment"
	}
	return strings.TrimRight(u.String(), "/"), ""
}

// withoutRedirects changes a copy of the caller's client. Its Timeout would cut a
// stream, and a redirect could carry the key or the body to another host.
func withoutRedirects(c http.Client) *http.Client {
	c.Timeout = 0
	c.Transport = noLocation{cmp.Or(c.Transport, http.DefaultTransport)}
	return &c
}

// noLocation deletes the target of a redirect, so that http.Client returns the response
// even if the target is not a URL.
type noLocation struct{ http.RoundTripper }

func (t noLocation) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if res != nil {
		res.Header.Del("Location")
	}
	return res, err
}
