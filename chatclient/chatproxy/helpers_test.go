package chatproxy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

const (
	testSecret = "0123456789abcdef0123456789abcdef"
	testKey    = "oc_test_chattest"
)

// site is a site with the proxy under /chat, before a fake of the service.
// Everything is in memory, so it also lives in a synctest bubble.
type site struct {
	*testing.T
	fake   *chattest.Fake
	bot    *http.Client // the proxy's, to the fake
	proxy  *Proxy
	client *http.Client

	handlers sync.WaitGroup // under way
	mu       sync.Mutex
	reported []error
}

// as is the header that names the visitors of the site of the tests.
const (
	asUser    = "X-User"
	asSession = "X-Session"
	asEarlier = "X-Earlier-Session"
)

var errLookup = errors.New("db: password hunter2")

func byHeader(r *http.Request) (Visitor, error) {
	switch r.Header.Get(asUser) {
	case "broken":
		return Visitor{}, errLookup
	case "panics":
		panic("hunter2")
	case "aborts":
		panic(http.ErrAbortHandler)
	}
	return Visitor{chatclient.UserID(r.Header.Get(asUser)), r.Header.Get(asSession), r.Header.Get(asEarlier)}, nil
}

type setup struct {
	fake   *chattest.Options
	bot    *chatclient.Options
	proxy  *Options
	server func(*http.Server)

	// counted keeps the default of Options.Allow. Else a visitor may do as much as the
	// test needs.
	counted bool
}

func newSite(t *testing.T, s setup) *site {
	t.Helper()
	fake, err := chattest.New(s.fake)
	require.NoError(t, err)
	e := &site{T: t, fake: fake}
	e.bot = e.fake.Client()
	t.Cleanup(e.fake.Close)
	if s.bot == nil {
		s.bot = &chatclient.Options{}
	}
	s.bot.BaseURL, s.bot.HTTPClient = chattest.BaseURL, e.bot
	bot, err := chatclient.New(testKey, 123, s.bot)
	require.NoError(t, err)
	if s.proxy == nil {
		s.proxy = &Options{}
	}
	if s.proxy.Allow == nil && !s.counted {
		s.proxy.Allow = always
	}
	if s.proxy.OnError == nil {
		s.proxy.OnError = func(_ *http.Request, err error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.reported = append(e.reported, err)
		}
	}
	e.proxy, err = New(bot, testSecret, byHeader, s.proxy)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", e.proxy))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.handlers.Add(1)
		defer e.handlers.Done()
		mux.ServeHTTP(w, r)
	})}
	if s.server != nil {
		s.server(server)
	}
	t.Cleanup(func() { _ = server.Close() })
	e.client = &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			_ = server.Serve(&oneConn{conn: ours}) // which returns at the second Accept
			return theirs, nil
		},
	}}
	t.Cleanup(e.client.CloseIdleConnections)
	return e
}

// end ends what is left in a synctest bubble. After a body that did not arrive, net/http
// keeps the connection open for half a second, so that the client can read the response.
func (e *site) end() {
	e.client.CloseIdleConnections()
	e.fake.Close()
	time.Sleep(time.Second)
	synctest.Wait()
}

type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	conn := l.conn
	if l.conn = nil; conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Net: "pipe"} }

// reports returns what OnError was called with since the last time. That comes after
// the responses.
func (e *site) reports() []error {
	e.handlers.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { e.reported = nil }()
	return e.reported
}

// request is one of Ada's, unless a header says otherwise.
func (e *site) request(method, path, body string, header ...string) *http.Request {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), method, "http://shop.example/chat"+path, strings.NewReader(body))
	require.NoError(e, err)
	r.Header.Set(asUser, "ada")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return r
}

func (e *site) open(method, path, body string, header ...string) *http.Response {
	e.Helper()
	res, err := e.client.Do(e.request(method, path, body, header...))
	require.NoError(e, err)
	e.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// openToLeave opens a response in a synctest bubble, whose page ends the connection by leave.
// It ends the context first, and closes the body when that is done: net/http of Go 1.27 reads
// a body that is closed before its end on for up to 50 ms, and which of the two it notices
// first would be chance.
func (e *site) openToLeave(method, path, body string, header ...string) (res *http.Response, leave func()) {
	e.Helper()
	ctx, cancel := context.WithCancel(e.Context())
	res, err := e.client.Do(e.request(method, path, body, header...).WithContext(ctx))
	require.NoError(e, err)
	return res, func() {
		cancel()
		synctest.Wait()
		_ = res.Body.Close()
		synctest.Wait()
	}
}

func (e *site) do(method, path, body string, header ...string) (*http.Response, string) {
	e.Helper()
	res := e.open(method, path, body, header...)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(e, err)
	return res, string(text)
}

// say has a reply of which the test wants no more than the tickets.
func (e *site) send(text, ticket string, header ...string) replyTickets {
	e.Helper()
	res, stream := e.do("POST", "/messages", messageBody(text, ticket), header...)
	require.Equal(e, 200, res.StatusCode, stream)
	frames := framesOf(stream)
	var finish struct {
		replyTickets
		Type string
	}
	require.NoError(e, json.Unmarshal([]byte(frames[len(frames)-2]), &finish), stream)
	require.Equal(e, "finish", finish.Type, stream)
	return finish.replyTickets
}

// saying is the body of a message, in a new conversation without a ticket.
func messageBody(text, ticket string) string {
	if ticket == "" {
		return `{"message":` + quoted(text) + `,"conversation":null}`
	}
	return `{"message":` + quoted(text) + `,"conversation":` + quoted(ticket) + `}`
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// rejected checks an error, and that the service was not called for it.
func (e *site) rejected(status int, code, method, path, body string, header ...string) *http.Response {
	e.Helper()
	before := len(e.fake.Requests())
	res := e.failed(status, code, method, path, body, header...)
	assert.Len(e, e.fake.Requests(), before, "the service was called")
	return res
}

// failed checks an error.
func (e *site) failed(status int, code, method, path, body string, header ...string) *http.Response {
	e.Helper()
	res, text := e.do(method, path, body, header...)
	assert.Equal(e, status, res.StatusCode, text)
	var rejection struct {
		Version int
		Error   struct{ Code, Message string }
	}
	require.NoError(e, json.Unmarshal([]byte(text), &rejection), text)
	assert.Equal(e, 1, rejection.Version)
	assert.Equal(e, code, rejection.Error.Code, text)
	assert.Regexp(e, `^[A-Za-z].*\.$`, rejection.Error.Message, "a sentence")
	assert.Equal(e, status == 429, res.Header.Get("Retry-After") != "", "it is there if it is known")
	assert.Equal(e, "application/json", res.Header.Get("Content-Type"))
	assert.Equal(e, "no-store", res.Header.Get("Cache-Control"))
	assert.Equal(e, "nosniff", res.Header.Get("X-Content-Type-Options"))
	assert.Equal(e, "same-origin", res.Header.Get("Cross-Origin-Resource-Policy"))
	assert.Equal(e, "Cookie", res.Header.Get("Vary"))
	return res
}

// framesOf are the data of a stream's events.
func framesOf(stream string) []string {
	var frames []string
	for line := range strings.Lines(stream) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			frames = append(frames, strings.TrimSuffix(data, "\n"))
		}
	}
	return frames
}

// lines gives the lines of a body as they come.
func lines(body io.Reader) <-chan string {
	ch := make(chan string)
	go func() {
		defer close(ch)
		for s := bufio.NewScanner(body); s.Scan(); {
			ch <- s.Text()
		}
	}()
	return ch
}

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// newRequest is one of Ada's that comes to the proxy itself.
func newRequest(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set(asUser, "ada")
	r.Header.Set("Content-Type", "application/json")
	return r
}

func responding(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// streaming is a reply of these frames.
func streaming(frames ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, frame := range append(frames, "[DONE]") {
			_, _ = io.WriteString(w, "data: "+frame+"\n\n")
		}
	}
}

// newerFrames has the fake stream the frames that Chatbase documents.
var newerFrames = map[string]string{"text-delta": "delta", "tool-call": "frame"}
