package chattest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (f *Fake) chat(r *http.Request) (*run, *refusal) {
	b, problem := readBody(r)
	if problem != nil {
		return nil, problem
	}
	text, hasText := field[string](b, "message")
	userID, hasUserID := field[string](b, "userId")
	id, hasID := field[int64](b, "conversationId")
	stream, hasStream := field[bool](b, "stream")
	b.require("message", !hasText && hasID || strings.TrimSpace(text) != "", "must not be empty")
	b.require("userId", !hasUserID || isUserID(userID), "must be 1 to 128 of a-z, A-Z, 0-9, ., _ and -")
	if problem := b.refusal(); problem != nil {
		return nil, problem
	}
	var c *conversation
	if hasID {
		if c = f.store.find(strconv.FormatInt(id, 10)); c == nil {
			return nil, notFound()
		}
		b.require("message", hasText || len(c.results) > 0, "may only be left out after a tool's result")
		if problem := b.refusal(); problem != nil {
			return nil, problem
		}
	} else {
		c = f.store.create(userID)
	}
	if hasText {
		c.add(f.store.newMessage("user", Text(text)))
	}
	return f.newRun(c, Turn{Message: text}, stream || !hasStream), nil
}

// open returns the conversation that the path names, and the body.
func (f *Fake) open(r *http.Request) (*conversation, *body, *refusal) {
	c := f.store.find(r.PathValue("conversationId"))
	if c == nil {
		return nil, nil, notFound()
	}
	b, problem := readBody(r)
	return c, b, problem
}

// retry follows Chatbase: what counts is the user's message before messageId.
// Without a messageId it is the last one.
func (f *Fake) retry(r *http.Request) (*run, *refusal) {
	c, b, problem := f.open(r)
	if problem != nil {
		return nil, problem
	}
	id, hasID := field[string](b, "messageId")
	stream, hasStream := field[bool](b, "stream")
	if problem := b.refusal(); problem != nil {
		return nil, problem
	}
	end := len(c.messages)
	if hasID {
		if end = c.index(id); end < 0 {
			return nil, &refusal{status: http.StatusNotFound, Code: "CHAT_RETRY_MESSAGE_NOT_FOUND", Message: "There is no such message"}
		}
	}
	for end > 0 && c.messages[end-1].Role != "user" {
		end--
	}
	if end == 0 {
		return nil, &refusal{status: http.StatusBadRequest, Code: "CHAT_RETRY_NO_USER_MESSAGE", Message: "There is no message of a user to answer"}
	}
	c.messages = c.messages[:end]
	c.results = nil
	return f.newRun(c, Turn{Message: c.messages[end-1].Parts[0].Text, Retry: true}, stream || !hasStream), nil
}

func (f *Fake) toolResult(r *http.Request) (any, *refusal) {
	c, b, problem := f.open(r)
	if problem != nil {
		return nil, problem
	}
	id, sent := field[string](b, "toolCallId")
	b.require("toolCallId", sent, "is needed")
	if problem := b.refusal(); problem != nil {
		return nil, problem
	}
	m, call := c.waitingCall(id)
	if m == nil {
		return nil, &refusal{status: http.StatusNotFound, Code: "RESOURCE_TOOL_CALL_NOT_FOUND", Message: "No such tool call waits for a result"}
	}
	result := Part{Type: "tool-result", ToolCallID: id, ToolName: call.ToolName, Output: b.fields["output"]}
	if result.Output == nil {
		result.Output = json.RawMessage("null")
	}
	m.Parts = append(m.Parts, result)
	c.results = append(c.results, result)
	f.store.touch(c)
	return data{map[string]bool{"success": true}}, nil
}

// waitingCall looks from the newest message: a reply after a retry may use the
// id of a call once more.
func (c *conversation) waitingCall(id string) (*message, Part) {
	for _, m := range slices.Backward(c.messages) {
		for _, p := range slices.Backward(m.Parts) {
			switch {
			case p.ToolCallID != id:
			case p.Type == "tool-result":
				return nil, Part{}
			default:
				return m, p
			}
		}
	}
	return nil, Part{}
}

func (f *Fake) feedback(r *http.Request) (any, *refusal) {
	c, b, problem := f.open(r)
	if problem != nil {
		return nil, problem
	}
	value := b.fields["feedback"]
	b.require("feedback", slices.Contains([]string{`"positive"`, `"negative"`, "null"}, string(value)), "must be positive, negative or null")
	if problem := b.refusal(); problem != nil {
		return nil, problem
	}
	i := c.index(r.PathValue("messageId"))
	switch {
	case i < 0:
		return nil, &refusal{status: http.StatusNotFound, Code: "RESOURCE_MESSAGE_NOT_FOUND", Message: "There is no such message"}
	case c.messages[i].Role != "assistant":
		return nil, &refusal{status: http.StatusBadRequest, Code: "RESOURCE_MESSAGE_NOT_ASSISTANT", Message: "The message is not the assistant's"}
	}
	c.messages[i].Feedback = value
	return data{c.messages[i]}, nil
}

func (c *conversation) index(messageID string) int {
	return slices.IndexFunc(c.messages, func(m *message) bool { return m.ID == messageID })
}
