package chattest

import (
	"encoding/json"
	"strings"
)

// Turn is what the assistant has to answer.
type Turn struct {
	Message        string // empty when a conversation goes on after a tool's result
	UserID         string // the conversation's, empty for none
	ConversationID string
	ToolResults    []Part // those submitted since the last reply
	Retry          bool   // the same message is answered again
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

// ToolCall returns a part of a reply that asks the client to run a tool. A
// reply with one ends with the reason "tool-calls". The input is JSON; with any
// other the request panics.
func ToolCall(id, name, input string) Part {
	return Part{Type: "tool-call", ToolCallID: id, ToolName: name, Input: json.RawMessage(input)}
}

// words keeps each with the space behind it.
func words(text string) []string {
	words := strings.SplitAfter(text, " ")
	if last := len(words) - 1; words[last] == "" {
		words = words[:last]
	}
	return words
}
