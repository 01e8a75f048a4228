package fake

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Fault is how one request is answered, made of the normal answer.
type Fault = func(normal http.Handler) http.Handler

// Respond is the handler's answer, in the place of the service's.
func Respond(handler http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return handler }
}

// RetryAfter adds the header to the answer.
func RetryAfter(fault Fault, d time.Duration) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			SetRetryAfter(w.Header(), d)
			fault(normal).ServeHTTP(w, r)
		})
	}
}

// BadGateway is the 502 of a proxy: a page of HTML, and none of the service's
// headers.
func BadGateway() Fault {
	return Respond(func(w http.ResponseWriter, _ *http.Request) {
		clear(w.Header())
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n")
	})
}

// Drop closes the connection without an answer, and the service does not see
// the request.
func Drop() Fault {
	return Respond(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Slow waits before the normal answer begins, unless the request ends first.
func Slow(d time.Duration) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if Sleep(r.Context(), d) {
				normal.ServeHTTP(w, r)
			}
		})
	}
}

// Sleep is false when the context ended before.
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
