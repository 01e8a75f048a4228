package chatproxy

import (
	"encoding/json"
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/textdelta"
)

// replyEncoder encodes a reply: each method appends frames to b.
type replyEncoder interface {
	header(http.Header)
	start(b []byte, t replyTickets) []byte
	text(b []byte, quoted []byte) []byte // a JSON string
	other(b []byte, e chatclient.Event) []byte
	endText(b []byte) []byte // called before a frame of a tool; both encoders share these frames
	finish(b []byte, reason string, t replyTickets) []byte
	fail(b []byte, e *httpError, t replyTickets) []byte
}

// replyTickets are the known tickets of a reply.
type replyTickets struct {
	Conversation     string `json:"conversation,omitempty"`
	Message          string `json:"message,omitempty"`
	UserMessage      string `json:"userMessage,omitempty"`
	Poll             string `json:"poll,omitempty"`
	ConversationLost bool   `json:"conversationLost,omitempty"`
}

// nativeEncoder encodes a reply in the form of POST /messages.
type nativeEncoder struct{}

// nativeFrame is the first or the last frame of a reply.
type nativeFrame struct {
	Type         string `json:"type"`
	Version      int    `json:"version,omitempty"`
	FinishReason string `json:"finishReason,omitempty"`
	replyTickets
}

// errorFrame is an error frame or, without a type, the error of a response. Its message hides
// that of the tickets.
type errorFrame struct {
	Type       string `json:"type,omitempty"`
	Code       string `json:"code"`
	Sentence   string `json:"message"`
	RetryAfter int    `json:"retryAfter,omitempty"`
	replyTickets
}

func (nativeEncoder) header(http.Header) {}

func (nativeEncoder) start(b []byte, t replyTickets) []byte {
	return appendFrame(b, nativeFrame{"start", wireVersion, "", t})
}

func (nativeEncoder) text(b []byte, quoted []byte) []byte {
	b = append(b, "data: "+textdelta.Prefix...)
	b = append(b, quoted...)
	return append(b, textdelta.Suffix+"\n\n"...)
}

func (nativeEncoder) other(b []byte, e chatclient.Event) []byte {
	return appendFrame(b, json.RawMessage(e.Raw))
}

func (nativeEncoder) endText(b []byte) []byte { return b }

func (nativeEncoder) finish(b []byte, reason string, t replyTickets) []byte {
	return appendFrame(b, nativeFrame{"finish", 0, reason, t})
}

func (nativeEncoder) fail(b []byte, e *httpError, t replyTickets) []byte {
	return appendFrame(b, errorFrame{"error", e.code, e.sentence, e.retrySeconds(), t})
}

func appendFrame(b []byte, frame any) []byte {
	j, _ := json.Marshal(frame) // of strings, and of JSON that was decoded: there is no error
	b = append(b, "data: "...)
	b = append(b, j...)
	return append(b, "\n\n"...)
}
