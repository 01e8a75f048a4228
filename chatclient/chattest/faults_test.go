package chattest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

const hello = `{"message":"Hello"}`

func TestScript_Statuses(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(
			chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(1500*time.Millisecond),
			chattest.Pass())
		e.fake.Script(chattest.Status(500, "INTERNAL_SERVER_ERROR"))

		response := e.open("POST", chat, hello)
		assert.Equal(e, 429, response.StatusCode)
		assert.Equal(e, "2", response.Header.Get("Retry-After"))
		e.message("Hello")
		e.rejected(500, "INTERNAL_SERVER_ERROR", "POST", chat, hello)
		e.message("Hello")
		assert.Len(e, e.fake.Requests(), 4)
		assert.Equal(e, 2, e.ok("GET", list, "").Pagination.Total)
	})
}

func TestBadGateway_Page(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(chattest.BadGateway())
		response, text := e.do("GET", list, "")
		assert.Equal(e, 502, response.StatusCode)
		assert.Equal(e, "text/html", response.Header.Get("Content-Type"))
		assert.Empty(e, response.Header.Get("X-Request-Id"))
		assert.Contains(e, text, "<h1>502 Bad Gateway</h1>")
	})
}

func TestDrop_NoResponse(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(chattest.Drop())
		_, err := e.send("POST", chat, hello)
		require.ErrorIs(e, err, io.EOF)
		assert.Len(e, e.fake.Requests(), 1)
		assert.Zero(e, e.ok("GET", list, "").Pagination.Total)
	})
}

func TestDropAfter_AndFailAfter(t *testing.T) {
	both(t, &chattest.Options{Reply: lookup}, func(e *env) {
		e.fake.Script(chattest.DropAfter(), chattest.FailAfter())
		_, err := e.send("POST", chat, hello)
		require.ErrorIs(e, err, io.EOF)
		e.rejected(500, "INTERNAL_SERVER_ERROR", "POST", chat, `{"message":"More","conversationId":456}`)
		assert.Len(e, e.ok("GET", list+"/456/messages", "").ids(e), 4, "both turns were made")
		e.fake.Script(chattest.DropAfter())
		_, err = e.send("POST", list+"/456/tool-result", `{"toolCallId":"call_1"}`)
		require.ErrorIs(e, err, io.EOF)
		e.rejected(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", list+"/456/tool-result", `{"toolCallId":"call_1"}`)
	})
}

func TestRespond_Handler(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(chattest.Respond(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(418)
			_, _ = w.Write(body)
		}))
		response, text := e.do("POST", chat, hello)
		assert.Equal(e, 418, response.StatusCode)
		assert.Equal(e, hello, text)
	})
}

func TestCut_AfterEvents(t *testing.T) {
	both(t, nil, func(e *env) {
		for n := range 7 {
			e.fake.Script(chattest.Cut(n))
			response := e.open("POST", chat, hello)
			assert.Equal(e, "text/event-stream", response.Header.Get("Content-Type"))
			got, err := events(response.Body)
			require.ErrorIs(e, err, io.ErrUnexpectedEOF)
			assert.Len(e, got, min(n, 5))
		}
		e.fake.Script(chattest.Cut(0))
		response := e.open("GET", list, "")
		_, err := io.ReadAll(response.Body)
		require.ErrorIs(e, err, io.ErrUnexpectedEOF)

		// What came of the reply is kept.
		a := e.ok("GET", list+"/458/messages", "")
		assert.Contains(e, string(a.Data), `"text":"You said: `)
	})
}

func TestSilence_AfterEvents(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(chattest.Silence(2))
		response := e.open("POST", chat, hello)
		part := make([]byte, 2*len("data: {'type':'text-delta','text':'You '}\n\n"))
		_, err := io.ReadFull(response.Body, part)
		require.NoError(e, err)
		assert.Equal(e, 2, strings.Count(string(part), "data: "))

		// The reader of the silence finds the reply so far elsewhere.
		a := e.ok("GET", list+"/456/messages", "")
		assert.Contains(e, string(a.Data), `"text":"You said: `)
		require.NoError(e, response.Body.Close())
	})
}

func TestStreamError_AfterEvents(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(chattest.StreamError(1, "The model is tired"))
		got, err := events(e.open("POST", chat, hello).Body)
		require.NoError(e, err)
		assert.Equal(e, []string{
			`{"type":"text-delta","text":"You "}`,
			`{"type":"error","errorText":"The model is tired"}`,
			`[DONE]`,
		}, got)
	})
}

func TestInsert_RawText(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(chattest.Insert(1, "data: {not JSON\n\n"))
		got, err := events(e.open("POST", chat, hello).Body)
		require.NoError(e, err)
		assert.Equal(e, "{not JSON", got[1])
		assert.Len(e, got, 6)
	})
}

func TestNoise_AroundEvents(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(chattest.Noise())
		_, text := e.do("POST", chat, hello)
		assert.Equal(e, strings.Count(text, "\n"), strings.Count(text, "\r\n"))
		assert.True(e, strings.HasPrefix(text, ": noise\r\n\r\nretry: 1000\r\n\r\ndata: {\"type\":\"noise\",\"text\":\"noise\"}\r\n\r\n"+
			"event: noise\r\nid: 0\r\n: noise\r\ndata: {\"type\":\"text-delta\",\"text\":\"You \"}\r\n\r\n: noise"), text)
		assert.True(e, strings.HasSuffix(text, "data: [DONE]\r\n\r\n"), text)
	})
}

func TestFault_Composed(t *testing.T) {
	both(t, nil, func(e *env) {
		e.fake.Script(func(normal http.Handler) http.Handler {
			return chattest.Slow(time.Millisecond)(chattest.Cut(1)(normal))
		})
		got, err := events(e.open("POST", chat, hello).Body)
		require.ErrorIs(e, err, io.ErrUnexpectedEOF)
		assert.Len(e, got, 1)
	})
}

func TestSlow_FakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, nil)
		fake := e.fake
		begin := time.Now()
		fake.Script(chattest.Slow(time.Minute))
		e.message("Hello")
		assert.Equal(t, time.Minute, time.Since(begin))

		fake.Script(chattest.Slow(time.Hour))
		e.client.Timeout = time.Second
		_, err := e.send("POST", chat, hello)
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())
		synctest.Wait()
		assert.Equal(t, time.Minute+time.Second, time.Since(begin), "the handler ended with its request")
	})
}

func TestOptions_Window(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, &chattest.Options{Window: true})
		begin := time.Now()
		for i := range 100 {
			e.ok("GET", list, "")
			if i == 49 {
				time.Sleep(2500 * time.Millisecond)
			}
		}
		for range 3 { // rejected requests do not count
			e.rejected(429, "RATE_LIMIT_TOO_MANY_REQUESTS", "GET", list, "")
		}
		response := e.open("POST", chat, hello)
		assert.Equal(t, "8", response.Header.Get("Retry-After"))
		assert.Equal(t, "0", response.Header.Get("X-RateLimit-Remaining"))
		reset := begin.Add(10 * time.Second)
		assert.Equal(t, reset.Unix(), integer(t, response.Header.Get("X-RateLimit-Reset")))

		time.Sleep(time.Until(reset) - 1)
		e.rejected(429, "RATE_LIMIT_TOO_MANY_REQUESTS", "GET", list, "")
		time.Sleep(time.Nanosecond)
		response = e.open("GET", list, "")
		assert.Equal(t, 200, response.StatusCode)
		assert.Equal(t, "49", response.Header.Get("X-RateLimit-Remaining"))
	})
}

func TestOptions_WithoutWindow(t *testing.T) {
	e := inMemory(t, nil)
	for range 150 {
		e.ok("GET", list, "")
	}
}

func integer(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

func TestOptions_Pace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, &chattest.Options{Pace: time.Second})
		begin := time.Now()
		response := e.open("POST", chat, hello)
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, response.Body.Close())
		synctest.Wait()
		a := e.ok("GET", list+"/456/messages", "")
		assert.Contains(t, string(a.Data), `"text":"You said: "`)

		got, err := events(e.open("POST", chat, hello).Body)
		require.NoError(t, err)
		assert.Len(t, got, 5)
		assert.Equal(t, 5500*time.Millisecond, time.Since(begin))
	})
}

func TestSilence_EndsWithRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, nil)
		fake := e.fake
		fake.Script(chattest.Silence(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "POST", e.base+chat, strings.NewReader(hello))
		require.NoError(t, err)
		r.Header.Set("Authorization", e.key)
		response, err := e.client.Do(r)
		require.NoError(t, err)
		_, err = io.ReadAll(response.Body)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// The bubble's end would hang or panic if a goroutine stayed.
func TestFake_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, nil)
		fake := e.fake
		fake.Script(chattest.Silence(1), chattest.Slow(time.Hour))
		response := e.open("POST", chat, hello)
		failed := make(chan error)
		go func() {
			_, err := e.send("POST", chat, hello)
			failed <- err
		}()
		synctest.Wait()
		fake.Close()
		require.Error(t, <-failed)
		_, err := io.ReadAll(response.Body)
		require.Error(t, err)
		_, err = e.send("POST", chat, hello)
		require.ErrorIs(t, err, http.ErrServerClosed)
		fake.Close()
	})
}

func TestServer_Close(t *testing.T) {
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	server := fake.Start()
	client := &http.Client{Transport: &http.Transport{}}
	e := &env{t, fake, client, server.URL, "Bearer " + key}
	fake.Script(chattest.Silence(1))
	response := e.open("POST", chat, hello)

	missing := e.open("GET", "/../api/v2/health", "")
	assert.Equal(t, 404, missing.StatusCode, "outside of the base path")

	server.Close()
	_, err = io.ReadAll(response.Body)
	require.Error(t, err)
	_, err = e.send("GET", list, "")
	require.Error(t, err)
	server.Close()
}

// A demo mounts the fake below another path.
func TestFake_Mounted(t *testing.T) {
	h := http.StripPrefix("/bookbag", inMemory(t, nil).fake)
	r := httptest.NewRequest("POST", "/bookbag"+chat, strings.NewReader(hello))
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	got, err := events(w.Body)
	require.NoError(t, err)
	assert.Equal(t, "[DONE]", got[len(got)-1])
	assert.True(t, w.Flushed)

	r = httptest.NewRequest("POST", "/bookbag"+chat, &failing{})
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, 413, w.Code)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("failing") }
