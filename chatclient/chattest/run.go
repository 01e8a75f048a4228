package chattest

import (
	"errors"
	"net/http"
	"slices"

	"github.com/chatident/chatident/internal/fake"
)

// run is one reply of the assistant.
type run struct {
	fake         *Fake
	conversation *conversation
	turn         Turn
	question     *message // the user's
	reply        *message
	metadata     metadata
	silent       bool // a person has the conversation, and the assistant says nothing
	stream       bool
}

func (f *Fake) newRun(c *conversation, t Turn, stream bool) *run {
	question := c.messages[lastUserMessage(c.messages)]
	x := &run{
		fake:         f,
		conversation: c,
		question:     question,
		reply:        f.store.newMessage("assistant"),
		metadata:     metadata{UserMessageID: question.ID, ConversationID: c.ID, UserID: c.UserID, Usage: usage{1}},
		silent:       c.heldByPerson() && f.readings["taken-over"] == "stored",
		stream:       stream,
	}
	t.ConversationID = c.id()
	if c.UserID != nil {
		t.UserID = *c.UserID
	}
	t.ToolResults, c.results = c.results, nil
	x.turn = t
	f.store.touch(c)
	return x
}

// replies makes the handler of an endpoint that the assistant replies to.
func (f *Fake) replies(begin func(*http.Request) (*run, *rejection)) http.Handler {
	return f.guarded(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		x, problem := begin(r)
		f.mu.Unlock()
		if problem != nil {
			reject(w, problem)
			return
		}
		var parts []Part
		if !x.silent {
			parts = f.options.Reply(x.turn) // without the lock: it may use the fake
		}
		steps, finishReason := x.steps(parts)
		switch {
		case r.Context().Err() != nil: // the client left while the assistant was thinking
			x.continueAlone(steps)
		case x.stream:
			x.writeStream(w, r, steps)
		default:
			x.writeJSON(w, steps, finishReason)
		}
	})
}

func (x *run) writeJSON(w http.ResponseWriter, steps []step, finishReason string) {
	for _, s := range steps {
		x.store(s)
	}
	m := x.metadata
	m.FinishReason = finishReason
	x.fake.mu.Lock()
	body := fake.Encode(data{struct {
		ID       any      `json:"id"`
		Role     string   `json:"role"`
		Parts    []Part   `json:"parts"`
		Metadata metadata `json:"metadata"`
	}{x.reply.ID, x.reply.Role, append([]Part{}, x.reply.Parts...), m}})
	x.fake.mu.Unlock()
	fake.WriteJSON(w, http.StatusOK, body)
}

func (x *run) writeStream(w http.ResponseWriter, r *http.Request, steps []step) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	for i, s := range steps {
		x.store(s)
		if s.frame == nil {
			continue
		}
		err := writeEvent(w, string(fake.Encode(s.frame)))
		if failure, ok := errors.AsType[*streamFailure](err); ok {
			_ = writeEvent(w, string(fake.Encode(x.fake.errorFrame(failure.text))))
			break
		}
		if err != nil || !fake.Sleep(r.Context(), x.fake.options.Pace) {
			x.continueAlone(steps[i+1:])
			return
		}
	}
	_ = writeEvent(w, "[DONE]")
}

// continueAlone stores the rest of the reply after the client has left, at the
// same pace until the fake is closed, or ends the turn under that reading.
func (x *run) continueAlone(rest []step) {
	if x.fake.readings["disconnect"] == "turn-ends" {
		return
	}
	pace := x.fake.options.Pace
	finish := func() {
		for _, s := range rest {
			if !fake.Sleep(x.fake.life, pace) {
				return
			}
			x.store(s)
		}
	}
	if pace > 0 {
		go finish()
		return
	}
	finish()
}

// store adds a step to the history. The reply enters it with its first piece, so
// that a client that left finds there what it read, and perhaps a word more. A
// retry has removed the question of a reply that is no longer wanted.
func (x *run) store(s step) {
	x.fake.mu.Lock()
	defer x.fake.mu.Unlock()
	if s.piece.Type == "" || !slices.Contains(x.conversation.messages, x.question) {
		return
	}
	if len(x.reply.Parts) == 0 {
		x.conversation.add(x.reply)
	}
	if s.begins {
		x.reply.Parts = append(x.reply.Parts, s.piece)
	} else {
		x.reply.Parts[len(x.reply.Parts)-1].Text += s.piece.Text
	}
	x.fake.store.touch(x.conversation)
}

// writeEvent sends an event at once, in one Write: the faults count events by
// their Writes.
func writeEvent(w http.ResponseWriter, event string) error {
	_, err := w.Write([]byte("data: " + event + "\n\n"))
	_ = http.NewResponseController(w).Flush() // without it the event is sent at the end
	return err
}
