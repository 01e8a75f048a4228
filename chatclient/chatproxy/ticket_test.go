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
	assert.Equal(t, chatclient.ConversationID("456"), own.openConversation(ada, ticket))
	assert.Equal(t, ticket, newTestTickets(t, 123, testSecret).conversation(ada, "456"), "the same on another machine")

	longest := strings.Repeat("c", 128)
	ticket = own.conversation(ada, chatclient.ConversationID(longest))
	assert.LessOrEqual(t, len(ticket), 512)
	assert.Equal(t, longest, string(own.openConversation(ada, ticket)))
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
	require.Equal(t, "msg_1", own.openMessage(ada, "456", message))

	for name, opened := range map[string]any{
		"another user":        own.openConversation(grace, ticket),
		"a session's name":    own.openConversation(subject{"session", "ada"}, ticket),
		"nobody":              own.openConversation(subject{}, ticket),
		"another agent":       newTestTickets(t, 124, testSecret).openConversation(ada, ticket),
		"another secret":      newTestTickets(t, 123, testSecret+"x").openConversation(ada, ticket),
		"as a message":        own.openMessage(ada, "456", ticket),
		"message as one":      own.openConversation(ada, message),
		"other conversation":  own.openMessage(ada, "457", message),
		"another's message":   own.openMessage(grace, "456", message),
		"parts shifted":       own.openConversation(subject{"use", "rada"}, ticket),
		"another id, our MAC": own.openConversation(ada, strings.Replace(ticket, "456", "457", 1)),
	} {
		assert.Empty(t, opened, name)
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
		assert.Empty(t, own.openConversation(ada, form), "%q", form)
	}
	long := own.seal(strings.Repeat("c", maxTicket), "conversation", ada) // whose MAC is right
	assert.Empty(t, own.openConversation(ada, long), "it is rejected before it is read")
}

func TestTicket_PreviousSecrets(t *testing.T) {
	const old, older = "ffffffffffffffffffffffffffffffff", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	own := newTestTickets(t, 123, testSecret, old, older)
	for _, secret := range []string{testSecret, old, older} {
		assert.NotEmpty(t, own.openConversation(ada, newTestTickets(t, 123, secret).conversation(ada, "456")))
	}
	assert.Equal(t, newTestTickets(t, 123, testSecret).conversation(ada, "456"), own.conversation(ada, "456"), "new ones are of the current")
	assert.Empty(t, newTestTickets(t, 123, testSecret).openConversation(ada, newTestTickets(t, 123, old).conversation(ada, "456")))
}

// Whatever the text: it opens only if it is, byte for byte, what was sealed.
func FuzzTicket(f *testing.F) {
	own := newTestTickets(f, 123, testSecret)
	f.Add(own.conversation(ada, "456"), "ada")
	f.Add(own.message(ada, "456", "msg_1"), "ada")
	f.Add("v1.456.AAAA", "grace")
	f.Fuzz(func(t *testing.T, ticket, user string) {
		who := subject{"user", user}
		if id := own.openConversation(who, ticket); id != "" {
			require.Equal(t, own.conversation(who, id), ticket)
			require.LessOrEqual(t, len(ticket), maxTicket)
		}
		if id := own.openMessage(who, "456", ticket); id != "" {
			require.Equal(t, own.message(who, "456", id), ticket)
		}
	})
}
