package chatproxy

import (
	"encoding/json"
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/textdelta"
)

// question is what a visitor says.
type question struct {
	text   string
	ticket string // of the conversation that goes on, "" for a new one
}

// say takes a message in the form of the package comment.
func (p *Proxy) say(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	var q question
	e := p.withBody(w, r, v, maxBody, func(body []byte) (e *refusal) {
		q, e = decodeMessage(body)
		return e
	})
	if e != nil {
		return e
	}
	return p.relay(w, r, v, q, plainForm{})
}

func decodeMessage(body []byte) (q question, e *refusal) {
	f, e := only(body, "message", "conversation")
	if e != nil {
		return q, e
	}
	var isText, isTicket bool
	q.text, isText = f.text("message")
	q.ticket, isTicket = f.text("conversation")
	switch {
	case !isText:
		return q, invalid("message must be a string.")
	case !isTicket:
		return q, invalid("conversation must be a string.")
	case string(f["conversation"]) == `""`: // a ticket that was lost begins no new conversation
		return q, errConversationNotFound
	}
	return q, nil
}

// plainForm writes a reply in the form of the package comment.
type plainForm struct{}

type startFrame struct {
	Type         string `json:"type"`
	Version      int    `json:"version"`
	Conversation string `json:"conversation,omitempty"`
}

type finishFrame struct {
	Type         string `json:"type"`
	FinishReason string `json:"finishReason"`
	Conversation string `json:"conversation,omitempty"`
	Message      string `json:"message,omitempty"`
}

type errorFrame struct {
	Type         string `json:"type"`
	Code         string `json:"code"`
	Message      string `json:"message"`
	Conversation string `json:"conversation,omitempty"`
}

func (plainForm) header(http.Header) {}

func (plainForm) start(b []byte, conversation string) []byte {
	return appendFrame(b, startFrame{"start", wireVersion, conversation})
}

func (plainForm) text(b []byte, quoted []byte) []byte {
	b = append(b, "data: "+textdelta.Prefix...)
	b = append(b, quoted...)
	return append(b, textdelta.Suffix+"\n\n"...)
}

func (plainForm) other(b []byte, e chatclient.Event) []byte {
	return appendFrame(b, json.RawMessage(e.Raw))
}

func (plainForm) finish(b []byte, reason string, t replyTickets) []byte {
	return appendFrame(b, finishFrame{"finish", reason, t.Conversation, t.Message})
}

func (plainForm) fail(b []byte, code, sentence string, t replyTickets) []byte {
	return appendFrame(b, errorFrame{"error", code, sentence, t.Conversation})
}
