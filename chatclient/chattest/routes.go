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
	writeJSON(w, http.StatusOK, encode(struct {
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
		body := encode(value)
		f.mu.Unlock()
		if problem != nil {
			reject(w, problem)
			return
		}
		writeJSON(w, http.StatusOK, body)
	})
}

// guarded accepts requests with the key, within the limit, for the agent.
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
			reject(w, problem)
			return
		}
		next(w, r)
	})
}

func (f *Fake) authenticate(authorization string) *rejection {
	scheme, key, _ := strings.Cut(authorization, " ")
	switch {
	case authorization == "":
		return &rejection{status: http.StatusUnauthorized, Code: "AUTH_MISSING_API_KEY", Message: "An API key is required"}
	case !strings.EqualFold(scheme, "Bearer") || key != f.options.APIKey:
		return &rejection{status: http.StatusUnauthorized, Code: "AUTH_INVALID_API_KEY", Message: "The API key is not valid"}
	}
	return nil
}

func (f *Fake) count(h http.Header) *rejection {
	wait := f.window.Take(h)
	if wait == 0 || !f.options.Window {
		return nil
	}
	fake.SetRetryAfter(h, wait)
	return &rejection{status: http.StatusTooManyRequests, Code: "RATE_LIMIT_TOO_MANY_REQUESTS", Message: "Too many requests"}
}

func (f *Fake) authorize(agent string) *rejection {
	foreign := f.options.ForeignAgentID
	switch {
	case agent == strconv.FormatInt(f.options.AgentID, 10):
		return nil
	case foreign != 0 && agent == strconv.FormatInt(foreign, 10):
		return &rejection{status: http.StatusForbidden, Code: "AUTH_INSUFFICIENT_PERMISSIONS", Message: "The API key is not for this agent"}
	}
	return notFound()
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
	writeJSON(w, problem.status, encode(map[string]*rejection{"error": problem}))
}

func encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic("chattest: " + err.Error()) // a Reply that is not JSON
	}
	return body
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have left
}
