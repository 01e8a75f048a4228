package chattest

import (
	"encoding/json"
	"strconv"

	"github.com/chatident/chatident/internal/fake"
)

// frame is an event of a stream.
type frame struct {
	Type            string          `json:"type,omitempty"`
	MessageID       any             `json:"messageId,omitempty"`
	ID              string          `json:"id,omitempty"`
	Text            string          `json:"text,omitempty"`
	Delta           string          `json:"delta,omitempty"`
	ToolCallID      string          `json:"toolCallId,omitempty"`
	ToolName        string          `json:"toolName,omitempty"`
	Input           json.RawMessage `json:"input,omitempty"`
	ErrorText       string          `json:"errorText,omitempty"`
	Error           *rejection      `json:"error,omitempty"`
	FinishReason    string          `json:"finishReason,omitempty"`
	*metadata                       // the reading "flat"
	Metadata        *metadata       `json:"metadata,omitempty"`
	MessageMetadata *metadata       `json:"messageMetadata,omitempty"`
}

type metadata struct {
	UserMessageID  any     `json:"userMessageId"`
	ConversationID any     `json:"conversationId"`
	UserID         *string `json:"userId"`
	FinishReason   string  `json:"finishReason,omitempty"`
	MessageID      any     `json:"messageId,omitempty"`
	Usage          usage   `json:"usage"`
}

type usage struct {
	Credits int `json:"credits"`
}

// step is a piece of a reply: first the history gets the piece, if it has a type,
// then the stream sends the frame, if there is one.
type step struct {
	piece  Part
	begins bool // the piece is a new part
	frame  *frame
}

// steps divides a reply. A stream whose text has the name "delta" also has the
// frames for starts and ends that Chatbase documents.
func (x *run) steps(parts []Part) (steps []step, finishReason string) {
	newer := x.fake.readings["text-delta"] == "delta"
	mark := func(f frame) {
		if newer {
			steps = append(steps, step{frame: &f})
		}
	}
	mark(frame{Type: "message-start", MessageID: x.reply.ID})
	mark(frame{Type: "start-step"})
	finishReason = "stop"
	for i, part := range parts {
		if part.Type != "text" {
			finishReason = "tool-calls"
			steps = append(steps, x.callSteps(part)...)
			continue
		}
		id := "text_" + strconv.Itoa(i+1)
		mark(frame{Type: "text-start", ID: id})
		for j, word := range words(part.Text) {
			delta := &frame{Type: "text-delta", Text: word}
			if newer {
				delta = &frame{Type: "text-delta", ID: id, Delta: word}
			}
			steps = append(steps, step{Text(word), j == 0, delta})
		}
		mark(frame{Type: "text-end", ID: id})
	}
	mark(frame{Type: "finish-step"})
	mark(x.withMetadata("message-metadata", finishReason))
	finish := x.withMetadata("finish", finishReason)
	return append(steps, step{frame: &finish}), finishReason
}

func (x *run) callSteps(call Part) []step {
	fake.Encode(call) // panics before an Input that is not JSON is in the history
	if x.fake.readings["tool-call"] == "stored" {
		return []step{{piece: call, begins: true}}
	}
	return []step{
		{frame: &frame{Type: "tool-input-start", ToolCallID: call.ToolCallID, ToolName: call.ToolName}},
		{call, true, &frame{Type: "tool-input-available", ToolCallID: call.ToolCallID, ToolName: call.ToolName, Input: call.Input}},
	}
}

// withMetadata returns a frame with the metadata and the reason where the
// readings have them.
func (x *run) withMetadata(kind, finishReason string) frame {
	f := frame{Type: kind, FinishReason: finishReason}
	m := x.metadata
	m.MessageID = x.reply.ID
	switch x.fake.readings["stream-metadata"] {
	case "flat":
		f.MessageID = x.reply.ID // hides that of the metadata
		f.metadata = &m
		return f // the reason is beside the type in either reading
	case "messageMetadata":
		f.MessageMetadata = &m
	default:
		f.Metadata = &m
	}
	if x.fake.readings["finish-reason"] == "inside" {
		f.FinishReason, m.FinishReason = "", finishReason
	}
	return f
}

// errorFrame is the failure of a stream.
func (f *Fake) errorFrame(text string) frame {
	problem := &rejection{Code: "CHAT_STREAMING_ERROR", Message: text}
	switch f.readings["stream-error"] {
	case "object":
		return frame{Type: "error", Error: problem}
	case "envelope":
		return frame{Error: problem}
	}
	return frame{Type: "error", ErrorText: text}
}
