package chatproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
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

// The visitors of these tests: s1 signs in as Ada or as Grace.
var (
	adaAfterS1   = []string{asUser, "ada", asEarlier, "s1"}
	graceAfterS1 = []string{asUser, "grace", asEarlier, "s1"}
)

// continuing is the body of a message in a chat of either form, with a ticket or without.
func continuing(native bool, id, text, ticket string) (path, body string) {
	conversation := "null"
	if ticket != "" {
		conversation = quoted(ticket)
	}
	if native {
		return "/messages", fmt.Sprintf(`{"chat":"c","id":%q,"message":%q,"conversation":%s}`, id, text, conversation)
	}
	return "/ai-sdk", fmt.Sprintf(`{"id":"c","conversation":%s,"message":{"id":%q,"role":"user","parts":[{"type":"text","text":%q}]}}`, conversation, id, text)
}

func (e *site) sendIn(native bool, id, text, ticket string, visitor ...string) outcome {
	e.Helper()
	path, body := continuing(native, id, text, ticket)
	res, text := e.do("POST", path, body, visitor...)
	return readOutcome(e.T, res, text)
}

// eachClaim runs a test in a bubble for both forms, and for a page that sends the ticket
// and one that sends its chat alone.
func eachClaim(t *testing.T, s func() setup, test func(e *site, send func(id, text, ticket string, visitor ...string) outcome)) {
	for _, native := range []bool{true, false} {
		for _, byTicket := range []bool{true, false} {
			t.Run(fmt.Sprintf("native %t, by ticket %t", native, byTicket), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := s()
					if s.proxy == nil {
						s.proxy = &Options{}
					}
					s.proxy.ContinueAfterSignIn, s.proxy.Anonymous = true, true
					e := newSite(t, s)
					defer e.end()
					test(e, func(id, text, ticket string, visitor ...string) outcome {
						t.Helper()
						if !byTicket {
							ticket = ""
						}
						return e.sendIn(native, id, text, ticket, visitor...)
					})
				})
			})
		}
	}
}

// A visitor signs in during a chat. It goes on, or the page learns that it begins
// anew.
func TestClaim_EachReading(t *testing.T) {
	for _, reading := range []string{"ignored", "adopted", "400"} {
		eachClaim(t, func() setup {
			return setup{fake: &chattest.Options{Readings: map[string]string{"anonymous-userid": reading}}}
		}, func(e *site, send func(id, text, ticket string, visitor ...string) outcome) {
			before := send("m1", "one", "", asAnonymous...)
			require.Empty(e, before.code)
			got := send("m2", "two", before.Conversation, adaAfterS1...)
			requests := e.fake.Requests()
			assert.Contains(e, string(requests[len(requests)-1].Body), `"userId":"ada"`)
			if reading == "400" {
				assert.Equal(e, "conversation_not_found", got.code)
				got = send("m2", "two", "", adaAfterS1...)
				assert.Empty(e, got.code)
				assert.Equal(e, map[string][]string{"456": {"one"}, "457": {"two"}}, e.turns())
			} else {
				assert.Equal(e, "You said: two", got.text)
				assert.Equal(e, e.proxy.tickets.conversation(ada, "456"), got.Conversation, "it is Ada's ticket")
				assert.Equal(e, "You said: three", send("m3", "three", got.Conversation).text, "without the earlier session")
				assert.Equal(e, map[string][]string{"456": {"one", "two", "three"}}, e.turns())
			}
			assert.Equal(e, "conversation_not_found", send("m4", "still me", before.Conversation, asAnonymous...).code)
			assert.False(e, got.ConversationLost)
			assert.Empty(e, e.reports())
		})
	}
}

// What the page holds from before the sign-in works on each route, and comes back as the
// user's.
func TestClaim_TicketsOfTheEarlierSession(t *testing.T) {
	for _, first := range []string{"messages", "poll", "feedback", "chat"} {
		e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
		before := e.sendIn(true, "m1", "one", "", asAnonymous...)
		e.fake.SetStatus("456", "taken_over")
		at := "/conversations/" + before.Conversation + "/messages"
		poll := e.page(at, asAnonymous...).Poll
		mine, message := e.proxy.tickets.conversation(ada, "456"), ""
		switch first {
		case "messages":
			res, text := e.do("GET", at, "", adaAfterS1...)
			require.Equal(t, 200, res.StatusCode, text)
			assert.Contains(t, text, `"conversation":"`+mine+`"`)
			assert.NotContains(t, text, before.Conversation)
			assert.NotContains(t, text, before.Message)
		case "poll":
			page := e.page("/conversations/"+poll+"/poll?after="+before.UserMessage, adaAfterS1...)
			require.Len(t, page.Messages, 1)
			message = page.Messages[0].ID
			assert.Equal(t, e.proxy.tickets.poll(ada, "456"), page.Poll)
		case "feedback":
			res, text := e.do("PATCH", at+"/"+before.Message+"/feedback", `{"feedback":"positive"}`, adaAfterS1...)
			require.Equal(t, 200, res.StatusCode, text)
			assert.NotContains(t, text, before.Message)
		case "chat":
			found, code := e.findChat("c", adaAfterS1...)
			assert.Equal(t, mine, found)
			assert.Empty(t, code)
		}
		e.page("/conversations/" + mine + "/messages")
		if message != "" {
			assert.NotEmpty(t, e.proxy.tickets.openMessage(ada, "456", message))
		}
		e.failed(404, "conversation_not_found", "GET", at, "", asAnonymous...)
		assert.Empty(t, e.reports())
	}
}

// A page that was reading the history in pages goes on with them.
func TestClaim_CursorOfTheEarlierSession(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
	before := e.send("one", "", asAnonymous...)
	path := "/conversations/" + before.Conversation + "/messages?limit=1"
	_, text := e.do("GET", path, "", asAnonymous...)
	var page struct{ Cursor string }
	require.NoError(t, json.Unmarshal([]byte(text), &page))
	path += "&cursor=" + url.QueryEscape(page.Cursor)
	e.rejected(404, "conversation_not_found", "GET", path, "", asUser, "grace")
	res, text := e.do("GET", path, "", adaAfterS1...)
	assert.Equal(t, 200, res.StatusCode, text)
	assert.Len(t, e.page("/conversations/"+before.Conversation+"/messages?limit=1&cursor="+url.QueryEscape(page.Cursor), adaAfterS1...).Messages, 1)
	e.rejected(400, "invalid_request", "GET", strings.Replace(path, before.Conversation, e.proxy.tickets.conversation(ada, "456"), 1), "", asUser, "ada")
}

// After the claim, the earlier session has the conversation on no route, and the service is
// not called for it. A chat of it may begin anew.
func TestClaim_EndsTheEarlierSession(t *testing.T) {
	for _, visitor := range [][]string{asAnonymous, graceAfterS1, {asUser, "", asSession, "s1", asEarlier, "s1"}} {
		e := newSite(t, setup{
			fake:  &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "showMap", `{"street":"Ada's"}`))},
			proxy: &Options{ContinueAfterSignIn: true, Anonymous: true, PageTools: []string{"showMap"}},
		})
		before := e.sendIn(true, "m1", "one", "", asAnonymous...)
		e.fake.SetStatus("456", "paused")
		at := "/conversations/" + before.Conversation
		poll := e.page(at+"/messages", asAnonymous...).Poll
		require.NotEmpty(t, poll)
		e.fake.SetStatus("456", "ongoing")
		require.Empty(t, e.sendIn(true, "m2", "two", before.Conversation, adaAfterS1...).code)
		for _, r := range [][3]string{
			{"GET", at + "/messages"},
			{"GET", at + "/messages?limit=5"},
			{"GET", "/conversations/" + poll + "/poll"},
			{"PATCH", at + "/messages/" + before.Message + "/feedback", `{"feedback":"positive"}`},
			{"POST", "/messages", messageBody("more", before.Conversation)},
			{"POST", "/messages", `{"chat":"other","id":"m3","message":"more","conversation":"` + before.Conversation + `"}`},
			{"POST", "/retry", `{"chat":"other","id":"m1","message":"one","conversation":"` + before.Conversation + `"}`},
			{"POST", "/ai-sdk", `{"id":"other","conversation":"` + before.Conversation + `","message":{"id":"m","role":"user","parts":[{"type":"text","text":"more"}]}}`},
			{"POST", "/ai-sdk", aiResults(before.Conversation, toolPart("showMap", "call_1", "output-available", `,"output":1`))},
			{"POST", "/tool-results", resultsBody(before.Conversation, "call_1", "1")},
			{"GET", "/conversation?chat=c"},
			{"POST", "/messages", `{"chat":"c","id":"m3","message":"more"}`},
		} {
			e.rejected(404, "conversation_not_found", r[0], r[1], r[2], visitor...)
		}
		again := e.sendIn(true, "m3", "anew", "", visitor...)
		assert.Empty(t, again.code)
		assert.Contains(t, again.Conversation, ".457.")
		assert.Equal(t, map[string][]string{"456": {"one", "two"}, "457": {"anew"}}, e.turns())
		assert.Empty(t, e.reports())
	}
}

// The page may send its old tickets again, in another process too; no other user may.
func TestClaim_Replay(t *testing.T) {
	chats := newMemoryChats()
	e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true, Chats: chats}})
	before := e.sendIn(true, "m1", "one", "", asAnonymous...)
	for i := range 3 {
		assert.Empty(t, e.sendIn(true, fmt.Sprint("n", i), "two", before.Conversation, adaAfterS1...).code)
		assert.Equal(t, "conversation_not_found", e.sendIn(true, "g", "mine", before.Conversation, graceAfterS1...).code)
	}
	var err error
	e.proxy, err = New(e.proxy.bot, "another secret, which is known from now on", byHeader, &Options{ContinueAfterSignIn: true, Anonymous: true, Chats: chats, Previous: []string{testSecret}})
	require.NoError(t, err)
	for want, visitor := range map[int][]string{200: adaAfterS1, 404: graceAfterS1} {
		w := newRecorder()
		r := newRequest("GET", "/conversations/"+before.Conversation+"/messages", "")
		r.Header.Set(visitor[0], visitor[1])
		r.Header.Set(visitor[2], visitor[3])
		e.proxy.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, "after a change of the secret")
	}
	w, r := newRecorder(), newRequest("GET", "/conversations/"+before.Conversation+"/messages", "")
	r.Header.Del(asUser)
	r.Header.Set(asSession, "s1")
	e.proxy.ServeHTTP(w, r)
	assert.Equal(t, 404, w.Code)
}

// Who signed out, and who signs in after that, have another session: nothing goes on.
func TestClaim_AfterSigningOut(t *testing.T) {
	eachClaim(t, plain, func(e *site, send func(id, text, ticket string, visitor ...string) outcome) {
		before := send("m1", "one", "", asAnonymous...)
		hers := send("m2", "two", before.Conversation, adaAfterS1...)
		require.Empty(e, hers.code)
		for _, visitor := range [][]string{
			{asUser, "", asSession, "s2"},
			{asUser, "", asSession, "s2", asEarlier, "s1"},
			{asUser, "grace"},
			{asUser, "grace", asEarlier, "s2"},
			{asUser, "grace", asEarlier, "ada"},
		} {
			for _, ticket := range []string{before.Conversation, hers.Conversation} {
				assert.Equal(e, "conversation_not_found", e.sendIn(true, "m3", "next", ticket, visitor...).code)
			}
			send("m4", "next", "", visitor...)
		}
		assert.Equal(e, []string{"one", "two"}, e.turns()["456"])
	})
}

// Without an earlier session, or with another one, signing in begins a new chat. Who is not
// signed in has none. One that is set without the option is the site's fault.
func TestClaim_OffByDefault(t *testing.T) {
	for _, on := range []bool{true, false} {
		e := newSite(t, setup{proxy: &Options{Anonymous: true, ContinueAfterSignIn: on}})
		before := e.sendIn(true, "m1", "one", "", asAnonymous...)
		path := "/conversations/" + before.Conversation + "/messages"
		for _, visitor := range [][]string{{asUser, "ada"}, {asUser, "ada", asSession, "s1"}, {asUser, "", asSession, "s2", asEarlier, "s1"}} {
			e.rejected(404, "conversation_not_found", "GET", path, "", visitor...)
		}
		if on {
			e.rejected(404, "conversation_not_found", "GET", path, "", asUser, "ada", asEarlier, "s2")
			assert.Empty(t, e.reports())
		} else {
			e.rejected(500, "internal_error", "GET", path, "", adaAfterS1...)
			assert.Equal(t, []error{&FieldError{"Visitor.EarlierSession", "must be empty without Options.ContinueAfterSignIn"}}, e.reports())
		}
		assert.Equal(t, "You said: two", e.sendIn(true, "m2", "two", before.Conversation, asAnonymous...).text)
	}
}

// A conversation that names another user is not claimed.
func TestClaim_ConversationOfAnotherUser(t *testing.T) {
	eachClaim(t, func() setup {
		return setup{fake: &chattest.Options{Readings: map[string]string{"anonymous-userid": "adopted"}}}
	}, func(e *site, send func(id, text, ticket string, visitor ...string) outcome) {
		before := send("m1", "one", "", asAnonymous...)
		_, err := e.proxy.bot.Send(e.Context(), chatclient.Message{Text: "hers", UserID: "grace", ConversationID: "456"})
		require.NoError(e, err)
		assert.Equal(e, "conversation_not_found", send("m2", "two", before.Conversation, adaAfterS1...).code)
		assert.Equal(e, "You said: three", send("m3", "three", before.Conversation, graceAfterS1...).text, "Ada claimed nothing")
	})
}

// failsAt is a memoryChats whose nth call of a method fails.
type failsAt struct {
	*memoryChats
	method string
	n      int
}

func (f *failsAt) fails(method string) error {
	if f.method == method {
		if f.n--; f.n < 0 {
			return errStore
		}
	}
	return nil
}

func (f *failsAt) Load(ctx context.Context, key string) ([]byte, error) {
	if err := f.fails("Load"); err != nil {
		return nil, err
	}
	return f.memoryChats.Load(ctx, key)
}

func (f *failsAt) CompareAndSwap(ctx context.Context, key string, old, new []byte) (bool, error) {
	if err := f.fails("CompareAndSwap"); err != nil {
		return false, err
	}
	return f.memoryChats.CompareAndSwap(ctx, key, old, new)
}

// forgetful is a store that keeps nothing.
type forgetful struct{ *memoryChats }

func (forgetful) Load(context.Context, string) ([]byte, error) { return nil, nil }

// A claim that Chats does not keep is rejected, before anything is sent.
func TestClaim_ChatsFails(t *testing.T) {
	for name, test := range map[string]struct {
		chats  Chats
		status int
		code   string
	}{
		"Load":           {&failsAt{newMemoryChats(), "Load", 0}, 500, "internal_error"},
		"second Load":    {&failsAt{newMemoryChats(), "Load", 1}, 500, "internal_error"},
		"CompareAndSwap": {&failsAt{newMemoryChats(), "CompareAndSwap", 0}, 500, "internal_error"},
		"keeps no value": {forgetful{newMemoryChats()}, 404, "conversation_not_found"},
	} {
		e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
		before := e.send("one", "", asAnonymous...)
		e.proxy.options.Chats = test.chats
		e.failed(test.status, test.code, "POST", "/messages", messageBody("two", before.Conversation), adaAfterS1...)
		assert.Equal(t, map[string][]string{"456": {"one"}}, e.turns(), name)
		if test.status == 500 {
			reports := e.reports()
			require.Len(t, reports, 1, name)
			assert.ErrorIs(t, reports[0], ErrChats)
			assert.ErrorIs(t, reports[0], errStore)
		}
	}
}

// While Chats fails, it is not known whether a conversation was claimed: it is rejected in each
// process, whether it has seen a claim or not. Without ContinueAfterSignIn, Chats is not read.
func TestClaim_ChatsFailsForTheEarlierSession(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
	before := e.send("one", "", asAnonymous...)
	e.proxy.options.Chats = failingChats{}
	for _, path := range []string{"/conversations/" + before.Conversation + "/messages", "/conversations/" + e.proxy.tickets.poll(subject{"session", "s1"}, "456") + "/poll"} {
		e.rejected(500, "internal_error", "GET", path, "", asAnonymous...)
	}
	e.rejected(500, "internal_error", "POST", "/messages", messageBody("two", before.Conversation), asAnonymous...)
	reports := e.reports()
	assert.Len(t, reports, 3)
	for _, err := range reports {
		assert.ErrorIs(t, err, ErrChats)
	}
	assert.Equal(t, map[string][]string{"456": {"one"}}, e.turns())

	e = newSite(t, setup{proxy: &Options{Anonymous: true, Chats: failingChats{}}})
	before = e.send("one", "", asAnonymous...)
	e.send("two", before.Conversation, asAnonymous...)
	assert.Empty(t, e.reports())
}

// A chat that is known by its id alone does not go on while Chats fails, and the page
// learns it.
func TestClaim_ChatsFailsForAChat(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
	e.sendIn(true, "m1", "one", "", asAnonymous...)
	for n := range 2 { // of the user's chat, of the session's
		e.proxy.options.Chats = &failsAt{e.proxy.options.Chats.(*memoryChats), "Load", n}
		got := e.sendIn(true, "m2", "two", "", adaAfterS1...)
		assert.True(t, got.ConversationLost)
		assert.Equal(t, "You said: two", got.text)
		e.proxy.options.Chats = e.proxy.options.Chats.(*failsAt).memoryChats
	}
	assert.Equal(t, []string{"one"}, e.turns()["456"])
	for _, err := range e.reports() {
		assert.ErrorIs(t, err, ErrChats)
	}
}

// Signing in during the first reply: the message waits for the conversation.
func TestClaim_DuringTheFirstReply(t *testing.T) {
	for _, native := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := paced()
			s.proxy = &Options{ContinueAfterSignIn: true, Anonymous: true}
			e := newSite(t, s)
			defer e.end()
			f := &chatForm{site: e, native: native, chat: "c", visitor: asAnonymous}
			f.begin("m1", longText, 3)()
			f.visitor = adaAfterS1
			got := f.send("m2", "two")
			assert.Equal(t, "You said: two", got.text)
			assert.Equal(t, map[string][]string{"456": {longText, "two"}}, e.turns())
			assert.Empty(t, e.reports())
		})
	}
}

// A message with the ticket from before that comes again while it is on its way is one turn.
func TestClaim_MessageThatComesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
		defer e.end()
		before := e.sendIn(true, "m1", "one", "", asAnonymous...)
		e.fake.Script(chattest.Pass(), chattest.Slow(3*time.Second)) // the owner is read first
		var wait sync.WaitGroup
		wait.Go(func() { e.sendIn(true, "m2", "two", before.Conversation, adaAfterS1...) })
		time.Sleep(time.Second)
		assert.Empty(t, e.sendIn(true, "m2", "two", before.Conversation, adaAfterS1...).code)
		wait.Wait()
		assert.Equal(t, map[string][]string{"456": {"one", "two"}}, e.turns())
	})
}

// A first reply that failed before its conversation was known cannot be claimed: the page
// learns that the chat begins anew.
func TestClaim_AfterAFailedFirstReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
		defer e.end()
		e.fake.Script(chattest.Cut(1))
		assert.NotEmpty(t, e.sendIn(true, "m1", "one", "", asAnonymous...).code)
		got := e.sendIn(true, "m2", "two", "", adaAfterS1...)
		assert.True(t, got.ConversationLost)
		assert.Equal(t, "You said: two", got.text)
	})
}

// A message from before the sign-in that is retried is no second turn, by the page's
// id and by the ticket.
func TestClaim_Retry(t *testing.T) {
	for _, byTicket := range []bool{true, false} {
		e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
		before, id := e.sendIn(true, "m1", "one", "", asAnonymous...), "m1"
		if byTicket {
			id = before.UserMessage
		}
		_, text := e.do("POST", "/retry", fmt.Sprintf(`{"chat":"c","id":%q,"message":"one"}`, id), adaAfterS1...)
		assert.Equal(t, "You said: one", textOf(text))
		assert.Equal(t, map[string][]string{"456": {"one"}}, e.turns())
		requests := e.fake.Requests()
		assert.True(t, slices.ContainsFunc(requests, func(r chattest.Request) bool { return strings.HasSuffix(r.Path, "/retry") }))
	}
}

// A request of the earlier session that is under way at the claim gets nothing of what
// comes after it.
func TestClaim_DuringARequestOfTheEarlierSession(t *testing.T) {
	for name, test := range map[string]struct {
		method, path, body string
		calls              int // of the service, before Ada's claim
	}{
		"messages": {"GET", "/conversations/TICKET/messages", "", 0},
		"page":     {"GET", "/conversations/TICKET/messages?limit=9", "", 0},
		"poll":     {"GET", "/conversations/POLL/poll", "", 0},
		"message":  {"POST", "/messages", `{"message":"mine","conversation":"TICKET"}`, 0},
		"tool":     {"POST", "/messages", `{"message":"call it","conversation":"TICKET"}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newSite(t, setup{
				fake: &chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
					if turn.Message == "call it" {
						return []chattest.Part{chattest.ToolCall("call_1", "showMap", `{"street":"hers"}`)}
					}
					return []chattest.Part{chattest.Text("You said: " + turn.Message)}
				}},
				proxy: &Options{ContinueAfterSignIn: true, Anonymous: true, PageTools: []string{"showMap"}},
			})
			before := e.send("one", "", asAnonymous...)
			e.fake.SetStatus("456", "paused")
			poll := e.page("/conversations/"+before.Conversation+"/messages", asAnonymous...).Poll
			e.fake.SetStatus("456", "ongoing")
			for range test.calls {
				e.fake.Script(chattest.Pass())
			}
			e.fake.Script(func(normal http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					assert.Nil(t, e.proxy.claim(t.Context(), Visitor{UserID: "ada", EarlierSession: "s1"}, "456"))
					normal.ServeHTTP(w, r)
				})
			})
			replace := strings.NewReplacer("TICKET", before.Conversation, "POLL", poll)
			res, text := e.do(test.method, replace.Replace(test.path), replace.Replace(test.body), asAnonymous...)
			assert.Equal(t, name == "tool", res.StatusCode == 200, "the reply has begun")
			assert.Contains(t, text, `"conversation_not_found"`)
			assert.NotContains(t, text, "hers")
			assert.NotContains(t, text, "You ")
			assert.NotContains(t, text, "mine")
		})
	}
}

// The earlier session does not pick a kept reply up again, not even after its chat began anew.
func TestClaim_KeptReplyOfTheEarlierSession(t *testing.T) {
	for _, native := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := keeping()
			s.proxy.ContinueAfterSignIn, s.proxy.Anonymous = true, true
			e := newSite(t, s)
			defer e.end()
			f := &chatForm{site: e, native: native, chat: "c", visitor: asAnonymous}
			before := f.send("m1", "one")
			f.begin("m2", longText, 3)()
			res, _ := f.site.do("GET", "/conversations/"+before.Conversation+"/messages", "", adaAfterS1...)
			require.Equal(t, 200, res.StatusCode)
			e.failed(404, "conversation_not_found", "GET", f.resumePath(), "", asAnonymous...)
			assert.Equal(t, "conversation_not_found", f.send("m3", "three").code)
			e.failed(404, "conversation_not_found", "GET", f.resumePath(), "", asAnonymous...)
			f.nothingToResume(asUser, "grace", asEarlier, "s1")
			time.Sleep(time.Minute)
			e.nothingKept()
			assert.Empty(t, e.reports())
		})
	}
}

// Of two users with the same earlier session, one claims the conversation.
func TestClaim_TwoUsersAtOnce(t *testing.T) {
	for range 20 {
		e := newSite(t, setup{proxy: &Options{ContinueAfterSignIn: true, Anonymous: true}})
		before := e.send("one", "", asAnonymous...)
		var users sync.WaitGroup
		statuses := make([]int, 6)
		for i := range statuses {
			users.Go(func() {
				r := e.request("GET", "/conversations/"+before.Conversation+"/messages", "", asUser, fmt.Sprint("user_", i), asEarlier, "s1")
				res, err := e.client.Do(r)
				if assert.NoError(t, err) {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
					statuses[i] = res.StatusCode
				}
			})
		}
		users.Wait()
		assert.ElementsMatch(t, []int{200, 404, 404, 404, 404, 404}, statuses)
	}
}

// A claim names nobody, cannot be computed without the secret, and is one visitor's part alone.
func TestTickets_Claim(t *testing.T) {
	own := newTestTickets(t, 123, testSecret)
	key, value := own.claim(0, "456", "ada")
	assert.Regexp(t, `^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`, key)
	assert.Regexp(t, `^"[A-Za-z0-9_-]{43}"$`, string(value))
	sameKey, otherValue := own.claim(0, "456", "grace")
	assert.Equal(t, key, sameKey)
	assert.NotEqual(t, value, otherValue)
	otherKey, _ := own.claim(0, "457", "ada")
	assert.NotEqual(t, visitorPart(key), visitorPart(otherKey))
	for _, other := range []*tickets{newTestTickets(t, 123, testSecret+"x"), newTestTickets(t, 124, testSecret)} {
		otherKey, otherValue := other.claim(0, "456", "ada")
		assert.NotEqual(t, key, otherKey)
		assert.NotEqual(t, value, otherValue)
	}
}
