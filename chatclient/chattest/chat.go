package chattest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (f *Fake) chat(r *http.Request) (*run, *rejection) {
	b, problem := readBody(r)
	if problem != nil {
		return nil, problem
	}
	text, hasText := field[string](b, "message")
	userID, hasUserID := field[string](b, "userId")
	id, hasID := field[int64](b, "conversationId")
	stream, hasStream := field[bool](b, "stream")
	b.require("message", !hasText && hasID || strings.TrimSpace(text) != "", "must not be empty")
	b.require("userId", !hasUserID || userIDPattern.MatchString(userID), userIDRule)
	if problem := b.rejection(); problem != nil {
		return nil, problem
	}
	var c *conversation
	if hasID {
		if c = f.find(strconv.FormatInt(id, 10)); c == nil {
			return nil, notFound()
		}
		b.require("message", hasText || c.awaitsReply() && f.readings["continue-without-message"] == "accepted",
			"may only be missing after a tool's result")
		problem := cmp.Or(b.rejection(), f.checkStatus(c))
		if problem == nil && hasUserID {
			problem = f.checkUser(c, userID)
		}
		if problem != nil {
			return nil, problem
		}
	} else {
		c = f.store.create(userID, f.titleOf(text))
	}
	if hasText {
		c.add(f.store.newMessage("user", Text(text)))
	}
	return f.newRun(c, Turn{Message: text}, stream || !hasStream), nil
}

func (f *Fake) titleOf(text string) *string {
	if !f.options.Titles {
		return nil
	}
	runes := []rune(text)
	title := string(runes[:min(len(runes), 40)])
	return &title
}

// checkStatus rejects messages to a conversation that has ended, and to one that
// a person has taken over or paused under that reading.
func (f *Fake) checkStatus(c *conversation) *rejection {
	if c.Status == "ended" || c.heldByPerson() && f.readings["taken-over"] == "400" {
		return &rejection{status: http.StatusBadRequest, Code: "CHAT_CONVERSATION_NOT_ONGOING", Message: "The conversation is not ongoing"}
	}
	return nil
}

// checkUser handles a userId that is sent to an existing conversation.
func (f *Fake) checkUser(c *conversation, userID string) *rejection {
	point := "foreign-conversation"
	switch {
	case c.UserID == nil:
		point = "anonymous-userid"
	case *c.UserID == userID:
		return nil
	}
	switch f.readings[point] {
	case "adopted":
		c.UserID = &userID
	case "404":
		return notFound()
	case "400":
		return &rejection{status: http.StatusBadRequest, Code: "CHAT_CONVERSATION_MISMATCH", Message: "The conversation belongs to another user"}
	}
	return nil
}

// open returns the conversation in the path, and the body.
func (f *Fake) open(r *http.Request) (*conversation, *body, *rejection) {
	c := f.find(r.PathValue("conversationId"))
	if c == nil {
		return nil, nil, notFound()
	}
	b, problem := readBody(r)
	return c, b, problem
}

// retry truncates the conversation at the message in the body, by default at its
// end, and sends the user's message before that again. Both get new ids.
func (f *Fake) retry(r *http.Request) (*run, *rejection) {
	c, b, problem := f.open(r)
	if problem != nil {
		return nil, problem
	}
	id, hasID := b.messageID(f.store.numericMessages)
	stream, hasStream := field[bool](b, "stream")
	if problem := cmp.Or(b.rejection(), f.checkStatus(c)); problem != nil {
		return nil, problem
	}
	end := len(c.messages)
	if hasID {
		if end = c.index(id); end < 0 {
			return nil, &rejection{status: http.StatusNotFound, Code: "CHAT_RETRY_MESSAGE_NOT_FOUND", Message: "There is no such message"}
		}
	}
	last := lastUserMessage(c.messages[:end])
	if last < 0 {
		return nil, &rejection{status: http.StatusBadRequest, Code: "CHAT_RETRY_NO_USER_MESSAGE", Message: "There is no user message before it"}
	}
	again := f.store.newMessage("user", c.messages[last].Parts...)
	c.messages = c.messages[:last]
	c.add(again)
	c.results, c.submitted = nil, nil
	return f.newRun(c, Turn{Message: again.Parts[0].Text, Retry: true}, stream || !hasStream), nil
}

func (f *Fake) feedback(r *http.Request) (any, *rejection) {
	c, b, problem := f.open(r)
	if problem != nil {
		return nil, problem
	}
	allowed := []string{`"positive"`, `"negative"`, "null"}
	if f.readings["feedback-null"] == "400" {
		allowed = allowed[:2]
	}
	value := b.fields["feedback"]
	b.require("feedback", slices.Contains(allowed, string(value)), "must be one of "+strings.Join(allowed, ", "))
	if problem := b.rejection(); problem != nil {
		return nil, problem
	}
	i := c.index(r.PathValue("messageId"))
	switch {
	case i < 0:
		return nil, &rejection{status: http.StatusNotFound, Code: "RESOURCE_MESSAGE_NOT_FOUND", Message: "There is no such message"}
	case c.messages[i].Role != "assistant":
		return nil, &rejection{status: http.StatusBadRequest, Code: "RESOURCE_MESSAGE_NOT_ASSISTANT", Message: "The message is not the assistant's"}
	}
	c.messages[i].Feedback = value
	return data{c.messages[i]}, nil
}
