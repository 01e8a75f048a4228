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

// uiMessage is a message of the AI SDK as far as it is read.
type uiMessage struct {
	Role  string `json:"role"`
	Parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"parts"`
	Metadata json.RawMessage `json:"metadata"`
}

var (
	errRegenerate   = &refusal{status: http.StatusBadRequest, code: "regenerate_unsupported", sentence: "A reply cannot be made again."}
	errEdit         = &refusal{status: http.StatusBadRequest, code: "edit_unsupported", sentence: "A message that was sent cannot be changed or sent again."}
	errChatTooLarge = &refusal{status: http.StatusRequestEntityTooLarge, code: "too_large", sentence: "This chat has become too long. Please begin a new one."}
	errFiles        = &refusal{status: http.StatusBadRequest, code: "files_unsupported", sentence: "The assistant takes text only."}
)

// sayAISDK takes what DefaultChatTransport sends: the whole chat, every turn.
func (p *Proxy) sayAISDK(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	f, e := readFields(w, r, maxAIBody)
	if e == errTooLarge {
		return errChatTooLarge
	}
	if e != nil {
		return e
	}
	q, e := f.uiQuestion()
	if e != nil {
		return e
	}
	return p.relay(w, r, v, q, &uiForm{})
}

// uiQuestion reads the last message and the newest ticket. Fields that a page
// adds of its own are not looked at, but for a userId.
func (f fields) uiQuestion() (q question, e *refusal) {
	if e := f.noUserID(); e != nil {
		return q, e
	}
	trigger, e := f.text("trigger")
	if e != nil {
		return q, e
	}
	edited, e := f.text("messageId")
	switch {
	case e != nil:
		return q, e
	case trigger == "regenerate-message":
		return q, errRegenerate
	case trigger != "" && trigger != "submit-message":
		return q, invalid("trigger must be submit-message.")
	case edited != "":
		return q, errEdit
	}
	var messages []uiMessage
	if json.Unmarshal(f["messages"], &messages) != nil || len(messages) == 0 {
		return q, invalid("messages must be those of a chat.")
	}
	if q.text, e = messages[len(messages)-1].said(); e != nil {
		return q, e
	}
	q.ticket = newestTicket(messages)
	return q, nil
}

// said is the text of a user's message.
func (m uiMessage) said() (string, *refusal) {
	if m.Role != "user" {
		return "", invalid("The last message must be the user's.")
	}
	var b strings.Builder
	for _, part := range m.Parts {
		if part.Type != "text" {
			return "", errFiles
		}
		b.WriteString(part.Text)
	}
	return b.String(), nil
}

func newestTicket(messages []uiMessage) string {
	for _, m := range slices.Backward(messages) {
		var t replyTickets
		if m.Role == "assistant" && json.Unmarshal(m.Metadata, &t) == nil && t.Conversation != "" {
			return t.Conversation
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
