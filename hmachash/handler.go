package hmachash

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/chatident/chatident/internal/endpoint"
)

// HandlerOptions configure [Ainisa.Handler] and [Bookbag.Handler]. Zero fields mean the
// defaults.
type HandlerOptions struct {
	// Path is the path of the endpoint as browsers request it, before any router or
	// http.StripPrefix changes it. Handler panics if it is not an absolute path.
	// Default: "/api/ainisa-identity" or "/api/bookbag-identity".
	Path string

	// OnError is called after each response with status 500. The error is that of
	// the look-up, a *[FieldError] for a customer whom Identify rejects, or a
	// *[PanicError]. If the visitor has cancelled the request, only a panic is
	// reported. OnError is also called with a *[FieldError] for the first request for
	// a path other than Path. It runs on the goroutine of the request. Default:
	// slog.Default() at level Error, with at most 256 bytes of the error's text, or of
	// the panic's text with its stack.
	OnError func(*http.Request, error)
}

// PanicError reports a panic in the look-up of a Handler, or in a MarshalJSON method of a
// value in BookbagUser.Metadata.
type PanicError struct {
	// Type is the Go type of the value, such as "runtime.boundsError".
	Type string

	// Text is the text of a value that is an error or a string, cut to 256 bytes, with
	// a space for each character that does not print. It is empty for other values,
	// because they may hold anything.
	Text string

	// Stack is the stack of the goroutine, as debug.Stack formats it.
	Stack []byte
}

func (e *PanicError) Error() string { return "hmachash: " + (*endpoint.Panic)(e).String() }

// newHandler serves what identify returns for the user of a request.
func newHandler[User any](path string, lookup func(*http.Request) (User, error), identify func(User) (any, error), options *HandlerOptions) http.Handler {
	if lookup == nil {
		panic(&FieldError{"lookup", "must not be nil"})
	}
	e := &endpoint.Identity{
		Path:       path,
		PathRemedy: "mount the handler on the first, or set Path to what browsers request",
		Identify: func(r *http.Request) (string, error) {
			user, err := lookup(r)
			if err != nil {
				return "", err
			}
			identity, err := identify(user)
			if err != nil {
				return "", err
			}
			object, err := json.Marshal(identity)
			return string(object), err
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
