package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Identity serves {"identity":...}: what a page may know of the visitor who
// requested it. It serves one path, to pages of the same origin, and forbids caching.
type Identity struct {
	// Path is the path of the endpoint in the target of a request.
	Path string

	// PathRemedy says what to do about requests for another path.
	PathRemedy string

	// OnError is called after the response of each failure. Default: [Log].
	OnError func(*http.Request, error)

	// Identify returns the visitor's identity as JSON, or "" for one who is not
	// signed in. It may panic.
	Identify func(*http.Request) (string, error)

	// WrongPath and Panicked return the public error for what they are called with.
	WrongPath func(rule string) error
	Panicked  func(*Panic) error

	wrongPath sync.Once // reports the first request for another path
}

var isPath = regexp.MustCompile(`^/[a-zA-Z0-9/._~!$&'()+,;=:@%-]*$`).MatchString

// Check panics if the Path is not a path.
func (i *Identity) Check() {
	if !isPath(i.Path) {
		panic(i.WrongPath("must be a path such as /api/identity, as browsers send it (without host, query, wildcard or method)"))
	}
}

func (i *Identity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	sameOriginOnly(header)
	Private(header)
	header.Set("Content-Type", "application/json")

	switch path := rawPath(r); {
	case path != i.Path:
		write(w, http.StatusNotFound, `{"error":"this is not the path of the identity endpoint"}`)
		i.wrongPath.Do(func() {
			i.report(r, i.WrongPath(fmt.Sprintf("expected requests for %q, got one for %.64q (%s; reported once)", i.Path, path, i.PathRemedy)), nil)
		})
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		write(w, http.StatusMethodNotAllowed, `{"error":"only GET and HEAD are allowed"}`)
	case !sameOrigin(r):
		write(w, http.StatusForbidden, `{"error":"only pages of this site may request this"}`)
	default:
		i.respond(w, r)
	}
}

func (i *Identity) respond(w http.ResponseWriter, r *http.Request) {
	identity, stack, err := i.identify(r)
	switch {
	case err != nil:
		write(w, http.StatusInternalServerError, `{"error":"the identity is not available at the moment"}`)
		if stack != nil || !errors.Is(r.Context().Err(), context.Canceled) {
			i.report(r, err, stack)
		}
	case identity == "":
		write(w, http.StatusOK, `{"identity":null}`)
	default:
		write(w, http.StatusOK, `{"identity":`, identity, `}`)
	}
}

// identify returns the stack after a panic.
func (i *Identity) identify(r *http.Request) (identity string, stack []byte, err error) {
	defer Recover(func(p *Panic) { identity, stack, err = "", p.Stack, i.Panicked(p) })
	identity, err = i.Identify(r)
	return identity, nil, err
}

func (i *Identity) report(r *http.Request, err error, stack []byte) {
	if i.OnError != nil {
		i.OnError(r, err)
		return
	}
	message := "identity endpoint failed"
	if errors.Is(err, http.ErrNoCookie) {
		message += ": for a visitor who is not signed in, the look-up must return no error"
	}
	Log(r, message, err, stack)
}

// rawPath returns the path of the request's target as the client sent it, before
// net/http decoded it and routers changed r.URL. A request that no server has read
// has none; its URL is all there is.
func rawPath(r *http.Request) string {
	target := r.RequestURI
	if target == "" {
		return r.URL.EscapedPath()
	}
	if !strings.HasPrefix(target, "/") { // https://shop.example/path, as clients send it to a proxy
		_, rest, _ := strings.Cut(target, "://")
		target = rest[max(strings.IndexAny(rest, "/?#"), 0):]
	}
	path, _, _ := strings.Cut(target, "?")
	return path
}

// sameOrigin goes by Sec-Fetch-Site, which a page cannot set. Requests without
// it come from outside a browser or from an old one.
func sameOrigin(r *http.Request) bool {
	return !slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), func(site string) bool {
		return site != "same-origin" && site != "none"
	})
}

// write writes the parts of a body one by one, so that a token is not copied. It ignores
// an error: the visitor is gone, and nothing can be sent.
func write(w http.ResponseWriter, status int, parts ...string) {
	w.WriteHeader(status)
	for _, part := range parts {
		_, _ = io.WriteString(w, part)
	}
	_, _ = io.WriteString(w, "\n")
}
