package chatproxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
)

func newTestTickets(t testing.TB, agent int64, secret string, previous ...string) *tickets {
	made, err := newTickets(agent, secret, previous)
	require.NoError(t, err)
	return made
}

var (
	ada   = subject{"user", "ada"}
	grace = subject{"user", "grace"}
)

func TestTicket_Form(t *testing.T) {
	own := newTestTickets(t, 123, testSecret)
	ticket := own.conversation(ada, "456")
	// Computed with hkdfSync and createHmac of Node's crypto: browsers keep
	// tickets, so their form must not change by accident.
	assert.Equal(t, "v1.456.KIoKpz6Jbh7dtTDI5u7kcUa80tmaU4uttqiIDIa70rQ", ticket)
	id, ok := own.openConversation(ada, ticket)
	assert.True(t, ok)
	assert.Equal(t, chatclient.ConversationID("456"), id)
	assert.Equal(t, ticket, newTestTickets(t, 123, testSecret).conversation(ada, "456"), "the same on another machine")

	longest := strings.Repeat("c", 128)
	ticket = own.conversation(ada, chatclient.ConversationID(longest))
	assert.LessOrEqual(t, len(ticket), 512)
	id, ok = own.openConversation(ada, ticket)
	assert.True(t, ok)
	assert.Equal(t, longest, string(id))
}

// Ids that the client could not send back make no ticket.
func TestTicket_UnusableID(t *testing.T) {
	own := newTestTickets(t, 123, testSecret)
	for _, id := range []string{"", ".", "..", "a.b", "a/b", "ü", "a b", "a\n", strings.Repeat("c", 129)} {
		assert.Empty(t, own.conversation(ada, chatclient.ConversationID(id)), id)
		assert.Empty(t, own.message(ada, "456", id), id)
	}
}

func TestTicket_Bound(t *testing.T) {
	own := newTestTickets(t, 123, testSecret)
	ticket := own.conversation(ada, "456")
	message := own.message(ada, "456", "msg_1")
	_, ok := own.openMessage(ada, "456", message)
	require.True(t, ok)

	for name, opened := range map[string]func() (any, bool){
		"another user":     func() (any, bool) { id, ok := own.openConversation(grace, ticket); return id, ok },
		"a session's name": func() (any, bool) { id, ok := own.openConversation(subject{"session", "ada"}, ticket); return id, ok },
		"nobody":           func() (any, bool) { id, ok := own.openConversation(subject{}, ticket); return id, ok },
		"another agent": func() (any, bool) {
			id, ok := newTestTickets(t, 124, testSecret).openConversation(ada, ticket)
			return id, ok
		},
		"another secret": func() (any, bool) {
			id, ok := newTestTickets(t, 123, testSecret+"x").openConversation(ada, ticket)
			return id, ok
		},
		"as a message":       func() (any, bool) { id, ok := own.openMessage(ada, "456", ticket); return id, ok },
		"message as one":     func() (any, bool) { id, ok := own.openConversation(ada, message); return id, ok },
		"other conversation": func() (any, bool) { id, ok := own.openMessage(ada, "457", message); return id, ok },
		"another's message":  func() (any, bool) { id, ok := own.openMessage(grace, "456", message); return id, ok },
		"parts shifted":      func() (any, bool) { id, ok := own.openConversation(subject{"use", "rada"}, ticket); return id, ok },
		"another id, our MAC": func() (any, bool) {
			id, ok := own.openConversation(ada, strings.Replace(ticket, "456", "457", 1))
			return id, ok
		},
	} {
		_, ok := opened()
		assert.False(t, ok, name)
	}
}

// damaged returns texts that look like a ticket.
func damaged(ticket string) []string {
	forms := []string{
		"", "456", "v1", "v1.456", "v1.456.", "v1..", ".456.", "..", "v1.9" + ticket[len("v1.4"):],
		"v2" + ticket[2:], "V1" + ticket[2:], ticket + "A", ticket + "=", ticket + ".", "." + ticket, " " + ticket, ticket + "\n", ticket + "%00",
		ticket + "." + ticket, strings.Repeat(ticket, 20), ticket + strings.Repeat("A", 512), strings.ReplaceAll(ticket, ".", "\u2024"),
	}
	for i := range ticket { // cut anywhere, and a bit changed anywhere
		forms = append(forms, ticket[:i], ticket[:i]+string(ticket[i]^1)+ticket[i+1:], ticket[:i]+string(ticket[i]^0x20)+ticket[i+1:])
	}
	return forms
}

func TestTicket_Damaged(t *testing.T) {
	own := newTestTickets(t, 123, testSecret)
	ticket := own.conversation(ada, "456")
	for _, form := range damaged(ticket) {
		_, ok := own.openConversation(ada, form)
		assert.False(t, ok, "%q", form)
	}
	long := own.seal(strings.Repeat("c", maxTicket), "conversation", ada) // whose MAC is right
	_, ok := own.openConversation(ada, long)
	assert.False(t, ok, "it is rejected before it is read")
}

func TestTicket_PreviousSecrets(t *testing.T) {
	const old, older = "ffffffffffffffffffffffffffffffff", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	own := newTestTickets(t, 123, testSecret, old, older)
	for _, secret := range []string{testSecret, old, older} {
		_, ok := own.openConversation(ada, newTestTickets(t, 123, secret).conversation(ada, "456"))
		assert.True(t, ok)
	}
	assert.Equal(t, newTestTickets(t, 123, testSecret).conversation(ada, "456"), own.conversation(ada, "456"), "new ones are of the current")
	_, ok := newTestTickets(t, 123, testSecret).openConversation(ada, newTestTickets(t, 123, old).conversation(ada, "456"))
	assert.False(t, ok)
}

// Whatever the text: it opens only if it is, byte for byte, what was sealed.
func FuzzTicket(f *testing.F) {
	own := newTestTickets(f, 123, testSecret)
	f.Add(own.conversation(ada, "456"), "ada")
	f.Add(own.message(ada, "456", "msg_1"), "ada")
	f.Add("v1.456.AAAA", "grace")
	f.Fuzz(func(t *testing.T, ticket, user string) {
		who := subject{"user", user}
		if id, ok := own.openConversation(who, ticket); ok {
			require.Equal(t, own.conversation(who, id), ticket)
			require.LessOrEqual(t, len(ticket), maxTicket)
		}
		if id, ok := own.openMessage(who, "456", ticket); ok {
			require.Equal(t, own.message(who, "456", id), ticket)
		}
	})
}
