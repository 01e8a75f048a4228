package chatproxy

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

func TestProxy_History(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which begins on 2000-01-01
		e := newSite(t, setup{})
		one := e.send("Hello", "")
		e.send("Not hers", "", asUser, "grace")
		two := e.send("Hi", "")
		e.send("More", one.Conversation)

		_, list := e.do("GET", "/conversations", "")
		assert.JSONEq(t, `{"version":1,"conversations":[`+
			`{"conversation":"`+one.Conversation+`","title":null,"createdAt":946684800,"updatedAt":946684800,"status":"ongoing","poll":null},`+
			`{"conversation":"`+two.Conversation+`","title":null,"createdAt":946684800,"updatedAt":946684800,"status":"ongoing","poll":null}],`+
			`"cursor":null}`, list)
		_, list = e.do("GET", "/conversations", "", asUser, "nobody-yet")
		assert.JSONEq(t, `{"version":1,"conversations":[],"cursor":null}`, list)

		path := "/conversations/" + two.Conversation + "/messages"
		user := e.proxy.tickets.message(ada, "458", "msg_5")
		_, messages := e.do("GET", path, "")
		want := `{"version":1,"conversation":"` + two.Conversation + `","status":"ongoing","poll":null,"messages":[` +
			`{"id":"` + user + `","role":"user","parts":[{"type":"text","text":"Hi"}],` +
			`"metadata":{"conversation":"` + two.Conversation + `","message":"` + user + `","createdAt":946684800,"feedback":null}},` +
			`{"id":"` + two.Message + `","role":"assistant","parts":[{"type":"text","text":"You said: Hi"}],` +
			`"metadata":{"conversation":"` + two.Conversation + `","message":"` + two.Message + `","createdAt":946684800,"feedback":null}}],` +
			`"cursor":null}`
		assert.JSONEq(t, want, messages)

		_, set := e.do("PATCH", path+"/"+two.Message+"/feedback", `{"feedback":"positive"}`)
		assert.JSONEq(t, `{"version":1,"message":"`+two.Message+`","feedback":"positive"}`, set)
		_, messages = e.do("GET", path, "")
		assert.JSONEq(t, strings.Replace(want, `"feedback":null}}],`, `"feedback":"positive"}}],`, 1), messages)
		_, set = e.do("PATCH", path+"/"+two.Message+"/feedback", `{"feedback":null}`)
		assert.JSONEq(t, `{"version":1,"message":"`+two.Message+`","feedback":null}`, set)
		e.failed(400, "not_assistant", "PATCH", path+"/"+user+"/feedback", `{"feedback":"negative"}`)
		assert.Empty(t, e.reports())
		e.end()
	})
}

func TestProxy_Pages(t *testing.T) {
	e := newSite(t, setup{})
	for range 5 {
		e.send("Hello", "")
	}
	ticket := e.send("Hello", "").Conversation
	for range 2 {
		e.send("Hello", ticket)
	}
	for path, want := range map[string]int{"/conversations": 6, "/conversations/" + ticket + "/messages": 6} {
		var seen []json.RawMessage
		cursor := ""
		for pages := 1; ; pages++ {
			_, text := e.do("GET", path+"?limit=2&cursor="+url.QueryEscape(cursor), "")
			var page struct {
				Conversations, Messages []json.RawMessage
				Cursor                  *string
			}
			require.NoError(t, json.Unmarshal([]byte(text), &page))
			seen = append(append(seen, page.Conversations...), page.Messages...)
			if page.Cursor == nil {
				assert.Equal(t, 3, pages)
				break
			}
			cursor = *page.Cursor
		}
		assert.Len(t, seen, want, path)
		for _, query := range []string{"limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5", "cursor=made-up"} {
			e.rejected(400, "invalid_request", "GET", path+"?"+query, "")
		}
		assert.Empty(t, e.reports())
	}
}

// A cursor of the service could mean anything, so it is bound to its list, and to
// its visitor, as an id is.
func TestProxy_Cursors(t *testing.T) {
	e := newSite(t, setup{})
	one, two := e.send("Hello", "").Conversation, e.send("Hello", "").Conversation
	cursorOf := func(path string, header ...string) string {
		_, text := e.do("GET", path, "", header...)
		var page struct{ Cursor string }
		require.NoError(t, json.Unmarshal([]byte(text), &page))
		require.NotEmpty(t, page.Cursor)
		return url.QueryEscape(page.Cursor)
	}
	list, messages := "/conversations", "/conversations/"+one+"/messages"
	ofList, ofMessages := cursorOf(list+"?limit=1"), cursorOf(messages+"?limit=1")
	for _, path := range []string{
		list + "?cursor=" + ofMessages, messages + "?cursor=" + ofList, "/conversations/" + two + "/messages?cursor=" + ofMessages,
		list + "?cursor=" + ofList + "A", list + "?cursor=" + ofList[:len(ofList)-1], list + "?cursor=" + one,
	} {
		e.rejected(400, "invalid_request", "GET", path, "")
	}
	e.rejected(400, "invalid_request", "GET", list+"?cursor="+ofList, "", asUser, "grace")

	e.fake.Script(chattest.Respond(responding(`{"data":[],"pagination":{"cursor":"` + strings.Repeat("c", 2000) + `","hasMore":true}}`)))
	cursorOf(list)
	e.fake.Script(chattest.Respond(responding(`{"data":[],"pagination":{"cursor":"` + strings.Repeat("c", 4000) + `","hasMore":true}}`)))
	_, text := e.do("GET", list, "")
	assert.Contains(t, text, `"cursor":null`)
	assert.Equal(t, []error{ErrUnusableID}, e.reports())

	for _, path := range []string{list + "?cursor=" + ofList, messages + "?cursor=" + ofMessages} {
		e.fake.Script(chattest.Status(400, "VALIDATION_INVALID_BODY")) // it has forgotten its own
		e.failed(400, "invalid_request", "GET", path, "")
	}
	assert.Empty(t, e.reports())
	e.fake.Script(chattest.Status(403, "AUTH_INSUFFICIENT_PERMISSIONS")) // which is not the cursor's fault
	e.failed(502, "bot_unavailable", "GET", list+"?cursor="+ofList, "")
	assert.Len(t, e.reports(), 1)
}

func TestProxy_FeedbackBodies(t *testing.T) {
	e := newSite(t, setup{})
	own := e.send("Hello", "")
	path := "/conversations/" + own.Conversation + "/messages/" + own.Message + "/feedback"
	for _, body := range []string{
		`{}`, `{"feedback":""}`, `{"feedback":"good"}`, `{"feedback":1}`, `{"feedback":["positive"]}`, `{"Feedback":"positive"}`,
		`{"feedback":"positive","userId":"grace"}`, `{"feedback":"positive","x":1}`, `null`,
	} {
		e.rejected(400, "invalid_request", "PATCH", path, body)
	}
}

// What the browser sees of a history is chosen by name, as in a reply.
func TestProxy_PartsOfOtherTypes(t *testing.T) {
	reply := func(turn chattest.Turn) []chattest.Part {
		call := chattest.ToolCall("call_1", "lookupOrder", `{"card":"4111"}`)
		if turn.Message == "tool alone" {
			return []chattest.Part{call}
		}
		return []chattest.Part{chattest.Text("Let me see."), call}
	}
	for pass, want := range map[bool]string{
		false: `[{"type":"text","text":"Let me see."}]`,
		true:  `[{"type":"text","text":"Let me see."},{"type":"tool-call","toolCallId":"call_1","toolName":"lookupOrder","input":{"card":"4111"}}]`,
	} {
		e := newSite(t, setup{fake: &chattest.Options{Reply: reply}, proxy: &Options{PassTools: pass}})
		ticket := e.send("tool alone", "").Conversation
		e.send("both", ticket)
		_, messages := e.do("GET", "/conversations/"+ticket+"/messages", "")
		assert.Contains(t, messages, `"parts":`+want+`,"role":"assistant"`)
		assert.Equal(t, pass, strings.Contains(messages, "4111"))
		assert.Equal(t, map[bool]int{false: 3, true: 4}[pass], strings.Count(messages, `"role"`))
		assert.NotContains(t, messages, `"parts":[]`)
	}

	e := newSite(t, setup{proxy: &Options{PassTools: true}})
	ticket := e.send("Hello", "").Conversation
	e.fake.Script(chattest.Respond(responding(`{"data":[{"id":"m1","role":"user","parts":[null,7,"secret",{"secret":1},{"type":7,"secret":1},{"type":"x","y":1}]}],"pagination":{}}`)))
	_, messages := e.do("GET", "/conversations/"+ticket+"/messages?limit=20", "")
	assert.Contains(t, messages, `"parts":[{"type":"x","y":1}]`, "a part without a type is none")

	e = newSite(t, setup{})
	ticket = e.send("Hello", "").Conversation
	e.fake.Script(chattest.Respond(responding(`{"data":[
		{"id":"m1","role":"system","parts":[{"type":"text","text":"the prompt"}]},
		{"id":"m0","role":"user","parts":[{"type":"text","text":""},{"type":"text"}]},
		{"id":"m2","role":"assistant","parts":[null,7,{"type":"text","text":"a","source":"secret.pdf"},{"type":"source","url":"secret"}],"feedback":"odd","metadata":{"cost":"secret"}}
	],"pagination":{"cursor":null,"hasMore":false}}`)))
	_, messages = e.do("GET", "/conversations/"+ticket+"/messages?limit=20", "")
	m2 := e.proxy.tickets.message(ada, "456", "m2")
	assert.Contains(t, messages, `"parts":[{"type":"text","text":""},{"type":"text","text":""}]`)
	first, rest, _ := strings.Cut(messages, `{"id":"`+e.proxy.tickets.message(ada, "456", "m0"))
	_, rest, _ = strings.Cut(rest, `"role":"user"},`)
	messages = first + rest
	assert.JSONEq(t, `{"version":1,"conversation":"`+ticket+`","status":null,"poll":null,"messages":[{"id":"`+m2+`","role":"assistant","parts":[{"type":"text","text":"a"}],
		"metadata":{"conversation":"`+ticket+`","message":"`+m2+`","createdAt":null,"feedback":null}}],"cursor":null}`, messages)
}
