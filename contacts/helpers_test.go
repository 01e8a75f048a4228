package contacts

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testKey = "oc_test_0123456789abcdef"

// transport responses requests in memory.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newTestClient(t testing.TB, f transport, change func(*Options)) *Client {
	t.Helper()
	o := &Options{HTTPClient: &http.Client{Transport: f}}
	if change != nil {
		change(o)
	}
	c, err := New(testKey, 123, o)
	require.NoError(t, err)
	return c
}

func newResponse(status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {contentType}, "X-Request-Id": {"req_1"}, "X-Ratelimit-Limit": {"100"}, "X-Ratelimit-Remaining": {"99"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

func jsonResponse(status int, body string) transport { return jsonResponses(status, body) }

// jsonResponses gives one after the other, the last one again and again.
func jsonResponses(status int, bodies ...string) transport {
	n := 0
	return func(*http.Request) (*http.Response, error) {
		n++
		return newResponse(status, "application/json", bodies[min(n, len(bodies))-1]), nil
	}
}

// recorder keeps what was sent.
type recorder struct {
	requests []*http.Request
	bodies   []string
}

func (rec *recorder) with(next transport) transport {
	return func(r *http.Request) (*http.Response, error) {
		body := ""
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			body = string(b)
		}
		rec.requests, rec.bodies = append(rec.requests, r), append(rec.bodies, body)
		return next(r)
	}
}

func requireError(t testing.TB, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}

func requireField(t testing.TB, err error, field, rule string) {
	t.Helper()
	var fe *FieldError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, FieldError{field, rule}, *fe)
}
