package chattest

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/chatident/chatident/internal/fake"
)

// Fault is how one request is answered, made of the normal answer. Any function
// of this form will do, and one Fault may be made of two.
type Fault func(normal http.Handler) http.Handler

// Script has each of the next requests, whatever they are, use up one Fault, in
// order and after those of earlier calls. Afterwards answers are normal again.
//
// Mind that net/http itself sends a GET again when a connection that it used
// before was dropped: that uses up another one.
func (f *Fake) Script(faults ...Fault) {
	script := make([]fake.Fault, len(faults))
	for i, fault := range faults {
		script[i] = fault
	}
	f.front.Script(script...)
}

// Pass is the normal answer.
func Pass() Fault {
	return func(normal http.Handler) http.Handler { return normal }
}

// Respond is the handler's answer, in the place of the service's.
func Respond(handler http.HandlerFunc) Fault { return fake.Respond(handler) }

// Status refuses the request with an error of the service.
func Status(status int, code string) Fault {
	return Respond(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, &refusal{status: status, Code: code, Message: http.StatusText(status)})
	})
}

// RetryAfter adds the header to the answer, in whole seconds, rounded up.
func (f Fault) RetryAfter(d time.Duration) Fault { return fake.RetryAfter(f, d) }

// BadGateway is the 502 of a proxy that did not reach the service: a page of
// HTML, and none of the service's headers.
func BadGateway() Fault { return fake.BadGateway() }

// Drop closes the connection without an answer, and the service does not see
// the request.
func Drop() Fault { return fake.Drop() }

// Slow waits before the normal answer begins, unless the request ends first.
func Slow(d time.Duration) Fault { return fake.Slow(d) }

// Cut closes the connection after the header and so many events of a stream,
// without an orderly end. [DONE] is an event too, and a JSON answer is one.
func Cut(events int) Fault {
	return stopAfter(events, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Silence sends nothing more after so many events, as Cut counts them, until
// the client goes away.
func Silence(events int) Fault {
	return stopAfter(events, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// StreamError ends a stream with an error frame after so many events, which are
// to be fewer than the stream has. [DONE] still follows.
func StreamError(events int, text string) Fault {
	return stopAfter(events, func(w http.ResponseWriter, _ *http.Request) {
		writeEvent(w, string(encode(frame{Type: "error", ErrorText: text})))
		writeEvent(w, "[DONE]")
	})
}

// Insert puts raw text into a stream after so many events. For instance
// Insert(1, "data: {not JSON\n\n").
func Insert(events int, raw string) Fault {
	return edit(func(i int, event string) (string, error) {
		if i == events {
			event = raw + event
		}
		return event, nil
	})
}

// Noise puts around each event of a stream what a client has to bear: line ends
// of CRLF, comments, the fields event, id and retry, and a frame of a type that
// nobody knows.
func Noise() Fault {
	return edit(func(i int, event string) (string, error) {
		n := strconv.Itoa(i)
		event = ": noise\n\n" +
			"retry: 1000\n\n" +
			"data: {\"type\":\"noise\",\"text\":\"noise\"}\n\n" +
			"event: noise\nid: " + n + "\n: noise\n" + event
		return strings.ReplaceAll(event, "\n", "\r\n"), nil
	})
}

var errStopped = errors.New("chattest: the answer was stopped by a fault")

// stopAfter lets so many events pass and has the answer ended in another way.
// The service takes it for a client that has gone.
func stopAfter(events int, end http.HandlerFunc) Fault {
	stop := edit(func(i int, event string) (string, error) {
		if i >= events {
			return "", errStopped
		}
		return event, nil
	})
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stop(normal).ServeHTTP(w, r)
			_ = http.NewResponseController(w).Flush() // the header, if nothing else
			end(w, r)
		})
	}
}

// edit changes the events of an answer, the first of which has the number 0.
func edit(change func(i int, event string) (string, error)) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			normal.ServeHTTP(&editor{ResponseWriter: w, change: change}, r)
		})
	}
}

// editor relies on writeEvent: one Write is one event.
type editor struct {
	http.ResponseWriter
	change func(int, string) (string, error)
	events int
}

func (e *editor) Write(event []byte) (int, error) {
	changed, err := e.change(e.events, string(event))
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
