package chattest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/chatident/chatident/internal/fake"
)

func (f *Fake) routes() *http.ServeMux {
	const agent = "/api/v2/agents/{agentId}"
	const conversation = agent + "/conversations/{conversationId}"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/health", health)
	mux.Handle("POST "+agent+"/chat", f.replies(f.chat))
	mux.Handle("GET "+agent+"/conversations", f.answers(f.listConversations))
	mux.Handle("GET "+agent+"/conversations/export", f.answers(f.export))
	mux.Handle("GET "+agent+"/users/{userId}/conversations", f.answers(f.listUserConversations))
	mux.Handle("GET "+conversation, f.answers(f.getConversation))
	mux.Handle("GET "+conversation+"/messages", f.answers(f.listMessages))
	mux.Handle("POST "+conversation+"/retry", f.replies(f.retry))
	mux.Handle("POST "+conversation+"/tool-result", f.answers(f.toolResult))
	mux.Handle("PATCH "+conversation+"/messages/{messageId}/feedback", f.answers(f.feedback))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, notFound()) })
	return mux
}

func health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, encode(struct {
		Status    string `json:"status"`
		Timestamp int64  `json:"timestamp"`
	}{"ok", time.Now().Unix()}))
}

// answers makes a handler of an endpoint that answers at once. The JSON is made
// under the lock, since what it shows goes on changing.
func (f *Fake) answers(endpoint func(*http.Request) (any, *refusal)) http.Handler {
	return f.guarded(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		value, problem := endpoint(r)
		body := encode(value)
		f.mu.Unlock()
		if problem != nil {
			refuse(w, problem)
			return
		}
		writeJSON(w, http.StatusOK, body)
	})
}

// guarded lets in requests with the key, within the limit, for the agent.
func (f *Fake) guarded(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem := f.authenticate(r.Header.Get("Authorization"))
		if problem == nil {
			problem = f.count(w.Header())
		}
		if problem == nil {
			problem = f.authorize(r.PathValue("agentId"))
		}
		if problem != nil {
			refuse(w, problem)
			return
		}
		next(w, r)
	})
}

func (f *Fake) authenticate(authorization string) *refusal {
	scheme, key, _ := strings.Cut(authorization, " ")
	switch {
	case authorization == "":
		return &refusal{status: http.StatusUnauthorized, Code: "AUTH_MISSING_API_KEY", Message: "An API key is needed"}
	case !strings.EqualFold(scheme, "Bearer") || key != f.options.APIKey:
		return &refusal{status: http.StatusUnauthorized, Code: "AUTH_INVALID_API_KEY", Message: "The API key is not valid"}
	}
	return nil
}

func (f *Fake) count(h http.Header) *refusal {
	wait := f.window.Take(h)
	if wait == 0 || !f.options.Window {
		return nil
	}
	fake.SetRetryAfter(h, wait)
	return &refusal{status: http.StatusTooManyRequests, Code: "RATE_LIMIT_TOO_MANY_REQUESTS", Message: "Too many requests"}
}

func (f *Fake) authorize(agent string) *refusal {
	foreign := f.options.ForeignAgentID
	switch {
	case agent == strconv.FormatInt(f.options.AgentID, 10):
		return nil
	case foreign != 0 && agent == strconv.FormatInt(foreign, 10):
		return &refusal{status: http.StatusForbidden, Code: "AUTH_INSUFFICIENT_PERMISSIONS", Message: "The API key is not for this agent"}
	}
	return notFound()
}

// refusal is the body of an error.
type refusal struct {
	status  int
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Details map[string]string `json:"details,omitempty"` // by field
}

func notFound() *refusal {
	return &refusal{status: http.StatusNotFound, Code: "RESOURCE_NOT_FOUND", Message: "There is no such thing"}
}

func refuse(w http.ResponseWriter, problem *refusal) {
	writeJSON(w, problem.status, encode(map[string]*refusal{"error": problem}))
}

func encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic("chattest: " + err.Error()) // of a Reply: a mistake of the test
	}
	return body
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone: nothing to do
}
