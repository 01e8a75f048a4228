package chatproxy

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every request of a visitor counts, whatever becomes of it.
func TestProxy_CountsEveryRequest(t *testing.T) {
	tickets := newTestTickets(t, 123, testSecret)
	conversation := "/conversations/" + tickets.conversation(ada, "456") + "/messages"
	message := tickets.message(ada, "456", "msg_2")
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		header             []string
	}{
		"list":                    {"GET", "/conversations", "", 200, nil},
		"bad limit":               {"GET", "/conversations?limit=0", "", 400, nil},
		"bad cursor":              {"GET", "/conversations?cursor=x", "", 400, nil},
		"a GET with a body":       {"GET", "/conversations", "{}", 400, nil},
		"history, anonymous":      {"GET", "/conversations", "", 401, []string{asUser, "", asSession, "s"}},
		"another's messages":      {"GET", "/conversations/v1.7.x/messages", "", 404, nil},
		"nothing to resume":       {"GET", "/ai-sdk/x/stream", "", 204, nil},
		"no message":              {"POST", "/messages", "{}", 400, nil},
		"no JSON":                 {"POST", "/messages", "{", 400, nil},
		"too large":               {"POST", "/messages", strings.Repeat(" ", 65<<10), 413, nil},
		"another type":            {"POST", "/messages", "{}", 415, []string{"Content-Type", "text/plain"}},
		"another's conversation":  {"POST", "/messages", messageBody("a", "v1.7.x"), 404, nil},
		"useChat, no messages":    {"POST", "/ai-sdk", "{}", 400, nil},
		"useChat, too large":      {"POST", "/ai-sdk", strings.Repeat(" ", 1<<20+1), 413, nil},
		"feedback, no value":      {"PATCH", conversation + "/" + message + "/feedback", "{}", 400, nil},
		"feedback, another's":     {"PATCH", conversation + "/v1.msg_2.x/feedback", `{"feedback":null}`, 404, nil},
		"feedback, not forwarded": {"PATCH", "/conversations/v1.7.x/messages/x/feedback", `{"feedback":null}`, 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // on a busy machine they may take 10 seconds
				e := newSite(t, setup{counted: true, proxy: &Options{Anonymous: true}})
				defer e.end()
				for range 20 {
					res, text := e.do(test.method, test.path, test.body, test.header...)
					require.Equal(t, test.status, res.StatusCode, text)
				}
				for _, next := range [][3]string{
					{"POST", "/messages", `{"message":"a"}`}, {"POST", "/ai-sdk", aiBody("a", "")}, {"GET", "/ai-sdk/x/stream", ""}, {"GET", "/conversations", ""},
					{"GET", conversation, ""}, {"PATCH", conversation + "/" + message + "/feedback", `{"feedback":null}`}, {test.method, test.path, test.body},
				} {
					res := e.rejected(429, "too_many_requests", next[0], next[1], next[2], test.header...)
					assert.Regexp(t, `^([1-9]|10)$`, res.Header.Get("Retry-After"))
				}
				e.send("Hello", "", asUser, "grace") // who is not held up
				assert.Empty(t, e.reports())
			})
		})
	}
}

// Another site, or a path that does not exist, cannot use up a visitor's allowance.
func TestProxy_CountsNothingOfOtherSites(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) {
		t.Error("the request was counted")
		return 0, true
	}}})
	for _, request := range [][3]string{
		{"POST", "/messages", `{"message":"a"}`}, {"POST", "/ai-sdk", aiBody("a", "")}, {"GET", "/ai-sdk/x/stream", ""},
		{"GET", "/conversations", ""}, {"GET", "/conversations", "{}"}, {"PATCH", "/conversations/c/messages/m/feedback", `{}`},
	} {
		e.rejected(403, "cross_site", request[0], request[1], request[2], "Sec-Fetch-Site", "cross-site")
		e.rejected(403, "cross_site", request[0], request[1], request[2], "Origin", "https://evil.example")
	}
	e.rejected(404, "not_found", "GET", "/x", "")
	e.rejected(405, "method_not_allowed", "GET", "/messages", "")
	e.rejected(401, "sign_in_required", "GET", "/conversations", "", asUser, "")
	e.rejected(500, "internal_error", "GET", "/conversations", "", asUser, "broken")
}

// unreadBody fails the test when it is read.
type unreadBody struct{ *testing.T }

func (b unreadBody) Read([]byte) (int, error) {
	b.Error("the body was read")
	return 0, io.EOF
}

func TestProxy_CountsBeforeTheBodyIsRead(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) { return time.Second, false }}})
	for _, request := range [][2]string{{"POST", "/messages"}, {"POST", "/ai-sdk"}, {"PATCH", "/conversations/c/messages/m/feedback"}} {
		r := newRequest(request[0], request[1], "{}")
		r.Body = io.NopCloser(unreadBody{t})
		w := newRecorder()
		e.proxy.ServeHTTP(w, r)
		assert.Equal(t, 429, w.Code)
	}
}

// A body that is cut short is no message, although what came would be one.
func TestProxy_BodyCutShort(t *testing.T) {
	e := newSite(t, setup{})
	for path, body := range map[string]string{"/messages": `{"message":"a"}`, "/ai-sdk": aiBody("a", "")} {
		r := newRequest("POST", path, "")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)))
		w := newRecorder()
		e.proxy.ServeHTTP(w, r)
		assert.Equal(t, 400, w.Code)
		assert.Contains(t, w.Body.String(), "could not be read")
	}
	assert.Empty(t, e.fake.Requests())
}

// heldBody holds its last byte back until it may be sent.
type heldBody struct {
	*strings.Reader
	reached func()
	release <-chan bool
}

func (b *heldBody) Read(p []byte) (int, error) {
	if b.Len() == 1 {
		b.reached()
		<-b.release
	}
	return b.Reader.Read(p[:min(len(p), max(b.Len()-1, 1))])
}

// atOnce sends requests with the same body at once, and returns how many there were of
// each status. No body ends before all have come or have been rejected.
func (e *site) atOnce(n int, method, path, body string, header func(i int) []string) map[int]int {
	e.Helper()
	var mu sync.Mutex
	statuses := map[int]int{}
	release := make(chan bool)
	var held, ended sync.WaitGroup
	for i := range n {
		held.Add(1)
		reached := sync.OnceFunc(held.Done)
		r := e.request(method, path, "{}", header(i)...)
		r.Body, r.ContentLength, r.GetBody = io.NopCloser(&heldBody{strings.NewReader(body), reached, release}), int64(len(body)), nil
		ended.Go(func() {
			res, err := e.client.Do(r)
			reached()
			if !assert.NoError(e, err) {
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			statuses[res.StatusCode]++
		})
	}
	go func() {
		held.Wait()
		close(release)
	}()
	ended.Wait()
	return statuses
}

func asAda(int) []string { return nil }

// peakHeap returns by how much the heap grows while f runs, at most: what is in use and
// what is garbage already.
func peakHeap(f func()) (growth int64) {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() int64 {
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	before, stop, peak := heap(), make(chan bool), make(chan int64)
	go func() {
		highest := before
		for {
			select {
			case <-stop:
				peak <- highest
				return
			case <-time.After(200 * time.Microsecond):
				highest = max(highest, heap())
			}
		}
	}()
	f()
	close(stop)
	return <-peak - before
}

// What a visitor sends becomes no more memory than it was on the wire.
func TestProxy_MemoryOfOneVisitor(t *testing.T) {
	filled := func(begin, item, end string, size int) string {
		return begin + strings.Repeat(item+",", (size-len(begin)-len(item)-len(end))/(len(item)+1)) + item + end
	}
	feedback := "/conversations/c/messages/m/feedback"
	for name, test := range map[string]struct{ method, path, body string }{
		"messages of numbers":   {"POST", "/ai-sdk", filled(`{"messages":[`, `0`, `]}`, 1<<20)},
		"messages of objects":   {"POST", "/ai-sdk", filled(`{"messages":[`, `{}`, `]}`, 1<<20)},
		"messages of lists":     {"POST", "/ai-sdk", filled(`{"messages":[`, `[]`, `]}`, 1<<20)},
		"parts":                 {"POST", "/ai-sdk", filled(`{"messages":[{"role":"user","parts":[`, `{}`, `]}]}`, 1<<20)},
		"metadata":              {"POST", "/ai-sdk", filled(`{"messages":[{"role":"assistant","metadata":{"conversation":[`, `0`, `]}},{"role":"user","parts":[]}]}`, 1<<20)},
		"many fields":           {"POST", "/ai-sdk", filled(`{`, `"a":0`, `}`, 1<<20)},
		"one long text":         {"POST", "/ai-sdk", filled(`{"messages":[{"role":"user","parts":[{"type":"text","text":"`, `\u0041`, `"}]}]}`, 1<<20)},
		"deep":                  {"POST", "/ai-sdk", `{"messages":` + strings.Repeat("[", 1<<20-20)},
		"numbers, plain form":   {"POST", "/messages", filled(`{"message":[`, `0`, `]}`, 64<<10)},
		"fields, plain form":    {"POST", "/messages", filled(`{`, `"message":0`, `}`, 64<<10)},
		"numbers, feedback":     {"PATCH", feedback, filled(`{"feedback":[`, `0`, `]}`, 64<<10)},
		"larger than the limit": {"POST", "/ai-sdk", filled(`{"messages":[`, `0`, `]}`, 2<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			e := newSite(t, setup{})
			var statuses map[int]int
			growth := peakHeap(func() { statuses = e.atOnce(40, test.method, test.path, test.body, asAda) })
			t.Logf("%d KB more of heap, statuses %v", growth>>10, statuses)
			assert.Less(t, growth, int64(64<<20))
			assert.NotContains(t, statuses, 200)
			assert.Zero(t, e.proxy.bodyBytes.Load())
			assert.Empty(t, e.proxy.bodies.used)
		})
	}
}

// Of one visitor four bodies are read at once, or as many as there may be replies.
func TestProxy_BodiesOfOneVisitor(t *testing.T) {
	for streams, want := range map[int]map[int]int{0: {400: 4, 429: 6}, 1: {400: 4, 429: 6}, 7: {400: 7, 429: 3}} {
		e := newSite(t, setup{proxy: &Options{MaxStreamsPerVisitor: streams}})
		assert.Equal(t, want, e.atOnce(10, "POST", "/messages", `{"message":1}`, asAda))
		assert.Equal(t, map[int]int{400: 10}, e.atOnce(10, "POST", "/messages", `{"message":1}`, func(i int) []string {
			return []string{asUser, string(rune('a' + i))}
		}), "others are not held up")
		for range 10 {
			e.rejected(400, "invalid_request", "POST", "/messages", `{"message":1}`)
		}
	}
}

// The bodies of all visitors together have a bound as well.
func TestProxy_BodiesOfAllVisitors(t *testing.T) {
	e := newSite(t, setup{})
	const body = `{"message":"a"}`
	e.proxy.bodyBytes.Store(maxBodyBytes - int64(len(body)))
	res, _ := e.do("POST", "/messages", body)
	assert.Equal(t, 200, res.StatusCode)
	res = e.rejected(429, "busy", "POST", "/messages", body+" ")
	assert.Equal(t, "1", res.Header.Get("Retry-After"))
	e.rejected(429, "busy", "POST", "/ai-sdk", aiBody("a", ""))
	assert.EqualValues(t, maxBodyBytes-len(body), e.proxy.bodyBytes.Load(), "what was read is given back")
	assert.Empty(t, e.reports())
}

// A path, a query and a header cost no more than their length either.
func TestProxy_MemoryOfARequestLine(t *testing.T) {
	e := newSite(t, setup{})
	long := func(s string) string { return strings.Repeat(s, 1<<20/len(s)) }
	var types strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&types, ";p%d=1", i)
	}
	for name, test := range map[string]struct{ method, path, query, contentType string }{
		"path":         {"GET", long("/"), "", ""},
		"query":        {"GET", "/conversations", long("a&"), ""},
		"cursor":       {"GET", "/conversations", "cursor=" + long("v1.a."), ""},
		"ticket":       {"GET", "/conversations/" + long("v1.a.") + "/messages", "", ""},
		"content type": {"POST", "/messages", "", "application/json" + types.String()},
	} {
		r := newRequest(test.method, "/", "")
		r.URL.Path, r.URL.RawQuery = test.path, test.query
		r.Header.Set("Content-Type", test.contentType)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e.proxy.ServeHTTP(newRecorder(), r)
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), name)
	}
}
