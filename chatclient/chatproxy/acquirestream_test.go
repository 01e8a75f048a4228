package chatproxy

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

// Each reply that was let begin is released once, whatever ends it; one that was not let
// begin costs the service nothing.
func TestAcquireStream_ReleasedOnce(t *testing.T) {
	acquired, released, reject := 0, 0, false
	e := newSite(t, setup{proxy: &Options{AcquireStream: func(_ context.Context, v Visitor) func() {
		assert.Equal(t, Visitor{UserID: "ada"}, v)
		if reject {
			return nil
		}
		acquired++
		return func() { released++ }
	}}})
	e.fake.Script(chattest.Pass(), chattest.Status(500, ""), chattest.Cut(1))
	_, _ = e.do("POST", "/messages", `{"message":"a"}`)
	e.failed(502, "bot_unavailable", "POST", "/messages", `{"message":"a"}`)
	_, _ = e.do("POST", "/messages", `{"message":"a"}`)
	e.failed(404, "conversation_not_found", "POST", "/messages", `{"message":"a","conversation":"no ticket"}`)
	e.handlers.Wait()
	assert.Equal(t, 3, acquired)
	assert.Equal(t, 3, released)

	calls := len(e.fake.Requests())
	reject = true
	e.failed(429, "too_many_streams", "POST", "/messages", `{"message":"a"}`)
	assert.Len(t, e.fake.Requests(), calls)
}

// A visitor who has reached MaxStreamsPerVisitor holds no more of the shared streams.
func TestAcquireStream_ReleasedAtTheBoundOfTheProcess(t *testing.T) {
	held := 0
	e := newSite(t, setup{proxy: &Options{MaxStreamsPerVisitor: 1, AcquireStream: func(context.Context, Visitor) func() {
		held++
		return func() { held-- }
	}}})
	assert.True(t, e.proxy.streams.take(ada))
	e.failed(429, "too_many_streams", "POST", "/messages", `{"message":"a"}`)
	assert.Zero(t, held)
}

// Also there, a panic of the release is reported, and the visitor gets a response.
func TestAcquireStream_PanicsAtTheBoundOfTheProcess(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{MaxStreamsPerVisitor: 1, AcquireStream: func(context.Context, Visitor) func() {
		return func() { panic("hunter2") }
	}}})
	assert.True(t, e.proxy.streams.take(ada))
	e.failed(500, "internal_error", "POST", "/messages", `{"message":"a"}`)
	reports := e.reports()
	require.Len(t, reports, 1)
	assert.IsType(t, &PanicError{}, reports[0])
}

// A panic is reported, and leaves the visitor all streams.
func TestAcquireStream_Panics(t *testing.T) {
	panics := true
	e := newSite(t, setup{proxy: &Options{MaxStreamsPerVisitor: 1, AcquireStream: func(context.Context, Visitor) func() {
		if panics {
			panic("hunter2")
		}
		return func() { panic("hunter2") }
	}}})
	e.failed(500, "internal_error", "POST", "/messages", `{"message":"a"}`)
	assert.IsType(t, &PanicError{}, e.reports()[0])
	panics = false
	res, _ := e.do("POST", "/messages", `{"message":"a"}`)
	assert.Equal(t, 200, res.StatusCode)
	reports := e.reports()
	require.NotEmpty(t, reports)
	assert.IsType(t, &PanicError{}, reports[len(reports)-1])
	assert.Empty(t, e.proxy.streams.used)
}

// What panics after the last frame was written does so on the goroutine of the request, where
// net/http knows what to do: elsewhere the program would end.
func TestAcquireStream_PanicsAfterASlowBrowser(t *testing.T) {
	for name, test := range map[string]struct{ release, onError, want any }{
		"release aborts": {http.ErrAbortHandler, nil, http.ErrAbortHandler},
		"OnError panics": {"hunter2", "boom", "boom"},
		"OnError aborts": {"hunter2", http.ErrAbortHandler, http.ErrAbortHandler},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				panicked := make(chan any, 1)
				e := newSite(t, setup{
					proxy: &Options{
						AcquireStream: func(context.Context, Visitor) func() { return func() { panic(test.release) } },
						OnError:       func(*http.Request, error) { panic(test.onError) },
					},
					server: func(s *http.Server) {
						inner := s.Handler
						s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							defer func() { panicked <- recover() }()
							inner.ServeHTTP(slow{wrapped{w}}, r)
						})
					},
				})
				_, body := e.do("POST", "/messages", `{"message":"a"}`)
				assert.Contains(t, body, done)
				assert.Equal(t, test.want, <-panicked)
				assert.Empty(t, e.proxy.streams.used)
				e.end()
			})
		})
	}
}

// slow is the writer of a browser that reads slowly.
type slow struct{ wrapped }

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(time.Second)
	return s.wrapped.Write(b)
}
