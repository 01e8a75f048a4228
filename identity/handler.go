package identity

import (
	"cmp"
	"net/http"

	"github.com/chatident/chatident/internal/endpoint"
)

// HandlerOptions of [Handler].
type HandlerOptions struct {
	// Path is the path of the endpoint as browsers request it, whatever router
	// or http.StripPrefix is before the handler. Handler panics if it is not an
	// absolute path. Default: "/api/megadesk-identity", which the embed requests.
	Path string

	// OnError is called after the response of each failure that the visitor sees
	// as a 500: an error of the look-up, a payload that does not mint (a
	// *[FieldError]), a panic (a *[PanicError], even if the visitor has cancelled
	// the request). It is also called with a *[FieldError] for the first request
	// on another path than Path. It runs on the goroutine of the request.
	// Default: slog.Default() at level Error, with at most 256 bytes of the
	// error's text, or of the panic's text with its stack.
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
// lookup says who that is, by your own session: a nil Payload means nobody. It
// runs on the goroutine of the request. When it fails or panics, the response is a
// 500 with a constant body, never null: the widget would go on as if nobody were
// signed in. So return nil, nil for a visitor without a session, not an error.
//
// Only requests whose raw path is HandlerOptions.Path, byte for byte, are served.
// Others get 404, since a cache might keep /api/megadesk-identity/x.css. Mount it
// without a method: with one in the pattern, ServeMux rejects the other methods
// itself, without the headers below, and so does http.TimeoutHandler around it.
//
// The endpoint is for pages of the same origin. Requests that a browser marks
// with another Sec-Fetch-Site than same-origin or none get 403, methods other than
// GET and HEAD 405. Every response is JSON and forbids caching; headers of a
// middleware that allow caching, or reading by other origins, are deleted.
//
// The options may be nil. Handler panics if minter or lookup is nil.
//
// Source: Megadesk, "Personalized chat". How the embed treats a status other
// than 200 is not documented.
func Handler(minter *Minter, lookup func(*http.Request) (*Payload, error), options *HandlerOptions) http.Handler {
	if minter == nil || lookup == nil {
		panic("identity: Handler needs a minter and a lookup")
	}
	e := &endpoint.Identity{
		Path: "/api/megadesk-identity",
		Identify: func(r *http.Request) (string, error) {
			payload, err := lookup(r)
			if err != nil || payload == nil {
				return "", err
			}
			token, err := minter.Mint(*payload)
			return `"` + token + `"`, err // which needs no escapes
		},
		WrongPath: func(rule string) error { return &FieldError{"HandlerOptions.Path", rule} },
		Panicked:  func(p *endpoint.Panic) error { return (*PanicError)(p) },
	}
	if options != nil {
		e.Path, e.OnError = cmp.Or(options.Path, e.Path), options.OnError
	}
	e.Check()
	return e
}
