package chattest

import (
	"encoding/json"
	"strconv"
)

// frame is an event of a stream: Text is Bookbag's, Delta is Chatbase's.
type frame struct {
	Type         string          `json:"type"`
	MessageID    string          `json:"messageId,omitempty"`
	ID           string          `json:"id,omitempty"`
	Text         string          `json:"text,omitempty"`
	Delta        string          `json:"delta,omitempty"`
	ToolCallID   string          `json:"toolCallId,omitempty"`
	ToolName     string          `json:"toolName,omitempty"`
	Input        json.RawMessage `json:"input,omitempty"`
	ErrorText    string          `json:"errorText,omitempty"`
	FinishReason string          `json:"finishReason,omitempty"`
	*metadata                    // of a message-metadata frame
	Metadata     *metadata       `json:"metadata,omitempty"` // of a finish frame
}

// metadata stands in three places, of which each leaves out another field.
type metadata struct {
	UserMessageID  string  `json:"userMessageId"`
	ConversationID string  `json:"conversationId"`
	UserID         *string `json:"userId"`
	FinishReason   string  `json:"finishReason,omitempty"`
	MessageID      string  `json:"messageId,omitempty"`
	Usage          usage   `json:"usage"`
}

type usage struct {
	Credits int `json:"credits"`
}

func (x *run) metadata(finishReason, messageID string) metadata {
	return metadata{x.userMessageID, x.conversation.ID, x.conversation.UserID, finishReason, messageID, usage{1}}
}

// plain is what Bookbag documents of a frame in the newer form, if anything.
func (f frame) plain() (frame, bool) {
	switch f.Type {
	case "text-delta":
		return frame{Type: f.Type, Text: f.Delta}, true
	case "finish":
		return f, true
	}
	return frame{}, false
}

// frames makes the reply piece by piece. One page of Chatbase has the metadata
// in message-metadata and another in finish, where Bookbag has it: the newer
// form sends both.
func (x *run) frames(yield func(frame) bool) {
	send := func(frames ...frame) bool {
		for _, f := range frames {
			wanted := x.fake.readings["text-delta"] == "delta"
			if !wanted {
				f, wanted = f.plain()
			}
			if wanted && !yield(f) {
				return false
			}
		}
		return true
	}
	parts := x.fake.options.Reply(x.turn) // without the lock: it may ask the fake
	if !send(frame{Type: "message-start", MessageID: x.reply.ID}, frame{Type: "start-step"}) {
		return
	}
	for i, part := range parts {
		if part.Type == "text" && !x.sendText(send, part.Text, "text_"+strconv.Itoa(i+1)) {
			return
		}
		if part.Type != "text" && !x.sendCall(send, part) {
			return
		}
	}
	m := x.metadata("", x.reply.ID)
	send(
		frame{Type: "finish-step"},
		frame{Type: "message-metadata", MessageID: x.reply.ID, FinishReason: x.finishReason, metadata: &m},
		frame{Type: "finish", FinishReason: x.finishReason, Metadata: &m})
}

func (x *run) sendText(send func(...frame) bool, text, id string) bool {
	if !send(frame{Type: "text-start", ID: id}) {
		return false
	}
	at := -1
	for _, word := range words(text) {
		at = x.grow(at, Text(word))
		if !send(frame{Type: "text-delta", ID: id, Delta: word}) {
			return false
		}
	}
	return send(frame{Type: "text-end", ID: id})
}

func (x *run) sendCall(send func(...frame) bool, call Part) bool {
	encode(call) // panics before an Input that is not JSON is in the history
	x.finishReason = "tool-calls"
	x.grow(-1, call)
	return send(
		frame{Type: "tool-input-start", ToolCallID: call.ToolCallID, ToolName: call.ToolName},
		frame{Type: "tool-input-available", ToolCallID: call.ToolCallID, ToolName: call.ToolName, Input: call.Input})
}

// grow adds a piece to the reply's part number at, or as a new part when that
// is negative, and returns the number. The reply enters the history with its
// first piece: a client that goes away finds there whatever it has read, and
// perhaps a word more.
func (x *run) grow(at int, piece Part) int {
	x.fake.mu.Lock()
	defer x.fake.mu.Unlock()
	if len(x.reply.Parts) == 0 {
		x.conversation.add(x.reply)
	}
	if at < 0 {
		at = len(x.reply.Parts)
		x.reply.Parts = append(x.reply.Parts, Part{})
	}
	piece.Text = x.reply.Parts[at].Text + piece.Text
	x.reply.Parts[at] = piece
	x.fake.store.touch(x.conversation)
	return at
}
