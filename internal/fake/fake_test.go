package fake

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newFront(service http.HandlerFunc) *Front {
	tooLong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) })
	return NewFront(service, tooLong, 100)
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = w.Write(body)
}

func do(t *testing.T, client *http.Client, base, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/a%2Fb?q=1", strings.NewReader(body))
	require.NoError(t, err)
	res, err := client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(text)
}

func both(t *testing.T, test func(*testing.T, *Front, *http.Client, string)) {
	t.Run("in memory", func(t *testing.T) {
		f := newFront(echo)
		defer f.Close()
		test(t, f, f.Client(), BaseURL)
	})
	t.Run("on loopback", func(t *testing.T) {
		f := newFront(echo)
		url, stop := Start(f)
		defer stop()
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		test(t, f, client, url)
	})
}

func TestFront_RecordsRequests(t *testing.T) {
	both(t, func(t *testing.T, f *Front, client *http.Client, base string) {
		res, text := do(t, client, base, "hello")
		assert.Equal(t, "hello", text, "the service reads the recorded body")
		assert.Equal(t, "req_1", res.Header.Get("X-Request-Id"))
		requests := f.Requests()
		require.Len(t, requests, 1)
		assert.Equal(t, "POST", requests[0].Method)
		assert.Equal(t, "/a%2Fb", requests[0].Path)
		assert.Equal(t, "1", requests[0].Query.Get("q"))
		assert.Equal(t, "hello", string(requests[0].Body))

		res, _ = do(t, client, base, strings.Repeat("x", 101))
		assert.Equal(t, 413, res.StatusCode)
		assert.Len(t, f.Requests(), 2)
	})
}

func TestFront_KeepsLatestRequests(t *testing.T) {
	f := NewFront(http.HandlerFunc(echo), nil, 1<<20)
	for range maxRequests + 1 {
		f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, 100_000))))
	requests := f.Requests()
	assert.Len(t, requests, maxRequests)
	assert.Len(t, requests[maxRequests-1].Body, maxRecordedBody)
}

func TestFront_Faults(t *testing.T) {
	both(t, func(t *testing.T, f *Front, client *http.Client, base string) {
		Script(f, []Fault{BadGateway(), RetryAfter(Respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }), 1500*time.Millisecond)})
		res, text := do(t, client, base, "x")
		assert.Equal(t, 502, res.StatusCode)
		assert.Empty(t, res.Header.Get("X-Request-Id"))
		assert.Contains(t, text, "<h1>502 Bad Gateway</h1>")
		res, _ = do(t, client, base, "x")
		assert.Equal(t, 429, res.StatusCode)
		assert.Equal(t, "2", res.Header.Get("Retry-After"))
		_, text = do(t, client, base, "normal again")
		assert.Equal(t, "normal again", text)

		Script(f, []Fault{Drop()})
		_, err := client.Post(base, "text/plain", strings.NewReader("x"))
		assert.ErrorIs(t, err, io.EOF)
	})
}

func TestSlow_FakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(echo)
		defer f.Close()
		client := f.Client()
		begun := time.Now()
		Script(f, []Fault{Slow(time.Minute), Slow(time.Hour)})
		do(t, client, BaseURL, "x")
		assert.Equal(t, time.Minute, time.Since(begun))
		client.Timeout = time.Second
		_, err := client.Post(BaseURL, "text/plain", strings.NewReader("x"))
		require.Error(t, err)
		synctest.Wait()
		assert.Equal(t, time.Minute+time.Second, time.Since(begun), "the fault ended with its request")
	})
}

func TestWindow_Take(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Window
		h := http.Header{}
		begun := time.Now()
		for i := range 100 {
			assert.Zero(t, w.Take(h))
			if i == 49 {
				time.Sleep(2500 * time.Millisecond)
			}
		}
		assert.Equal(t, 7500*time.Millisecond, w.Take(h))
		assert.Equal(t, "0", h.Get("X-RateLimit-Remaining"))
		SetRetryAfter(h, w.Take(h))
		assert.Equal(t, "8", h.Get("Retry-After"))
		time.Sleep(7500*time.Millisecond - 1)
		assert.Equal(t, time.Duration(1), w.Take(h))
		time.Sleep(time.Nanosecond)
		assert.Zero(t, w.Take(h))
		assert.Equal(t, "49", h.Get("X-RateLimit-Remaining"), "the first fifty have left")
		assert.Equal(t, "100", h.Get("X-RateLimit-Limit"))
		assert.Equal(t, begun.Add(12500*time.Millisecond+500*time.Millisecond).Unix(), mustSeconds(t, h.Get("X-RateLimit-Reset")))
	})
}

func TestWindow_StampDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Window
		f := newFront(func(rw http.ResponseWriter, _ *http.Request) { w.Take(rw.Header()) })
		f.Stamp = w.Stamp
		defer f.Close()
		remaining := func(body string) string {
			res, _ := do(t, f.Client(), BaseURL, body)
			return res.Header.Get("X-RateLimit-Remaining")
		}
		Script(f, []Fault{Respond(echo), RetryAfter(Respond(echo), time.Second), BadGateway()})
		assert.Equal(t, "100", remaining("a fault's"))
		assert.Equal(t, "100", remaining("another fault's"))
		assert.Empty(t, remaining("a proxy's"))
		assert.Equal(t, "99", remaining("the service's"))
		assert.Equal(t, "99", remaining(strings.Repeat("x", 101)))
		time.Sleep(10 * time.Second)
		Script(f, []Fault{Respond(echo)})
		assert.Equal(t, "100", remaining("what is over has left the window"))
	})
}

func mustSeconds(t *testing.T, text string) int64 {
	d, err := time.ParseDuration(text + "s")
	require.NoError(t, err)
	return int64(d / time.Second)
}

func TestFront_CloseAndServerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(echo)
		Script(f, []Fault{Slow(time.Hour)})
		client := f.Client()
		failed := make(chan error)
		go func() {
			_, err := client.Post(BaseURL, "text/plain", nil)
			failed <- err
		}()
		synctest.Wait()
		f.Close()
		require.Error(t, <-failed)
		_, err := client.Post(BaseURL, "text/plain", nil)
		require.ErrorIs(t, err, http.ErrServerClosed)
		f.Close()
	})
	url, stop := Start(newFront(echo))
	res, err := http.Get(strings.TrimSuffix(url, basePath) + "/elsewhere")
	require.NoError(t, err)
	_ = res.Body.Close()
	assert.Equal(t, 404, res.StatusCode, "outside of the base path")
	stop()
	stop()
	_, err = http.Get(url)
	require.Error(t, err)
}
