package chattest

import (
	"encoding/json"
	"net/http"

	"github.com/chatident/chatident/internal/fake"
)

// run is one reply of the assistant in the making.
type run struct {
	fake          *Fake
	conversation  *conversation
	turn          Turn
	userMessageID string
	reply         *message
	finishReason  string
	stream        bool
}

func (f *Fake) newRun(c *conversation, t Turn, stream bool) *run {
	t.ConversationID = c.ID
	if c.UserID != nil {
		t.UserID = *c.UserID
	}
	t.ToolResults, c.results = c.results, nil
	reply := f.store.newMessage("assistant")
	reply.Feedback = json.RawMessage("null")
	f.store.touch(c)
	return &run{
		fake:          f,
		conversation:  c,
		turn:          t,
		userMessageID: c.lastUserMessage().ID,
		reply:         reply,
		finishReason:  "stop",
		stream:        stream,
	}
}

// replies makes a handler of an endpoint that the assistant answers.
func (f *Fake) replies(begin func(*http.Request) (*run, *refusal)) http.Handler {
	return f.guarded(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		x, problem := begin(r)
		f.mu.Unlock()
		switch {
		case problem != nil:
			refuse(w, problem)
		case x.stream:
			x.writeStream(w, r)
		default:
			x.writeJSON(w)
		}
	})
}

func (x *run) writeJSON(w http.ResponseWriter) {
	x.frames(func(frame) bool { return true })
	x.fake.mu.Lock()
	body := encode(data{struct {
		ID       string   `json:"id"`
		Role     string   `json:"role"`
		Parts    []Part   `json:"parts"`
		Metadata metadata `json:"metadata"`
	}{x.reply.ID, x.reply.Role, append([]Part{}, x.reply.Parts...), x.metadata(x.finishReason, "")}})
	x.fake.mu.Unlock()
	writeJSON(w, http.StatusOK, body)
}

func (x *run) writeStream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	for frame := range x.frames {
		if !writeEvent(w, string(encode(frame))) || !fake.Sleep(r.Context(), x.fake.options.Pace) {
			return
		}
	}
	writeEvent(w, "[DONE]")
}

// writeEvent sends an event at once, in one Write: the faults count by that.
func writeEvent(w http.ResponseWriter, event string) bool {
	_, err := w.Write([]byte("data: " + event + "\n\n"))
	_ = http.NewResponseController(w).Flush() // what cannot be flushed is sent at the end
	return err == nil
}
