package chatproxy

import (
	"cmp"
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
	maxMessages = 10_000 // messages with text in a body of 1 MB are fewer
	maxParts    = 100    // of the requested message
)

var (
	errChatTooLarge = newHTTPError(http.StatusRequestEntityTooLarge, "too_large", "This chat has become too long. Please begin a new one.")
	errFiles        = newHTTPError(http.StatusBadRequest, "files_unsupported", "The assistant takes text only.")
)

// decodeAISDK decodes what DefaultChatTransport sends. Fields that a page adds are
// ignored, except a userId.
func decodeAISDK(body []byte) (m message, e *httpError) {
	f := pick(body, "trigger", "messageId", "conversation", "id", "message", "messages")
	trigger, badTrigger := f.text("trigger")
	wanted, badWanted := f.text("messageId")
	ticket, badTicket := f.ticket()
	chat, badChat := f.name("id", maxChat)
	messages, badMessages := f.messages()
	if e := cmp.Or(badTrigger, badWanted, badTicket, badChat, badMessages); e != nil {
		return m, e
	}
	if trigger != "" && trigger != "submit-message" && trigger != "regenerate-message" {
		return m, invalid("trigger must be submit-message or regenerate-message.")
	}
	m = message{chat: chat, ticket: cmp.Or(ticket, newestTicket(messages)), again: trigger == "regenerate-message"}
	at := findWanted(messages, wanted, m.again)
	if at < 0 {
		return m, m.setResults(messages[len(messages)-1])
	}
	m.later = slices.ContainsFunc(messages[at+1:], isUser)
	return m, m.setWanted(messages[at])
}

// messages returns those of a chat, or the last one alone.
func (f fields) messages() ([]json.RawMessage, *httpError) {
	if one := f["message"]; len(one) > 0 && one[0] == '{' {
		return []json.RawMessage{one}, nil
	}
	messages := items(f["messages"], maxMessages)
	switch {
	case len(messages) > maxMessages:
		return nil, errChatTooLarge
	case len(messages) == 0:
		return nil, invalid("messages must be those of a chat.")
	}
	return messages, nil
}

// findWanted returns the index of the user's message that is requested, or -1: the one with the id,
// else the last one. If another reply is requested and the id is that of a reply, it is the user's
// message before that reply.
func findWanted(messages []json.RawMessage, id string, again bool) int {
	last := len(messages) - 1
	for i := last; id != "" && i >= 0; i-- {
		if got, _ := pick(messages[i], "id").text("id"); got == id {
			last = i
			break
		}
	}
	for ; again && last >= 0 && !isUser(messages[last]); last-- {
	}
	if last >= 0 && !isUser(messages[last]) {
		return -1
	}
	return last
}

func isUser(message json.RawMessage) bool {
	role, _ := pick(message, "role").text("role")
	return role == "user"
}

// setWanted sets the text and the id of the requested message.
func (m *message) setWanted(wanted json.RawMessage) *httpError {
	f := pick(wanted, "id", "parts")
	text, badText := userText(f["parts"])
	id, badID := f.name("id", maxMessageID)
	m.text, m.id = text, id
	e := cmp.Or(badText, checkText(text), badID)
	if e == nil && m.again && id == "" {
		e = invalid("The message must have an id.")
	}
	return e
}

// userText returns the text of the parts of a user's message.
func userText(list json.RawMessage) (string, *httpError) {
	parts := items(list, maxParts)
	if len(parts) > maxParts {
		return "", invalid("The last message must have at most 100 parts.")
	}
	var b strings.Builder
	for _, part := range parts {
		p := pick(part, "type", "text")
		if kind, _ := p.text("type"); kind != "text" {
			return "", errFiles
		}
		text, e := p.text("text")
		if e != nil {
			return "", e
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// newestTicket returns the newest ticket of a conversation in the metadata of the messages. Replies
// have one, and the visitor's messages if they come from the history, where their id is their ticket.
// They matter while the only reply is regenerated.
func newestTicket(messages []json.RawMessage) string {
	for _, message := range slices.Backward(messages) {
		f := pick(message, "id", "role", "metadata")
		metadata := pick(f["metadata"], "conversation", "message")
		ticket, _ := metadata.text("conversation")
		role, _ := f.text("role")
		id, _ := f.text("id")
		own, _ := metadata.text("message")
		if ticket != "" && (role == "assistant" || id != "" && id == own) {
			return ticket
		}
	}
	return ""
}

// aiSDKEncoder encodes a reply as a UI message stream.
type aiSDKEncoder struct {
	blocks int  // of text; a tool call begins a new one
	open   bool // the last block has not ended
}

type uiChunk struct {
	Type             string            `json:"type"`
	ID               string            `json:"id,omitempty"`
	ErrorText        string            `json:"errorText,omitempty"`
	MessageMetadata  replyTickets      `json:"messageMetadata,omitzero"`
	ToolCallID       string            `json:"toolCallId,omitempty"`
	ToolName         string            `json:"toolName,omitempty"`
	Input            json.RawMessage   `json:"input,omitempty"`
	ProviderExecuted bool              `json:"providerExecuted,omitempty"` // the page has no result to send
	Data             map[string]string `json:"data,omitempty"`
}

func (*aiSDKEncoder) header(h http.Header) { h.Set("X-Vercel-AI-UI-Message-Stream", "v1") }

func (*aiSDKEncoder) start(b []byte, t replyTickets) []byte {
	return appendFrame(b, uiChunk{Type: "start", MessageMetadata: t})
}

func (f *aiSDKEncoder) text(b []byte, quoted []byte) []byte {
	if !f.open {
		f.open = true
		f.blocks++
		b = appendFrame(b, uiChunk{Type: "text-start", ID: f.id()})
	}
	b = append(b, `data: {"type":"text-delta","id":"`...)
	b = strconv.AppendInt(b, int64(f.blocks), 10)
	b = append(b, `","delta":`...)
	b = append(b, quoted...)
	return append(b, "}\n\n"...)
}

func (f *aiSDKEncoder) id() string { return strconv.Itoa(f.blocks) }

func (f *aiSDKEncoder) other(b []byte, e chatclient.Event) []byte {
	if e.ToolCall == nil || e.ToolCall.ToolCallID == "" {
		return b
	}
	c := callChunk(*e.ToolCall)
	c.ProviderExecuted = true
	return appendFrame(f.endText(b), c)
}

// endText ends the open block of text.
func (f *aiSDKEncoder) endText(b []byte) []byte {
	if !f.open {
		return b
	}
	f.open = false
	return appendFrame(b, uiChunk{Type: "text-end", ID: f.id()})
}

// finish does not send the reason: the schemas of early releases of ai 5 reject it.
func (f *aiSDKEncoder) finish(b []byte, _ string, t replyTickets) []byte {
	return appendFrame(f.endText(b), uiChunk{Type: "finish", MessageMetadata: t})
}

// fail sends the tickets first, because the reader stops at an error. If the error would have been a
// response before the stream began, its text is the JSON of that response.
func (f *aiSDKEncoder) fail(b []byte, e *httpError, t replyTickets) []byte {
	b = f.endText(b)
	if t != (replyTickets{}) {
		b = appendFrame(b, uiChunk{Type: "message-metadata", MessageMetadata: t})
	}
	text := e.sentence
	if e.status != 0 {
		text = string(e.json())
	}
	return appendFrame(b, uiChunk{Type: "error", ErrorText: text})
}
