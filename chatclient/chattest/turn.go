package chattest

import (
	"encoding/json"
	"strings"
)

// Turn is what the assistant replies to.
type Turn struct {
	Message        string // empty if the conversation continues after a tool's result
	UserID         string // the user of the conversation, empty for none
	ConversationID string
	ToolResults    []Part // those submitted since the last reply
	Retry          bool   // the same message again
}

// Part is a piece of a message, of one of three types: "text" with Text,
// "tool-call" with Input, and "tool-result" with Output.
type Part struct {
	Type       string          `json:"type"`
	Text       string          `json:"text,omitempty"`
	ToolCallID string          `json:"toolCallId,omitempty"`
	ToolName   string          `json:"toolName,omitempty"`
	Input      json.RawMessage `json:"input,omitempty"`
	Output     json.RawMessage `json:"output,omitempty"`
}

// Text returns a part of a reply. An empty one is not sent.
func Text(text string) Part { return Part{Type: "text", Text: text} }

// ToolCall returns a part of a reply that asks the client to run a tool. A reply
// with such a part ends with the reason "tool-calls". The input must be JSON, or
// the request panics.
func ToolCall(id, name, input string) Part {
	return Part{Type: "tool-call", ToolCallID: id, ToolName: name, Input: json.RawMessage(input)}
}

// words returns each word with the space after it.
func words(text string) []string {
	words := strings.SplitAfter(text, " ")
	if last := len(words) - 1; words[last] == "" {
		words = words[:last]
	}
	return words
}
