package chatproxy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// Every attack ends before the service is called: rejected checks that.

// tryTicket names a conversation in every way there is.
func (e *site) tryTicket(status int, code, ticket string, header ...string) {
	e.Helper()
	said := messageBody("a", ticket)
	e.rejected(status, code, "POST", "/messages", said, header...)
	e.rejected(status, code, "POST", "/ai-sdk", aiBody("a", ticket), header...)
	if ticket == "" || ticket == "." || ticket == ".." {
		return // no segment of a path
	}
	e.rejected(status, code, "GET", "/conversations/"+url.PathEscape(ticket)+"/messages", "", header...)
	e.rejected(status, code, "PATCH", "/conversations/"+url.PathEscape(ticket)+"/messages/v1.msg_2.x/feedback", `{"feedback":null}`, header...)
}

var aiBodies atomic.Int64

// aiBody is what DefaultChatTransport posts for the second turn of a chat. Each one is of
// another chat.
func aiBody(text, ticket string) string {
	return fmt.Sprintf(`{"id":"chat-%d","trigger":"submit-message","messages":[
		{"id":"1","role":"user","parts":[{"type":"text","text":"first"}]},
		{"id":"2","role":"assistant","parts":[{"type":"text","text":"reply"}],"metadata":{"conversation":%s,"message":"v1.msg_2.x"}},
		{"id":"3","role":"user","parts":[{"type":"text","text":%s}]}]}`, aiBodies.Add(1), quoted(ticket), quoted(text))
}

func TestProxy_TicketsOfOthers(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	graces := e.send("Hello", "", asUser, "grace").Conversation
	e.tryTicket(404, "conversation_not_found", graces)
	e.tryTicket(404, "conversation_not_found", newTestTickets(t, 124, testSecret).conversation(ada, "456"))
	e.tryTicket(404, "conversation_not_found", newTestTickets(t, 123, testSecret+"x").conversation(ada, "456"))
	e.tryTicket(404, "conversation_not_found", e.proxy.tickets.message(ada, "456", "msg_2"))

	mine := e.send("Hello", "").Conversation
	for _, form := range damaged(mine) {
		if form != "" { // which means none
			e.rejected(404, "conversation_not_found", "POST", "/messages", messageBody("a", form))
			e.rejected(404, "conversation_not_found", "POST", "/ai-sdk", aiBody("a", form))
		}
	}
	for _, raw := range []string{"456", "457", "conv_123", "export"} {
		e.tryTicket(404, "conversation_not_found", raw)
	}
	for _, path := range []string{mine + "A", mine[:20], "%252e%252e"} {
		e.rejected(404, "conversation_not_found", "GET", "/conversations/"+path+"/messages", "")
	}
	e.rejected(404, "conversation_not_found", "GET", "/conversations/%2e%2e/messages", "")
	for _, path := range []string{"../" + mine, url.PathEscape("../" + mine), url.PathEscape(mine + "/../../456")} {
		e.rejected(404, "not_found", "GET", "/conversations/"+path+"/messages", "")
	}
	assert.Empty(t, e.reports())
}

// Anonymous visitors differ by their session alone.
func TestProxy_TicketsOfOtherSessions(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	mine := e.send("Hello", "", asUser, "", asSession, "s1")
	again := e.send("More", mine.Conversation, asUser, "", asSession, "s1")
	assert.Equal(t, mine.Conversation, again.Conversation)

	said := messageBody("a", mine.Conversation)
	e.rejected(404, "conversation_not_found", "POST", "/messages", said, asUser, "", asSession, "s2")
	e.rejected(404, "conversation_not_found", "POST", "/messages", said, asUser, "s1")
	feedback := "/conversations/" + mine.Conversation + "/messages/" + mine.Message + "/feedback"
	e.rejected(404, "conversation_not_found", "PATCH", feedback, `{"feedback":"positive"}`, asUser, "", asSession, "s2")
	res, _ := e.do("PATCH", feedback, `{"feedback":"positive"}`, asUser, "", asSession, "s1")
	assert.Equal(t, 200, res.StatusCode)

	e.rejected(401, "sign_in_required", "GET", "/conversations", "", asUser, "", asSession, "s1")
	_, messages := e.do("GET", "/conversations/"+mine.Conversation+"/messages", "", asUser, "", asSession, "s1")
	assert.Equal(t, 4, strings.Count(messages, `"role"`), "an anonymous visitor reads the messages by the ticket")
	e.rejected(404, "conversation_not_found", "GET", "/conversations/"+mine.Conversation+"/messages", "", asUser, "", asSession, "s2")
}

func TestProxy_SignedOut(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		e := newSite(t, setup{proxy: &Options{Anonymous: anonymous}})
		mine := e.send("Hello", "").Conversation
		said := messageBody("a", mine)
		e.rejected(401, "sign_in_required", "POST", "/messages", said, asUser, "")
		e.rejected(401, "sign_in_required", "GET", "/conversations", "", asUser, "")
		if anonymous {
			e.rejected(404, "conversation_not_found", "POST", "/messages", said, asUser, "", asSession, "s1")
		} else {
			e.rejected(401, "sign_in_required", "POST", "/messages", said, asUser, "", asSession, "s1")
		}
		e.send("Back again", mine)
	}
}

func TestProxy_MessagesOfOtherConversations(t *testing.T) {
	e := newSite(t, setup{})
	one, two := e.send("Hello", ""), e.send("Hello", "")
	const body = `{"feedback":"negative"}`
	path := func(conversation, message string) string {
		return "/conversations/" + conversation + "/messages/" + url.PathEscape(message) + "/feedback"
	}
	e.rejected(404, "message_not_found", "PATCH", path(one.Conversation, two.Message), body)
	e.rejected(404, "message_not_found", "PATCH", path(one.Conversation, one.Conversation), body)
	for _, form := range append(damaged(one.Message), "msg_2", "%2e%2e") {
		switch {
		case form == "", form == ".", form == "..": // no segment of a path
		case strings.Contains(form, "/"):
			e.rejected(404, "not_found", "PATCH", path(one.Conversation, form), body)
		default:
			e.rejected(404, "message_not_found", "PATCH", path(one.Conversation, form), body)
		}
	}
	res, _ := e.do("PATCH", path(one.Conversation, one.Message), body)
	assert.Equal(t, 200, res.StatusCode)
}

func TestProxy_OtherSites(t *testing.T) {
	e := newSite(t, setup{})
	own := e.send("Hello", "")
	messages := "/conversations/" + own.Conversation + "/messages"
	for _, from := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "elsewhere"},
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site", "Origin", "http://shop.example"},
	} {
		e.rejected(403, "cross_site", "POST", "/messages", `{"message":"a"}`, from...)
		e.rejected(403, "cross_site", "POST", "/ai-sdk", aiBody("a", ""), from...)
		e.rejected(403, "cross_site", "GET", "/conversations", "", from...)
		e.rejected(403, "cross_site", "GET", messages, "", from...)
		e.rejected(403, "cross_site", "GET", "/ai-sdk/c/stream", "", from...)
		e.rejected(403, "cross_site", "PATCH", messages+"/"+own.Message+"/feedback", `{"feedback":null}`, from...)
	}
	for _, from := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", "http://shop.example"}, {}} {
		res, _ := e.do("GET", messages, "", from...)
		assert.Equal(t, 200, res.StatusCode, from)
	}
}

func TestProxy_TrustedOrigin(t *testing.T) {
	protection := http.NewCrossOriginProtection()
	assert.NoError(t, protection.AddTrustedOrigin("https://www.shop.example"))
	e := newSite(t, setup{proxy: &Options{CrossOrigin: protection}})
	res, _ := e.do("GET", "/conversations", "", "Sec-Fetch-Site", "same-site", "Origin", "https://www.shop.example")
	assert.Equal(t, 200, res.StatusCode)
	e.rejected(403, "cross_site", "GET", "/conversations", "", "Sec-Fetch-Site", "same-site", "Origin", "https://evil.shop.example")
}

func TestProxy_VisitorFunction(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	e.rejected(401, "sign_in_required", "POST", "/messages", `{"message":"a"}`, asUser, "")
	assert.Empty(t, e.reports())

	e.rejected(500, "internal_error", "POST", "/messages", `{"message":"a"}`, asUser, "broken")
	assert.Equal(t, []error{errLookup}, e.reports())

	e.rejected(500, "internal_error", "POST", "/messages", `{"message":"a"}`, asUser, "panics")
	var p *PanicError
	if reports := e.reports(); assert.Len(t, reports, 1) && assert.ErrorAs(t, reports[0], &p) {
		assert.Equal(t, "string", p.Type)
		assert.Contains(t, string(p.Stack), "helpers_test.go")
		assert.Equal(t, "chatproxy: panic of type string: hunter2", p.Error())
	}
	_, err := e.client.Do(e.request("GET", "/conversations", "", asUser, "aborts"))
	assert.Error(t, err)
	assert.Empty(t, e.reports())

	for _, id := range []string{"ada@example.com", "..", "a/b", "a b"} {
		e.rejected(500, "internal_error", "POST", "/messages", `{"message":"a"}`, asUser, id)
		var f *chatclient.FieldError
		assert.ErrorAs(t, e.reports()[0], &f)
		e.rejected(500, "internal_error", "GET", "/conversations", "", asUser, id)
		e.reports()
	}
	assert.Empty(t, e.fake.Requests())
}

// A service that mixed its conversations up would be in the wrong. The proxy makes no
// ticket for what is not the visitor's.
func TestProxy_ForeignReply(t *testing.T) {
	const hers = `{"type":"finish","finishReason":"stop","metadata":{"conversationId":"456","userId":"ada","messageId":"msg_2"}}`
	finish := func(metadata string) string {
		return `{"type":"finish","finishReason":"stop","metadata":` + metadata + `}`
	}
	type reply struct {
		asked  bool // for conversation 456
		frames []string
	}
	foreign := map[string]reply{
		"another user":                 {false, []string{finish(`{"conversationId":"456","userId":"grace"}`)}},
		"another user, number":         {false, []string{finish(`{"conversationId":"456","userId":7}`)}},
		"another user, object":         {false, []string{finish(`{"conversationId":"456","userId":{"id":"ada"}}`)}},
		"another user, list":           {false, []string{finish(`{"conversationId":"456","userId":["ada"]}`)}},
		"another user, true":           {false, []string{finish(`{"conversationId":"456","userId":true}`)}},
		"another user, same length":    {false, []string{finish(`{"conversationId":"456","userId":"bob"}`)}},
		"another user, first":          {false, []string{`{"type":"message-metadata","userId":"grace"}`, hers}},
		"another user, first, nested":  {false, []string{`{"type":"message-metadata","messageMetadata":{"userId":"grace"}}`, hers}},
		"another user, last":           {false, []string{hers, finish(`{"userId":"grace"}`)}},
		"two users in a frame":         {false, []string{`{"type":"finish","userId":"grace","metadata":{"conversationId":"456","userId":"ada"}}`}},
		"two users, one name":          {false, []string{finish(`{"conversationId":"456","userId":"grace","userId":"ada"}`)}},
		"two users, letter case":       {false, []string{finish(`{"conversationId":"456","USERID":"grace","userId":"ada"}`)}},
		"another conversation":         {true, []string{finish(`{"conversationId":"457","userId":"ada"}`)}},
		"another conversation, number": {true, []string{finish(`{"conversationId":457}`)}},
		"another conversation, object": {true, []string{finish(`{"conversationId":{"id":456}}`)}},
		"another conversation, beside": {true, []string{`{"type":"finish","conversationId":"457","metadata":{"conversationId":"456"}}`}},
		"another conversation, first":  {true, []string{`{"type":"message-metadata","conversationId":"457"}`, hers}},
		"another conversation, last":   {true, []string{hers, finish(`{"conversationId":"457"}`)}},
		"two new conversations":        {false, []string{`{"type":"message-metadata","conversationId":"456"}`, finish(`{"conversationId":"457","userId":"ada"}`)}},
		"two, the first unreadable":    {false, []string{`{"type":"message-metadata","conversationId":[456]}`, hers}},
		"two, the second unreadable":   {false, []string{hers, finish(`{"conversationId":true}`)}},
	}
	for name, test := range foreign {
		for _, path := range []string{"/messages", "/ai-sdk"} {
			t.Run(name+", "+path, func(t *testing.T) {
				e := newSite(t, setup{})
				ticket := ""
				if test.asked {
					ticket = e.send("Hello", "").Conversation
				}
				body := messageBody("a", ticket)
				if path == "/ai-sdk" {
					body = aiBody("a", ticket)
				}
				said := `{"type":"text-delta","text":"before"}`
				frames := append([]string{said}, append(test.frames, `{"type":"text-delta","text":"after"}`)...)
				e.fake.Script(chattest.Respond(streaming(frames...)))
				_, stream := e.do("POST", path, body)
				got := framesOf(stream)
				assert.Contains(t, stream, `"before"`, "what came before is with the browser already")
				assert.NotContains(t, stream, `"after"`)
				assert.Regexp(t, `^{"type":"error",.*The assistant could not finish this reply. Please try again."}$`, got[len(got)-2])
				assert.Equal(t, "[DONE]", got[len(got)-1])
				assert.NotContains(t, strings.Join(got[1:], "\n"), "v1.", "no ticket, of no kind")
				assert.NotContains(t, stream, "finish\"")
				assert.Equal(t, []error{ErrForeignConversation}, e.reports())
			})
		}
	}
}

func TestProxy_ForeignReplyToAnonymous(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	e.fake.Script(chattest.Respond(streaming(`{"type":"finish","metadata":{"conversationId":"456","userId":"grace"}}`)))
	_, stream := e.do("POST", "/messages", `{"message":"a"}`, asUser, "", asSession, "s1")
	assert.Contains(t, framesOf(stream)[1], `"code":"reply_failed"`)
	assert.Equal(t, []error{ErrForeignConversation}, e.reports())
}

// What names nobody, or the visitor in another form, is the visitor's.
func TestProxy_OwnReply(t *testing.T) {
	for _, frames := range [][]string{
		{`{"type":"finish","metadata":{"conversationId":456,"userId":"8821"}}`},
		{`{"type":"finish","metadata":{"conversationId":"456","userId":8821}}`},
		{`{"type":"finish","metadata":{"conversationId":"456","userId":null}}`},
		{`{"type":"finish","metadata":{"conversationId":"456","userId":""}}`},
		{`{"type":"finish","metadata":{"conversationId":"456"}}`},
		{`{"type":"message-metadata","conversationId":"456","userId":"8821"}`, `{"type":"finish","metadata":{"userId":null}}`},
		{`{"type":"message-metadata","conversationId":null}`, `{"type":"finish","metadata":{"conversationId":456}}`},
		{`{"type":"x","userId":"an agent's","conversationId":7}`, `{"type":"finish","metadata":{"conversationId":456}}`},
	} {
		e := newSite(t, setup{})
		e.fake.Script(chattest.Respond(streaming(frames...)))
		own := e.send("Hello", "", asUser, "8821")
		assert.Equal(t, e.proxy.tickets.conversation(subject{"user", "8821"}, "456"), own.Conversation, frames)
		e.fake.Script(chattest.Respond(streaming(frames...)))
		assert.Equal(t, own, e.send("Hello", own.Conversation, asUser, "8821"))
		assert.Empty(t, e.reports())
	}
}

// Nobody else's conversation or message is in a history.
func TestProxy_ForeignHistory(t *testing.T) {
	e := newSite(t, setup{})
	own := e.send("Hello", "")
	for _, foreign := range []string{`"grace"`, `"bob"`, `7`, `{}`, `{"id":"ada"}`, `["ada"]`, `true`} {
		e.fake.Script(chattest.Respond(responding(`{"data":[{"id":"456","userId":` + foreign + `},{"id":"457","userId":"ada"},{"id":"458"},{"id":"459","userId":null},{"id":"a:b"}],"pagination":{}}`)))
		_, list := e.do("GET", "/conversations", "")
		assert.NotContains(t, list, "v1.456.", foreign)
		for _, id := range []chatclient.ConversationID{"457", "458", "459"} {
			assert.Contains(t, list, e.proxy.tickets.conversation(ada, id))
		}
		assert.Equal(t, []error{ErrForeignConversation}, e.reports())
	}

	messages := "/conversations/" + own.Conversation + "/messages"
	const part = `"role":"user","parts":[{"type":"text","text":"a"}]`
	for _, foreign := range []string{`{"userId":"grace"}`, `{"userId":7}`, `{"userId":{}}`, `{"conversationId":"457"}`, `{"conversationId":457,"userId":"ada"}`} {
		e.fake.Script(chattest.Respond(responding(`{"data":[{"id":"m1",` + part + `,"metadata":` + foreign + `},{"id":"m2",` + part + `},
			{"id":"m3",` + part + `,"metadata":{"conversationId":456,"userId":"ada"}},{"id":"a:b",` + part + `}],"pagination":{}}`)))
		_, list := e.do("GET", messages+"?limit=20", "")
		assert.NotContains(t, list, "v1.m1.", foreign)
		assert.Contains(t, list, "v1.m2.")
		assert.Contains(t, list, "v1.m3.")
		assert.Equal(t, []error{ErrForeignConversation}, e.reports())

		e.fake.Script(chattest.Respond(responding(`{"data":{"id":"456","messages":[{"id":"m1",` + part + `,"metadata":` + foreign + `},{"id":"m2",` + part + `}]}}`)))
		_, list = e.do("GET", messages, "")
		assert.NotContains(t, list, "v1.m1.", foreign)
		assert.Contains(t, list, "v1.m2.")
		assert.Equal(t, []error{ErrForeignConversation}, e.reports())

		e.fake.Script(chattest.Respond(responding(`{"data":{"id":"msg_2","metadata":` + foreign + `}}`)))
		e.failed(502, "bot_unavailable", "PATCH", messages+"/"+own.Message+"/feedback", `{"feedback":null}`)
		assert.Equal(t, []error{ErrForeignConversation}, e.reports())
	}
}

// A conversation that is another's, or another one, is not shown at all.
func TestProxy_ForeignConversation(t *testing.T) {
	e := newSite(t, setup{})
	own := e.send("Hello", "")
	for _, foreign := range []string{`{"id":"456","userId":"grace"}`, `{"id":"456","userId":7}`, `{"id":"457"}`, `{"id":457,"userId":"ada"}`} {
		for _, path := range []string{"/conversations/" + own.Conversation + "/messages", "/conversations/" + e.proxy.tickets.poll(ada, "456") + "/poll"} {
			e.proxy.polls = newPolls()
			e.fake.Script(chattest.Respond(responding(`{"data":` + strings.Replace(foreign, "{", `{"status":"paused","messages":[{"id":"m1","role":"user","parts":[{"type":"text","text":"hers"}]}],`, 1) + `}`)))
			e.failed(502, "bot_unavailable", "GET", path, "")
			assert.Equal(t, []error{ErrForeignConversation}, e.reports(), foreign)
		}
	}
}

func always(context.Context, Visitor) (time.Duration, bool) { return 0, true }
