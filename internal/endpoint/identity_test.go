package endpoint

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testPath = "/api/identity"

func newIdentity(onError func(error)) *Identity {
	return &Identity{
		Path:       testPath,
		PathRemedy: "mount it there",
		OnError:    func(_ *http.Request, err error) { onError(err) },
		Identify:   func(*http.Request) (string, error) { return `"ada"`, nil },
		WrongPath:  func(rule string) error { return errors.New(rule) },
		Panicked:   func(p *Panic) error { return errors.New(p.String()) },
	}
}

// Each way in which a request ends.
func TestIdentity_Responses(t *testing.T) {
	fails := errors.New("no database")
	for name, test := range map[string]struct {
		method, site string
		identify     func(*http.Request) (string, error)
		cancelled    bool
		status       int
		body         string
		report       string
	}{
		"not signed in":        {"GET", "", func(*http.Request) (string, error) { return "", nil }, false, 200, `{"identity":null}`, ""},
		"signed in":            {"HEAD", "none", func(*http.Request) (string, error) { return "{}", nil }, false, 200, `{"identity":{}}`, ""},
		"POST":                 {"POST", "", nil, false, 405, `{"error":"only GET and HEAD are allowed"}`, ""},
		"another site":         {"GET", "same-site", nil, false, 403, `{"error":"only pages of this site may request this"}`, ""},
		"failure":              {"GET", "", func(*http.Request) (string, error) { return "{}", fails }, false, 500, `{"error":"the identity is not available at the moment"}`, "no database"},
		"failure, cancelled":   {"GET", "", func(*http.Request) (string, error) { return "", fails }, true, 500, `{"error":"the identity is not available at the moment"}`, ""},
		"panic, and cancelled": {"GET", "", func(*http.Request) (string, error) { panic("x") }, true, 500, `{"error":"the identity is not available at the moment"}`, "panic of type string: x"},
	} {
		t.Run(name, func(t *testing.T) {
			var report string
			h := newIdentity(func(err error) { report = err.Error() })
			h.Identify = test.identify
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancelled {
				cancel()
			}
			r := httptest.NewRequestWithContext(ctx, test.method, testPath, nil)
			if test.site != "" {
				r.Header.Set("Sec-Fetch-Site", test.site)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, test.status, w.Code)
			assert.Equal(t, test.body+"\n", w.Body.String())
			assert.Equal(t, test.report, report)
		})
	}
}

func TestIdentity_LogsByDefault(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	h := newIdentity(nil)
	h.OnError = nil
	h.Identify = func(*http.Request) (string, error) { panic("x") }
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", testPath, nil))
	assert.Contains(t, log.String(), "panic of type string: x")
	assert.Contains(t, log.String(), "identity_test.go")
}

// nearMisses are targets that a router, a cache or a decoder may take for testPath.
var nearMisses = []string{
	"/api/identity/", "/api/identity/x.css", "/api/identity/../identity", "/api/./identity", "/api//identity", "//api/identity",
	"/api%2Fidentity", "/api/%69dentity", "/api/identity%2F", "/api/identity%20", "/api/identity%00", "/api/identity%3Fx", "/api/identity%23x",
	"/api/identity;x=1", "/api/identity;", "/api/identity.json", "/api/identity#x", "/api/Identity", "/API/identity", "/x/../api/identity",
	"/api/identity%2e", "/api/identity/%2e", "/api/identity/..;/identity", "/api\\identity", "/api/identity\\x", "/x/api/identity", "/", "/*",
	"http://shop.example/api/identity/", "http://shop.example//api/identity", "http://shop.example", "http://shop.example?/api/identity",
	"http://shop.example/x?y=http://shop.example/api/identity", "http:/api/identity", "x:/api/identity", "*",
}

// raw sends a target as it is, which net/http's client would clean.
func raw(t *testing.T, server *httptest.Server, method, target string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n", method, target)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(b)
}

func TestIdentity_ServesOneRawPath(t *testing.T) {
	var reports []error
	server := httptest.NewServer(newIdentity(func(err error) { reports = append(reports, err) }))
	defer server.Close()
	for _, target := range []string{testPath, testPath + "?", testPath + "?x=/y#z", "http://shop.example" + testPath, "HTTPS://ada:pw@shop.example:8443" + testPath + "?x"} {
		status, body := raw(t, server, "GET", target)
		assert.Equal(t, 200, status, target)
		assert.Equal(t, `{"identity":"ada"}`+"\n", body, target)
	}
	assert.Empty(t, reports)
	for _, target := range nearMisses {
		status, body := raw(t, server, "GET", target)
		assert.Contains(t, []int{404, 400}, status, target) // 400 by net/http
		assert.NotContains(t, body, "ada", target)
	}
	require.Len(t, reports, 1, "one report for all")
	assert.EqualError(t, reports[0], `expected requests for "/api/identity", got one for "/api/identity/" (mount it there; reported once)`)
}

// The log names the remedy for the error of a request without a session's cookie.
func TestIdentity_LogsTheRemedyForNoCookie(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)

	const remedy = "identity endpoint failed: for a visitor who is not signed in, the look-up must return no error"
	for err, found := range map[error]bool{fmt.Errorf("session: %w", http.ErrNoCookie): true, errors.New("no database"): false} {
		log.Reset()
		h := newIdentity(nil)
		h.OnError = nil
		h.Identify = func(*http.Request) (string, error) { return "", err }
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", testPath, nil))
		assert.Equal(t, found, strings.Contains(log.String(), remedy), log.String())
		assert.Contains(t, log.String(), err.Error())
	}
}

func TestIdentity_BoundsTheReportedPath(t *testing.T) {
	var report error
	h := newIdentity(func(err error) { report = err })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/"+strings.Repeat("x", 10000)+"%0a", nil))
	require.Error(t, report)
	assert.Less(t, len(report.Error()), 300)
}

// Whatever a router did to r.URL, the target of the request decides.
func TestIdentity_IgnoresARewrittenURL(t *testing.T) {
	get := func(h http.Handler, target string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		return w.Code
	}
	h := newIdentity(func(error) {})
	assert.Equal(t, 200, get(http.StripPrefix("/api", h), testPath))
	rewritten := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath = testPath, ""
		h.ServeHTTP(w, r)
	})
	assert.Equal(t, 404, get(rewritten, testPath+"/x.css"))

	// A request that comes from no server has its URL alone.
	for target, want := range map[string]int{testPath + "?x": 200, "http://shop.example" + testPath: 200, "/api%2Fidentity": 404, testPath + "/": 404} {
		r, err := http.NewRequest("GET", target, nil)
		require.NoError(t, err)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, target)
	}
}

func TestIdentity_Check(t *testing.T) {
	check := func(path string) func() {
		h := newIdentity(nil)
		h.Path = path
		return h.Check
	}
	for _, path := range []string{testPath, "/", "/a/", "/a%20b", "/~a/b-c_d.e;f=1,2:3@4!$&'()+"} {
		assert.NotPanics(t, check(path), path)
	}
	for _, path := range []string{"", "api/identity", "https://shop.example/api", "GET /api", "/api?x", "/api#x", "/api/*", "/api/{name}", "/a b", "/ü", "/a\n", "/\xff", `/a\b`, "/a\x00"} {
		assert.Panics(t, check(path), path)
	}
}

func TestPrivate_DeletesWhatContradictsIt(t *testing.T) {
	h := http.Header{"Cache-Control": {"public", "max-age=60"}, "Vary": {"Origin"}, "Set-Cookie": {"a=b"}, "cache-control": {"public"}, "x-content-type-options": {"x"}}
	for _, name := range []string{"CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control", "Surrogate-Control", "surrogate-control",
		"Surrogate-Key", "Edge-Control", "Cache-Tag", "X-Accel-Expires", "Expires", "ETag", "Etag", "LAST-MODIFIED", "Age", "Pragma", "CROSS-ORIGIN-RESOURCE-POLICY"} {
		h[name] = []string{"x"}
	}
	Private(h)
	assert.Equal(t, http.Header{
		"Cache-Control":                {"no-store"},
		"Vary":                         {"Origin", "Cookie"},
		"X-Content-Type-Options":       {"nosniff"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Set-Cookie":                   {"a=b"},
	}, h)
}

func TestIdentity_DeletesPermissionsOfOtherOrigins(t *testing.T) {
	w := httptest.NewRecorder()
	for _, name := range []string{"Access-Control-Allow-Origin", "access-control-allow-credentials", "ACCESS-CONTROL-EXPOSE-HEADERS", "Timing-Allow-Origin", "content-type"} {
		w.Header()[name] = []string{"*"}
	}
	newIdentity(nil).ServeHTTP(w, httptest.NewRequest("GET", testPath, nil))
	assert.Equal(t, http.Header{
		"Content-Type":                 {"application/json"},
		"Cache-Control":                {"no-store"},
		"Vary":                         {"Cookie"},
		"X-Content-Type-Options":       {"nosniff"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
	}, w.Header())
}
