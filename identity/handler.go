package identity

import (
	"cmp"
	"net/http"

	"github.com/chatident/chatident/internal/endpoint"
)

// HandlerOptions configure [Handler]. Zero fields mean the defaults.
type HandlerOptions struct {
	// Path is the path of the endpoint in the requests that reach your server, before a
	// router or http.StripPrefix changes it. The embed requests the default at the root
	// of the host, whatever prefix your router has, so mount the handler there. Set Path
	// only if a proxy rewrites the path before your server. Handler panics if Path is
	// not an absolute path. Default: "/api/megadesk-identity".
	Path string

	// OnError is called after each response with status 500. The error is that of
	// lookup, a *[FieldError] for a payload that breaks a rule, or a *[PanicError]. If
	// the visitor has cancelled the request, only a panic is reported. OnError is also
	// called with a *[FieldError] for the first request for a path other than Path. It
	// runs on the goroutine of the request. Default: slog.Default() at level Error, with
	// at most 256 bytes of the error's text, or of the panic's text with its stack.
	OnError func(*http.Request, error)
}

// PanicError reports a panic in the lookup function of [Handler], or in a MarshalJSON
// method of a value that it returned.
type PanicError struct {
	// Type is the Go type of the value, such as "runtime.boundsError".
	Type string

	// Text is the text of a value that is an error or a string, cut to 256 bytes, with
	// a space for each character that is not printable. It is empty for other values,
	// because they may contain anything.
	Text string

	// Stack is the stack of the goroutine, as debug.Stack formats it.
	Stack []byte
}

func (e *PanicError) Error() string { return "identity: " + (*endpoint.Panic)(e).String() }

// Handler serves the identity endpoint: {"identity":"<token>"} for a visitor who is signed
// in and {"identity":null} for one who is not, both with status 200.
//
// lookup reads your session, and returns nil, nil for a visitor who is not signed in. If
// it fails, the response is a 500, not null, which would make a customer anonymous.
//
// A request whose raw path is not HandlerOptions.Path gets 404, because a cache might
// store /api/megadesk-identity/x.css. Mount the handler without a method and outside
// http.TimeoutHandler: a router's 405 and a timeout's 503 lack the headers below.
//
// A request from another origin, by its Sec-Fetch-Site header, gets 403, and a method other
// than GET and HEAD 405. Every response is JSON and forbids caching. Headers of a
// middleware that allow caching, or reading by other origins, are deleted.
//
// The options may be nil. Handler panics if minter or lookup is nil.
//
// Source: Megadesk, "Personalized chat".
func Handler(minter *Minter, lookup func(*http.Request) (*Payload, error), options *HandlerOptions) http.Handler {
	if minter == nil || lookup == nil {
		panic("identity: Handler: minter and lookup must not be nil (was the error of NewMinter ignored?)")
	}
	e := &endpoint.Identity{
		Path:       "/api/megadesk-identity",
		PathRemedy: "mount it at the root, where the embed requests it; set Path only if a proxy rewrites paths",
		Identify: func(r *http.Request) (string, error) {
			payload, err := lookup(r)
			if err != nil || payload == nil {
				return "", err
			}
			token, err := minter.Mint(*payload)
			return `"` + token + `"`, err // a token needs no escapes
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
