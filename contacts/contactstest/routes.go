package contactstest

import (
	"net/http"

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
		if status := f.access.Check(w, r, r.PathValue("chatbotId")); status != http.StatusOK {
			reject(w, &rejection{status: status, Message: denied[status]})
			return
		}
		f.mu.Lock()
		value, problem := endpoint(r)
		body := fake.Encode(value)
		f.mu.Unlock()
		if problem != nil {
			reject(w, problem)
			return
		}
		fake.WriteJSON(w, http.StatusOK, body)
	})
}

// denied are the messages for requests without access.
var denied = map[int]string{
	http.StatusUnauthorized:    "The API key is missing or not valid",
	http.StatusTooManyRequests: "Too many requests",
	http.StatusForbidden:       "The API key is not for this agent",
	http.StatusNotFound:        "Resource not found",
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

func reject(w http.ResponseWriter, problem *rejection) {
	fake.WriteJSON(w, problem.status, fake.Encode(problem))
}
