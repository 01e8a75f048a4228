package fake

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"time"
)

// Fault makes the handler for one request from the normal one.
type Fault = func(normal http.Handler) http.Handler

// Around returns a Fault that calls serve in place of the normal handler.
func Around(serve func(normal http.Handler, w http.ResponseWriter, r *http.Request)) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(normal, w, r) })
	}
}

// Respond is the response of a handler in place of the service.
func Respond(handler http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return handler }
}

// RetryAfter adds the header to the response.
func RetryAfter(fault Fault, d time.Duration) Fault {
	return Around(func(normal http.Handler, w http.ResponseWriter, r *http.Request) {
		SetRetryAfter(w.Header(), d)
		fault(normal).ServeHTTP(w, r)
	})
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
	return Instead(func(http.ResponseWriter, *httptest.ResponseRecorder) { panic(http.ErrAbortHandler) })
}

// Slow waits before the service sees the request, unless the request ends first.
func Slow(d time.Duration) Fault {
	return Around(func(normal http.Handler, w http.ResponseWriter, r *http.Request) {
		if Sleep(r.Context(), d) {
			normal.ServeHTTP(w, r)
		}
	})
}

// Sleep returns false if the context ends first.
func Sleep(ctx context.Context, d time.Duration) bool {
	timeout, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-timeout.Done()
	return ctx.Err() == nil
}

// Instead calls respond after the normal response is complete, in place of it. Its
// headers are those of the normal response.
func Instead(respond func(w http.ResponseWriter, normal *httptest.ResponseRecorder)) Fault {
	return Around(func(normal http.Handler, w http.ResponseWriter, r *http.Request) {
		recorded := httptest.NewRecorder()
		normal.ServeHTTP(recorded, r)
		maps.Copy(w.Header(), recorded.Header())
		respond(w, recorded)
	})
}
