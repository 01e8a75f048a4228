package chattest

import (
	"net/http"
	"time"

	"github.com/chatident/chatident/internal/fake"
)

func (f *Fake) routes() *http.ServeMux {
	const agent = "/api/v2/agents/{agentId}"
	const conversation = agent + "/conversations/{conversationId}"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/health", health)
	mux.Handle("POST "+agent+"/chat", f.replies(f.chat))
	mux.Handle("GET "+agent+"/conversations", f.responds(f.listConversations))
	mux.Handle("GET "+agent+"/conversations/export", f.responds(f.export))
	mux.Handle("GET "+agent+"/users/{userId}/conversations", f.responds(f.listUserConversations))
	mux.Handle("GET "+conversation, f.responds(f.getConversation))
	mux.Handle("GET "+conversation+"/messages", f.responds(f.listMessages))
	mux.Handle("POST "+conversation+"/retry", f.replies(f.retry))
	mux.Handle("POST "+conversation+"/tool-result", f.responds(f.toolResult))
	mux.Handle("PATCH "+conversation+"/messages/{messageId}/feedback", f.responds(f.feedback))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { reject(w, notFound()) })
	return mux
}

func health(w http.ResponseWriter, _ *http.Request) {
	fake.WriteJSON(w, http.StatusOK, fake.Encode(struct {
		Status    string `json:"status"`
		Timestamp int64  `json:"timestamp"`
	}{"ok", time.Now().Unix()}))
}

// responds makes the handler of an endpoint that responds at once. The JSON is
// encoded under the lock, because what it shows may change.
func (f *Fake) responds(endpoint func(*http.Request) (any, *rejection)) http.Handler {
	return f.guarded(func(w http.ResponseWriter, r *http.Request) {
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

// guarded accepts requests with the key, within the limit, for the agent.
func (f *Fake) guarded(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch status := f.access.Check(w, r, r.PathValue("agentId")); status {
		case http.StatusOK:
			next(w, r)
		case http.StatusNotFound:
			reject(w, notFound())
		case http.StatusForbidden:
			reject(w, &rejection{status: status, Code: "AUTH_INSUFFICIENT_PERMISSIONS", Message: "The API key is not for this agent"})
		case http.StatusTooManyRequests:
			reject(w, &rejection{status: status, Code: "RATE_LIMIT_TOO_MANY_REQUESTS", Message: "Too many requests"})
		default:
			reject(w, unauthorized(r))
		}
	})
}

func unauthorized(r *http.Request) *rejection {
	if r.Header.Get("Authorization") == "" {
		return &rejection{status: http.StatusUnauthorized, Code: "AUTH_MISSING_API_KEY", Message: "An API key is required"}
	}
	return &rejection{status: http.StatusUnauthorized, Code: "AUTH_INVALID_API_KEY", Message: "The API key is not valid"}
}

// rejection is the body of an error.
type rejection struct {
	status  int
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Details map[string]string `json:"details,omitempty"` // by field
}

func notFound() *rejection {
	return &rejection{status: http.StatusNotFound, Code: "RESOURCE_NOT_FOUND", Message: "There is no such thing"}
}

func reject(w http.ResponseWriter, problem *rejection) {
	fake.WriteJSON(w, problem.status, fake.Encode(map[string]*rejection{"error": problem}))
}
