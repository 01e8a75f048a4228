package chatproxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

func TestAISDK_Stream(t *testing.T) {
	e := newSite(t, setup{})
	first := `{"id":"c","trigger":"submit-message","messages":[{"id":"1","role":"user","parts":[{"type":"text","text":"Hel"},{"type":"text","text":"lo"}]}]}`
	res, stream := e.do("POST", "/ai-sdk", first)
	assert.Equal(t, "v1", res.Header.Get("X-Vercel-Ai-Ui-Message-Stream"))
	assert.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	assert.Equal(t, "no", res.Header.Get("X-Accel-Buffering"))
	ticket := e.proxy.tickets.conversation(ada, "456")
	metadata := `{"conversation":"` + ticket + `","message":"` + e.proxy.tickets.message(ada, "456", "msg_2") + `","userMessage":"` + e.proxy.tickets.message(ada, "456", "msg_1") + `"}`
	assert.Equal(t, `data: {"type":"start"}

data: {"type":"text-start","id":"1"}

data: {"type":"text-delta","id":"1","delta":"You "}

data: {"type":"text-delta","id":"1","delta":"said: "}

data: {"type":"text-delta","id":"1","delta":"Hello"}

data: {"type":"text-end","id":"1"}

data: {"type":"finish","messageMetadata":`+metadata+`}

data: [DONE]

`, stream)
	assert.JSONEq(t, `{"message":"Hello","userId":"ada","stream":true}`, string(e.fake.Requests()[0].Body))

	_, stream = e.do("POST", "/ai-sdk", aiBody("More", ticket))
	assert.Equal(t, `{"type":"start","messageMetadata":{"conversation":"`+ticket+`"}}`, framesOf(stream)[0])
	assert.JSONEq(t, `{"message":"More","userId":"ada","conversationId":456,"stream":true}`, string(e.fake.Requests()[1].Body))

	e.fake.Script(chattest.StreamError(1, "SQL: secret"))
	_, stream = e.do("POST", "/ai-sdk", aiBody("More", ticket))
	frames := framesOf(stream)
	assert.Equal(t, []string{
		`{"type":"text-delta","id":"1","delta":"You "}`,
		`{"type":"text-end","id":"1"}`,
		`{"type":"message-metadata","messageMetadata":{"conversation":"` + ticket + `"}}`,
		`{"type":"error","errorText":"The assistant could not finish this reply. Please try again."}`,
		`[DONE]`,
	}, frames[2:])
	e.fake.Script(chattest.Cut(0))
	_, stream = e.do("POST", "/ai-sdk", strings.Replace(first, `"id":"c"`, `"id":"d"`, 1))
	assert.Equal(t, []string{
		`{"type":"start"}`, `{"type":"error","errorText":"The reply was cut short. Please try again."}`, `[DONE]`,
	}, framesOf(stream))
}

func TestAISDK_PassTools(t *testing.T) {
	reply := func(chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.Text("Let "), chattest.ToolCall("call_1", "lookupOrder", `{"order":7}`), chattest.Text("me.")}
	}
	e := newSite(t, setup{fake: &chattest.Options{Reply: reply, Readings: newerFrames}, proxy: &Options{PassTools: true}})
	_, stream := e.do("POST", "/ai-sdk", aiBody("a", ""))
	frames := framesOf(stream)
	assert.Equal(t, []string{
		`{"type":"text-start","id":"1"}`,
		`{"type":"text-delta","id":"1","delta":"Let "}`,
		`{"type":"text-end","id":"1"}`,
		`{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":7},"providerExecuted":true}`,
		`{"type":"text-start","id":"2"}`,
		`{"type":"text-delta","id":"2","delta":"me."}`,
		`{"type":"text-end","id":"2"}`,
	}, frames[1:len(frames)-2])

	const noID = "data: {\"type\":\"tool-input-available\",\"toolCallId\":\"\",\"toolName\":\"secret\"}\n\n"
	e.fake.Script(chattest.Insert(0, noID))
	_, stream = e.do("POST", "/ai-sdk", aiBody("a", ""))
	assert.NotContains(t, stream, "secret", "useChat rejects a call without an id")
	assert.Len(t, framesOf(stream), len(frames))
}

func TestAISDK_Bodies(t *testing.T) {
	e := newSite(t, setup{})
	message := func(json string) string { return `{"messages":[` + json + `]}` }
	const hello = `{"role":"user","parts":[{"type":"text","text":"a"}]}`
	for _, body := range []string{
		message(hello), `{"messages":[` + hello + `],"trigger":"submit-message","messageId":null,"own":{"field":1}}`,
		message(`{"role":"assistant","parts":[],"metadata":"text"},{"role":"assistant","metadata":{"conversation":7}},` + hello),
		message(`{"role":"user","metadata":{"conversation":"v1.456.x"},"parts":[{"type":"text","text":"a"}]}`), // a page's own is not looked at
		`{"messages":[` + hello + `],"filler":"` + strings.Repeat("a", 1<<20-200) + `"}`,
		message(strings.Repeat("{},", maxMessages-1) + hello), // of the others only the newest ticket is looked for
		message(`{"role":"user","parts":[` + strings.Repeat(`{"type":"text","text":"a"},`, maxParts-1) + `{"type":"text"}]}`),
		`{"\u006dessages":[` + hello + `]}`, // which is the same name
	} {
		res, text := e.do("POST", "/ai-sdk", body)
		assert.Equal(t, 200, res.StatusCode, text)
	}
	for body, code := range map[string]string{
		`{}`: "invalid_request", `[]`: "invalid_request", `{"messages":{}}`: "invalid_request", `{"messages":[]}`: "invalid_request",
		`{"messages":[null]}`: "invalid_request", `{"messages":[1]}`: "invalid_request", message(`{}`): "invalid_request",
		message(`{"role":"assistant","parts":[{"type":"text","text":"a"}]}`):                                                "invalid_request",
		message(`{"role":"system","parts":[{"type":"text","text":"a"}]}`):                                                   "invalid_request",
		message(`{"role":"user","parts":[]}`):                                                                               "invalid_request",
		message(`{"role":"user","parts":[{"type":"text","text":" "}]}`):                                                     "invalid_request",
		message(`{"role":"user","parts":"a"}`):                                                                              "invalid_request",
		message(`{"role":"user","content":"a"}`):                                                                            "invalid_request",
		message(`{"role":"user","parts":[7]}`):                                                                              "invalid_request",
		message(`0,` + hello):                                                                                               "invalid_request",
		message(`{"role":"user","parts":[{"type":"text","text":"a"},{"type":"text","text":7}]}`):                            "invalid_request",
		message(`{"role":"user","parts":[` + strings.Repeat(`{"type":"text","text":"a"},`, maxParts) + `{"type":"text"}]}`): "invalid_request",
		message(`{"role":"user","parts":[{"type":"text","text":"a\u0000"}]}`):                                               "invalid_request",
		`{"Messages":[` + hello + `]}`:                                                                                      "invalid_request",
		`{"messages":[` + hello + `],"\u0075serId":"ada"}`:                                                                  "invalid_request",
		`{"messages":[` + hello + `],"trigger":"resume"}`:                                                                   "invalid_request",
		`{"messages":[` + hello + `],"trigger":1}`:                                                                          "invalid_request",
		`{"messages":[` + hello + `],"messageId":1}`:                                                                        "invalid_request",
		`{"messages":[` + hello + `],"userId":"grace"}`:                                                                     "invalid_request",
		`{"messages":[` + hello + `],"UserID":"grace"}`:                                                                     "invalid_request",
		`{"messages":[` + hello + `],"trigger":"regenerate-message"}`:                                                       "invalid_request", // it has no id
		`{"messages":[` + hello + `],"id":""}`:                                                                              "invalid_request",
		`{"messages":[` + hello + `],"id":7}`:                                                                               "invalid_request",
		`{"messages":[` + hello + `],"id":"a b"}`:                                                                           "invalid_request",
		`{"messages":[` + hello + `],"id":"` + strings.Repeat("a", 129) + `"}`:                                              "invalid_request",
		`{"messages":[` + hello + `],"conversation":7}`:                                                                     "invalid_request",
		message(`{"id":"\u0000","role":"user","parts":[{"type":"text","text":"a"}]}`):                                       "invalid_request",
		message(`{"id":"` + strings.Repeat("a", 257) + `","role":"user","parts":[{"type":"text","text":"a"}]}`):             "invalid_request",
		`{"id":"c","messages":[{"id":"1",` + hello[1:] + `,{"id":"2",` + hello[1:] + `],"messageId":"1"}`:                   "edit_unsupported",
		message(`{"role":"user","parts":[{"type":"file","url":"data:,"},{"type":"text","text":"a"}]}`):                      "files_unsupported",
		message(`{"role":"user","parts":[{"type":"data-order","data":1}]}`):                                                 "files_unsupported",
	} {
		e.rejected(400, code, "POST", "/ai-sdk", body)
	}
	e.rejected(413, "too_large", "POST", "/ai-sdk", message(`{"role":"user","parts":[{"type":"text","text":"`+strings.Repeat("a", 64<<10+1)+`"}]}`))
	e.rejected(413, "too_large", "POST", "/ai-sdk", message(strings.Repeat(hello+",", maxMessages)+hello))
	e.rejected(413, "too_large", "POST", "/ai-sdk", `{"messages":[`+hello+`],"filler":"`+strings.Repeat("a", 1<<20)+`"}`)
	_, tooLarge := e.do("POST", "/ai-sdk", `{"messages":[`+hello+`],"filler":"`+strings.Repeat("a", 1<<20)+`"}`)
	assert.Contains(t, tooLarge, errChatTooLarge.sentence, "another message does not help")
	e.rejected(415, "not_json", "POST", "/ai-sdk", message(hello), "Content-Type", "text/plain")
	assert.Empty(t, e.reports())
}

func TestAISDK_NothingToResume(t *testing.T) {
	e := newSite(t, setup{})
	res, text := e.do("GET", "/ai-sdk/any-id/stream", "")
	assert.Equal(t, 204, res.StatusCode)
	assert.Empty(t, text)
	assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	e.rejected(401, "sign_in_required", "GET", "/ai-sdk/any-id/stream", "", asUser, "")
	assert.Empty(t, e.fake.Requests())
}

// Of many tickets the newest counts, and only it.
func TestAISDK_NewestTicket(t *testing.T) {
	e := newSite(t, setup{})
	one, two := e.send("a", "").Conversation, e.send("a", "").Conversation
	body := func(tickets ...string) string {
		var b strings.Builder
		for _, ticket := range tickets {
			fmt.Fprintf(&b, `{"role":"user","parts":[{"type":"text","text":"a"}]},{"role":"assistant","parts":[],"metadata":{"conversation":%q}},`, ticket)
		}
		return `{"messages":[` + b.String() + `{"role":"user","parts":[{"type":"text","text":"b"}]}]}`
	}
	stopped := `{"role":"assistant","parts":[]},{"role":"assistant","parts":[],"metadata":{}},{"role":"user"` // replies that were stopped
	_, stream := e.do("POST", "/ai-sdk", strings.Replace(body(one), `{"role":"user","parts":[{"type":"text","text":"b"}`, stopped+`,"parts":[{"type":"text","text":"b"}`, 1))
	assert.Contains(t, stream, one)
	for ticket, want := range map[string]string{one: `"conversationId":456`, two: `"conversationId":457`} {
		_, stream := e.do("POST", "/ai-sdk", body(one, "v1.458.forged", ticket))
		assert.Contains(t, stream, ticket)
		requests := e.fake.Requests()
		assert.Contains(t, string(requests[len(requests)-1].Body), want)
	}
	e.rejected(404, "conversation_not_found", "POST", "/ai-sdk", body(one, two, "v1.458.forged"))
}

// Whatever the body: no panic, and what is sent on is a message with the id of
// a ticket that fits.
func FuzzProxy_Bodies(f *testing.F) {
	tickets := newTestTickets(f, 123, testSecret)
	own := tickets.conversation(ada, "456")
	f.Add([]byte(messageBody("Hello", own)))
	f.Add([]byte(aiBody("Hello", own)))
	f.Add([]byte(`{"messages":[{"role":"user","parts":[{"type":"text","text":"a"}]}],"trigger":"submit-message"}`))
	f.Add([]byte(`{"message":"a","userId":"grace"}`))
	f.Add([]byte(`{"chat":"c","id":"m1","message":"a"}`))
	f.Add([]byte(`{"chat":"c"}`))
	f.Add([]byte(`{"id":"c","message":{"id":"m1","role":"user","parts":[{"type":"text","text":"a"}]},"trigger":"regenerate-message","messageId":"m1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fake, err := chattest.New(nil)
		require.NoError(t, err)
		defer fake.Close()
		bot, err := chatclient.New(testKey, 123, &chatclient.Options{BaseURL: chattest.BaseURL, HTTPClient: fake.Client()})
		require.NoError(t, err)
		proxy, err := New(bot, testSecret, byHeader, &Options{Allow: always})
		require.NoError(t, err)
		for _, path := range []string{"/messages", "/ai-sdk", "/retry", "/stop"} {
			w := newRecorder()
			r := newRequest("POST", path, string(body))
			proxy.ServeHTTP(w, r)
			for _, request := range fake.Requests() {
				sent := string(request.Body)
				if request.Method == "POST" && !strings.HasSuffix(request.Path, "/retry") {
					require.Contains(t, sent, `"userId":"ada"`)
				}
				if strings.Contains(sent, `"conversationId"`) {
					require.Contains(t, sent, `"conversationId":456`)
					require.Contains(t, string(body), "KIoKpz6Jbh7dtTDI5u7kcUa80tmaU4uttqiIDIa70rQ")
				}
			}
			require.Contains(t, []int{200, 400, 404, 413, 502}, w.Code, w.Body.String())
		}
	})
}
