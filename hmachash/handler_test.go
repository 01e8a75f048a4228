package hmachash

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// handlerOf makes a Handler of each vendor for the customer with an id, or one whose
// look-up fails or panics.
var handlersOf = map[string]func(t *testing.T, lookup func() (id string, err error), options *HandlerOptions) http.Handler{
	"/api/ainisa-identity": func(t *testing.T, lookup func() (string, error), options *HandlerOptions) http.Handler {
		return newAinisa(t).Handler(func(*http.Request) (AinisaUser, error) {
			id, err := lookup()
			return AinisaUser{ID: id, Email: "<ada@example.com>"}, err
		}, options)
	},
	"/api/bookbag-identity": func(t *testing.T, lookup func() (string, error), options *HandlerOptions) http.Handler {
		return newBookbag(t).Handler(func(*http.Request) (BookbagUser, error) {
			id, err := lookup()
			return BookbagUser{ID: id, Email: "<ada@example.com>"}, err
		}, options)
	},
}

func TestHandler(t *testing.T) {
	hash := hashOf(t, pageSecret, "1")
	signedIn := map[string]string{
		"/api/ainisa-identity":  `{"identity":{"user_id":"1","user_hash":"` + hash + `","email":"<ada@example.com>"}}`,
		"/api/bookbag-identity": `{"identity":{"user_id":"1","user_hash":"` + hash + `","user_metadata":{"email":"<ada@example.com>"}}}`,
	}
	const failed = `{"error":"the identity is not available at the moment"}`
	broken := errors.New("db: password hunter2")
	for path, handlerOf := range handlersOf {
		for name, test := range map[string]struct {
			method, path, site string
			lookup             func() (string, error)
			status             int
			body, report       string
		}{
			"signed in":    {"GET", path, "same-origin", func() (string, error) { return "1", nil }, 200, signedIn[path], ""},
			"nobody":       {"GET", path, "", func() (string, error) { return "", nil }, 200, `{"identity":null}`, ""},
			"fails":        {"GET", path, "", func() (string, error) { return "1", broken }, 500, failed, "db: password hunter2"},
			"panics":       {"GET", path, "", func() (string, error) { panic("no session") }, 500, failed, "hmachash: panic of type string: no session"},
			"bad id":       {"GET", path, "", func() (string, error) { return "1\n", nil }, 500, failed, "white space"},
			"another site": {"GET", path, "cross-site", nil, 403, `{"error":"only pages of this site may request this"}`, ""},
			"POST":         {"POST", path, "", nil, 405, `{"error":"only GET and HEAD are allowed"}`, ""},
			"another path": {"GET", path + "/x.css", "", nil, 404, `{"error":"this is not the path of the identity endpoint"}`, "hmachash: HandlerOptions.Path: expected requests for"},
		} {
			t.Run(path+", "+name, func(t *testing.T) {
				var report error
				h := handlerOf(t, test.lookup, &HandlerOptions{OnError: func(_ *http.Request, err error) { report = err }})
				r := httptest.NewRequest(test.method, test.path, nil)
				if test.site != "" {
					r.Header.Set("Sec-Fetch-Site", test.site)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				assert.Equal(t, test.status, w.Code)
				assert.JSONEq(t, test.body, w.Body.String())
				assert.NotContains(t, w.Body.String(), "<")
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
				assert.Equal(t, "same-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
				if test.report == "" {
					require.NoError(t, report)
					return
				}
				require.ErrorContains(t, report, test.report)
			})
		}
	}
}

func TestHandler_Path(t *testing.T) {
	nobody := func() (string, error) { return "", nil }
	for _, handlerOf := range handlersOf {
		h := handlerOf(t, nobody, &HandlerOptions{Path: "/who", OnError: func(*http.Request, error) {}})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/who", nil))
		assert.Equal(t, 200, w.Code)
		assert.Panics(t, func() { handlerOf(t, nobody, &HandlerOptions{Path: "who"}) })
	}
	assert.Panics(t, func() { newAinisa(t).Handler(nil, nil) })
	assert.Panics(t, func() { newBookbag(t).Handler(nil, nil) })
	assert.NotPanics(t, func() {
		newBookbag(t).Handler(func(*http.Request) (BookbagUser, error) { return BookbagUser{}, nil }, nil)
	})
}

func TestHandler_ReportsAPanicWithItsTextAndStack(t *testing.T) {
	for path, handlerOf := range handlersOf {
		var report error
		h := handlerOf(t, func() (string, error) { panic("no session") }, &HandlerOptions{OnError: func(_ *http.Request, err error) { report = err }})
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		var p *PanicError
		require.ErrorAs(t, report, &p)
		assert.Equal(t, "no session", p.Text)
		assert.Contains(t, string(p.Stack), "handler_test.go")
	}
}
