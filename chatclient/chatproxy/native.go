package chatproxy

import (
	"encoding/json"
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/textdelta"
)

// message is what a page sends: a message, or the wish for another reply to it.
type message struct {
	text   string
	chat   string // the page's id of the chat, "" for none
	id     string // the page's id of the message, "" for none
	ticket string // of the conversation that continues, "" for that of the chat
	again  bool   // it was sent before
	later  bool   // the page shows a later message of the visitor
}

// decoder decodes the body of a message.
type decoder struct {
	limit  int64 // of the body
	decode func(body []byte) (message, *httpError)
}

func decodeMessage(body []byte) (message, *httpError) {
	m, e := decodeNative(body)
	if e == nil {
		e = checkText(m.text)
	}
	return m, e
}

func decodeRetry(body []byte) (message, *httpError) {
	m, e := decodeNative(body)
	m.again = true
	switch {
	case e != nil:
		return m, e
	case m.id == "":
		return m, invalid("id must be that of the message.")
	case m.chat == "" && m.ticket == "":
		return m, invalid("chat or conversation must be sent.")
	case m.text != "":
		return m, checkText(m.text)
	}
	return m, nil
}

func decodeNative(body []byte) (m message, e *httpError) {
	f, e := only(body, "message", "conversation", "chat", "id")
	if e != nil {
		return m, e
	}
	var isText bool
	if m.text, isText = f.text("message"); !isText {
		return m, invalid("message must be a string.")
	}
	if m.ticket, isText = f.text("conversation"); !isText {
		return m, invalid("conversation must be a string.")
	}
	if f.isEmpty("conversation") { // a ticket that was lost begins no new conversation
		return m, errConversationNotFound
	}
	return m, m.setNames(f, "chat", "id")
}

// setNames sets what the page calls the chat and the message.
func (m *message) setNames(f fields, chat, id string) *httpError {
	var isChat, isID bool
	m.chat, isChat = f.text(chat)
	m.id, isID = f.text(id)
	switch {
	case !isChat || !isName(m.chat, maxChat) || f.isEmpty(chat):
		return invalid(chat + " must be 1 to 128 visible ASCII characters.")
	case !isID || !isName(m.id, maxMessageID) || f.isEmpty(id):
		return invalid(id + " must be 1 to 256 visible ASCII characters.")
	}
	return nil
}

// replyEncoder encodes a reply: each method appends frames to b.
type replyEncoder interface {
	header(http.Header)
	start(b []byte, t replyTickets) []byte
	text(b []byte, quoted []byte) []byte // a JSON string
	other(b []byte, e chatclient.Event) []byte
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

type startFrame struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	replyTickets
}

type finishFrame struct {
	Type         string `json:"type"`
	FinishReason string `json:"finishReason"`
	replyTickets
}

// errorFrame has its own message, so that of the tickets is not there.
type errorFrame struct {
	Type       string `json:"type"`
	Code       string `json:"code"`
	Sentence   string `json:"message"`
	RetryAfter int    `json:"retryAfter,omitempty"`
	replyTickets
}

func (nativeEncoder) header(http.Header) {}

func (nativeEncoder) start(b []byte, t replyTickets) []byte {
	return appendFrame(b, startFrame{"start", wireVersion, t})
}

func (nativeEncoder) text(b []byte, quoted []byte) []byte {
	b = append(b, "data: "+textdelta.Prefix...)
	b = append(b, quoted...)
	return append(b, textdelta.Suffix+"\n\n"...)
}

func (nativeEncoder) other(b []byte, e chatclient.Event) []byte {
	return appendFrame(b, json.RawMessage(e.Raw))
}

func (nativeEncoder) finish(b []byte, reason string, t replyTickets) []byte {
	return appendFrame(b, finishFrame{"finish", reason, t})
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
