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
	mux.Handle("POST "+agent+"/contacts", f.responds(f.upsert))
	mux.Handle("GET "+agent+"/contacts", f.responds(f.list))
	mux.Handle("GET "+agent+"/contacts/{external_id}", f.responds(f.get))
	mux.Handle("PATCH "+agent+"/contacts/{external_id}", f.responds(f.update))
	mux.Handle("DELETE "+agent+"/contacts/{external_id}", f.responds(f.remove))
	mux.Handle("GET "+agent+"/custom-attributes", f.responds(f.listAttributes))
	mux.Handle("POST "+agent+"/custom-attributes", f.responds(f.define))
	mux.Handle("PUT "+agent+"/custom-attributes/{name}", f.responds(f.redefine))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { reject(w, notFound()) })
	return mux
}

// responds makes the handler of an endpoint, which accepts requests with the key,
// within the limit, for the agent. The JSON is encoded under the lock, because
// what it shows may change.
func (f *Fake) responds(endpoint func(*http.Request) (any, *rejection)) http.Handler {
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
			reject(w, problem)
			return
		}
		writeJSON(w, http.StatusOK, body)
	})
}

func (f *Fake) authenticate(authorization string) *rejection {
	scheme, key, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || key != f.options.APIKey {
		return &rejection{status: http.StatusUnauthorized, Message: "The API key is missing or not valid"}
	}
	return nil
}

func (f *Fake) count(h http.Header) *rejection {
	take := f.window.Take
	if f.options.CountRequest != nil && f.readings["v1-limit"] == "shared" {
		take = f.options.CountRequest
	} else if !f.options.Window {
		return nil
	}
	wait := take(h)
	if wait == 0 || !f.options.Window {
		return nil
	}
	fake.SetRetryAfter(h, wait)
	return &rejection{status: http.StatusTooManyRequests, Message: "Too many requests"}
}

func (f *Fake) authorize(agent string) *rejection {
	foreign := f.options.ForeignAgentID
	switch {
	case agent == strconv.FormatInt(f.options.AgentID, 10):
		return nil
	case foreign != 0 && agent == strconv.FormatInt(foreign, 10):
		return &rejection{status: http.StatusForbidden, Message: "The API key is not for this agent"}
	}
	return notFound()
}

// rejection is the body of an error.
type rejection struct {
	status  int
	Message string  `json:"message"`
	Issues  []issue `json:"issues,omitempty"`
}

type issue struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func notFound() *rejection {
	return &rejection{status: http.StatusNotFound, Message: "Resource not found"}
}

func tooLarge() *rejection {
	return &rejection{status: http.StatusRequestEntityTooLarge, Message: "The request is too large"}
}

func invalid(issues ...issue) *rejection {
	return &rejection{status: http.StatusBadRequest, Message: "Invalid request data", Issues: issues}
}

func taken(what string) *rejection {
	return &rejection{status: http.StatusConflict, Message: "The " + what + " is taken"}
}

func reject(w http.ResponseWriter, problem *rejection) { writeJSON(w, problem.status, encode(problem)) }

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have left
}
