package chattest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const firstConversation = 456

// store holds the conversations, the most recently active one last.
type store struct {
	numericConversations, numericMessages bool // how ids look in responses

	conversations []*conversation
	created       int64 // how many conversations
	messages      int64
	activities    int64
}

type conversation struct {
	ID        any     `json:"id"` // a string or a number
	Title     *string `json:"title"`
	CreatedAt int64   `json:"createdAt"`
	UpdatedAt int64   `json:"updatedAt"`
	UserID    *string `json:"userId"`
	Status    string  `json:"status"`

	widget    bool  // not made through the API
	activity  int64 // when it was last active: seconds are too coarse to sort by
	messages  []*message
	added     int64    // how many messages, with those that a retry removed
	results   []Part   // of tools, since the last reply
	submitted []string // ids of tool calls for which a result came, if only once too early
}

type message struct {
	ID        any             `json:"id"` // a string or a number
	Role      string          `json:"role"`
	Parts     []Part          `json:"parts"`
	CreatedAt int64           `json:"createdAt"`
	Feedback  json.RawMessage `json:"feedback,omitempty"` // null at first for the assistant, missing for the user

	number int64 // in its conversation, in the order of the history
}

// id is the ID as it is in paths.
func (c *conversation) id() string { return fmt.Sprint(c.ID) }

// find returns nil for an unknown conversation.
func (s *store) find(id string) *conversation {
	i := slices.IndexFunc(s.conversations, func(c *conversation) bool { return c.id() == id })
	if i < 0 {
		return nil
	}
	return s.conversations[i]
}

func (s *store) create(userID string, title *string) *conversation {
	c := &conversation{Title: title, CreatedAt: time.Now().Unix(), Status: "ongoing"}
	number := firstConversation + s.created
	if c.ID = strconv.FormatInt(number, 10); s.numericConversations {
		c.ID = number
	}
	if userID != "" {
		c.UserID = &userID
	}
	s.created++
	s.conversations = append(s.conversations, c)
	s.touch(c)
	return c
}

// touch makes the conversation the most recently active one.
func (s *store) touch(c *conversation) {
	s.activities++
	c.activity = s.activities
	c.UpdatedAt = time.Now().Unix()
	i := slices.Index(s.conversations, c)
	s.conversations = append(slices.Delete(s.conversations, i, i+1), c)
}

func (s *store) newMessage(role string, parts ...Part) *message {
	s.messages++
	m := &message{Role: role, Parts: parts, CreatedAt: time.Now().Unix()}
	if m.ID = "msg_" + strconv.FormatInt(s.messages, 10); s.numericMessages {
		m.ID = s.messages
	}
	if role == "assistant" {
		m.Feedback = json.RawMessage("null")
	}
	return m
}

// add numbers a message when it enters the history: of two concurrent replies
// the one with the higher id may be first.
func (c *conversation) add(m *message) {
	c.added++
	m.number = c.added
	c.messages = append(c.messages, m)
}

// index returns -1 for an unknown message.
func (c *conversation) index(messageID string) int {
	return slices.IndexFunc(c.messages, func(m *message) bool { return fmt.Sprint(m.ID) == messageID })
}

// lastUserMessage returns its index, or -1.
func lastUserMessage(messages []*message) int {
	for i, m := range slices.Backward(messages) {
		if m.Role == "user" {
			return i
		}
	}
	return -1
}
