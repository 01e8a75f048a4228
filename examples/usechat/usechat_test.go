package usechat

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// opener opens a chat with one major of the AI SDK, in Node or in Chromium. The body is a
// name of usechat.jsx, and the visitor a customer, "anonymous" or nobody.
type opener func(t *testing.T, s *site, body, visitor string) chat

// everywhere runs a test with each major of the AI SDK, in Node and in Chromium.
func everywhere(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("Node", func(t *testing.T) {
		for _, major := range majors {
			t.Run(major, func(t *testing.T) {
				t.Parallel()
				node := startNode(t, major)
				test(t, func(t *testing.T, s *site, body, visitor string) chat {
					return node.open(t, s, body, visitor)
				})
			})
		}
	})
	t.Run("Chromium", func(t *testing.T) {
		b := browser.New(t)
		for _, major := range majors {
			t.Run(major, func(t *testing.T) {
				t.Parallel()
				test(t, func(t *testing.T, s *site, body, visitor string) chat {
					return openTab(t, b, s, major, body, visitor)
				})
			})
		}
	})
}

const (
	customer  = "ada"
	anonymous = "anonymous"
)

// A conversation continues, equal texts are two turns, and the page draws each message.
func TestUseChat_Conversation(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		c := open(t, s, "all", customer)
		require.Nil(t, send(c, "yes").Error)
		second := send(c, "yes")
		require.Nil(t, second.Error)
		assert.Equal(t, "You said: yes", second.last().Text)
		assert.Equal(t, [][]string{{"yes", "yes"}}, s.said(t))
		assert.Len(t, s.doneTurns(), 2)
		if page, ok := c.(browserChat); ok {
			page.WaitFor(`[...document.querySelectorAll("li")].map((li) => li.className + " " + li.textContent).join() ===
				"user yes,assistant You said: yes,user yes,assistant You said: yes"`)
			page.RequireQuietConsole()
		}
	})
}

// After a stop in the first exchange, or a lost connection, the next message continues
// the conversation.
func TestUseChat_ContinuesAfterAStop(t *testing.T) {
	tests := []struct {
		body, visitor, end string
		words              int // of the reply before its end
	}{
		{"all", customer, "stop", 1},
		{"all", customer, "disconnect", 1},
		{"all", customer, "stop", 0},
		{"all", anonymous, "stop", 1},
		{"all", anonymous, "disconnect", 0},
		{"last", customer, "disconnect", 1},
		{"message", anonymous, "stop", 1},
	}
	everywhere(t, func(t *testing.T, open opener) {
		for _, test := range tests {
			t.Run(fmt.Sprint(test), func(t *testing.T) {
				s := newSite(t)
				c := open(t, s, test.body, test.visitor)
				release := s.hold(t, test.words)
				c.do(step{Action: "send", Argument: "one", Begin: true})
				waitFor(t, c, func(now state) bool { return len(s.doneTurns()) == 1 && (test.words == 0 || now.last().Text == "You ") })
				assert.NotContains(t, c.do(step{Action: test.end}).last().Text, "said", "the reply has ended for the page")
				release()
				second := send(c, "two")
				require.Nil(t, second.Error)
				assert.Equal(t, "You said: two", second.last().Text)
				assert.NotEmpty(t, second.last().Metadata.Conversation)
				turns := s.doneTurns()
				require.Len(t, turns, 2)
				assert.Equal(t, turns[0].ConversationID, turns[1].ConversationID)
				assert.Len(t, s.said(t), 1)
				assert.Empty(t, s.reported())
			})
		}
	})
}

// regenerated are cases in which the latest message is "two" after prepare. The turns of the
// assistant include the one for another reply.
var regenerated = map[string]struct {
	prepare func(*testing.T, chat, *site)
	said    []string
	turns   int
}{
	"a good reply": {func(t *testing.T, c chat, s *site) {
		send(c, "one")
		require.Nil(t, send(c, "two").Error)
	}, []string{"one", "two"}, 3},
	"a good first reply": {func(t *testing.T, c chat, s *site) {
		require.Nil(t, send(c, "two").Error)
	}, []string{"two"}, 2},
	"twice": {func(t *testing.T, c chat, s *site) {
		send(c, "two")
		require.Nil(t, c.do(step{Action: "regenerate"}).Error)
	}, []string{"two"}, 3},
	"a 502 before the service": {func(t *testing.T, c chat, s *site) {
		send(c, "one")
		s.fake.Script(chattest.BadGateway())
		require.Equal(t, "bot_unavailable", send(c, "two").code())
	}, []string{"one", "two"}, 2},
	"a first 502 before the service": {func(t *testing.T, c chat, s *site) {
		s.fake.Script(chattest.BadGateway())
		require.Equal(t, "bot_unavailable", send(c, "two").code())
	}, []string{"two"}, 1},
	"a failure after the turn": {func(t *testing.T, c chat, s *site) {
		send(c, "one")
		s.fake.Script(chattest.FailAfter())
		require.Equal(t, "bot_unavailable", send(c, "two").code())
	}, []string{"one", "two"}, 3},
	"a rate limit": {func(t *testing.T, c chat, s *site) {
		send(c, "one")
		s.fake.Script(chattest.Status(http.StatusTooManyRequests, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Minute))
		require.Equal(t, "busy", send(c, "two").code())
	}, []string{"one", "two"}, 2},
	"a failure within the reply": {func(t *testing.T, c chat, s *site) {
		send(c, "one")
		s.fake.Script(chattest.StreamError(2, "SQL: secret"))
		require.Equal(t, "reply_failed", send(c, "two").code())
	}, []string{"one", "two"}, 3},
	"a stop in the first reply": {func(t *testing.T, c chat, s *site) {
		release := s.hold(t, 1)
		c.do(step{Action: "send", Argument: "two", Begin: true})
		waitFor(t, c, func(now state) bool { return now.last().Text == "You " })
		c.do(step{Action: "stop"})
		release()
	}, []string{"two"}, 2},
}

// A good reply, one that failed and one that was stopped are generated again.
func TestUseChat_Regenerate(t *testing.T) {
	withLastMessage := []string{"a good reply", "a first 502 before the service", "a stop in the first reply"}
	everywhere(t, func(t *testing.T, open opener) {
		for name, test := range regenerated {
			bodies := []string{"all"}
			if slices.Contains(withLastMessage, name) {
				bodies = append(bodies, "message")
			}
			for _, body := range bodies {
				t.Run(name+", "+body, func(t *testing.T) {
					s := newSite(t)
					c := open(t, s, body, customer)
					test.prepare(t, c, s)
					again := c.do(step{Action: "regenerate"})
					require.Nil(t, again.Error)
					assert.Equal(t, "You said: two", again.last().Text)
					assert.Equal(t, [][]string{test.said}, s.said(t), "no turn is doubled")
					assert.Len(t, s.doneTurns(), test.turns)
					require.Nil(t, send(c, "three").Error)
					assert.Equal(t, [][]string{append(test.said, "three")}, s.said(t))
				})
			}
		}
	})
}

// A first message of which nobody knows whether it arrived: for a customer the service lists
// the conversation, for an anonymous visitor another one begins, and the page learns it.
func TestUseChat_RegenerateWithUnknownOutcome(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for visitor, want := range map[string][][]string{customer: {{"one"}}, anonymous: {{"one"}, {"one"}}} {
			s := newSite(t)
			c := open(t, s, "all", visitor)
			s.fake.Script(chattest.FailAfter())
			require.Equal(t, "bot_unavailable", send(c, "one").code())
			again := c.do(step{Action: "regenerate"})
			require.Nil(t, again.Error)
			assert.Equal(t, want, s.said(t), visitor)
			assert.Equal(t, visitor == anonymous, again.last().Metadata.ConversationLost, visitor)
		}
	})
}

// A message that was sent offline is sent again, by each of the ways that useChat has.
func TestUseChat_Offline(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, way := range []string{"again", "resubmit", "regenerate"} {
			for _, before := range [][]string{nil, {"one"}} {
				s := newSite(t)
				c := open(t, s, "all", customer)
				for _, text := range before {
					require.Nil(t, send(c, text).Error)
				}
				c.offline(true)
				failed := send(c, "two")
				require.NotNil(t, failed.Error)
				assert.Equal(t, "TypeError", failed.Error.Name)
				c.offline(false)
				again := c.do(way2step(way, failed.last().ID))
				require.Nil(t, again.Error, way)
				assert.Equal(t, "You said: two", again.last().Text)
				assert.Equal(t, [][]string{append(before, "two")}, s.said(t), way)
				assert.Len(t, s.doneTurns(), len(before)+1)
			}
		}
	})
}

func way2step(way, id string) step {
	if way == "again" {
		return step{Action: way, Argument: id}
	}
	return step{Action: way}
}

// A page that sends its last message only, with the ticket or the id of its chat.
func TestUseChat_LastMessageOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for body, visitor := range map[string]string{
			"last": customer, "message": anonymous, "id": anonymous, "last, ticket": anonymous, "message, ticket": customer,
		} {
			s := newSite(t)
			c := open(t, s, body, visitor)
			for _, text := range []string{"one", "two", "three"} {
				require.Nil(t, send(c, text).Error, body)
			}
			assert.Equal(t, [][]string{{"one", "two", "three"}}, s.said(t), body)
			assert.Len(t, s.doneTurns(), 3)
		}
	})
}

// A conversation of the history is opened in a chat with a new id. It continues, and another
// reply replaces the last one. The history contains the feedback.
func TestUseChat_History(t *testing.T) {
	b := browser.New(t)
	for _, major := range majors {
		for _, body := range []string{"all", "message"} {
			t.Run(major+" "+body, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				conversation := send(openTab(t, b, s, major, body, customer), "one").last().Metadata.Conversation

				c := openTab(t, b, s, major, body, customer)
				c.do(step{Action: "open", Argument: conversation})
				assert.Equal(t, "You said: one", waitFor(t, c, func(s state) bool { return len(s.Messages) == 2 }).last().Text)
				require.Nil(t, c.do(step{Action: "regenerate"}).Error)
				require.Nil(t, send(c, "two").Error)
				assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))
				assert.Len(t, s.doneTurns(), 3)

				c.do(step{Action: "thumb", Argument: "positive"})
				c.do(step{Action: "open", Argument: conversation})
				waitFor(t, c, func(s state) bool { return s.last().Metadata.Feedback == "positive" })
				assert.Empty(t, s.reported())
			})
		}
	}
}

// The tickets of the stream are those of the history, of both messages, also after a retry.
func TestUseChat_Tickets(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		c := open(t, s, "all", customer)
		first := send(c, "one").last().Metadata
		second := c.do(step{Action: "regenerate"}).last().Metadata
		assert.Equal(t, first.Conversation, second.Conversation)
		assert.NotEqual(t, first.Message, second.Message)
		assert.Equal(t, s.history(t, first.Conversation), []string{second.UserMessage, second.Message})
	})
}

// Errors arrive as codes. What the service must not get is not sent to it.
func TestUseChat_Errors(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		assert.Equal(t, "sign_in_required", send(open(t, s, "all", ""), "one").code())

		c := open(t, s, "all", customer)
		first := send(c, "one")
		require.Nil(t, first.Error)
		require.Nil(t, send(c, "two").Error)
		edited := c.do(step{Action: "edit", Argument: map[string]string{"messageId": first.Messages[0].ID, "text": "One"}})
		assert.Equal(t, "edit_unsupported", edited.code())
		assert.Equal(t, "files_unsupported", c.do(step{Action: "file"}).code())
		assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))

		for code, fault := range map[string]chattest.Fault{
			"conversation_ended": chattest.Status(http.StatusBadRequest, "CHAT_CONVERSATION_NOT_ONGOING"),
			"bot_paused":         chattest.Status(http.StatusPaymentRequired, "CHAT_CREDITS_EXHAUSTED"),
			"bot_unavailable":    chattest.BadGateway(),
			"busy":               chattest.Status(http.StatusTooManyRequests, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Minute),
		} {
			c := open(t, s, "all", customer)
			require.Nil(t, send(c, "one").Error)
			s.fake.Script(fault)
			assert.Equal(t, code, send(c, "two").code())
		}
	})
}

// While a person has the conversation, a message gets no reply and no error, and the page
// learns the ticket to poll with.
func TestUseChat_Person(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		c := open(t, s, "all", customer)
		require.Nil(t, send(c, "one").Error)
		s.fake.SetStatus(s.doneTurns()[0].ConversationID, "taken_over")
		held := send(c, "two")
		require.Nil(t, held.Error)
		assert.Equal(t, "ready", held.Status)
		assert.Empty(t, held.last().Text)
		assert.NotEmpty(t, held.last().Metadata.Poll)
		assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))
	})
}
