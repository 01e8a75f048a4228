package chatclient

import (
	"encoding/json"
	"strings"

	"github.com/chatident/chatident/internal/bookbag"
)

// Types of a [Part].
const (
	PartText       = "text"
	PartToolCall   = "tool-call"
	PartToolResult = "tool-result" // not documented by Bookbag, but by Chatbase
)

// Part is a piece of a message. The fields beside Type and Raw are set as far
// as the type has them; a type that this package does not know has Raw alone.
//
// Source: Bookbag, API v2, "Messages".
type Part struct {
	Type string `json:"type"`

	// Text is that of a text part.
	Text string `json:"text,omitempty"`

	// ToolCallID and ToolName are those of a tool's call and result.
	ToolCallID string `json:"toolCallId,omitempty"`
	ToolName   string `json:"toolName,omitempty"`

	// Input is what a tool is called with, Output what it gave: any JSON.
	Input  json.RawMessage `json:"input,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`

	// Raw is the part as it came.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON keeps the part as it came, too.
func (p *Part) UnmarshalJSON(b []byte) error {
	type part Part
	if err := json.Unmarshal(b, (*part)(p)); err != nil {
		*p = Part{} // of another shape: Raw says which
	}
	p.Raw = append(json.RawMessage(nil), b...)
	return nil
}

// Metadata says what a reply belongs to and what it cost.
//
// Source: Bookbag, API v2, "Streaming". The service documents its ids only in
// examples, where that of a conversation is a string.
type Metadata struct {
	MessageID      string         `json:"messageId"`     // the reply's
	UserMessageID  string         `json:"userMessageId"` // of the message that it responds to
	ConversationID ConversationID `json:"conversationId"`
	UserID         UserID         `json:"userId"`
	FinishReason   string         `json:"finishReason"` // FinishStop, FinishToolCalls or another
	Usage          Usage          `json:"usage"`
}

// UnmarshalJSON reads ids that are strings or numbers. A field that is missing, null
// or of another type leaves the value that m has.
func (m *Metadata) UnmarshalJSON(b []byte) error {
	type metadata Metadata
	fields := struct {
		*metadata
		MessageID     *issuedID `json:"messageId"`
		UserMessageID *issuedID `json:"userMessageId"`
	}{(*metadata)(m), (*issuedID)(&m.MessageID), (*issuedID)(&m.UserMessageID)}
	return bookbag.Unmarshal(b, &fields)
}

// Usage is what a reply cost.
type Usage struct {
	Credits float64 `json:"credits"` // in the service's own unit
}

// Reasons of Metadata.FinishReason. Others may come.
const (
	FinishStop      = "stop"
	FinishToolCalls = "tool-calls" // the service waits for a tool's result
	FinishError     = "error"      // the reply failed: see ErrStreamFailed
)

// Reply is the assistant's response to a message.
//
// Source: Bookbag, API v2, "Send a message"; the form of the response without a
// stream is documented by Chatbase alone.
type Reply struct {
	ID           string   `json:"id"`
	Role         string   `json:"role"`
	Parts        []Part   `json:"parts"`
	Metadata     Metadata `json:"metadata"`
	ResponseInfo `json:"-"`
}

// Text returns the reply's text parts, joined.
func (r *Reply) Text() string { return textOf(r.Parts) }

// ToolCalls returns the calls that wait for a result.
func (r *Reply) ToolCalls() []Part { return toolCallsOf(r.Parts) }

func textOf(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Type == PartText {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func toolCallsOf(parts []Part) []Part {
	var calls []Part
	for _, p := range parts {
		if p.Type == PartToolCall {
			calls = append(calls, p)
		}
	}
	return calls
}
