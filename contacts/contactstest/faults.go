package contactstest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
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

// Status refuses the request with a message of the service.
func Status(status int, message string) Fault {
	return Respond(func(w http.ResponseWriter, _ *http.Request) { refuse(w, &refusal{status: status, Message: message}) })
}

// RetryAfter adds the header to the answer, in whole seconds, rounded up.
func (f Fault) RetryAfter(d time.Duration) Fault { return fake.RetryAfter(f, d) }

// BadGateway is the 502 of a proxy that did not reach the service: a page of
// HTML, and none of the service's headers.
func BadGateway() Fault { return fake.BadGateway() }

// Drop closes the connection without an answer, and the service does not see
// the request.
func Drop() Fault { return fake.Drop() }

// DropAfter has the service do what the request asks for, and closes the
// connection without an answer.
func DropAfter() Fault {
	return instead(func(http.ResponseWriter, *answer) { panic(http.ErrAbortHandler) })
}

// FailAfter has the service do what the request asks for, and answers 500.
func FailAfter() Fault {
	return instead(func(w http.ResponseWriter, _ *answer) {
		refuse(w, &refusal{status: http.StatusInternalServerError, Message: "Internal server error"})
	})
}

// Echo has the answer name only the first n contacts. An upsert saves all of
// them.
func Echo(n int) Fault {
	return instead(func(w http.ResponseWriter, a *answer) {
		body := parseFields(a.Bytes())
		var data []json.RawMessage
		if into(body, "data", &data); len(data) > n {
			body["data"] = encode(data[:n])
		}
		writeJSON(w, a.status, encode(body))
	})
}

// Slow waits before the normal answer begins, unless the request ends first.
func Slow(d time.Duration) Fault { return fake.Slow(d) }

// TooLarge refuses an upsert of more than n contacts with 413. Other requests
// are answered normally.
func TooLarge(n int) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // of the fake's own: it is in memory
			r.Body = io.NopCloser(bytes.NewReader(body))
			var upsert struct {
				Users []json.RawMessage `json:"users"`
			}
			if json.Unmarshal(body, &upsert) == nil && len(upsert.Users) > n {
				refuse(w, tooLarge())
				return
			}
			normal.ServeHTTP(w, r)
		})
	}
}

// instead hands on the normal answer in another form, after all of it is there.
func instead(handOn func(http.ResponseWriter, *answer)) Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := &answer{header: w.Header(), status: http.StatusOK}
			normal.ServeHTTP(a, r)
			handOn(w, a)
		})
	}
}

// answer keeps what was written.
type answer struct {
	header http.Header
	status int
	bytes.Buffer
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }
