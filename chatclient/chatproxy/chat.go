package chatproxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	maxSent  = 64 // messages that are stored of a chat, the newest
	maxSwaps = 16 // attempts to store a change
)

// chat is what is stored of a page's chat. Its JSON is the value in [Chats].
type chat struct {
	// Conversation is the ticket of the conversation, "" before it is known.
	Conversation string `json:"c,omitempty"`

	// Begun is the time of the first exchange in Unix milliseconds.
	Begun int64 `json:"b,omitempty"`

	// Pending reports that the first exchange may be under way.
	Pending bool `json:"p,omitempty"`

	// LastUser is the service's id of the visitor's last message that is known to have
	// arrived, "" if it is unknown.
	LastUser string `json:"u,omitempty"`

	// Sent counts the sent messages, with retries, so that each of them changes the value.
	Sent int `json:"n,omitempty"`

	// Messages are the newest messages, in the order in which they were sent.
	Messages []sentMessage `json:"m,omitempty"`
}

// sentMessage is a message that the page has sent. ID and Text are marks, not the texts.
type sentMessage struct {
	ID    string    `json:"i"`
	Text  string    `json:"t"`
	State sentState `json:"s"`
}

// sentState is whether a message has arrived at the service.
type sentState int

const (
	rejected sentState = iota + 1 // not forwarded
	unknown                       // it may have arrived
	arrived
)

var errForeignChat = fmt.Errorf("%w: the value is not of this visitor", ErrChats)

// decodeChat decodes a value of Chats. A value of another visitor is an error.
func decodeChat(value []byte, t *tickets, s subject) (c chat, err error) {
	if len(value) == 0 {
		return c, nil
	}
	err = json.Unmarshal(value, &c)
	if err != nil || len(c.Messages) > maxSent || c.Conversation != "" && t.openConversation(s, c.Conversation) == "" {
		return chat{}, errForeignChat
	}
	return c, nil
}

func (c *chat) encode() []byte {
	b, _ := json.Marshal(c) // of strings and numbers: there is no error
	return b
}

func (c *chat) isPending() bool {
	age := time.Since(time.UnixMilli(c.Begun))
	return c.Pending && c.Conversation == "" && age >= -maxSkew && age < maxStream+maxReadOn // longer than any exchange
}

func (c *chat) find(id string) *sentMessage {
	i := slices.IndexFunc(c.Messages, func(m sentMessage) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &c.Messages[i]
}

// lastForwarded returns the last message that was forwarded, nil for none.
func (c *chat) lastForwarded() *sentMessage {
	for i := range slices.Backward(c.Messages) {
		if c.Messages[i].State != rejected {
			return &c.Messages[i]
		}
	}
	return nil
}

// textMark returns the mark of a text, "" for "". The service may trim white space.
func (p *Proxy) textMark(who subject, text string) string {
	if text == "" {
		return ""
	}
	return p.tickets.mark("text", who, strings.TrimSpace(text))
}

// load loads the chat from Chats, and returns its value as well. If Chats fails, the exchange
// continues as if the message named no chat.
func (x *exchange) load(who subject) (c chat, value []byte) {
	if !x.usesChats {
		return c, nil
	}
	value, err := x.p.loadValue(x.ctx, x.p.tickets.chatKey(who, x.chat))
	if x.usesChats = err == nil; x.usesChats {
		c, err = decodeChat(value, x.p.tickets, who)
	}
	x.fault(err)
	return c, value
}

// swap stores c in place of the value old. It returns false if the value has changed.
func (x *exchange) swap(old []byte, c *chat) bool {
	swapped, err := x.p.swapValue(x.ctx, x.key, old, c.encode())
	if err != nil {
		x.usesChats = false
		x.fault(err)
	}
	return swapped || err != nil
}

// update changes the chat in Chats, and reports whether that succeeded.
func (x *exchange) update(change func(*chat)) bool {
	for range maxSwaps {
		c, value := x.load(x.visitor.subject())
		if !x.usesChats {
			return false
		}
		before := c.encode()
		if change(&c); bytes.Equal(before, c.encode()) || x.swap(value, &c) {
			return x.usesChats
		}
	}
	return false
}

// settle is like update. If the chat is pending for this exchange, or Chats has lost it, it also
// ends that state and stores the conversation, if known.
func (x *exchange) settle(change func(*chat)) {
	isStored := x.update(func(c *chat) {
		isForgotten := c.Conversation == "" && !c.Pending && len(c.Messages) == 0
		if x.pending != 0 && (c.Pending && c.Begun == x.pending || isForgotten) {
			c.Pending, c.Conversation = false, x.p.tickets.conversation(x.visitor.subject(), x.conversation)
		}
		change(c)
	})
	if isStored {
		x.pending = 0
	}
}
