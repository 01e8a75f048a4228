package fake

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Fault makes the handler for one request from the normal one.
type Fault = func(normal http.Handler) http.Handler

// Respond is the response of a handler in place of the service.
func Respond(handler http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return handler }
}

// RetryAfter adds the header to the response.
func RetryAfter(fault Fault, d time.Duration) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			SetRetryAfter(w.Header(), d)
			fault(normal).ServeHTTP(w, r)
		})
	}
}

// BadGateway is the 502 of a proxy: a page of HTML, without the service's headers.
func BadGateway() Fault {
	return Respond(func(w http.ResponseWriter, _ *http.Request) {
		clear(w.Header())
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n")
	})
}

// Drop closes the connection without a response. The service does not see the
// request.
func Drop() Fault {
	return Respond(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// DropAfter closes the connection without a response, after the service did what
// the request says.
func DropAfter() Fault {
	return Instead(func(http.ResponseWriter, *Response) { panic(http.ErrAbortHandler) })
}

// Slow waits before the service sees the request, unless the request ends first.
func Slow(d time.Duration) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if Sleep(r.Context(), d) {
				normal.ServeHTTP(w, r)
			}
		})
	}
}

// Sleep returns false if the context ends first.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return ctx.Err() == nil
}

// Instead calls respond after the normal response is complete, in place of it.
func Instead(respond func(http.ResponseWriter, *Response)) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			recorded := &Response{header: w.Header(), Status: http.StatusOK}
			normal.ServeHTTP(recorded, r)
			respond(w, recorded)
		})
	}
}

// Response records a response.
type Response struct {
	Status int
	bytes.Buffer
	header http.Header
}

func (r *Response) Header() http.Header    { return r.header }
func (r *Response) WriteHeader(status int) { r.Status = status }
