package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const endpointPath = "/api/megadesk-identity"

type lookupFunc = func(*http.Request) (*Payload, error)

func signedIn(*http.Request) (*Payload, error) { p := full(); return &p, nil }
func nobody(*http.Request) (*Payload, error)   { return nil, nil }

func TestHandler_Responses(t *testing.T) {
	const (
		null       = `{"identity":null}`
		failed     = `{"error":"the identity is not available at the moment"}`
		notAllowed = `{"error":"only GET and HEAD are allowed"}`
		foreign    = `{"error":"only pages of this site may request this"}`
		otherPath  = `{"error":"this is not the path of the identity endpoint"}`
		token      = "a token"
		empty      = ""
		noReport   = ""
		wrongPath  = `identity: HandlerOptions.Path: expected requests for "/api/megadesk-identity", got one for "/api/megadesk-identity/x.css" ` +
			`(mount it at the root, where the embed requests it; set Path only if a proxy rewrites paths; reported once)`
	)
	type request struct {
		method, path string
		pattern      string
		header       http.Header
		cancelled    bool
	}
	site := func(values ...string) request { return request{header: http.Header{"Sec-Fetch-Site": values}} }
	fail := func(err error) lookupFunc { return func(*http.Request) (*Payload, error) { return nil, err } }
	panicking := func(v any) lookupFunc { return func(*http.Request) (*Payload, error) { panic(v) } }
	never := func(*http.Request) (*Payload, error) {
		t.Error("the look-up must not be called")
		return nil, nil
	}
	for name, test := range map[string]struct {
		request request
		lookup  lookupFunc
		status  int
		body    string
		report  string // what OnError is called with
	}{
		"signed in":                {request{}, signedIn, 200, token, noReport},
		"signed in, HEAD":          {request{method: "HEAD"}, signedIn, 200, empty, noReport},
		"signed in, query":         {request{path: endpointPath + "?x=1"}, signedIn, 200, token, noReport},
		"nobody":                   {request{}, nobody, 200, null, noReport},
		"nobody, HEAD":             {request{method: "HEAD"}, nobody, 200, empty, noReport},
		"POST":                     {request{method: "POST"}, never, 405, notAllowed, noReport},
		"PUT":                      {request{method: "PUT"}, never, 405, notAllowed, noReport},
		"DELETE":                   {request{method: "DELETE"}, never, 405, notAllowed, noReport},
		"OPTIONS":                  {request{method: "OPTIONS"}, never, 405, notAllowed, noReport},
		"unknown method":           {request{method: "BREW"}, never, 405, notAllowed, noReport},
		"same-origin":              {site("same-origin"), signedIn, 200, token, noReport},
		"typed in":                 {site("none"), signedIn, 200, token, noReport},
		"same-site":                {site("same-site"), never, 403, foreign, noReport},
		"cross-site":               {site("cross-site"), never, 403, foreign, noReport},
		"unknown site":             {site("elsewhere"), never, 403, foreign, noReport},
		"two sites":                {site("same-origin", "cross-site"), never, 403, foreign, noReport},
		"look-up fails":            {request{}, fail(errors.New("db: password hunter2")), 500, failed, "db: password hunter2"},
		"look-up fails, somebody":  {request{}, func(r *http.Request) (*Payload, error) { p, _ := signedIn(r); return p, errors.New("x") }, 500, failed, "x"},
		"look-up fails, HEAD":      {request{method: "HEAD"}, fail(errors.New("x")), 500, empty, "x"},
		"look-up panics":           {request{}, panicking("no session"), 500, failed, "identity: panic of type string: no session"},
		"look-up panics, map":      {request{}, panicking(map[string]int{"a": 1}), 500, failed, "identity: panic of type map[string]int"},
		"look-up panics, error":    {request{}, panicking(errors.New("no session")), 500, failed, "identity: panic of type *errors.errorString: no session"},
		"payload of nobody":        {request{}, func(*http.Request) (*Payload, error) { return &Payload{}, nil }, 500, failed, "identity: userDetail: must have an id or an email (for a visitor who is not signed in, return no payload)"},
		"cancelled":                {request{cancelled: true}, func(r *http.Request) (*Payload, error) { return nil, r.Context().Err() }, 500, failed, noReport},
		"cancelled, driver's text": {request{cancelled: true}, fail(errors.New("interrupted")), 500, failed, noReport},
		"cancelled and panics":     {request{cancelled: true}, panicking("no session"), 500, failed, "identity: panic of type string: no session"},
		"a path below":             {request{pattern: endpointPath + "/{rest...}", path: endpointPath + "/x.css"}, never, 404, otherPath, wrongPath},
	} {
		t.Run(name, func(t *testing.T) {
			var report string
			h := Handler(newTestMinter(t, nil), test.lookup, &HandlerOptions{
				OnError: func(_ *http.Request, err error) { report = err.Error() },
			})
			mux := http.NewServeMux()
			mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { t.Error("the catch-all route must not respond") })
			mux.Handle(or(test.request.pattern, endpointPath), h)

			r := httptest.NewRequest(or(test.request.method, "GET"), or(test.request.path, endpointPath), nil)
			for k, v := range test.request.header {
				r.Header[k] = v
			}
			if test.request.cancelled {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				r = r.WithContext(ctx)
			}
			res := serve(t, mux, r)

			assert.Equal(t, test.status, res.status)
			if test.body == token {
				requireIdentity(t, res.body)
			} else {
				assert.Equal(t, test.body, strings.TrimSuffix(res.body, "\n"))
			}
			assert.Equal(t, test.report, report)

			assert.Equal(t, "application/json", res.header.Get("Content-Type"))
			assert.Equal(t, "no-store", res.header.Get("Cache-Control"))
			assert.Equal(t, "Cookie", res.header.Get("Vary"))
			assert.Equal(t, "nosniff", res.header.Get("X-Content-Type-Options"))
			assert.Equal(t, "same-origin", res.header.Get("Cross-Origin-Resource-Policy"))
			for name := range res.header {
				assert.False(t, strings.HasPrefix(name, "Access-Control-"), name)
			}
			if test.status == 405 {
				assert.Equal(t, "GET, HEAD", res.header.Get("Allow"))
			}
		})
	}
}

func requireIdentity(t *testing.T, body string) {
	t.Helper()
	var got map[string]string
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Len(t, got, 1)
	opened, err := newTestOpener(t).Open(got["identity"])
	require.NoError(t, err)
	require.Equal(t, "user-123", opened.Payload.User.ID)
}

type response struct {
	status int
	header http.Header
	body   string
}

// serve goes through a real server, so that HEAD loses its body there.
func serve(t *testing.T, h http.Handler, r *http.Request) response {
	t.Helper()
	var cancelled bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, got *http.Request) {
		if cancelled {
			got = got.WithContext(r.Context())
		}
		h.ServeHTTP(w, got)
	}))
	defer srv.Close()
	cancelled = r.Context().Err() != nil
	out, err := http.NewRequest(r.Method, srv.URL+r.URL.String(), nil)
	require.NoError(t, err)
	out.Header = r.Header
	res, err := http.DefaultClient.Do(out)
	require.NoError(t, err)
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	require.NoError(t, err)
	return response{res.StatusCode, res.Header, b.String()}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// ErrAbortHandler is how a handler tells net/http to drop the connection.
func TestHandler_PassesErrAbortHandlerOn(t *testing.T) {
	h := Handler(newTestMinter(t, nil), func(*http.Request) (*Payload, error) { panic(http.ErrAbortHandler) }, nil)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", endpointPath, nil))
	})
}

func TestHandler_ReportsAPanicWithItsTextAndStack(t *testing.T) {
	var got error
	h := Handler(newTestMinter(t, nil), func(*http.Request) (*Payload, error) { panic("no session\n" + strings.Repeat("ü", 200)) }, &HandlerOptions{
		OnError: func(_ *http.Request, err error) { got = err },
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", endpointPath, nil))
	var p *PanicError
	require.ErrorAs(t, got, &p)
	assert.Equal(t, "string", p.Type)
	assert.Contains(t, string(p.Stack), "handler_test.go")
	assert.Equal(t, "no session "+strings.Repeat("ü", 122), p.Text)
	assert.Equal(t, "identity: panic of type string: "+p.Text, p.Error())
}

// A payload whose value panics while it is marshalled must not take the
// server's connection with it either.
func TestHandler_RecoversWhileMinting(t *testing.T) {
	var got error
	h := Handler(newTestMinter(t, nil), func(*http.Request) (*Payload, error) {
		return &Payload{User: UserDetail{ID: "1", Extra: map[string]any{"a": exploding{}}}}, nil
	}, &HandlerOptions{OnError: func(_ *http.Request, err error) { got = err }})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", endpointPath, nil))
	assert.Equal(t, 500, w.Code)
	var p *PanicError
	require.ErrorAs(t, got, &p)
}

type exploding struct{}

func (exploding) MarshalJSON() ([]byte, error) { panic("boom") }

// The middleware has set headers: other names in Vary are kept, and permissions
// for other origins are deleted.
func TestHandler_AfterAMiddleware(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	Handler(newTestMinter(t, nil), signedIn, &HandlerOptions{}).ServeHTTP(w, httptest.NewRequest("GET", endpointPath, nil))
	assert.Equal(t, []string{"Accept-Encoding", "Cookie"}, w.Header().Values("Vary"))
	assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
	assert.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
}

// The visitor has the response before OnError is called, whatever that does.
func TestHandler_RespondsBeforeItReports(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(newTestMinter(t, nil), func(*http.Request) (*Payload, error) { return nil, errors.New("x") }, &HandlerOptions{
		OnError: func(*http.Request, error) { assert.Equal(t, 500, w.Code) },
	}).ServeHTTP(w, httptest.NewRequest("GET", endpointPath, nil))
}

func TestHandler_ReportsADeadline(t *testing.T) {
	var got error
	h := Handler(newTestMinter(t, nil), func(r *http.Request) (*Payload, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}, &HandlerOptions{OnError: func(_ *http.Request, err error) { got = err }})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", endpointPath, nil))
	assert.ErrorIs(t, got, context.DeadlineExceeded)
}

func TestHandler_LogsABoundedTextByDefault(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)

	get := func(lookup lookupFunc) map[string]any {
		log.Reset()
		Handler(newTestMinter(t, nil), lookup, &HandlerOptions{}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", endpointPath, nil))
		var entry map[string]any
		require.NoError(t, json.Unmarshal(log.Bytes(), &entry))
		assert.Equal(t, "ERROR", entry["level"])
		return entry
	}
	long := get(func(*http.Request) (*Payload, error) { return nil, errors.New(strings.Repeat("ü", 5000)) })
	assert.Equal(t, strings.Repeat("ü", 128), long["error"])
	odd := get(func(*http.Request) (*Payload, error) { return nil, errors.New("x" + strings.Repeat("ü", 5000)) })
	assert.Equal(t, "x"+strings.Repeat("ü", 127), odd["error"])

	panicked := get(func(*http.Request) (*Payload, error) { panic(strings.Repeat("x", 300)) })
	assert.Equal(t, "identity: panic of type string: "+strings.Repeat("x", 256), panicked["error"])
	assert.Contains(t, panicked["stack"], "handler_test.go")
}

func TestHandler_Path(t *testing.T) {
	const path = "/shop/who"
	h := Handler(newTestMinter(t, nil), nobody, &HandlerOptions{Path: path, OnError: func(_ *http.Request, err error) {
		requireField(t, err, "HandlerOptions.Path", `expected requests for "/shop/who", got one for "/api/megadesk-identity" `+
			`(mount it at the root, where the embed requests it; set Path only if a proxy rewrites paths; reported once)`)
	}})
	for target, want := range map[string]int{path: 200, endpointPath: 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		assert.Equal(t, want, w.Code, target)
	}
	assert.PanicsWithError(t, "identity: HandlerOptions.Path: must be a path such as /api/identity, as browsers send it (without host, query, wildcard or method)", func() {
		Handler(newTestMinter(t, nil), nobody, &HandlerOptions{Path: "GET /api/who"})
	})
}

// The default log keeps 256 bytes of an error. The remedy is within them, however long
// the path of the request is.
func TestHandler_LogsWhereToMountIt(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)

	path := "/" + strings.Repeat("shop/", 50) + "api/megadesk-identity"
	Handler(newTestMinter(t, nil), nobody, nil).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	assert.Contains(t, log.String(), "(mount it at the root, where the embed requests it; set Path only if a proxy rewrites paths")
}

func TestHandler_NeedsItsArguments(t *testing.T) {
	const text = "identity: Handler: minter and lookup must not be nil (was the error of NewMinter ignored?)"
	assert.PanicsWithValue(t, text, func() { Handler(nil, nobody, nil) })
	assert.PanicsWithValue(t, text, func() { Handler(newTestMinter(t, nil), nil, nil) })
}
