package contactstest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
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
func Status(status int, message string) Fault {
	return Respond(func(w http.ResponseWriter, _ *http.Request) { reject(w, &rejection{status: status, Message: message}) })
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

// FailAfter responds with 500, after the service did what the request says.
func FailAfter() Fault {
	return fake.Instead(func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
		reject(w, &rejection{status: http.StatusInternalServerError, Message: "Internal server error"})
	})
}

// Echo leaves only the first n contacts in the response. An upsert saves all of
// them.
func Echo(n int) Fault {
	return fake.Instead(func(w http.ResponseWriter, recorded *httptest.ResponseRecorder) {
		body := parseFields(recorded.Body.Bytes())
		var data []json.RawMessage
		if into(body, "data", &data); len(data) > n {
			body["data"] = fake.Encode(data[:n])
		}
		fake.WriteJSON(w, recorded.Code, fake.Encode(body))
	})
}

// Slow waits before the service sees the request, unless the request ends first.
func Slow(d time.Duration) Fault { return fake.Slow(d) }

// TooLarge responds with 413 to an upsert of more than n contacts, and normally to
// other requests.
func TooLarge(n int) Fault {
	return fake.Around(func(normal http.Handler, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // the fake has read it: it is in memory
		r.Body = io.NopCloser(bytes.NewReader(body))
		var users []json.RawMessage
		if into(parseFields(body), "users", &users); len(users) > n {
			reject(w, tooLarge())
			return
		}
		normal.ServeHTTP(w, r)
	})
}
