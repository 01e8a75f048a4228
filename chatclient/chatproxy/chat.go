package chatproxy

import (
	"encoding/json"
	"fmt"
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

	// Begun is the time of the first exchange in Unix milliseconds.
	Begun int64 `json:"b,omitempty"`

	// Pending says that the first exchange may be under way.
	Pending bool `json:"p,omitempty"`

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

var errForeignChat = fmt.Errorf("%w: the value is not of this visitor", ErrChats)

// decodeChat returns a chat, the zero one and an error for a value that is not of this visitor.
func decodeChat(value []byte, t *tickets, s subject) (c chat, err error) {
	if len(value) == 0 {
		return c, nil
	}
	err = json.Unmarshal(value, &c)
	if err != nil || len(c.Messages) > maxKept || c.Conversation != "" && t.openConversation(s, c.Conversation) == "" {
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
	return c.Pending && c.Conversation == "" && age >= -maxSkew && age < maxStream+maxReadOn // else a clock is wrong
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

// textMark returns the mark of a text, "" for none. A service may cut white space off.
func (p *Proxy) textMark(who subject, text string) string {
	if text == "" {
		return ""
	}
	return p.tickets.mark("text", who, strings.TrimSpace(text))
}

// byVisitor returns the messages of the visitor in a page.
func byVisitor(page []chatclient.StoredMessage) []chatclient.StoredMessage {
	return slices.DeleteFunc(page, func(m chatclient.StoredMessage) bool { return m.Role != "user" })
}
