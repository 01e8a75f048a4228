package chatclient

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/chatident/chatident/internal/bookbag"
)

// Types of a [Part].
const (
	PartText       = "text"
	PartToolCall   = "tool-call"
	PartToolResult = "tool-result" // documented by Chatbase only
)

// Part is a part of a message. The fields that its type has are set. Raw is
// always set, and is the only field of a part with an unexpected format.
//
// Source: Bookbag, API v2, "Messages".
type Part struct {
	Type string `json:"type"`

	// Text is the text of a text part.
	Text string `json:"text,omitempty"`

	// ToolCallID and ToolName are set for a tool call and for a tool result.
	ToolCallID string `json:"toolCallId,omitempty"`
	ToolName   string `json:"toolName,omitempty"`

	// Input is the input of a tool call, and Output the output of a tool result: any
	// JSON.
	Input  json.RawMessage `json:"input,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`

	// Raw is the part as it arrived.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON also stores the part in Raw.
func (p *Part) UnmarshalJSON(b []byte) error {
	type part Part
	if err := json.Unmarshal(b, (*part)(p)); err != nil {
		*p = Part{} // of another shape: Raw says which
	}
	p.Raw = append(json.RawMessage(nil), b...)
	return nil
}

// Metadata is the ids, the finish reason and the usage of a reply.
//
// Source: Bookbag, API v2, "Streaming". It documents the ids only in examples, in
// which the conversation id is a string.
type Metadata struct {
	MessageID      string         `json:"messageId"`     // the reply's
	UserMessageID  string         `json:"userMessageId"` // of the message that it responds to
	ConversationID ConversationID `json:"conversationId"`
	UserID         UserID         `json:"userId"`
	FinishReason   string         `json:"finishReason"` // FinishStop, FinishToolCalls or another
	Usage          Usage          `json:"usage"`
}

// UnmarshalJSON accepts ids that are strings or numbers. A field that is missing, null
// or of another type keeps its value.
func (m *Metadata) UnmarshalJSON(b []byte) error {
	type metadata Metadata
	fields := struct {
		*metadata
		MessageID     *issuedID `json:"messageId"`
		UserMessageID *issuedID `json:"userMessageId"`
	}{(*metadata)(m), (*issuedID)(&m.MessageID), (*issuedID)(&m.UserMessageID)}
	return bookbag.Unmarshal(b, &fields)
}

// Usage is the cost of a reply.
type Usage struct {
	Credits float64 `json:"credits"` // in the unit of the service
}

// Values of Metadata.FinishReason. There may be others.
const (
	FinishStop      = "stop"
	FinishToolCalls = "tool-calls" // the service waits for a tool's result
	FinishError     = "error"      // the reply failed: see ErrStreamFailed
)

// Reply is the assistant's response to a message.
//
// Source: Bookbag, API v2, "Send a message". Only Chatbase documents the form of a
// response that is not a stream.
type Reply struct {
	ID           string   `json:"id"`   // of the reply, as Metadata.MessageID
	Role         string   `json:"role"` // assistant
	Parts        []Part   `json:"parts"`
	Metadata     Metadata `json:"metadata"`
	ResponseInfo `json:"-"`
}

// Text returns the text parts of the reply, joined.
func (r *Reply) Text() string { return textOf(r.Parts) }

// ToolCalls returns the tool calls that wait for a result.
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

// reply makes a call and returns its response as a reply. If bad is not nil, it returns bad.
func (c *Client) reply(ctx context.Context, call bookbag.Call, bad error) (*Reply, error) {
	if bad != nil {
		return nil, bad
	}
	res, err := c.service().Do(ctx, call)
	if err != nil {
		return nil, fail(err)
	}
	return decodeReply(res)
}

// decodeReply decodes the body of a response.
func decodeReply(res *bookbag.Response) (*Reply, error) {
	r := Reply{ResponseInfo: infoOf(res.ResponseInfo)}
	fields := struct { // an id is a string or a number
		*Reply
		ID *issuedID `json:"id"`
	}{&r, (*issuedID)(&r.ID)}
	err := res.Decode(func(body []byte) error { return bookbag.Object(bookbag.Members(body)["data"], &fields) })
	if err == nil && r.Metadata.FinishReason == FinishError {
		err = res.Failure(ErrStreamFailed)
	}
	if err != nil {
		return nil, fail(err)
	}
	return &r, nil
}
