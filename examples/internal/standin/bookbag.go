package standin

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts/contactstest"
)

// Bookbag is the stand-in for Bookbag: the fakes of its chat API and of its contacts, with
// one key and one agent. Its assistant knows a customer from the contact whose external id
// is the userId of the chat.
type Bookbag struct {
	Key   string
	Agent int64

	Chat     *chattest.Fake
	Contacts *contactstest.Fake
	mux      *http.ServeMux
}

// NewBookbag returns a stand-in without contacts or conversations.
func NewBookbag() *Bookbag {
	b := &Bookbag{Key: "oc_test_" + rand.Text(), Agent: 123, mux: http.NewServeMux()}
	// The only error of New is that of a reading, and none is chosen here.
	b.Contacts, _ = contactstest.New(&contactstest.Options{APIKey: b.Key, AgentID: b.Agent})
	b.Chat, _ = chattest.New(&chattest.Options{APIKey: b.Key, AgentID: b.Agent, Reply: b.reply, Pace: Pace, Titles: true, Window: true})
	b.mux.Handle("/api/v1/", b.Contacts)
	b.mux.Handle("/api/v2/", b.Chat)
	return b
}

func (b *Bookbag) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

func (b *Bookbag) reply(turn chattest.Turn) []chattest.Part {
	message := strings.ToLower(turn.Message)
	switch {
	case len(turn.ToolResults) > 0:
		return []chattest.Part{chattest.Text(ordersIn(turn.ToolResults[0].Output))}
	case strings.Contains(message, "my order"):
		return []chattest.Part{chattest.ToolCall("call_"+rand.Text(), "lookUpOrders", `{}`)}
	case strings.Contains(message, "who am i"), strings.Contains(message, "my plan"):
		return []chattest.Part{chattest.Text(b.whoIs(turn.UserID))}
	}
	return []chattest.Part{chattest.Text(Reply(turn.Message))}
}

// ordersIn renders the orders that the shop's tool returned.
func ordersIn(output json.RawMessage) string {
	var result struct {
		Orders []struct{ ID, Item, Status string }
	}
	if json.Unmarshal(output, &result) != nil || len(result.Orders) == 0 {
		return "You have no orders."
	}
	var b strings.Builder
	for _, o := range result.Orders {
		fmt.Fprintf(&b, "Order %s (%s) is %s. ", o.ID, o.Item, o.Status)
	}
	return b.String()
}

func (b *Bookbag) whoIs(userID string) string {
	for _, c := range b.Contacts.Contacts() {
		if c.ExternalID == userID && c.Name != nil {
			var plan string
			_ = json.Unmarshal(c.CustomAttributes["plan"], &plan) // without a plan it stays empty
			return fmt.Sprintf("You are %s, customer %s, on the plan %q. I know this from the shop's server, not from your browser.", *c.Name, userID, plan)
		}
	}
	return fmt.Sprintf("You are customer %s. I know no more than that.", userID)
}

// Pace is the time between two words of a reply.
const Pace = 60 * time.Millisecond

// Reply returns the reply of an assistant that knows a little about a shop.
func Reply(message string) string {
	for _, known := range replies {
		if strings.Contains(strings.ToLower(message), known.word) {
			return known.reply
		}
	}
	return "I am a stand-in for Bookbag. Ask me who you are, where your order is, how long a refund takes, or for a story. You said: " + message
}

var replies = []struct{ word, reply string }{
	{"order", "Your order left our warehouse yesterday, and should be with you on Thursday."},
	{"refund", "A refund takes three to five days once the parcel is back with us."},
	{"open", "The shop is open from nine to six, and the chat is always open."},
	{"hello", "Hello! What can I do for you?"},
	{"story", "Once upon a time there was a parcel that did not want to be delivered. " +
		strings.Repeat("It took the long way round, past the harbour and over the hill, and asked every letter box for its name. ", 6) +
		"At last it was delivered, on a Thursday."},
}
