package contactstest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/fake"
)

func (f *Fake) routes() *http.ServeMux {
	const agent = "/api/v1/chatbots/{chatbotId}"
	mux := http.NewServeMux()
	mux.Handle("POST "+agent+"/contacts", f.answers(f.upsert))
	mux.Handle("GET "+agent+"/contacts", f.answers(f.list))
	mux.Handle("GET "+agent+"/contacts/{external_id}", f.answers(f.get))
	mux.Handle("PATCH "+agent+"/contacts/{external_id}", f.answers(f.update))
	mux.Handle("DELETE "+agent+"/contacts/{external_id}", f.answers(f.remove))
	mux.Handle("GET "+agent+"/custom-attributes", f.answers(f.listAttributes))
	mux.Handle("POST "+agent+"/custom-attributes", f.answers(f.define))
	mux.Handle("PUT "+agent+"/custom-attributes/{name}", f.answers(f.redefine))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, notFound()) })
	return mux
}

// answers makes a handler of an endpoint, for requests with the key, within the
// limit, for the agent. The JSON is made under the lock, since what it shows
// goes on changing.
func (f *Fake) answers(endpoint func(*http.Request) (any, *refusal)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem := f.authenticate(r.Header.Get("Authorization"))
		if problem == nil {
			problem = f.count(w.Header())
		}
		if problem == nil {
			problem = f.authorize(r.PathValue("chatbotId"))
		}
		var body []byte
		if problem == nil {
			f.mu.Lock()
			var value any
			value, problem = endpoint(r)
			body = encode(value)
			f.mu.Unlock()
		}
		if problem != nil {
			refuse(w, problem)
			return
		}
		writeJSON(w, http.StatusOK, body)
	})
}

func (f *Fake) authenticate(authorization string) *refusal {
	scheme, key, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || key != f.options.APIKey {
		return &refusal{status: http.StatusUnauthorized, Message: "The API key is missing or not valid"}
	}
	return nil
}

func (f *Fake) count(h http.Header) *refusal {
	if !f.options.Window {
		return nil
	}
	wait := f.window.Take(h)
	if wait == 0 {
		return nil
	}
	fake.SetRetryAfter(h, wait)
	return &refusal{status: http.StatusTooManyRequests, Message: "Too many requests"}
}

func (f *Fake) authorize(agent string) *refusal {
	foreign := f.options.ForeignAgentID
	switch {
	case agent == strconv.FormatInt(f.options.AgentID, 10):
		return nil
	case foreign != 0 && agent == strconv.FormatInt(foreign, 10):
		return &refusal{status: http.StatusForbidden, Message: "The API key is not for this agent"}
	}
	return notFound()
}

// refusal is the body of an error.
type refusal struct {
	status  int
	Message string  `json:"message"`
	Issues  []issue `json:"issues,omitempty"`
}

type issue struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func notFound() *refusal { return &refusal{status: http.StatusNotFound, Message: "Resource not found"} }

func tooLarge() *refusal {
	return &refusal{status: http.StatusRequestEntityTooLarge, Message: "The request is too large"}
}

func invalid(issues ...issue) *refusal {
	return &refusal{status: http.StatusBadRequest, Message: "Invalid request data", Issues: issues}
}

func taken(what string) *refusal {
	return &refusal{status: http.StatusConflict, Message: "The " + what + " is taken"}
}

func refuse(w http.ResponseWriter, problem *refusal) { writeJSON(w, problem.status, encode(problem)) }

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone: nothing to do
}
