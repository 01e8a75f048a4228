package chattest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/chatident/chatident/internal/fake"
)

// Fault makes the response to one request from the normal one. Any function of
// this form is a Fault, and one Fault may wrap another.
type Fault func(normal http.Handler) http.Handler

// Script adds Faults. Each of the next requests, whatever it is, uses up one, in
// order. After the last one responses are normal again.
//
// net/http itself sends a GET again when a connection that it used before is
// closed: that uses up another Fault.
func (f *Fake) Script(faults ...Fault) { fake.Script(f.front, faults) }

// Pass is the normal response.
func Pass() Fault {
	return func(normal http.Handler) http.Handler { return normal }
}

// Respond is the response of a handler in place of the service.
func Respond(handler http.HandlerFunc) Fault { return fake.Respond(handler) }

// Status is an error of the service.
func Status(status int, code string) Fault {
	return Respond(func(w http.ResponseWriter, _ *http.Request) {
		reject(w, &rejection{status: status, Code: code, Message: http.StatusText(status)})
	})
}

// RetryAfter adds the header to the response, in whole seconds, rounded up.
func (f Fault) RetryAfter(d time.Duration) Fault { return fake.RetryAfter(f, d) }

// BadGateway is the 502 of a proxy that did not reach the service: a page of
// HTML, without the service's headers.
func BadGateway() Fault { return fake.BadGateway() }

// Drop closes the connection without a response. The service does not see the
// request.
func Drop() Fault { return fake.Drop() }

// DropAfter closes the connection without a response, after the service did what
// the request says.
func DropAfter() Fault { return fake.DropAfter() }

// FailAfter responds with 500 INTERNAL_SERVER_ERROR, after the service did what
// the request says.
func FailAfter() Fault {
	return fake.Instead(func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
		reject(w, &rejection{status: http.StatusInternalServerError, Code: "INTERNAL_SERVER_ERROR", Message: "Internal Server Error"})
	})
}

// Slow waits before the service sees the request, unless the request ends first.
func Slow(d time.Duration) Fault { return fake.Slow(d) }

// Think sends the header of a stream at once, and waits before the first event.
func Think(d time.Duration) Fault {
	return edit(func(e *editor, event string) (string, error) {
		if e.events == 0 {
			_ = http.NewResponseController(e.ResponseWriter).Flush()
			if !fake.Sleep(e.request.Context(), d) {
				return "", errStopped
			}
		}
		return event, nil
	})
}

// Cut closes the connection after the header and that many events of a stream.
// [DONE] is an event too, and a JSON response is one.
func Cut(events int) Fault {
	return stopAfter(events, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Silence sends nothing more after that many events, as Cut counts them, until
// the client closes the connection.
func Silence(events int) Fault {
	return stopAfter(events, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// StreamError has the service fail after that many events of a stream, which must
// have more: an error, as the reading "stream-error" has it, and [DONE] follow.
func StreamError(events int, text string) Fault {
	return edit(func(e *editor, event string) (string, error) {
		if e.events == events {
			return "", &streamFailure{text}
		}
		return event, nil
	})
}

// streamFailure is the result of writing an event at which the service fails.
type streamFailure struct{ text string }

func (e *streamFailure) Error() string { return "chattest: the stream failed by a fault: " + e.text }

// Insert puts raw text into a stream after that many events, for example
// Insert(1, "data: {not JSON\n\n").
func Insert(events int, raw string) Fault {
	return edit(func(e *editor, event string) (string, error) {
		if e.events == events {
			event = raw + event
		}
		return event, nil
	})
}

// Noise surrounds each event of a stream with what a client must tolerate: line
// ends of CRLF, comments, the fields event, id and retry, and a frame of an
// unknown type.
func Noise() Fault {
	return edit(func(e *editor, event string) (string, error) {
		event = ": noise\n\n" +
			"retry: 1000\n\n" +
			"data: {\"type\":\"noise\",\"text\":\"noise\"}\n\n" +
			"event: noise\nid: " + strconv.Itoa(e.events) + "\n: noise\n" + event
		return strings.ReplaceAll(event, "\n", "\r\n"), nil
	})
}

var errStopped = errors.New("chattest: the response was stopped by a fault")

// stopAfter passes that many events on and ends the response in another way. For
// the service it is a client that has left.
func stopAfter(events int, end http.HandlerFunc) Fault {
	stop := edit(func(e *editor, event string) (string, error) {
		if e.events >= events {
			return "", errStopped
		}
		return event, nil
	})
	return fake.Around(func(normal http.Handler, w http.ResponseWriter, r *http.Request) {
		stop(normal).ServeHTTP(w, r)
		_ = http.NewResponseController(w).Flush() // at least the header
		end(w, r)
	})
}

// edit changes the events of a response.
func edit(change func(e *editor, event string) (string, error)) Fault {
	return fake.Around(func(normal http.Handler, w http.ResponseWriter, r *http.Request) {
		normal.ServeHTTP(&editor{ResponseWriter: w, request: r, change: change}, r)
	})
}

// editor relies on writeEvent: one Write is one event.
type editor struct {
	http.ResponseWriter
	request *http.Request
	change  func(e *editor, event string) (string, error)
	events  int // before the present one
}

func (e *editor) Write(event []byte) (int, error) {
	changed, err := e.change(e, string(event))
	e.events++
	if err != nil {
		return 0, err
	}
	if _, err := io.WriteString(e.ResponseWriter, changed); err != nil {
		return 0, err
	}
	return len(event), nil
}

func (e *editor) Unwrap() http.ResponseWriter { return e.ResponseWriter }
