package chatproxy

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/textdelta"
)

// message is what a page sends: a message, the wish for another reply to it or for its end, or
// feedback.
type message struct {
	text   string
	chat   string // the page's id of the chat, "" for none
	id     string // the page's id of the message, "" for none
	ticket string // of the conversation that continues, "" for that of the chat
	again  bool   // it was sent before
	later  bool   // the page shows a later message of the visitor

	results  []chatclient.ToolResult // of the page's tools, in place of a text
	feedback chatclient.Feedback     // in place of a message
}

func decodeMessage(body []byte) (message, *httpError) {
	m, _, e := decodeNative(body, "message", "conversation", "chat", "id")
	if e == nil {
		e = checkText(m.text)
	}
	return m, e
}

func decodeRetry(body []byte) (message, *httpError) {
	m, _, e := decodeNative(body, "message", "conversation", "chat", "id")
	m.again = true
	switch {
	case e != nil:
	case m.id == "":
		e = invalid("id must be that of the message.")
	case m.chat == "" && m.ticket == "":
		e = invalid("chat or conversation must be sent.")
	case m.text != "":
		e = checkText(m.text)
	}
	return m, e
}

// decodeNative decodes a body that has only these members, and returns them as well.
func decodeNative(body []byte, names ...string) (message, fields, *httpError) {
	f, e := only(body, names...)
	text, badText := f.text("message")
	ticket, badTicket := f.ticket()
	chat, badChat := f.name("chat", maxChat)
	id, badID := f.name("id", maxMessageID)
	return message{text: text, ticket: ticket, chat: chat, id: id}, f, cmp.Or(e, badText, badTicket, badChat, badID)
}

// replyEncoder encodes a reply: each method appends frames to b.
type replyEncoder interface {
	header(http.Header)
	start(b []byte, t replyTickets) []byte
	text(b []byte, quoted []byte) []byte // a JSON string
	other(b []byte, e chatclient.Event) []byte
	endText(b []byte) []byte // before a frame of a tool, which is the same in both forms
	finish(b []byte, reason string, t replyTickets) []byte
	fail(b []byte, e *httpError, t replyTickets) []byte
}

// replyTickets say what a reply belongs to, as far as it is known.
type replyTickets struct {
	Conversation     string `json:"conversation,omitempty"`
	Message          string `json:"message,omitempty"`
	UserMessage      string `json:"userMessage,omitempty"`
	Poll             string `json:"poll,omitempty"`
	ConversationLost bool   `json:"conversationLost,omitempty"`
}

// nativeEncoder encodes a reply in the form of POST /messages.
type nativeEncoder struct{}

// nativeFrame is the first or the last of a reply.
type nativeFrame struct {
	Type         string `json:"type"`
	Version      int    `json:"version,omitempty"`
	FinishReason string `json:"finishReason,omitempty"`
	replyTickets
}

// errorFrame is an error, within a response without a type. It has its own message, so that of
// the tickets is not there.
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
