package chattest

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

const firstConversation = 456

// store holds the conversations, the most recently active one last.
type store struct {
	conversations []*conversation
	created       int64 // how many of them
	messages      int64
	activities    int64
}

type conversation struct {
	ID        string  `json:"id"`
	Title     *string `json:"title"`
	CreatedAt int64   `json:"createdAt"`
	UpdatedAt int64   `json:"updatedAt"`
	UserID    *string `json:"userId"`
	Status    string  `json:"status"`

	activity int64 // when it was last active: seconds are too coarse to sort by
	messages []*message
	added    int64  // how many messages, with those that a retry dropped
	results  []Part // of tools, since the last reply
}

type message struct {
	ID        string          `json:"id"`
	Role      string          `json:"role"`
	Parts     []Part          `json:"parts"`
	CreatedAt int64           `json:"createdAt"`
	Feedback  json.RawMessage `json:"feedback,omitempty"` // null at first in the assistant's, none in the user's

	number int64 // in its conversation, in the order of the history
}

// find returns nil for an unknown conversation.
func (s *store) find(id string) *conversation {
	i := slices.IndexFunc(s.conversations, func(c *conversation) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return s.conversations[i]
}

func (s *store) create(userID string) *conversation {
	c := &conversation{
		ID:        strconv.FormatInt(firstConversation+s.created, 10),
		CreatedAt: time.Now().Unix(),
		Status:    "ongoing",
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
	return &message{
		ID:        "msg_" + strconv.FormatInt(s.messages, 10),
		Role:      role,
		Parts:     parts,
		CreatedAt: time.Now().Unix(),
	}
}

// add numbers a message when it comes into the history: of two replies at once
// the later id may be there first.
func (c *conversation) add(m *message) {
	c.added++
	m.number = c.added
	c.messages = append(c.messages, m)
}

func (c *conversation) lastUserMessage() *message {
	for _, m := range slices.Backward(c.messages) {
		if m.Role == "user" {
			return m
		}
	}
	return nil
}
