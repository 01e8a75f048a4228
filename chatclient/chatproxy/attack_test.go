package chatproxy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// Every attack ends before the service is called: refused checks that.

// tryTicket names a conversation in every way there is.
func (e *site) tryTicket(status int, code, ticket string, header ...string) {
	e.Helper()
	said := saying("a", ticket)
	e.refused(status, code, "POST", "/messages", said, header...)
	e.refused(status, code, "POST", "/ai-sdk", aiBody("a", ticket), header...)
	if ticket == "" || ticket == "." || ticket == ".." {
		return // no segment of a path
	}
	e.refused(status, code, "GET", "/conversations/"+url.PathEscape(ticket)+"/messages", "", header...)
	e.refused(status, code, "PATCH", "/conversations/"+url.PathEscape(ticket)+"/messages/v1.msg_2.x/feedback", `{"feedback":null}`, header...)
}

// aiBody is what DefaultChatTransport posts for the second turn of a chat.
func aiBody(text, ticket string) string {
	return fmt.Sprintf(`{"id":"c","trigger":"submit-message","messages":[
		{"id":"1","role":"user","parts":[{"type":"text","text":"first"}]},
		{"id":"2","role":"assistant","parts":[{"type":"text","text":"reply"}],"metadata":{"conversation":%s,"message":"v1.msg_2.x"}},
		{"id":"3","role":"user","parts":[{"type":"text","text":%s}]}]}`, quoted(ticket), quoted(text))
}

func TestTicketsOfOthers(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	graces := e.say("Hello", "", asUser, "grace").Conversation
	e.tryTicket(404, "conversation_not_found", graces)
	e.tryTicket(404, "conversation_not_found", ticketsOf(t, 124, testSecret).conversation(ada, "456"))
	e.tryTicket(404, "conversation_not_found", ticketsOf(t, 123, testSecret+"x").conversation(ada, "456"))
	e.tryTicket(404, "conversation_not_found", e.proxy.tickets.message(ada, "456", "msg_2"))

	mine := e.say("Hello", "").Conversation
	for _, form := range damaged(mine) {
		if form != "" { // which means none
			e.refused(404, "conversation_not_found", "POST", "/messages", saying("a", form))
			e.refused(404, "conversation_not_found", "POST", "/ai-sdk", aiBody("a", form))
		}
	}
	for _, raw := range []string{"456", "457", "conv_123", "export"} {
		e.tryTicket(404, "conversation_not_found", raw)
	}
	for _, path := range []string{mine + "A", mine[:20], "%252e%252e"} {
		e.refused(404, "conversation_not_found", "GET", "/conversations/"+path+"/messages", "")
	}
	e.refused(404, "conversation_not_found", "GET", "/conversations/%2e%2e/messages", "")
	for _, path := range []string{"../" + mine, url.PathEscape("../" + mine), url.PathEscape(mine + "/../../456")} {
		e.refused(404, "not_found", "GET", "/conversations/"+path+"/messages", "")
	}
	assert.Empty(t, e.reports())
}

// Anonymous visitors are told apart by their session alone.
func TestTicketsOfOtherSessions(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	mine := e.say("Hello", "", asUser, "", asSession, "s1")
	again := e.say("More", mine.Conversation, asUser, "", asSession, "s1")
	assert.Equal(t, mine.Conversation, again.Conversation)

	said := saying("a", mine.Conversation)
	e.refused(404, "conversation_not_found", "POST", "/messages", said, asUser, "", asSession, "s2")
	e.refused(404, "conversation_not_found", "POST", "/messages", said, asUser, "s1")
	feedback := "/conversations/" + mine.Conversation + "/messages/" + mine.Message + "/feedback"
	e.refused(404, "conversation_not_found", "PATCH", feedback, `{"feedback":"positive"}`, asUser, "", asSession, "s2")
	res, _ := e.do("PATCH", feedback, `{"feedback":"positive"}`, asUser, "", asSession, "s1")
	assert.Equal(t, 200, res.StatusCode)

	e.refused(401, "sign_in_required", "GET", "/conversations", "", asUser, "", asSession, "s1")
	e.refused(401, "sign_in_required", "GET", "/conversations/"+mine.Conversation+"/messages", "", asUser, "", asSession, "s1")
}

func TestASignedOutVisitor(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		e := newSite(t, setup{proxy: &Options{Anonymous: anonymous}})
		mine := e.say("Hello", "").Conversation
		said := saying("a", mine)
		e.refused(401, "sign_in_required", "POST", "/messages", said, asUser, "")
		e.refused(401, "sign_in_required", "GET", "/conversations", "", asUser, "")
		if anonymous {
			e.refused(404, "conversation_not_found", "POST", "/messages", said, asUser, "", asSession, "s1")
		} else {
			e.refused(401, "sign_in_required", "POST", "/messages", said, asUser, "", asSession, "s1")
		}
		e.say("Back again", mine)
	}
}

func TestMessagesOfOtherConversations(t *testing.T) {
	e := newSite(t, setup{})
	one, two := e.say("Hello", ""), e.say("Hello", "")
	const body = `{"feedback":"negative"}`
	path := func(conversation, message string) string {
		return "/conversations/" + conversation + "/messages/" + url.PathEscape(message) + "/feedback"
	}
	e.refused(404, "message_not_found", "PATCH", path(one.Conversation, two.Message), body)
	e.refused(404, "message_not_found", "PATCH", path(one.Conversation, one.Conversation), body)
	for _, form := range append(damaged(one.Message), "msg_2", "%2e%2e") {
		switch {
		case form == "", form == ".", form == "..": // no segment of a path
		case strings.Contains(form, "/"):
			e.refused(404, "not_found", "PATCH", path(one.Conversation, form), body)
		default:
			e.refused(404, "message_not_found", "PATCH", path(one.Conversation, form), body)
		}
	}
	res, _ := e.do("PATCH", path(one.Conversation, one.Message), body)
	assert.Equal(t, 200, res.StatusCode)
}

func TestRequestsOfOtherSites(t *testing.T) {
	e := newSite(t, setup{})
	own := e.say("Hello", "")
	messages := "/conversations/" + own.Conversation + "/messages"
	for _, from := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "elsewhere"},
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site", "Origin", "http://shop.example"},
	} {
		e.refused(403, "cross_site", "POST", "/messages", `{"message":"a"}`, from...)
		e.refused(403, "cross_site", "POST", "/ai-sdk", aiBody("a", ""), from...)
		e.refused(403, "cross_site", "GET", "/conversations", "", from...)
		e.refused(403, "cross_site", "GET", messages, "", from...)
		e.refused(403, "cross_site", "GET", "/ai-sdk/c/stream", "", from...)
		e.refused(403, "cross_site", "PATCH", messages+"/"+own.Message+"/feedback", `{"feedback":null}`, from...)
	}
	for _, from := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", "http://shop.example"}, {}} {
		res, _ := e.do("GET", messages, "", from...)
		assert.Equal(t, 200, res.StatusCode, from)
	}
}

func TestAnotherOriginThatIsTrusted(t *testing.T) {
	protection := http.NewCrossOriginProtection()
	assert.NoError(t, protection.AddTrustedOrigin("https://www.shop.example"))
	e := newSite(t, setup{proxy: &Options{CrossOrigin: protection}})
	res, _ := e.do("GET", "/conversations", "", "Sec-Fetch-Site", "same-site", "Origin", "https://www.shop.example")
	assert.Equal(t, 200, res.StatusCode)
	e.refused(403, "cross_site", "GET", "/conversations", "", "Sec-Fetch-Site", "same-site", "Origin", "https://evil.shop.example")
}

func TestVisitors(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	e.refused(401, "sign_in_required", "POST", "/messages", `{"message":"a"}`, asUser, "")
	assert.Empty(t, e.reports())

	e.refused(500, "internal_error", "POST", "/messages", `{"message":"a"}`, asUser, "broken")
	assert.Equal(t, []error{errLookup}, e.reports())

	e.refused(500, "internal_error", "POST", "/messages", `{"message":"a"}`, asUser, "panics")
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
		e.refused(500, "internal_error", "POST", "/messages", `{"message":"a"}`, asUser, id)
		var f *chatclient.FieldError
		assert.ErrorAs(t, e.reports()[0], &f)
		e.refused(500, "internal_error", "GET", "/conversations", "", asUser, id)
		e.reports()
	}
	assert.Empty(t, e.fake.Requests())
}

// A service that gave somebody else's conversation would be in the wrong; the
// proxy makes no ticket for it.
func TestConversationsThatTheServiceMixesUp(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	graces := e.say("Hello", "", asUser, "grace").Conversation
	finish := `data: {"type":"finish","finishReason":"stop","metadata":{"conversationId":"456","userId":"grace","messageId":"msg_2"}}` + "\n\ndata: [DONE]\n\n"
	for _, header := range [][]string{{}, {asUser, "", asSession, "s1"}} {
		e.fake.Script(chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte(finish))
		}))
		_, stream := e.do("POST", "/messages", `{"message":"a"}`, header...)
		assert.Equal(t, `{"type":"error","code":"reply_failed","message":"The assistant could not finish this reply. Please try again."}`, framesOf(stream)[1])
		assert.NotContains(t, stream, "456")
		assert.Equal(t, []error{ErrForeignConversation}, e.reports())
	}
	e.fake.Script(chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"data":[{"id":"456","userId":"grace"},{"id":"457","userId":"ada"},{"id":"458"}],"pagination":{"cursor":null,"hasMore":false}}`))
	}))
	_, list := e.do("GET", "/conversations", "")
	assert.NotContains(t, list, graces)
	assert.NotContains(t, list, "456")
	assert.Contains(t, list, e.proxy.tickets.conversation(ada, "457"))
	assert.Contains(t, list, e.proxy.tickets.conversation(ada, "458"))
	assert.Equal(t, []error{ErrForeignConversation}, e.reports())
}

func always(context.Context, Visitor) (time.Duration, bool) { return 0, true }
