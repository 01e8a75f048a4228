package identity

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/chatident/chatident/internal/endpoint"
)

// HandlerOptions of [Handler].
type HandlerOptions struct {
	// OnError is told, after the answer, of every failure that the visitor sees
	// as a 500: an error of the look-up, a payload that does not mint (a
	// *[FieldError]), a panic (a *[PanicError]). When the visitor has cancelled
	// the request, it is told of a panic only. It is called on the goroutine of
	// the request. Default: slog.Default() at level Error, with at most 256 bytes
	// of the error's text, or of the panic's text with its stack.
	OnError func(*http.Request, error)
}

// PanicError reports a panic in the look-up, or in a MarshalJSON method of what
// it returned.
type PanicError struct {
	// Type is the Go type of the value, such as "runtime.boundsError".
	Type string

	// Text is the value's text if it is an error or a string, cut to 256 bytes
	// and with a space for each character that does not print. Other values,
	// which may hold anything, have no text.
	Text string

	// Stack is the stack of the goroutine, as debug.Stack formats it.
	Stack []byte
}

func (e *PanicError) Error() string { return "identity: " + (*endpoint.Panic)(e).String() }

// Handler serves the identity endpoint: {"identity":"<token>"} for a visitor
// who is signed in, {"identity":null} for one who is not, both with status 200.
//
// lookup says who that is, by your own session: a nil Payload means nobody.
// It runs on the goroutine of the request. When it fails or panics, the answer
// is a 500 with a constant body, never null: the widget would go on as if
// nobody were signed in. A request that the visitor cancelled is not reported.
//
// Mount it without a method and on an exact path, "/api/megadesk-identity" by
// default. With a method in the pattern, ServeMux answers the others itself,
// without these headers. On a pattern that ends in a slash or a wildcard it
// would answer a path such as /api/megadesk-identity/x.css as well, which a cache
// in front might keep: so on such a pattern it answers 404. (Another router
// that is itself mounted on "/" of a ServeMux leaves that pattern in the
// request: mount the handler on the ServeMux then.) The README shows it under
// chi, echo and gin.
//
// Do not wrap it in http.TimeoutHandler, which answers without these headers:
// bound the look-up by the request's context.
//
// The endpoint is for pages of the same origin. Requests that a browser marks
// with another Sec-Fetch-Site than same-origin or none get 403 (those without
// the header come from outside a browser, and pass), methods other than GET and
// HEAD 405. Every answer is JSON and forbids caching. Access-Control headers
// that a middleware has set before are taken out.
//
// The options may be nil. Handler panics if minter or lookup is nil.
//
// Source: Megadesk, "Personalized chat". How the embed treats a status other
// than 200 is not documented.
func Handler(minter *Minter, lookup func(*http.Request) (*Payload, error), options *HandlerOptions) http.Handler {
	if minter == nil || lookup == nil {
		panic("identity: Handler needs a minter and a lookup")
	}
	h := handler{minter: minter, lookup: lookup, onError: endpoint.Log("identity endpoint failed", stackOf)}
	if options != nil && options.OnError != nil {
		h.onError = options.OnError
	}
	return h
}

type handler struct {
	minter  *Minter
	lookup  func(*http.Request) (*Payload, error)
	onError func(*http.Request, error)
}

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Access-Control-") })
	header.Set("Content-Type", "application/json")
	endpoint.Private(header)

	switch {
	case !isExact(r.Pattern):
		write(w, http.StatusNotFound, problem("the identity endpoint must be mounted on an exact path"))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		write(w, http.StatusMethodNotAllowed, problem("only GET and HEAD are allowed"))
	case !sameOrigin(r):
		write(w, http.StatusForbidden, problem("only pages of this site may ask"))
	default:
		token, err := h.identify(r)
		switch {
		case err != nil:
			write(w, http.StatusInternalServerError, problem("the identity is not available at the moment"))
			_, panicked := errors.AsType[*PanicError](err)
			if panicked || !errors.Is(r.Context().Err(), context.Canceled) {
				h.onError(r, err)
			}
		case token == "":
			write(w, http.StatusOK, `{"identity":null}`)
		default:
			write(w, http.StatusOK, `{"identity":"`, token, `"}`) // it needs no escapes
		}
	}
}

// isExact reports whether a ServeMux pattern, if any, matches one path alone.
func isExact(pattern string) bool {
	return !strings.HasSuffix(pattern, "/") && (!strings.HasSuffix(pattern, "}") || strings.HasSuffix(pattern, "{$}"))
}

// sameOrigin goes by Sec-Fetch-Site, which a page cannot set. Requests without
// it come from outside a browser or from an old one.
func sameOrigin(r *http.Request) bool {
	return !slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), func(site string) bool {
		return site != "same-origin" && site != "none"
	})
}

// identify returns no token and no error when nobody is signed in.
func (h handler) identify(r *http.Request) (token string, err error) {
	defer endpoint.Recover(func(p *endpoint.Panic) { err = (*PanicError)(p) })
	payload, err := h.lookup(r)
	if err != nil || payload == nil {
		return "", err
	}
	return h.minter.Mint(*payload)
}

// problem is the body for a constant sentence.
func problem(text string) string { return `{"error":"` + text + `"}` }

// write answers with JSON, in parts so that a token need not be copied. The visitor
// may be gone: then there is nothing to do.
func write(w http.ResponseWriter, status int, parts ...string) {
	w.WriteHeader(status)
	for _, part := range parts {
		_, _ = io.WriteString(w, part)
	}
	_, _ = io.WriteString(w, "\n")
}

func stackOf(err error) []byte {
	p, ok := errors.AsType[*PanicError](err)
	if !ok {
		return nil
	}
	return p.Stack
}
