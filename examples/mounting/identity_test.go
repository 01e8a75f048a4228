package mounting

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chatident/chatident/identity"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const identityPath = "/api/megadesk-identity"

// identityMounts are ways to mount the identity endpoint: the exact ones, and
// patterns that match more than its path.
var identityMounts = map[string]func(h http.Handler) http.Handler{
	"net/http":                    onServeMux(identityPath),
	"net/http, trailing slash":    onServeMux(identityPath, identityPath+"/"),
	"net/http, folder":            onServeMux("/api/"),
	"net/http, everything":        onServeMux("/"),
	"net/http, last wildcard":     onServeMux("/api/{name}"),
	"net/http, middle wildcard":   onServeMux("/{area}/megadesk-identity"),
	"net/http, trailing wildcard": onServeMux("/{rest...}"),
	"net/http, StripPrefix": func(h http.Handler) http.Handler {
		return http.StripPrefix("/api", h)
	},
	"chi, Handle": onChi(func(r chi.Router, h http.Handler) { r.Handle(identityPath, h) }),
	"chi, Mount":  onChi(func(r chi.Router, h http.Handler) { r.Mount(identityPath, h) }),
	"chi, Mount in Route": onChi(func(r chi.Router, h http.Handler) {
		r.Route("/api", func(r chi.Router) { r.Mount("/megadesk-identity", h) })
	}),
	"chi, star":  onChi(func(r chi.Router, h http.Handler) { r.Handle(identityPath+"*", h) }),
	"chi, regex": onChi(func(r chi.Router, h http.Handler) { r.Handle("/api/{name:megadesk.*}", h) }),
	"chi, URLFormat": onChi(func(r chi.Router, h http.Handler) {
		r.Use(middleware.URLFormat)
		r.Handle(identityPath, h)
	}),
	"chi, StripSlashes, CleanPath": onChi(func(r chi.Router, h http.Handler) {
		r.Use(middleware.StripSlashes, middleware.CleanPath)
		r.Handle(identityPath, h)
	}),
	"echo, Any":               onEcho(identityPath),
	"echo, star":              onEcho(identityPath + "*"),
	"echo, name":              onEcho("/api/:name"),
	"gin":                     onGin(identityPath, func(*gin.Engine) {}),
	"gin, name, raw path":     onGin("/api/:name", func(e *gin.Engine) { e.UseRawPath = true }),
	"gin, name, escaped path": onGin("/api/:name", func(e *gin.Engine) { e.UseEscapedPath = true }),
	"gin, star":               onGin("/api/*rest", func(e *gin.Engine) { e.UseRawPath, e.UnescapePathValues = true, false }),
	"gin, fixed paths":        onGin(identityPath, func(e *gin.Engine) { e.RemoveExtraSlash, e.RedirectFixedPath = true, true }),
	"gorilla":                 onGorilla(func(r *mux.Router, h http.Handler) { r.Handle(identityPath, h) }),
	"gorilla, prefix":         onGorilla(func(r *mux.Router, h http.Handler) { r.PathPrefix(identityPath).Handler(h) }),
	"gorilla, encoded path":   onGorilla(func(r *mux.Router, h http.Handler) { r.UseEncodedPath().Handle("/api/{name}", h) }),
	"gorilla, skip clean":     onGorilla(func(r *mux.Router, h http.Handler) { r.SkipClean(true).PathPrefix("/").Handler(h) }),
}

func onServeMux(patterns ...string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		m := http.NewServeMux()
		for _, pattern := range patterns {
			m.Handle(pattern, h)
		}
		return m
	}
}

func onChi(mount func(chi.Router, http.Handler)) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		router := chi.NewRouter()
		mount(router, h)
		return router
	}
}

func onEcho(path string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		e := echo.New()
		e.Logger = slog.New(slog.DiscardHandler)
		e.Any(path, echo.WrapHandler(h))
		return e
	}
}

func onGin(path string, set func(*gin.Engine)) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		set(e)
		e.Any(path, gin.WrapH(h))
		return e
	}
}

func onGorilla(mount func(*mux.Router, http.Handler)) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		router := mux.NewRouter()
		mount(router, h)
		outer := http.NewServeMux()
		outer.Handle("/", router)
		return outer
	}
}

// nearMisses are targets that one router or another takes for identityPath.
var nearMisses = []string{
	identityPath + "/", identityPath + "//", identityPath + "/x.css", identityPath + ".css", identityPath + ".json", identityPath + "x",
	identityPath + "%2Fx.css", identityPath + "%2F", identityPath + "%2f..%2fx.css", identityPath + "%20", identityPath + "%00", identityPath + "%3Fx.css", identityPath + "%23x.css",
	identityPath + ";x.css", identityPath + ";jsessionid=1", identityPath + "/..;/x.css", identityPath + "/./", identityPath + "/../megadesk-identity", identityPath + "\\x.css",
	"/api%2Fmegadesk-identity", "/api/megadesk%2Didentity", "/api/%6degadesk-identity", "/%61pi/megadesk-identity", "/api//megadesk-identity", "//api/megadesk-identity",
	"/api/./megadesk-identity", "/x/../api/megadesk-identity", "/api/MEGADESK-identity", "/shop/megadesk-identity", "/api/other",
	"http://shop.example" + identityPath + "/x.css", "http://shop.example/" + identityPath,
}

// askRaw sends a target as it is: http.Client would clean it.
func askRaw(t *testing.T, server *httptest.Server, target string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n", target)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(b)
}

// However the handler is mounted, there is a token at its path and nowhere else,
// and the first request that the router let through on another path is reported.
func TestIdentityHandler_ServesItsRawPathAlone(t *testing.T) {
	key, err := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	minter, err := identity.NewMinter(key, nil)
	require.NoError(t, err)
	for name, mount := range identityMounts {
		t.Run(name, func(t *testing.T) {
			var reports []error
			reached := 0
			handler := identity.Handler(minter, func(*http.Request) (*identity.Payload, error) {
				return &identity.Payload{User: identity.UserDetail{ID: "ada"}}, nil
			}, &identity.HandlerOptions{OnError: func(_ *http.Request, err error) { reports = append(reports, err) }})
			server := httptest.NewServer(mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reached++
				handler.ServeHTTP(w, r)
			})))
			defer server.Close()

			for _, target := range []string{identityPath, identityPath + "?x=/y.css", "http://shop.example" + identityPath} {
				status, body := askRaw(t, server, target)
				assert.Equal(t, 200, status, target)
				assert.Contains(t, body, `{"identity":"eyJ`, target)
			}
			assert.Empty(t, reports)
			reached = 0
			for _, target := range nearMisses {
				status, body := askRaw(t, server, target)
				assert.NotEqual(t, 200, status, target)
				assert.NotContains(t, body, "eyJ", target)
			}
			assert.Len(t, reports, min(reached, 1))
			for _, err := range reports {
				assert.ErrorContains(t, err, `HandlerOptions.Path: expected requests for "/api/megadesk-identity", got one for "`)
			}
		})
	}
}
