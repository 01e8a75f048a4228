package bookbag

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testKey = "oc_test_0123456789abcdef"

// script responses requests in order, the last response again and again.
type script struct {
	responses []any // a status, a header of a 429, or an error
	requests  []*http.Request
	bodies    []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests = append(s.requests, r)
	var body string
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}
	s.bodies = append(s.bodies, body)
	response := s.responses[min(len(s.requests), len(s.responses))-1]
	status, header := http.StatusTooManyRequests, http.Header{"X-Request-Id": {fmt.Sprint("req_", len(s.requests))}}
	switch response := response.(type) {
	case error:
		return nil, response
	case int:
		status = response
	case map[string]string:
		for k, v := range response {
			header.Set(k, v)
		}
	case func(*http.Request) (*http.Response, error):
		return response(r)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(`{"data":1}`)), Request: r}, nil
}

func newClient(t testing.TB, s http.RoundTripper, change func(*Config)) *Client {
	t.Helper()
	c := Config{Root: "/api/v2", Agent: 123, HTTPClient: &http.Client{Transport: s}}
	if change != nil {
		change(&c)
	}
	client, err := New(testKey, c)
	require.NoError(t, err)
	return client
}

func failure(t testing.TB, err error) *Failure {
	t.Helper()
	var f *Failure
	require.ErrorAs(t, err, &f)
	return f
}

var (
	errDial  = &net.OpError{Op: "dial", Err: errors.New("connection rejected")}
	errReset = &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
)

// Section 8 of the contract: what may be repeated and what may not.
func TestDo_RepeatedCalls(t *testing.T) {
	const again, once = 3, 1
	for name, test := range map[string]struct {
		response             any
		repeatable, mustOnce int
	}{
		"200":              {200, once, once},
		"302":              {302, once, once},
		"400":              {400, once, once},
		"401":              {401, once, once},
		"403":              {403, once, once},
		"404":              {404, once, once},
		"408":              {408, once, once},
		"409":              {409, once, once},
		"429":              {429, again, again},
		"500":              {500, again, once},
		"501":              {501, once, once},
		"502":              {502, again, once},
		"503":              {503, again, once},
		"504":              {504, again, once},
		"dial fails":       {errDial, again, again},
		"connection reset": {errReset, again, once},
		"EOF":              {io.ErrUnexpectedEOF, again, once},
		"never responses":  {func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, again, once},
		"body breaks":      {func(*http.Request) (*http.Response, error) { return responseOf(brokenBody{}), nil }, again, once},
		"body too long": {func(*http.Request) (*http.Response, error) {
			return responseOf(strings.NewReader(strings.Repeat("x", 101))), nil
		}, once, once},
	} {
		t.Run(name, func(t *testing.T) {
			for repeatable, want := range map[bool]int{true: test.repeatable, false: test.mustOnce} {
				synctest.Test(t, func(t *testing.T) {
					s := &script{responses: []any{test.response}}
					c := newClient(t, s, func(c *Config) { c.MaxBody = 100 })
					_, err := c.Do(t.Context(), Call{Operation: "POST /x", Body: []byte(`{"a":1}`), Repeatable: repeatable})
					assert.Len(t, s.requests, want, "repeatable: %v", repeatable)
					for _, body := range s.bodies {
						assert.Equal(t, `{"a":1}`, body, "the body is sent again, whole")
					}
					if err != nil {
						assert.Equal(t, want, failure(t, err).Attempts)
					} else {
						assert.Equal(t, "200", name)
					}
				})
			}
		})
	}
}

// Whether a change was made is not known after a broken connection, and after a
// status from 500 on.
func TestFailure_OutcomeUnknown(t *testing.T) {
	certificate := &tls.CertificateVerificationError{Err: errors.New("expired")}
	tooLong := func(*http.Request) (*http.Response, error) {
		return responseOf(strings.NewReader(strings.Repeat("x", 101))), nil
	}
	for name, test := range map[string]struct {
		responses []any
		want      bool
	}{
		"302":                       {[]any{302}, false},
		"400":                       {[]any{400}, false},
		"404":                       {[]any{404}, false},
		"429":                       {[]any{429}, false},
		"500":                       {[]any{500}, true},
		"501":                       {[]any{501}, true},
		"dial fails":                {[]any{errDial}, false},
		"a bad certificate":         {[]any{certificate}, false},
		"connection reset":          {[]any{errReset}, true},
		"response too long":         {[]any{tooLong}, true},
		"404 after 502":             {[]any{502, 404}, true},
		"404 after a reset":         {[]any{errReset, 404}, true},
		"404 after 429":             {[]any{429, 404}, false},
		"404 after a failed dial":   {[]any{errDial, 404}, false},
		"404 after all of them":     {[]any{errReset, 429, 404}, true},
		"a failed dial after a 503": {[]any{503, errDial, errDial}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, &script{responses: test.responses}, func(c *Config) { c.MaxBody = 100 })
				_, err := c.Do(t.Context(), Call{Operation: "DELETE /x", Repeatable: true})
				assert.Equal(t, test.want, failure(t, err).OutcomeUnknown)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		silent := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
		for response, want := range map[string]struct {
			response any
			want     bool
		}{"while it is under way": {silent, true}, "while waiting": {map[string]string{"Retry-After": "20"}, false}} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := newClient(t, &script{responses: []any{want.response}}, nil).Do(ctx, Call{Operation: "POST /x"})
			assert.Equal(t, want.want, failure(t, err).OutcomeUnknown, response)
			assert.Equal(t, context.Canceled, failure(t, err).Err)

			s := &script{responses: []any{200}}
			_, err = newClient(t, s, nil).Do(ctx, Call{Operation: "POST /x"})
			assert.False(t, failure(t, err).OutcomeUnknown, "it had ended before")
			assert.Equal(t, context.Canceled, failure(t, err).Err)
			assert.Empty(t, s.requests)
		}
	})
	_, err := newClient(t, &script{responses: []any{200}}, func(c *Config) { c.Limiter = &limiter{err: errors.New("spent")} }).Do(t.Context(), Call{Operation: "POST /x"})
	assert.False(t, failure(t, err).OutcomeUnknown)
}

func responseOf(body io.Reader) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body)}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errReset }

// Whatever comes of an attempt, its body is closed and its context ends.
func TestDo_ClosesEveryBody(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   io.Reader
		err    error
	}{
		"success":       {200, strings.NewReader("{}"), nil},
		"rejection":     {404, strings.NewReader("{}"), nil},
		"broken body":   {200, brokenBody{}, nil},
		"too long":      {200, strings.NewReader(strings.Repeat("x", 101)), nil},
		"no response":   {0, nil, errReset},
		"a redirect":    {302, strings.NewReader(""), nil},
		"broken errors": {500, brokenBody{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var ctx context.Context
			closes := 0
			c := newClient(t, &script{responses: []any{func(r *http.Request) (*http.Response, error) {
				ctx = r.Context()
				if test.err != nil {
					return nil, test.err
				}
				res := responseOf(nil)
				res.StatusCode, res.Body = test.status, closeCounter{test.body, &closes}
				return res, nil
			}}}, func(c *Config) { c.MaxBody, c.MaxRetries = 100, -1 })
			_, _ = c.Do(t.Context(), Call{Operation: "POST /x"})
			assert.Error(t, ctx.Err())
			if test.err == nil {
				assert.Equal(t, 1, closes)
			}
		})
	}
}

type closeCounter struct {
	io.Reader
	closes *int
}

func (c closeCounter) Close() error { *c.closes++; return nil }

// A rejection that comes as the context ends is not lost.
func TestFailure_RejectionAsTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := newClient(t, &script{responses: []any{func(*http.Request) (*http.Response, error) {
		cancel()
		res := responseOf(strings.NewReader(`{"error":{"code":"A_B","message":"m"}}`))
		res.StatusCode = 429
		return res, nil
	}}}, nil).Do(ctx, Call{Operation: "GET /x"})
	f := failure(t, err)
	assert.Equal(t, context.Canceled, f.Err)
	require.NotNil(t, f.LastRejection)
	assert.Equal(t, "A_B", f.LastRejection.Problem.Code)
}

func TestDo_BadCertificate(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	c, err := New(testKey, Config{Agent: 123, BaseURL: srv.URL})
	require.NoError(t, err)
	_, err = c.Do(t.Context(), Call{Operation: "GET /x", Repeatable: true})
	assert.Equal(t, 1, failure(t, err).Attempts)
}

// A caller's transport may add a URL, which may hold a secret.
func TestFailure_NoURL(t *testing.T) {
	inner := &url.Error{Op: "Get", URL: "https://token.example/?client_secret=S3CRET", Err: errReset}
	_, err := newClient(t, &script{responses: []any{fmt.Errorf("token: %w", inner)}}, nil).Do(t.Context(), Call{Operation: "GET /x"})
	assert.EqualError(t, err, "bookbag: GET /x: "+errReset.Error(), "without the URL")
	assert.ErrorIs(t, failure(t, err).Err, errReset)
}

// How long is waited, in fake time.
func TestDo_Waits(t *testing.T) {
	for name, test := range map[string]struct {
		header   map[string]string
		min, max time.Duration // of one wait; 0 for no repetition
	}{
		"Retry-After":            {map[string]string{"Retry-After": "7"}, 7 * time.Second, 7 * time.Second},
		"a date":                 {map[string]string{"Retry-After": "Sat, 01 Jan 2000 00:00:05 GMT"}, 5 * time.Second, 5 * time.Second},
		"30 s":                   {map[string]string{"Retry-After": "30"}, 30 * time.Second, 30 * time.Second},
		"31 s":                   {map[string]string{"Retry-After": "31"}, 0, 0},
		"hours":                  {map[string]string{"Retry-After": "86400"}, 0, 0},
		"overflow":               {map[string]string{"Retry-After": "1e300"}, 250 * time.Millisecond, 500 * time.Millisecond},
		"Retry-After wins":       {map[string]string{"Retry-After": "2", "X-RateLimit-Reset": "20"}, 2 * time.Second, 2 * time.Second},
		"reset in seconds":       {map[string]string{"X-RateLimit-Reset": "4"}, 4 * time.Second, 4 * time.Second},
		"reset since 1970":       {map[string]string{"X-RateLimit-Reset": "946684803"}, 0, 0}, // see below
		"nothing":                {map[string]string{}, 250 * time.Millisecond, 500 * time.Millisecond},
		"no number":              {map[string]string{"Retry-After": "soon", "X-RateLimit-Reset": "x"}, 250 * time.Millisecond, 500 * time.Millisecond},
		"negative":               {map[string]string{"Retry-After": "-5", "X-RateLimit-Reset": "-5"}, 250 * time.Millisecond, 500 * time.Millisecond},
		"NaN":                    {map[string]string{"Retry-After": "NaN", "X-RateLimit-Reset": "NaN"}, 250 * time.Millisecond, 500 * time.Millisecond},
		"a date that has passed": {map[string]string{"Retry-After": "Fri, 31 Dec 1999 00:00:00 GMT"}, 250 * time.Millisecond, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which begins on 2000-01-01
				s := &script{responses: []any{test.header, 200}}
				if name == "reset since 1970" { // 946684800 is now, but below 1e9: seconds from now
					s.responses = []any{map[string]string{"X-RateLimit-Reset": fmt.Sprint(2e9)}, 200}
				}
				begun := time.Now()
				var told time.Duration
				c := newClient(t, s, func(c *Config) { c.OnAttempt = func(_ context.Context, a Attempt) { told = max(told, a.Wait) } })
				_, err := c.Do(t.Context(), Call{Operation: "GET /x"})
				waited := time.Since(begun)
				if test.min == 0 {
					assert.Zero(t, told, "there is no next attempt to wait for")
					f := failure(t, err)
					assert.Equal(t, 429, f.StatusCode)
					assert.Zero(t, waited, "it is returned at once")
					return
				}
				require.NoError(t, err)
				assert.GreaterOrEqual(t, waited, test.min)
				assert.LessOrEqual(t, waited, test.max)
			})
		})
	}
}

func TestDo_BackoffGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		c := newClient(t, &script{responses: []any{503}}, func(c *Config) {
			c.MaxRetries, c.MaxWait = 8, time.Minute
			c.OnAttempt = func(_ context.Context, a Attempt) { waits = append(waits, a.Wait) }
		})
		_, err := c.Do(t.Context(), Call{Operation: "GET /x", Repeatable: true})
		require.Error(t, err)
		require.Len(t, waits, 9)
		assert.NotEqual(t, waits[6], waits[7], "both of the longest kind, with jitter")
		longest := 500 * time.Millisecond
		for _, wait := range waits[:8] {
			assert.GreaterOrEqual(t, wait, longest/2)
			assert.LessOrEqual(t, wait, longest)
			longest = min(2*longest, 8*time.Second)
		}
		assert.Zero(t, waits[8])
	})
}

func TestDo_NeverWaitsPastTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := newClient(t, &script{responses: []any{map[string]string{"Retry-After": "5"}}}, nil).Do(ctx, Call{Operation: "GET /x"})
		f := failure(t, err)
		assert.Equal(t, 429, f.StatusCode)
		assert.Equal(t, 5*time.Second, f.RetryAfter)
		assert.Zero(t, time.Since(begun))
	})
}

func TestDo_ContextEndsWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the visitor has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		begun := time.Now()
		_, err := newClient(t, &script{responses: []any{map[string]string{"Retry-After": "5"}}}, nil).Do(ctx, Call{Operation: "GET /x"})
		f := failure(t, err)
		assert.Equal(t, time.Second, time.Since(begun))
		assert.Equal(t, context.Canceled, f.Err)
		assert.Equal(t, cause, f.Cause)
		assert.Equal(t, 429, f.LastRejection.StatusCode)
		assert.Equal(t, 1, f.Attempts)
	})
}

func TestDo_ContextEndsDuringAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := newClient(t, &script{responses: []any{429, silent}}, nil).Do(ctx, Call{Operation: "GET /x", Repeatable: true})
		f := failure(t, err)
		assert.Equal(t, context.DeadlineExceeded, f.Err)
		assert.Nil(t, f.Cause)
		assert.Equal(t, 429, f.LastRejection.StatusCode)
		assert.Equal(t, 2, f.Attempts)
	})
}

func TestDo_Timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
		for want, change := range map[time.Duration]func(*Config){
			time.Minute:     nil,
			3 * time.Second: func(c *Config) { c.Timeout = 3 * time.Second },
			4 * time.Second: func(c *Config) { c.HTTPClient.Timeout = 4 * time.Second },
			5 * time.Second: func(c *Config) { c.HTTPClient.Timeout, c.Timeout = 4*time.Second, 5*time.Second },
		} {
			begun := time.Now()
			_, err := newClient(t, &script{responses: []any{silent}}, change).Do(t.Context(), Call{Operation: "POST /x"})
			assert.Equal(t, ErrTimeout, failure(t, err).Err)
			assert.Equal(t, want, time.Since(begun))
		}
	})
}

func TestDo_MaxRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for retries, want := range map[int]int{0: 3, -1: 1, 1: 2, 5: 6} {
			s := &script{responses: []any{429}}
			_, err := newClient(t, s, func(c *Config) { c.MaxRetries = retries }).Do(t.Context(), Call{Operation: "GET /x"})
			require.Error(t, err)
			assert.Len(t, s.requests, want)
		}
	})
}

type limiter struct {
	waits int
	err   error
}

func (l *limiter) Wait(context.Context) error { l.waits++; return l.err }

func TestDo_Limiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l limiter
		_, err := newClient(t, &script{responses: []any{429, 429, 200}}, func(c *Config) { c.Limiter = &l }).Do(t.Context(), Call{Operation: "GET /x"})
		require.NoError(t, err)
		assert.Equal(t, 3, l.waits, "each attempt counts")

		l = limiter{err: errors.New("the budget is spent")}
		s := &script{responses: []any{200}}
		_, err = newClient(t, s, func(c *Config) { c.Limiter = &l }).Do(t.Context(), Call{Operation: "GET /x", Repeatable: true})
		assert.ErrorIs(t, failure(t, err).Err, l.err)
		assert.ErrorIs(t, failure(t, err).Err, ErrLimiter)
		assert.Empty(t, s.requests)
		assert.Equal(t, 1, l.waits)
	})
}

func TestClient_MaxWait(t *testing.T) {
	for name, test := range map[string]struct {
		responses []any
		attempts  int
		waited    time.Duration
	}{
		"a wait within":    {[]any{map[string]string{"Retry-After": "2"}, 200}, 2, 2 * time.Second},
		"a wait beyond":    {[]any{map[string]string{"Retry-After": "3"}, 200}, 1, 0},
		"two, in all more": {[]any{map[string]string{"Retry-After": "2"}, map[string]string{"Retry-After": "1"}, 200}, 2, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{responses: test.responses}
				begun := time.Now()
				_, _ = newClient(t, s, func(c *Config) { c.MaxWait = 2 * time.Second }).Do(t.Context(), Call{Operation: "GET /x"})
				assert.Len(t, s.requests, test.attempts)
				assert.Equal(t, test.waited, time.Since(begun))
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		c := newClient(t, &script{responses: []any{200}}, func(c *Config) { c.Limiter = stuck{} })
		other := *c
		other.MaxWait = 2 * time.Second
		_, err := other.Do(t.Context(), Call{Operation: "GET /x"})
		f := failure(t, err)
		assert.ErrorIs(t, f.Err, ErrLimiter)
		assert.NotErrorIs(t, f.Err, context.DeadlineExceeded, "the context has not ended")
		assert.Equal(t, 2*time.Second, time.Since(begun))

		_, err = c.Do(t.Context(), Call{Operation: "GET /x"})
		assert.ErrorIs(t, failure(t, err).Err, ErrLimiter)
		assert.Equal(t, 32*time.Second, time.Since(begun), "the default, which the copy left alone")

		slow := &script{responses: []any{func(*http.Request) (*http.Response, error) {
			time.Sleep(10 * time.Second)
			return responseOf(strings.NewReader("{}")), nil
		}}}
		brief := newClient(t, slow, nil)
		brief.MaxWait = 0
		_, err = brief.Do(t.Context(), Call{Operation: "GET /x"})
		assert.NoError(t, err, "an attempt is no wait")
	})
}

// stuck lets nobody through.
type stuck struct{}

func (stuck) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestDo_OnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Attempt
		c := newClient(t, &script{responses: []any{errDial, map[string]string{"Retry-After": "3"}, 200}}, func(c *Config) {
			c.OnAttempt = func(_ context.Context, a Attempt) { got = append(got, a) }
		})
		_, err := c.Do(t.Context(), Call{Operation: "GET /x/{agent}/{id}", IDs: []string{"secret"}})
		require.NoError(t, err)
		require.Len(t, got, 3)
		assert.Equal(t, error(errDial), got[0].Err)
		assert.Positive(t, got[0].Wait)
		got[0].Wait, got[0].Err = 0, nil
		assert.Equal(t, []Attempt{
			{Operation: "GET /x/{agent}/{id}", Number: 1},
			{Operation: "GET /x/{agent}/{id}", Number: 2, StatusCode: 429, Wait: 3 * time.Second, RequestID: "req_2"},
			{Operation: "GET /x/{agent}/{id}", Number: 3, StatusCode: 200, RequestID: "req_3"},
		}, got)
	})
}

func TestDo_Request(t *testing.T) {
	s := &script{responses: []any{200}}
	c := newClient(t, s, func(c *Config) { c.BaseURL = "https://proxy.example/b%2Fase/" })
	_, err := c.Do(t.Context(), Call{
		Operation: "PATCH /{agent}/x/{a}/{b}/{c}/y", IDs: []string{"a/b", "ü 100%", "{x}"}, Query: url.Values{"q": {"a&b"}}, Body: []byte("{}"), Accept: "text/event-stream",
	})
	require.NoError(t, err)
	r := s.requests[0]
	assert.Equal(t, "https://proxy.example/b%2Fase/api/v2/123/x/a%2Fb/%C3%BC%20100%25/%7Bx%7D/y?q=a%26b", r.URL.String())
	assert.Equal(t, "Bearer "+testKey, r.Header.Get("Authorization"))
	assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	assert.Equal(t, "text/event-stream", r.Header.Get("Accept"))
	assert.Contains(t, r.Header.Get("User-Agent"), "chatident")
	assert.Equal(t, int64(2), r.ContentLength)

	_, err = c.Do(t.Context(), Call{Operation: "GET /x", NoKey: true})
	require.NoError(t, err)
	assert.Empty(t, s.requests[1].Header.Get("Authorization"))
	assert.Empty(t, s.requests[1].Header.Get("Content-Type"))
	assert.Equal(t, "application/json", s.requests[1].Header.Get("Accept"))
}

// A redirect would carry the body, or the key, to somebody else.
func TestDo_FollowsNoRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308, 399} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL)
			if status == 399 {
				w.Header().Set("Location", "https://evil.example/%zz?"+strings.Repeat("A", 5000))
			}
			w.WriteHeader(min(status, 308))
		}))
		caller := &http.Client{Timeout: time.Minute}
		c, err := New(testKey, Config{Agent: 123, BaseURL: srv.URL, HTTPClient: caller})
		require.NoError(t, err)
		_, err = c.Do(t.Context(), Call{Operation: "POST /x", Body: []byte("{}")})
		assert.Equal(t, min(status, 308), failure(t, err).StatusCode)
		assert.Equal(t, http.Client{Timeout: time.Minute}, *caller, "the caller's client is left alone")
		srv.Close()
	}
}

// 200 KB on the wire could be 200 MB.
func TestDo_BodiesAreBounded(t *testing.T) {
	for status, check := range map[int]func(*Response, *Failure){
		200: func(_ *Response, f *Failure) { assert.Equal(t, ErrTooLong, f.Err) },
		400: func(_ *Response, f *Failure) { assert.Len(t, f.Problem.Message, maxText) },
	} {
		read := 0
		endless := func(*http.Request) (*http.Response, error) {
			res := responseOf(readerFunc(func(p []byte) (int, error) { read += len(p); return len(p), nil }))
			res.StatusCode = status
			return res, nil
		}
		res, err := newClient(t, &script{responses: []any{endless}}, func(c *Config) { c.MaxBody = 1000 }).Do(t.Context(), Call{Operation: "GET /x"})
		check(res, failure(t, err))
		assert.Less(t, read, 200<<10)
	}
	_, err := newClient(t, &script{responses: []any{func(*http.Request) (*http.Response, error) {
		res := responseOf(strings.NewReader(strings.Repeat("x", 1000)))
		res.StatusCode = 400
		return res, nil
	}}}, func(c *Config) { c.MaxError = 100 }).Do(t.Context(), Call{Operation: "GET /x"})
	assert.Len(t, failure(t, err).Problem.Message, 100)
	res, err := newClient(t, &script{responses: []any{func(*http.Request) (*http.Response, error) {
		return responseOf(strings.NewReader(strings.Repeat("x", 1000))), nil
	}}}, func(c *Config) { c.MaxBody = 1000 }).Do(t.Context(), Call{Operation: "GET /x"})
	require.NoError(t, err)
	assert.Len(t, res.Body, 1000)
}

// A peer that changes the protocol, unasked, hands over a connection on which it
// may be silent for ever.
func TestDo_SwitchingProtocols(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err, "the client closes the connection")
	}))
	defer srv.Close()
	c, err := New(testKey, Config{Agent: 123, BaseURL: srv.URL, HTTPClient: &http.Client{Transport: &http.Transport{}}})
	require.NoError(t, err)
	_, err = c.Do(t.Context(), Call{Operation: "GET /x"})
	assert.Equal(t, http.StatusSwitchingProtocols, failure(t, err).StatusCode)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNew_BadArguments(t *testing.T) {
	for _, test := range []struct {
		key         string
		change      func(*Config)
		field, rule string
	}{
		{"", nil, "apiKey", "must not be empty (is the variable set?)"},
		{"oc_test\n", nil, "apiKey", "must not begin or end with white space (is there a line end after it?)"},
		{"oc test", nil, "apiKey", `must have only visible ASCII characters (paste it without spaces, and without "Bearer " before it)`},
		{"oc_test\x7f", nil, "apiKey", "must not contain control characters or others that do not print (paste it again)"},
		{`"oc_test"`, nil, "apiKey", "must not begin or end with a quote (docker's --env-file, for one, keeps the quotes of a value)"},
		{"$BOOKBAG_API_KEY", nil, "apiKey", "must not be a placeholder such as ${NAME}, $NAME or <name> (is the variable expanded?)"},
		{"Bearer oc_test", nil, "apiKey", `must have only visible ASCII characters (paste it without spaces, and without "Bearer " before it)`},
		{"öc_test", nil, "apiKey", `must have only visible ASCII characters (paste it without spaces, and without "Bearer " before it)`},
		{testKey, func(c *Config) { c.BaseURL = "app.bookbag.ai" }, "Options.BaseURL", "must be an absolute URL, such as https://app.bookbag.ai"},
		{testKey, func(c *Config) { c.BaseURL = "https://:443" }, "Options.BaseURL", "must be an absolute URL, such as https://app.bookbag.ai"},
		{testKey, func(c *Config) { c.BaseURL = "https:app.bookbag.ai" }, "Options.BaseURL", "must be an absolute URL, such as https://app.bookbag.ai"},
		{testKey, func(c *Config) { c.BaseURL = "https://%zz" }, "Options.BaseURL", "must be an absolute URL, such as https://app.bookbag.ai"},
		{testKey, func(c *Config) { c.BaseURL = "ftp://app.bookbag.ai" }, "Options.BaseURL", "must be https"},
		{testKey, func(c *Config) { c.BaseURL = "http://app.bookbag.ai" }, "Options.BaseURL", "must be https, unless its host is this machine"},
		{testKey, func(c *Config) { c.BaseURL = "http://127.0.0.1.evil.example" }, "Options.BaseURL", "must be https, unless its host is this machine"},
		{testKey, func(c *Config) { c.BaseURL = "https://user:pass@app.bookbag.ai" }, "Options.BaseURL", "must have no user information"},
		{testKey, func(c *Config) { c.BaseURL = "https://app.bookbag.ai?x=1" }, "Options.BaseURL", "must have no query and no fragment"},
		{testKey, func(c *Config) { c.BaseURL = "https://app.bookbag.ai?" }, "Options.BaseURL", "must have no query and no fragment"},
		{testKey, func(c *Config) { c.BaseURL = "https://app.bookbag.ai#x" }, "Options.BaseURL", "must have no query and no fragment"},
		{testKey, func(c *Config) { c.Agent = 0 }, "agent", "must be positive (see the agent's page in Bookbag)"},
		{testKey, func(c *Config) { c.Agent = -1 }, "agent", "must be positive (see the agent's page in Bookbag)"},
		{testKey, func(c *Config) { c.Timeout = -1 }, "Options.Timeout", "must not be negative"},
		{testKey, func(c *Config) { c.MaxRetries = 11 }, "Options.MaxRetries", "must be at most 10"},
		{testKey, func(c *Config) { c.MaxBody = 1<<30 + 1 }, "Options.MaxBody", "must be from 0 to 1073741824 bytes"},
		{testKey, func(c *Config) { c.MaxBody = -1 }, "Options.MaxBody", "must be from 0 to 1073741824 bytes"},
	} {
		c := Config{Agent: 123}
		if test.change != nil {
			test.change(&c)
		}
		_, err := New(test.key, c)
		var ae *ArgumentError
		require.ErrorAs(t, err, &ae, "%+v", test)
		assert.Equal(t, ArgumentError{test.field, test.rule}, *ae)
		assert.NotContains(t, err.Error(), "pass")
	}
	for _, base := range []string{"http://localhost:8080", "http://127.0.0.1", "http://[::1]:9/x", "https://eu.example/api/"} {
		_, err := New(testKey, Config{Agent: 123, BaseURL: base})
		assert.NoError(t, err, base)
	}
}

func TestParseCount_OtherThanCounts(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 0, "99": 99, "-1": 0, "x": 0, "1.5": 0, "99999999999999999999": 0} {
		assert.Equal(t, want, parseCount(text), text)
	}
}

func TestParseTime_Units(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]time.Time{
			"": {}, "x": {}, "-1": {}, "NaN": {}, "Inf": {}, "1e20": {},
			"10":            time.Now().Add(10 * time.Second),
			"0":             time.Now(),
			"1700000000":    time.Unix(1700000000, 0),
			"1700000000123": time.UnixMilli(1700000000123),
		} {
			assert.True(t, want.Equal(parseTime(text, time.Now())), "%s: %s", text, parseTime(text, time.Now()))
		}
	})
}

func TestParseRetryAfter_Epoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(1_700_000_000, 0)))
		for text, want := range map[string]time.Duration{
			"1700000007":    7 * time.Second,
			"1700000007000": 7 * time.Second,
			"1700000000":    0,
			"1600000000":    0,
			"1800000000":    24 * time.Hour, // the cap
			"7":             7 * time.Second,
		} {
			assert.Equal(t, want, parseRetryAfter(text, time.Now()), text)
		}
	})
}

// respondWith responds with a status and a code.
func respondWith(status int, code string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		res := responseOf(strings.NewReader(`{"error":{"code":"` + code + `","message":"m"}}`))
		res.StatusCode = status
		return res, nil
	}
}

func TestDo_Maintenance(t *testing.T) {
	for name, test := range map[string]struct {
		response       any
		attempts       int
		outcomeUnknown bool
	}{
		"maintenance": {respondWith(503, "SERVICE_UNDER_MAINTENANCE"), 3, false},
		"disabled":    {respondWith(503, "ENDPOINT_TEMPORARILY_DISABLED"), 1, true},
		"status 500":  {respondWith(500, "SERVICE_UNDER_MAINTENANCE"), 1, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{responses: []any{test.response}}
			_, err := newClient(t, s, nil).Do(t.Context(), Call{Operation: "POST /x", Body: []byte("{}")})
			f := failure(t, err)
			assert.Equal(t, test.attempts, f.Attempts, name)
			assert.Equal(t, test.outcomeUnknown, f.OutcomeUnknown, name)
		})
	}
}

func TestDo_NotReady(t *testing.T) {
	const code = "RESOURCE_TOOL_CALL_NOT_FOUND"
	notReady := respondWith(404, code)
	for name, test := range map[string]struct {
		responses []any
		notReady  string
		retries   int
		attempts  int
		took      time.Duration
	}{
		"at once":             {[]any{200}, code, 2, 1, 0},
		"the second time":     {[]any{notReady, 200}, code, 2, 2, 300 * time.Millisecond},
		"the third time":      {[]any{notReady, notReady, 200}, code, 10, 3, 900 * time.Millisecond},
		"never":               {[]any{notReady}, code, 10, 3, 900 * time.Millisecond},
		"no retries":          {[]any{notReady}, code, -1, 1, 0},
		"another code":        {[]any{respondWith(404, "RESOURCE_NOT_FOUND")}, code, 2, 1, 0},
		"another operation":   {[]any{notReady}, "", 2, 1, 0},
		"not with status 400": {[]any{respondWith(400, code)}, code, 2, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{responses: test.responses}
			begun := time.Now()
			_, err := newClient(t, s, func(c *Config) { c.MaxRetries = test.retries }).Do(t.Context(), Call{Operation: "POST /x", Body: []byte("{}"), NotReady: test.notReady})
			assert.Len(t, s.requests, test.attempts, name)
			assert.Equal(t, test.took, time.Since(begun), name)
			_, succeeds := test.responses[len(test.responses)-1].(int)
			assert.Equal(t, succeeds, err == nil, name)
		})
	}
}

// rejecting keeps no requests: those do hold the key.
type rejecting struct{}

func (rejecting) RoundTrip(*http.Request) (*http.Response, error) {
	res := responseOf(strings.NewReader("{}"))
	res.StatusCode = 400
	return res, nil
}

func TestClient_PrintsNoKey(t *testing.T) {
	c := newClient(t, rejecting{}, nil)
	_, err := c.Do(t.Context(), Call{Operation: "GET /x"})
	testenv.Keyless(t, []byte(testKey), c)
	testenv.Keyless(t, []byte(testKey), failure(t, err))
}
