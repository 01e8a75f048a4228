package chatproxy

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/bookbag"
)

const (
	ticketVersion = "v1"
	ticketInfo    = "github.com/chatident/chatident/chatclient/chatproxy ticket " + ticketVersion
	maxTicket     = 512
	maxCursor     = 4096
	minSecret     = 32
	markSize      = 16 // characters of a mark
)

// tickets seals and opens tickets: "v1.<id>.<mac>". Ids of the service leave the server only in
// this form. The MAC binds the id to its kind, the agent and the visitor.
type tickets struct {
	agent string
	macs  []func(parts []string) string // of the current secret, then of the previous ones
}

func newTickets(agent int64, secret string, previous []string) (*tickets, error) {
	t := &tickets{agent: strconv.FormatInt(agent, 10)}
	for i, s := range append([]string{secret}, previous...) {
		if len(s) < minSecret {
			field := "secret"
			if i > 0 {
				field = fmt.Sprintf("Options.Previous[%d]", i-1)
			}
			return nil, &FieldError{field, fmt.Sprintf("must be at least %d bytes, got %d (is the variable set?)", minSecret, len(s))}
		}
		mac, err := newMAC(s)
		if err != nil {
			return nil, err
		}
		t.macs = append(t.macs, mac)
	}
	return t, nil
}

// newMAC returns a function that returns the MAC of a list of texts in base64. The key is in a closure,
// so that no printer reaches it.
func newMAC(secret string) (func(parts []string) string, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, ticketInfo, sha256.Size)
	if err != nil {
		return nil, err
	}
	return func(parts []string) string {
		var b []byte
		for _, part := range parts { // with its length, so that different lists have different MACs
			b = append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(b)
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}, nil
}

// conversation returns the ticket of a visitor's conversation, "" for an id that the client would
// not send.
func (t *tickets) conversation(s subject, id chatclient.ConversationID) string {
	return t.ofConversation("conversation", s, id)
}

func (t *tickets) openConversation(s subject, ticket string) chatclient.ConversationID {
	return chatclient.ConversationID(t.open(ticket, maxTicket, "conversation", s))
}

// poll returns the ticket for polls of a conversation that a person has.
func (t *tickets) poll(s subject, id chatclient.ConversationID) string {
	return t.ofConversation("poll", s, id)
}

func (t *tickets) openPoll(s subject, ticket string) chatclient.ConversationID {
	return chatclient.ConversationID(t.open(ticket, maxTicket, "poll", s))
}

func (t *tickets) ofConversation(kind string, s subject, id chatclient.ConversationID) string {
	if bookbag.ConversationID(string(id)) != "" {
		return ""
	}
	return t.seal(string(id), kind, s)
}

// message returns the ticket of a message. It is bound to the conversation as well.
func (t *tickets) message(s subject, in chatclient.ConversationID, id string) string {
	if bookbag.IssuedID(id) != "" || bookbag.ConversationID(string(in)) != "" {
		return ""
	}
	return t.seal(id, "message", s, string(in))
}

func (t *tickets) openMessage(s subject, in chatclient.ConversationID, ticket string) string {
	return t.open(ticket, maxTicket, "message", s, string(in))
}

// cursor returns the ticket of a list's next cursor, nil at the end. It is bound to the list, because
// the service's cursor could be of another one. A ticket that is too long to be sent back is an error.
func (t *tickets) cursor(s subject, list, cursor string) (next *string, err error) {
	ticket := t.seal(base64.RawURLEncoding.EncodeToString([]byte(cursor)), "cursor", s, list)
	switch {
	case cursor == "":
		return nil, nil
	case len(ticket) > maxCursor:
		return nil, ErrUnusableID
	}
	return &ticket, nil
}

func (t *tickets) openCursor(s subject, list, ticket string) string {
	cursor, _ := base64.RawURLEncoding.DecodeString(t.open(ticket, maxCursor, "cursor", s, list)) // the ticket is authentic: there is no error
	return string(cursor)
}

// chatKey returns the key of a page's chat in [Chats]: a mark of the visitor, a dot, and a MAC of the
// chat.
func (t *tickets) chatKey(s subject, chat string) string {
	return t.mark("visitor", s, "") + "." + t.mac(0, chat, "chat", s)
}

// mark returns a short MAC of a value, to compare it with other values of the same visitor.
func (t *tickets) mark(kind string, s subject, value string) string {
	return t.mac(0, value, kind, s)[:markSize]
}

// mac returns the MAC of a value under one of the secrets.
func (t *tickets) mac(secret int, value, kind string, s subject, more ...string) string {
	return t.macs[secret](append([]string{ticketVersion, kind, t.agent, s.kind, s.id, value}, more...))
}

func (t *tickets) seal(id, kind string, s subject, more ...string) string {
	return ticketVersion + "." + id + "." + t.mac(0, id, kind, s, more...)
}

// open returns the id of a ticket that was sealed with the same arguments, else "".
func (t *tickets) open(ticket string, limit int, kind string, s subject, more ...string) (id string) {
	fields := strings.SplitN(ticket, ".", 4)
	if len(ticket) > limit || len(fields) != 3 || fields[0] != ticketVersion {
		return ""
	}
	for secret := range t.macs { // comparing the text rejects other encodings of the same MAC
		if hmac.Equal([]byte(t.mac(secret, fields[1], kind, s, more...)), []byte(fields[2])) {
			return fields[1]
		}
	}
	return ""
}
