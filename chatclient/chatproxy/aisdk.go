package chatproxy

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/chatident/chatident/chatclient"
)

// Source: AI SDK, "Stream Protocol", UI message stream version 1, and the body
// of HttpChatTransport and the schema of its chunks in the npm package ai, 5 to 7.

const (
	maxMessages = 10_000 // a megabyte of messages that have text are fewer
	maxParts    = 100    // of the last message
)

var (
	errRegenerate   = &refusal{status: http.StatusBadRequest, code: "regenerate_unsupported", sentence: "A reply cannot be made again."}
	errEdit         = &refusal{status: http.StatusBadRequest, code: "edit_unsupported", sentence: "A message that was sent cannot be changed or sent again."}
	errChatTooLarge = &refusal{status: http.StatusRequestEntityTooLarge, code: "too_large", sentence: "This chat has become too long. Please begin a new one."}
	errFiles        = &refusal{status: http.StatusBadRequest, code: "files_unsupported", sentence: "The assistant takes text only."}
)

// sayAISDK takes what DefaultChatTransport sends: the whole chat, every turn.
func (p *Proxy) sayAISDK(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	var q question
	e := p.withBody(w, r, v, maxAIBody, func(body []byte) (e *refusal) {
		q, e = decodeChat(body)
		return e
	})
	switch {
	case e == errTooLarge:
		return errChatTooLarge
	case e != nil:
		return e
	}
	return p.relay(w, r, v, q, &uiForm{})
}

// decodeChat reads the last message and the newest ticket. Fields that a page adds are
// ignored, except a userId.
func decodeChat(body []byte) (q question, e *refusal) {
	for name := range members(body) {
		if isUserID(name) {
			return q, errUserID
		}
	}
	f := pick(body, "trigger", "messageId", "messages")
	trigger, isText := f.text("trigger")
	edited, isID := f.text("messageId")
	switch {
	case !isID:
		return q, invalid("messageId must be a string.")
	case trigger == "regenerate-message":
		return q, errRegenerate
	case !isText || trigger != "" && trigger != "submit-message":
		return q, invalid("trigger must be submit-message.")
	case edited != "":
		return q, errEdit
	}
	messages := list(f["messages"], maxMessages)
	switch {
	case len(messages) == 0:
		return q, invalid("messages must be those of a chat.")
	case len(messages) > maxMessages:
		return q, errChatTooLarge
	}
	q.text, e = userText(messages[len(messages)-1])
	q.ticket = newestTicket(messages)
	return q, e
}

// userText returns the text of a user's message.
func userText(message json.RawMessage) (string, *refusal) {
	f := pick(message, "role", "parts")
	if role, _ := f.text("role"); role != "user" {
		return "", invalid("The last message must be the user's.")
	}
	parts := list(f["parts"], maxParts)
	if len(parts) > maxParts {
		return "", invalid("The last message must have at most 100 parts.")
	}
	var b strings.Builder
	for _, part := range parts {
		p := pick(part, "type", "text")
		if kind, _ := p.text("type"); kind != "text" {
			return "", errFiles
		}
		text, ok := p.text("text")
		if !ok {
			return "", invalid("text must be a string.")
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// newestTicket looks for a ticket from the last message backwards.
func newestTicket(messages []json.RawMessage) string {
	for _, message := range slices.Backward(messages) {
		f := pick(message, "role", "metadata")
		role, _ := f.text("role")
		ticket, _ := pick(f["metadata"], "conversation").text("conversation")
		if role == "assistant" && ticket != "" {
			return ticket
		}
	}
	return ""
}

// nothingToResume is what useChat is told with the option resume: a reply that
// a page has left is found again through its history.
func nothingToResume(w http.ResponseWriter, _ *http.Request, _ visit) *refusal {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uiForm writes a reply as a UI message stream.
type uiForm struct {
	blocks int  // of text, which stands before and after tool calls
	open   bool // the last of them
}

type uiChunk struct {
	Type            string          `json:"type"`
	ID              string          `json:"id,omitempty"`
	ErrorText       string          `json:"errorText,omitempty"`
	MessageMetadata *replyTickets   `json:"messageMetadata,omitempty"`
	ToolCallID      string          `json:"toolCallId,omitempty"`
	ToolName        string          `json:"toolName,omitempty"`
	Input           json.RawMessage `json:"input,omitempty"`
}

func (*uiForm) header(h http.Header) { h.Set("X-Vercel-AI-UI-Message-Stream", "v1") }

func (*uiForm) start(b []byte, conversation string) []byte {
	return appendFrame(b, uiChunk{Type: "start", MessageMetadata: replyTickets{Conversation: conversation}.orNil()})
}

func (f *uiForm) text(b []byte, quoted []byte) []byte {
	if !f.open {
		f.open = true
		f.blocks++
		b = appendFrame(b, uiChunk{Type: "text-start", ID: f.id()})
	}
	b = append(b, `data: {"type":"text-delta","id":"`...)
	b = append(b, f.id()...)
	b = append(b, `","delta":`...)
	b = append(b, quoted...)
	return append(b, "}\n\n"...)
}

func (f *uiForm) id() string { return strconv.Itoa(f.blocks) }

func (f *uiForm) other(b []byte, e chatclient.Event) []byte {
	if e.ToolCall == nil || e.ToolCall.ToolCallID == "" {
		return b
	}
	return appendFrame(f.end(b), uiChunk{
		Type: chatclient.EventToolCall, ToolCallID: e.ToolCall.ToolCallID, ToolName: e.ToolCall.ToolName, Input: e.ToolCall.Input,
	})
}

// end ends the block of text, if there is one.
func (f *uiForm) end(b []byte) []byte {
	if !f.open {
		return b
	}
	f.open = false
	return appendFrame(b, uiChunk{Type: "text-end", ID: f.id()})
}

// finish has no reason: the schemas of early releases of ai 5 refuse it.
func (f *uiForm) finish(b []byte, _ string, t replyTickets) []byte {
	return appendFrame(f.end(b), uiChunk{Type: "finish", MessageMetadata: t.orNil()})
}

// fail tells the tickets first: after an error the reader stops.
func (f *uiForm) fail(b []byte, _, sentence string, t replyTickets) []byte {
	b = f.end(b)
	if t.orNil() != nil {
		b = appendFrame(b, uiChunk{Type: "message-metadata", MessageMetadata: &t})
	}
	return appendFrame(b, uiChunk{Type: "error", ErrorText: sentence})
}
