package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/chatident/chatident/identity"
)

// handlerDirect calls the identity handler without a server. The target: besides minting, it
// takes at most as long as two calls of a handler that always writes null.
func handlerDirect() (*Group, error) {
	minter, handler, err := identityHandler()
	if err != nil {
		return nil, err
	}
	request := httptest.NewRequest("GET", "/api/megadesk-identity", nil)
	w := &recorder{header: http.Header{}}
	serve := func(h http.Handler) *recorder {
		w.reset()
		h.ServeHTTP(w, request)
		return w
	}
	signedIn := func(w *recorder) error { return isToken(w.status, w.header, string(w.body)) }
	return &Group{
		Task: "identity handler, called directly",
		Ours: call("chatident", func() (*recorder, error) { return serve(handler), nil }, signedIn),
		Floor: call("floor: the mint + 2 x a handler that writes null", func() (*recorder, error) {
			_, err := minter.Mint(documented)
			serve(null)
			return serve(null), err
		}, func(w *recorder) error { return isNull(w.status, w.header, string(w.body)) }),
		AtMost: 1,
	}, nil
}

// handlerServed requests the identity over loopback, on a kept connection.
func handlerServed() (*Group, error) {
	_, handler, err := identityHandler()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/null", null)
	mux.Handle("/api/megadesk-identity", handler)
	server := httptest.NewServer(mux)
	get := func(path string) func() (response, error) {
		return func() (response, error) {
			r, err := server.Client().Get(server.URL + path)
			if err != nil {
				return response{}, err
			}
			defer r.Body.Close()
			body, err := io.ReadAll(r.Body)
			return response{r, string(body)}, err
		}
	}
	return &Group{
		Task:   "identity handler, over loopback",
		Ours:   call("chatident", get("/api/megadesk-identity"), func(r response) error { return isToken(r.StatusCode, r.Header, r.body) }),
		Floor:  call("floor: a handler that writes null", get("/null"), func(r response) error { return isNull(r.StatusCode, r.Header, r.body) }),
		AtMost: 1.1,
		Close:  server.Close,
	}, nil
}

func identityHandler() (*identity.Minter, http.Handler, error) {
	minter, _, err := ours()
	if err != nil {
		return nil, nil, err
	}
	somebody := func(*http.Request) (*identity.Payload, error) { return &documented, nil }
	return minter, identity.Handler(minter, somebody, nil), nil
}

// null writes the response for an anonymous visitor, with the same headers as the library.
var null = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Cookie")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = io.WriteString(w, `{"identity":null}`)
})

type response struct {
	*http.Response
	body string
}

// recorder is a reusable ResponseWriter.
type recorder struct {
	header http.Header
	body   []byte
	status int
}

func (w *recorder) reset() {
	clear(w.header)
	w.body, w.status = w.body[:0], http.StatusOK
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) { w.status = status }

func (w *recorder) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}

// WriteString exists because the ResponseWriter of net/http has it too.
func (w *recorder) WriteString(s string) (int, error) {
	w.body = append(w.body, s...)
	return len(s), nil
}

func isToken(status int, header http.Header, body string) error {
	if !strings.HasPrefix(body, `{"identity":"eyJ`) {
		return fmt.Errorf("not a token: %.100q", body)
	}
	return isPrivate(status, header)
}

func isNull(status int, header http.Header, body string) error {
	if body != `{"identity":null}` {
		return fmt.Errorf("not null: %.100q", body)
	}
	return isPrivate(status, header)
}

func isPrivate(status int, header http.Header) error {
	if status != http.StatusOK || header.Get("Cache-Control") != "no-store" || header.Get("Vary") != "Cookie" {
		return errors.New("not a private response")
	}
	return nil
}
