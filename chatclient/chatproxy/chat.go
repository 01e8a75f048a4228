package chatproxy

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/chatident/chatident/chatclient"
)

// maxKept is how many messages of a chat are kept, the newest.
const maxKept = 64

// chat is what is kept of a page's chat. Its JSON is the value in [Chats].
type chat struct {
	// Conversation is the ticket of the conversation, "" before it is known.
	Conversation string `json:"c,omitempty"`

	// PendingUntil is the time in Unix milliseconds until which a first exchange may
	// be under way, 0 for none.
	PendingUntil int64 `json:"p,omitempty"`

	// Begun is the time of the first exchange in Unix seconds.
	Begun int64 `json:"b,omitempty"`

	// LastUser is the service's id of the last message if that is known to have arrived, else
	// of one before it, "" if none is known.
	LastUser string `json:"u,omitempty"`

	// Sent counts the messages that were sent, also again: each changes the value.
	Sent int `json:"n,omitempty"`

	// Messages are the newest messages, in the order in which they were sent.
	Messages []sentMessage `json:"m,omitempty"`
}

// sentMessage is a message that the page has sent, by marks of its id and text.
type sentMessage struct {
	ID    string    `json:"i"`
	Text  string    `json:"t"`
	State sentState `json:"s"`
}

// sentState is what is known of a message.
type sentState int

const (
	rejected sentState = iota + 1 // it was not forwarded
	unknown                       // the service may have received it
	arrived
)

// decodeChat returns a chat, the zero one for a value that is not of this visitor.
func decodeChat(value []byte, t *tickets, s subject) (c chat, ok bool) {
	if len(value) == 0 {
		return c, true
	}
	if json.Unmarshal(value, &c) != nil || len(c.Messages) > maxKept {
		return chat{}, false
	}
	if c.Conversation != "" {
		if _, ok := t.openConversation(s, c.Conversation); !ok {
			return chat{}, false
		}
	}
	return c, true
}

func (c *chat) encode() []byte {
	b, _ := json.Marshal(c) // of strings and numbers: there is no error
	return b
}

func (c *chat) isPending() bool {
	left := time.Until(time.UnixMilli(c.PendingUntil))
	return c.Conversation == "" && left > 0 && left <= maxStream+maxReadOn+maxSkew // else a clock is wrong
}

func (c *chat) find(id string) *sentMessage {
	i := slices.IndexFunc(c.Messages, func(m sentMessage) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &c.Messages[i]
}

// isLastForwarded reports whether no message after this one was forwarded.
func (c *chat) isLastForwarded(id string) bool {
	for _, m := range slices.Backward(c.Messages) {
		if m.State != rejected {
			return m.ID == id
		}
	}
	return false
}

// keep puts a message at the end.
func (c *chat) keep(m sentMessage) {
	c.Sent++
	c.Messages = slices.DeleteFunc(c.Messages, func(old sentMessage) bool { return old.ID == m.ID })
	c.Messages = append(c.Messages, m)
	c.Messages = c.Messages[max(0, len(c.Messages)-maxKept):]
}

// action is what a request becomes, by the table in docs/wire.md.
type action int

const (
	sendNew          action = iota + 1 // as a new turn
	rejectEdit                         // it cannot be changed
	awaitFirst                         // until the first exchange has a conversation
	findConversation                   // that of a first exchange that failed, then decide again
	compareStored                      // with the newest message of the conversation
)

// facts are what the action depends on.
type facts struct {
	again      bool // the request asks for another reply
	later      bool // the page shows a later message of the visitor
	isTicket   bool // the id is one of the service's, from the history
	known      bool // there is a conversation
	pending    bool // the first exchange is still being read
	unsettled  bool // the first exchange failed and may have begun a conversation
	empty      bool // nothing is kept of the chat's messages
	forwarded  bool // the message may have been received
	last       bool // and no later one
	textBefore bool // and it has the same text, or the request none
}

// decide returns what a request becomes.
func decide(f facts) action {
	switch {
	case f.pending:
		return awaitFirst
	case f.later:
		return rejectEdit
	case f.forwarded && !(f.last && f.textBefore):
		return rejectEdit
	case f.unsettled:
		return findConversation
	case f.known && (f.isTicket || f.forwarded || f.again && f.empty):
		return compareStored
	}
	return sendNew
}

// factsOf returns the facts of a message. id and text are its marks, text "" for none.
func (c *chat) factsOf(m message, id, text string) facts {
	f := facts{
		again:   m.again,
		later:   m.later,
		known:   c.Conversation != "",
		pending: c.isPending(),
		empty:   len(c.Messages) == 0,
	}
	f.unsettled = !f.known && slices.ContainsFunc(c.Messages, func(m sentMessage) bool { return m.State != rejected })
	if sent := c.find(id); sent != nil && m.id != "" && sent.State != rejected {
		f.forwarded, f.last, f.textBefore = true, c.isLastForwarded(id), text == "" || text == sent.Text
	}
	return f
}

// textMark returns the mark of a text, "" for none. A service may cut white space off.
func (p *Proxy) textMark(who subject, text string) string {
	if text == "" {
		return ""
	}
	return p.tickets.mark("text", who, strings.TrimSpace(text))
}

// newestUser returns the newest message of the visitor in a page, the zero one for none.
func newestUser(page []chatclient.StoredMessage) (newest chatclient.StoredMessage) {
	for _, m := range page {
		if m.Role == "user" {
			newest = m
		}
	}
	return newest
}
