package chatproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// The table of docs/wire.md: what a message becomes, or which call is made for it.
func TestPlan(t *testing.T) {
	e := newSite(t, setup{})
	ticket := e.proxy.tickets.conversation(ada, "456")
	first := sentMessage{ID: "m", Text: "text", State: unknown}
	refused := sentMessage{ID: "m", Text: "text", State: rejected}
	other := sentMessage{ID: "another", Text: "text", State: arrived}
	begun := func(messages ...sentMessage) chat { return chat{Messages: messages} }
	known := func(messages ...sentMessage) chat { return chat{Conversation: ticket, Messages: messages} }
	pending := chat{Pending: true, Begun: time.Now().UnixMilli(), Messages: []sentMessage{first}}
	sent, again, later := message{id: "m"}, message{id: "m", again: true}, message{id: "m", again: true, later: true}
	const newTurn, edit, wait, find, compare = "a new turn", "an edit", "waits", "/api/v2/agents/123/users/ada/conversations", "/api/v2/agents/123/conversations/456/messages"
	for name, test := range map[string]struct {
		chat
		message
		text string
		want string
	}{
		"1, no id":                                   {known(), message{}, "text", newTurn},
		"1, no id, after another without":            {known(first), message{}, "text", newTurn},
		"2, not forwarded, sent":                     {known(other), sent, "text", newTurn},
		"2, not forwarded, again":                    {known(other), again, "text", newTurn},
		"2, rejected, and another since":             {known(refused, other), again, "edited", newTurn},
		"2, rejected, and nothing else is kept":      {known(refused), again, "text", newTurn},
		"3, 4, forwarded last, again":                {known(other, first), again, "text", compare},
		"3, 4, forwarded last, without a text":       {known(other, first), again, "", compare},
		"3, 4, forwarded last, sent":                 {known(other, first), sent, "text", compare},
		"5, forwarded last, no conversation":         {begun(first), again, "text", find},
		"5, none found":                              {begun(), again, "text", newTurn},
		"6, another text":                            {known(first), sent, "edited", edit},
		"6, another text, no conversation":           {begun(first), sent, "edited", edit},
		"7, forwarded before":                        {known(first, other), again, "text", edit},
		"8, a later message is shown":                {known(first), later, "text", edit},
		"8, not forwarded":                           {known(other), later, "text", edit},
		"9, 10, nothing is kept":                     {known(), again, "text", compare},
		"9, 10, by its ticket":                       {known(other), message{id: e.proxy.tickets.message(ada, "456", "msg_1")}, "text", compare},
		"12, another message after a failed one":     {begun(first), message{id: "n"}, "text", find},
		"13, the first exchange is being read":       {pending, again, "text", wait},
		"13, before all else":                        {pending, later, "text", wait},
		"the first message of a chat":                {begun(), sent, "text", newTurn},
		"again, the first message, not forwarded":    {begun(refused), again, "text", newTurn},
		"again, the first message, nothing is known": {begun(), again, "text", newTurn},
	} {
		before := len(e.fake.Requests())
		x := &exchange{p: e.proxy, ctx: t.Context(), visitor: Visitor{UserID: "ada"}, message: test.message, marks: sentMessage{ID: test.message.id, Text: test.text, State: unknown}}
		retry, failure := x.plan(&test.chat)
		got := map[*httpError]string{nil: newTurn, errEdit: edit, errReplyPending: wait}[failure]
		if requests := e.fake.Requests()[before:]; len(requests) > 0 {
			got = requests[0].Path
		}
		assert.Equal(t, test.want, got, name)
		assert.False(t, retry, name)
		assert.Equal(t, test.want == find, x.lost, name)
	}
}

// Lines 1 and 2: "yes" after "yes" with another id is a second turn, and so is a message
// that was not forwarded before.
func TestMessage_NewTurns(t *testing.T) {
	eachForm(t, plain, func(f *chatForm) {
		f.send("m1", "yes")
		f.send("m2", "yes")
		f.again("m3", "yes")
		assert.Equal(f, map[string][]string{"456": {"yes", "yes", "yes"}}, f.turns())

		f.fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Minute))
		assert.Equal(f, "busy", f.send("m4", "yes").code)
		assert.Empty(f, f.again("m4", "yes").code)
		assert.Equal(f, map[string][]string{"456": {"yes", "yes", "yes", "yes"}}, f.turns())
	})
}

// Line 2: what was never forwarded is sent, in the first exchange too.
func TestMessage_SentAgainAfterARejection(t *testing.T) {
	for name, fault := range map[string]chattest.Fault{
		"429": chattest.Status(429, "").RetryAfter(time.Minute), "402": chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"),
		"maintenance": chattest.Status(503, "SERVICE_UNDER_MAINTENANCE"),
	} {
		t.Run(name, func(t *testing.T) {
			eachForm(t, func() setup { return setup{bot: &chatclient.Options{MaxRetries: -1}} }, func(f *chatForm) {
				for _, again := range []bool{false, true} {
					f.chat = fmt.Sprint("chat-", again)
					f.fake.Script(fault)
					assert.NotEmpty(f, f.send("m1", "hello").code)
					got := f.do("m1", "hello", again)
					assert.Empty(f, got.code)
					assert.False(f, got.ConversationLost)
				}
				assert.Equal(f, map[string][]string{"456": {"hello"}, "457": {"hello"}}, f.turns())
			})
		})
	}
}

// Line 3: another reply is the service's retry, and the ids are new.
func TestRetry_LastMessage(t *testing.T) {
	eachForm(t, plain, func(f *chatForm) {
		f.send("m1", "first")
		before := f.send("m2", "second")
		for _, again := range []bool{true, false} { // asked for, or sent once more
			got := f.do("m2", "second", again)
			assert.Empty(f, got.code)
			assert.Equal(f, before.Conversation, got.Conversation)
			assert.NotEqual(f, before.Message, got.Message)
			assert.NotEqual(f, before.UserMessage, got.UserMessage)
			f.failed(404, "message_not_found", "PATCH", "/conversations/"+got.Conversation+"/messages/"+before.Message+"/feedback", `{"feedback":"positive"}`, f.visitor...)
			res, _ := f.site.do("PATCH", "/conversations/"+got.Conversation+"/messages/"+got.Message+"/feedback", `{"feedback":"positive"}`, f.visitor...)
			assert.Equal(f, 200, res.StatusCode)
		}
		assert.Equal(f, map[string][]string{"456": {"first", "second"}}, f.turns())
		assert.Empty(f, f.reports())
	})
}

// Line 3 after a stop and after a failure within the reply.
func TestRetry_AfterAStopAndAFailure(t *testing.T) {
	eachForm(t, paced, func(f *chatForm) {
		f.begin("m1", longText, 3)()
		assert.Equal(f, "You said: "+longText, f.again("m1", longText).text)
		f.fake.Script(chattest.StreamError(2, "x"))
		assert.NotEmpty(f, f.send("m2", "second").text)
		assert.Equal(f, "You said: second", f.again("m2", "second").text)
		f.begin("m3", "third", 3)()
		assert.Equal(f, "You said: third", f.again("m3", "third").text)
		f.fake.Script(chattest.Cut(1))
		f.again("m3", "third")
		assert.Equal(f, "You said: third", f.again("m3", "third").text)
		assert.Equal(f, map[string][]string{"456": {longText, "second", "third"}}, f.turns())
	})
}

// Line 4: the outcome was unknown, and the stored conversation settles it.
func TestRetry_NeverArrived(t *testing.T) {
	eachForm(t, func() setup { return setup{bot: &chatclient.Options{MaxRetries: -1}} }, func(f *chatForm) {
		f.send("m1", "yes")
		f.fake.Script(chattest.BadGateway()) // the service has not seen it
		assert.Equal(f, "bot_unavailable", f.send("m2", "yes").code)
		assert.Empty(f, f.again("m2", "yes").code)
		assert.Equal(f, map[string][]string{"456": {"yes", "yes"}}, f.turns(), "the earlier yes is not run again")
		f.fake.Script(chattest.DropAfter()) // it has
		assert.Equal(f, "bot_unavailable", f.send("m3", "yes").code)
		assert.Empty(f, f.again("m3", "yes").code)
		assert.Equal(f, map[string][]string{"456": {"yes", "yes", "yes"}}, f.turns())
	})
}

// Lines 5 and 12: after a first exchange with an unknown outcome, the conversation is
// found in the list of a user who is signed in; for others the page learns that it may exist.
func TestRetry_FirstOutcomeUnknown(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		for _, next := range []string{"again", "sent", "other"} {
			eachForm(t, func() setup { return setup{bot: &chatclient.Options{MaxRetries: -1}} }, func(f *chatForm) {
				fault := chattest.BadGateway()
				if arrives {
					fault = chattest.DropAfter()
				}
				f.fake.Script(fault)
				assert.Equal(f, "bot_unavailable", f.send("m1", "hello").code)
				want, got := []string{"hello"}, outcome{}
				switch next {
				case "again":
					got = f.again("m1", "hello")
				case "sent":
					got = f.send("m1", "hello")
				case "other":
					got, want = f.send("m2", "other"), []string{"other"}
				}
				found := arrives && f.visitor == nil
				assert.Equal(f, !found, got.ConversationLost)
				switch {
				case found && next == "other":
					assert.Equal(f, map[string][]string{"456": {"hello", "other"}}, f.turns())
				case found || !arrives:
					assert.Equal(f, map[string][]string{"456": want}, f.turns())
				default:
					assert.Equal(f, map[string][]string{"456": {"hello"}, "457": want}, f.turns())
				}
			})
		}
	}
}

// A message without an id is kept as well: it may have begun a conversation, and a message
// before it is not the last one any more.
func TestMessage_WithoutID(t *testing.T) {
	for name, visitor := range map[string][]string{"signed in": nil, "anonymous": asAnonymous} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}, proxy: &Options{Anonymous: true}})
				send := func(text string) outcome {
					res, body := e.do("POST", "/messages", fmt.Sprintf(`{"chat":"c","message":%q}`, text), visitor...)
					return readOutcome(t, res, body)
				}
				e.fake.Script(chattest.DropAfter())
				send("hello")
				assert.Equal(t, visitor != nil, send("more").ConversationLost)
				f := &chatForm{site: e, native: true, chat: "c", visitor: visitor}
				f.send("m1", "with an id")
				send("and without")
				assert.Equal(t, "edit_unsupported", f.again("m1", "with an id").code)
				send("and without")
				e.end()
			})
		})
	}
}

// A conversation of another tab is not taken for the lost one.
func TestRetry_FindsNoOtherConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
		e.send("hello", "")
		time.Sleep(2 * time.Minute)
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		two := &chatForm{site: e, native: true, chat: "d", visitor: nil}
		two.send("x", "other text")
		three := &chatForm{site: e, native: true, chat: "e", visitor: nil}
		three.send("x", "hello")
		three.send("y", "hello again")
		e.fake.Script(chattest.BadGateway())
		f.send("m1", "hello")
		got := f.again("m1", "hello")
		assert.True(t, got.ConversationLost)
		assert.Equal(t, []string{"hello"}, e.turns()["459"])
		assert.Len(t, e.turns(), 4)
		e.end()
	})
}

// One that began later is another tab's, and of two that began at that time none is known to be
// the lost one.
func TestRetry_FindsNoConversationThatMayBeAnotherTabs(t *testing.T) {
	for later, found := range map[time.Duration]bool{time.Second: true, 3 * time.Minute: false} {
		for others := range 3 {
			synctest.Test(t, func(t *testing.T) {
				e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
				defer e.end()
				f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
				e.fake.Script(chattest.BadGateway())
				f.send("m1", "hello")
				time.Sleep(later)
				for range others {
					e.send("hello", "")
				}
				found := found && others == 1 // nothing says that this one is not the lost one
				assert.Equal(t, !found, f.again("m1", "hello").ConversationLost)
			})
		}
	}
}

// Lines 6 and 7, and 8 for a body that shows more.
func TestMessage_Edits(t *testing.T) {
	eachForm(t, plain, func(f *chatForm) {
		f.send("m1", "first")
		f.send("m2", "second")
		before := len(f.fake.Requests())
		for _, again := range []bool{false, true} {
			assert.Equal(f, outcome{status: 400, code: "edit_unsupported"}, f.do("m2", "another", again))
			assert.Equal(f, outcome{status: 400, code: "edit_unsupported"}, f.do("m1", "first", again))
		}
		f.failed(400, "edit_unsupported", "POST", "/ai-sdk", `{"id":"the-chat","trigger":"regenerate-message","messageId":"a1","messages":[
			{"id":"m1","role":"user","parts":[{"type":"text","text":"first"}]},{"id":"a1","role":"assistant","parts":[]},
			{"id":"m2","role":"user","parts":[{"type":"text","text":"second"}]},{"id":"a2","role":"assistant","parts":[]}]}`, f.visitor...)
		assert.Len(f, f.fake.Requests(), before, "the service was called")
		assert.Empty(f, f.reports())
	})
}

// Lines 9 and 10: a page that has the messages from the history, or a chat that is not
// kept any more.
func TestRetry_NothingKept(t *testing.T) {
	eachForm(t, plain, func(f *chatForm) {
		f.send("m1", "first")
		own := f.send("m2", "second")
		retry := func(chat, id, text string) outcome {
			res, body := f.site.do("POST", "/retry", fmt.Sprintf(`{"chat":%q,"id":%q,"message":%q,"conversation":%q}`, chat, id, text, own.Conversation), f.visitor...)
			return readOutcome(f.T, res, body)
		}
		got := retry("another-1", "x", "second")
		assert.Empty(f, got.code)
		assert.Equal(f, map[string][]string{"456": {"first", "second"}}, f.turns())
		got = retry("another-2", got.UserMessage, "second")
		assert.Empty(f, got.code, "by its ticket")
		assert.Equal(f, map[string][]string{"456": {"first", "second"}}, f.turns())
		assert.Equal(f, "edit_unsupported", retry("another-3", got.UserMessage, "changed").code)
		assert.Equal(f, "edit_unsupported", retry("another-4", own.UserMessage, "second").code, "a ticket of before the retry")
		retry("another-5", "x", "third")
		assert.Equal(f, map[string][]string{"456": {"first", "second", "third"}}, f.turns())
	})
}

// Line 11: nothing can be sent without a text.
func TestRetry_WithoutText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		e.rejected(404, "message_not_found", "POST", "/retry", `{"chat":"c","id":"m1"}`)
		f.send("m1", "hello")
		res, body := e.do("POST", "/retry", `{"chat":"c","id":"m1"}`)
		assert.Equal(t, "You said: hello", readOutcome(t, res, body).text)
		e.fake.Script(chattest.BadGateway())
		f.send("m2", "hello")
		e.failed(404, "message_not_found", "POST", "/retry", `{"chat":"c","id":"m2"}`)
		for _, body := range []string{`{"chat":"c"}`, `{"id":"m1"}`, `{"chat":"c","id":""}`, `{"chat":"c","id":"m1","message":7}`, `{"chat":"c","id":"m1","more":1}`} {
			e.rejected(400, "invalid_request", "POST", "/retry", body)
		}
		assert.Equal(t, map[string][]string{"456": {"hello"}}, e.turns())
		e.end()
	})
}

// Another chat of the visitor has continued the conversation: its turn is not removed.
func TestRetry_AfterATurnOfAnotherChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		own := f.send("m1", "mine")
		e.send("of another tab", own.Conversation)
		assert.Equal(t, "edit_unsupported", f.again("m1", "mine").code)
		assert.Equal(t, map[string][]string{"456": {"mine", "of another tab"}}, e.turns())
		e.end()
	})
}

// A valid ticket wins over the chat, and the chat belongs to its conversation from then on.
func TestChat_TicketWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		f.send("m1", "in the chat")
		other := e.send("elsewhere", "")
		_, _ = e.do("POST", "/messages", `{"chat":"c","id":"m2","message":"there","conversation":"`+other.Conversation+`"}`)
		f.send("m3", "there, too")
		assert.Equal(t, map[string][]string{"456": {"in the chat"}, "457": {"elsewhere", "there", "there, too"}}, e.turns())
		e.rejected(404, "conversation_not_found", "POST", "/messages", `{"chat":"c","id":"m4","message":"a","conversation":"v1.456.x"}`)
		e.end()
	})
}

// A ticket that comes while the first exchange is under way wins as well.
func TestChat_TicketWinsOverTheFirstExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, paced())
		other := e.send("elsewhere", "")
		f := &chatForm{site: e, native: true, chat: "c"}
		leave := f.begin("m1", longText, 2)
		_, body := e.do("POST", "/messages", `{"chat":"c","id":"m2","message":"there","conversation":"`+other.Conversation+`"}`)
		assert.Contains(t, body, "finish")
		leave()
		time.Sleep(time.Minute)
		f.send("m3", "there, too")
		assert.Equal(t, map[string][]string{"456": {"elsewhere", "there", "there, too"}, "457": {longText}}, e.turns())
		e.end()
	})
}

// After a conversation is gone or has ended, the chat begins a new one.
func TestChat_BeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		for _, fault := range []chattest.Fault{chattest.Status(404, "RESOURCE_NOT_FOUND"), chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING")} {
			f := &chatForm{site: e, native: true, chat: fmt.Sprintf("c%p", &fault), visitor: nil}
			f.send("m1", "first")
			e.fake.Script(fault)
			assert.Contains(t, []string{"conversation_not_found", "conversation_ended"}, f.send("m2", "second").code)
			got := f.send("m2", "second")
			assert.Empty(t, got.code)
			assert.False(t, got.ConversationLost)
		}
		assert.Len(t, e.turns(), 4)
		e.end()
	})
}

// brokenChats fails, or returns a fixed value.
type brokenChats struct {
	value []byte
	err   error
}

func (b *brokenChats) Load(context.Context, string) ([]byte, error) { return b.value, b.err }
func (b *brokenChats) CompareAndSwap(context.Context, string, []byte, []byte) (bool, error) {
	return b.err == nil, b.err
}

// What Chats returns passes the checks of a ticket: another visitor's is not used.
func TestChats_ValuesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chats := &brokenChats{}
		e := newSite(t, setup{proxy: &Options{Chats: chats}})
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		hers := e.send("hers", "", asUser, "grace").Conversation
		for _, value := range []string{`{"c":"` + hers + `"}`, `{"c":"456"}`, `{"c":`, `7`, `{"m":"x"}`, `{"c":"` + strings.Repeat("v1.456.", 200) + `"}`} {
			chats.value = []byte(value)
			got := f.send("m1", "mine")
			assert.Empty(t, got.code)
			assert.NotEqual(t, hers, got.Conversation)
			for _, err := range e.reports() {
				assert.ErrorIs(t, err, ErrChats)
			}
		}
		assert.Equal(t, []string{"hers"}, e.turns()["456"])
		e.end()
	})
}

func TestChats_Fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("redis: down")
		e := newSite(t, setup{proxy: &Options{Chats: &brokenChats{err: down}}})
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		got := f.send("m1", "hello")
		assert.True(t, got.ConversationLost, "the page learns that a conversation began")
		reports := e.reports()
		require.NotEmpty(t, reports)
		assert.ErrorIs(t, reports[0], ErrChats)
		assert.ErrorIs(t, reports[0], down)
		_, body := e.do("POST", "/messages", `{"chat":"c","id":"m2","message":"more","conversation":"`+got.Conversation+`"}`)
		assert.NotContains(t, body, "conversationLost")
		assert.Equal(t, map[string][]string{"456": {"hello", "more"}}, e.turns())
		e.end()
	})
}

func TestMemoryChats_Bounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryChats()
		put := func(key string, size int) {
			old, _ := m.Load(t.Context(), key)
			ok, err := m.CompareAndSwap(t.Context(), key, old, make([]byte, size))
			assert.True(t, ok)
			assert.NoError(t, err)
		}
		has := func(key string) bool { v, _ := m.Load(t.Context(), key); return v != nil }
		for i := range 40 {
			put(fmt.Sprint("ada.", i), 10)
		}
		assert.Len(t, m.visitors["ada"], 32)
		assert.True(t, has("ada.8") && has("ada.39") && !has("ada.7"), "the oldest are removed")
		for i := range 10_000 {
			put(fmt.Sprint(i, ".c"), 8000)
		}
		assert.LessOrEqual(t, m.bytes, maxChatsBytes)
		assert.False(t, has("ada.39"))
		assert.Len(t, m.visitors, len(m.chats))
		assert.Equal(t, m.changed.Len(), len(m.chats))
		time.Sleep(25 * time.Hour)
		assert.False(t, has("9999.c"))
		assert.Empty(t, m.chats)
		assert.Empty(t, m.visitors)
		assert.Zero(t, m.bytes)

		put("a.b", 1)
		ok, _ := m.CompareAndSwap(t.Context(), "a.b", nil, []byte("x"))
		assert.False(t, ok)
		ok, _ = m.CompareAndSwap(t.Context(), "a.b", []byte("y"), []byte("x"))
		assert.False(t, ok)
	})
}

// A value of 64 messages with the longest ids has less than the 8 KB that Chats is promised.
func TestChat_ValueSize(t *testing.T) {
	x := &exchange{p: newSite(t, setup{}).proxy, visitor: Visitor{UserID: chatclient.UserID(strings.Repeat("u", 128))}}
	var c chat
	for i := range 200 {
		x.message.id = fmt.Sprint(strings.Repeat("i", 250), i)
		x.marks = sentMessage{ID: x.p.tickets.mark("id", x.visitor.subject(), x.message.id), Text: x.p.textMark(x.visitor.subject(), strings.Repeat("x", 60_000)), State: unknown}
		x.addSent(&c, false)
	}
	c.Conversation = x.p.tickets.conversation(x.visitor.subject(), chatclient.ConversationID(strings.Repeat("c", 128)))
	c.LastUser = strings.Repeat("m", 128)
	assert.Len(t, c.Messages, 64)
	assert.Less(t, len(c.encode()), 8<<10)
	assert.Len(t, x.p.tickets.chatKey(x.visitor.subject(), "c"), 60)
}

func FuzzDecodeChat(f *testing.F) {
	own := newTestTickets(f, 123, testSecret)
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{MaxRetries: -1, HTTPClient: &http.Client{Transport: inMemory(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("nothing is sent")
	})}})
	require.NoError(f, err)
	f.Add([]byte(`{"c":"` + own.conversation(ada, "456") + `","p":true,"b":1,"u":"msg_1","m":[{"i":"a","t":"b","s":2}]}`))
	f.Add([]byte(`{"b":1,"m":[{"i":"a","t":"b","s":2}]}`))
	f.Add([]byte(`{"m":[{"s":9}]}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		c, err := decodeChat(value, own, ada)
		if c.Conversation != "" {
			require.NoError(t, err)
			require.NotEmpty(t, own.openConversation(ada, c.Conversation))
		}
		x := &exchange{p: &Proxy{bot: bot, tickets: own}, ctx: t.Context(), visitor: Visitor{UserID: "ada"}, message: message{id: "m"}, marks: sentMessage{ID: "a", Text: "b", State: unknown}}
		retry, _ := x.plan(&c)
		require.False(t, retry, "no call has succeeded")
	})
}

// Two tabs of one chat stop, send, ask again and leave, in any order: no turn is doubled,
// and the other visitor, who does the same, gets none of the tickets.
func TestChat_Interleavings(t *testing.T) {
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) { interleave(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func interleave(t *testing.T, seed uint64) {
	e := newSite(t, setup{fake: &chattest.Options{Pace: 100 * time.Millisecond}, proxy: &Options{Anonymous: true, MaxStreamsPerVisitor: 10}})
	var mu sync.Mutex
	seen := map[string]map[string]bool{"ada": {}, "": {}} // tickets by visitor
	var tabs sync.WaitGroup
	for v, user := range []string{"ada", ""} {
		for tab := range 2 {
			random := rand.New(rand.NewPCG(seed, uint64(10*v+tab)))
			f := &chatForm{site: e, native: random.IntN(2) == 0, chat: "c", visitor: []string{asUser, user, asSession, "s1"}}
			tabs.Go(func() {
				for i := range 3 {
					id := fmt.Sprintf("%s-%d-%d", user, tab, i)
					for range 1 + random.IntN(2) { // sent, and perhaps once more
						runMessage(f, random, id, random.IntN(3) == 0)
					}
					mu.Lock()
					for _, ticket := range f.tickets {
						seen[user][ticket] = true
					}
					mu.Unlock()
				}
			})
		}
	}
	tabs.Wait()
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	counts := map[string]int{}
	for _, texts := range e.turns() {
		for _, text := range texts {
			counts[text]++
		}
	}
	for text, n := range counts {
		assert.Equal(t, 1, n, text)
	}
	assert.Len(t, e.turns(), 2, "one conversation for each visitor")
	for ticket := range seen["ada"] {
		assert.False(t, ticket != "" && seen[""][ticket])
	}
	assert.Empty(t, e.proxy.streams.used)
	e.proxy.running.Range(func(x, _ any) bool { return assert.Fail(t, "an exchange is left") })
	e.end()
}

// runMessage sends a message, and may leave or stop at any time.
func runMessage(f *chatForm, random *rand.Rand, id string, again bool) {
	time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
	ctx, leave := context.WithCancel(f.Context())
	defer leave()
	after := time.Duration(random.IntN(1000)) * time.Millisecond
	switch random.IntN(4) {
	case 0:
		time.AfterFunc(after, leave)
	case 1:
		time.AfterFunc(after, func() {
			res, err := f.client.Do(f.request("POST", "/stop", `{"chat":"c"}`, f.visitor...))
			if err == nil {
				_ = res.Body.Close()
			}
			leave()
		})
	}
	res, err := f.client.Do(f.request("POST", f.path(again), f.body(id, "text of "+id, again), f.visitor...).WithContext(ctx))
	if err != nil {
		return
	}
	defer res.Body.Close()
	for line := range lines(res.Body) {
		var frame struct {
			replyTickets
			MessageMetadata replyTickets
		}
		data, _ := strings.CutPrefix(line, "data: ")
		if json.Unmarshal([]byte(data), &frame) == nil {
			for _, t := range []replyTickets{frame.replyTickets, frame.MessageMetadata} {
				f.tickets = append(f.tickets, t.Conversation, t.Message, t.UserMessage)
			}
		}
	}
}

// A message that comes again while this process still sends it is no second turn.
func TestRetry_WhileTheFirstIsOnItsWay(t *testing.T) {
	eachForm(t, plain, func(f *chatForm) {
		f.send("m1", "hello")
		f.fake.Script(chattest.Slow(3 * time.Second))
		var wait sync.WaitGroup
		wait.Go(func() { f.send("m2", "more") })
		time.Sleep(time.Second)
		assert.Empty(f, f.send("m2", "more").code)
		wait.Wait()
		assert.Equal(f, map[string][]string{"456": {"hello", "more"}}, f.turns())
	})
}

// A message of another tab may reach the service between a message and its repetition.
func TestRetry_AfterAMessageOfAnotherTab(t *testing.T) {
	eachForm(t, paced, func(f *chatForm) {
		f.send("m1", "hello")
		slow := func(d time.Duration) chattest.Fault { // the service has it, and responds later
			return func(normal http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(d)
					normal.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
				})
			}
		}
		f.fake.Script(slow(3*time.Second), slow(time.Second))
		f.leaveEarly("m2", "slow")
		f.leaveEarly("m3", "fast")
		time.Sleep(time.Minute)
		assert.Equal(f, "edit_unsupported", f.send("m3", "fast").code)
		assert.Equal(f, map[string][]string{"456": {"hello", "fast", "slow"}}, f.turns())
	})
}

// A message whose outcome is unknown, and which comes again from two tabs at once.
func TestRetry_FromTwoTabsAtOnce(t *testing.T) {
	eachForm(t, plain, func(f *chatForm) {
		f.send("m1", "hello")
		f.fake.Script(chattest.Slow(time.Minute), chattest.Slow(time.Second), chattest.Slow(time.Second))
		f.leaveEarly("m2", "more")
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() { assert.Empty(f, f.send("m2", "more").code) })
		}
		wait.Wait()
		assert.Equal(f, map[string][]string{"456": {"hello", "more"}}, f.turns())
	})
}

// leaveEarly sends a message and leaves before the response.
func (f *chatForm) leaveEarly(id, text string) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := f.client.Do(f.request("POST", f.path(false), f.body(id, text, false), f.visitor...).WithContext(ctx))
	require.Error(f, err)
	synctest.Wait()
}

// Messages of two tabs may reach the service in another order than they were sent.
func TestRetry_OfAMessageThatOvertookAnother(t *testing.T) {
	eachForm(t, plain, func(f *chatForm) {
		f.send("m1", "hello")
		f.fake.Script(chattest.Slow(3 * time.Second))
		var wait sync.WaitGroup
		wait.Go(func() { f.send("m2", "slow") })
		time.Sleep(time.Second)
		f.send("m3", "fast")
		wait.Wait()
		assert.Equal(f, "edit_unsupported", f.again("m3", "fast").code)
		assert.Zero(f, f.countCalls("/retry"))
		assert.Equal(f, map[string][]string{"456": {"hello", "fast", "slow"}}, f.turns())
	})
}
