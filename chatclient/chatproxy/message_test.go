package chatproxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

func TestProxy_Message(t *testing.T) {
	e := newSite(t, setup{})
	res, stream := e.do("POST", "/messages", `{"message":"Hello"}`)
	assert.Equal(t, 200, res.StatusCode)
	for name, want := range map[string]string{
		"Content-Type":                 "text/event-stream",
		"Cache-Control":                "no-store, no-transform",
		"X-Accel-Buffering":            "no",
		"X-Content-Type-Options":       "nosniff",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Vary":                         "Cookie",
		"X-Request-Id":                 "",
		"X-RateLimit-Remaining":        "",
	} {
		assert.Equal(t, want, res.Header.Get(name), name)
	}
	ada := Visitor{UserID: "ada"}.subject()
	ticket := e.proxy.tickets.conversation(ada, "456")
	message := e.proxy.tickets.message(ada, "456", "msg_2")
	assert.Equal(t, `data: {"type":"start","version":1}

data: {"type":"text-delta","text":"You "}

data: {"type":"text-delta","text":"said: "}

data: {"type":"text-delta","text":"Hello"}

data: {"type":"finish","finishReason":"stop","conversation":"`+ticket+`","message":"`+message+`","userMessage":"`+e.proxy.tickets.message(ada, "456", "msg_1")+`"}

data: [DONE]

`, stream)
	assert.JSONEq(t, `{"message":"Hello","userId":"ada","stream":true}`, string(e.fake.Requests()[0].Body))

	_, stream = e.do("POST", "/messages", `{"message":"More","conversation":"`+ticket+`"}`)
	assert.Equal(t, `{"type":"start","version":1,"conversation":"`+ticket+`"}`, framesOf(stream)[0])
	assert.JSONEq(t, `{"message":"More","userId":"ada","conversationId":456,"stream":true}`, string(e.fake.Requests()[1].Body))
	assert.Empty(t, e.reports())
}

// What a page may send, and what not: nothing of the second kind is sent on.
func TestProxy_Bodies(t *testing.T) {
	e := newSite(t, setup{})
	for _, body := range []string{
		`{"message":"a"}`, `{"message":"a","conversation":null}`, ` {"message" : "a"} `,
		`{"message":"` + strings.Repeat("a", 65000) + `"}`,
	} {
		res, text := e.do("POST", "/messages", body)
		assert.Equal(t, 200, res.StatusCode, text)
	}
	for _, body := range []string{
		``, `{`, `null`, `[]`, `"a"`, `{"message":"a"}x`, `{"message":"a"}{}`,
		`{}`, `{"message":""}`, `{"message":" \n\t"}`, `{"message":null}`, `{"message":1}`, `{"message":["a"]}`,
		`{"Message":"a"}`, `{"message":"a","conversation":1}`, `{"message":"a","conversation":{}}`,
		`{"message":"a","stream":false}`, `{"message":"a","conversationId":456}`,
		"{\"message\":\"a\xff\"}",
		`{"message":"a\u0000"}`, `{"message":"a","userId":"grace"}`, `{"message":"a","USERID":"grace"}`, `{"message":"a","userId":null}`,
	} {
		e.rejected(400, "invalid_request", "POST", "/messages", body, "Content-Type", "application/json")
	}
	for path, body := range map[string]string{
		"/messages": `{"message":"a","userId":"ada"}`, "/ai-sdk": `{"userId":"ada"}`, "/conversations/c/messages/m/feedback": `{"userId":"ada"}`,
	} {
		method := "POST"
		if strings.HasSuffix(path, "feedback") {
			method = "PATCH"
		}
		_, text := e.do(method, path, body)
		assert.Contains(t, text, errUserID.sentence)
	}
	for body, sentence := range map[string]string{`{"message":1}`: "message must be a string.", `{"message":"a","conversation":1}`: "conversation must be a string."} {
		_, text := e.do("POST", "/messages", body)
		assert.Contains(t, text, sentence)
	}
	e.rejected(404, "conversation_not_found", "POST", "/messages", `{"message":"a","conversation":""}`)
	e.rejected(413, "too_large", "POST", "/messages", `{"message":"`+strings.Repeat("a", 65<<10)+`"}`)
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json", "application/json, text/plain"} {
		e.rejected(415, "not_json", "POST", "/messages", `{"message":"a"}`, "Content-Type", contentType)
	}
	for _, contentType := range []string{"application/json; charset=utf-8", "Application/JSON", "application/json ;charset=utf-8"} {
		res, _ := e.do("POST", "/messages", `{"message":"a"}`, "Content-Type", contentType)
		assert.Equal(t, 200, res.StatusCode)
	}
	assert.Empty(t, e.reports(), "these are the visitor's faults")
}

func TestProxy_Paths(t *testing.T) {
	e := newSite(t, setup{})
	for _, path := range []string{"/", "/x", "/messages/", "/messages/x", "/Messages", "/conversations/", "/ai-sdk/x", "/conversations/a/messages/b"} {
		e.rejected(404, "not_found", "GET", path, "")
	}
	for _, path := range []string{"//messages", "/a/../messages", "/./messages", "", "*"} {
		r := e.request("POST", "/messages", `{"message":"a"}`)
		r.URL.Path = path
		w := newRecorder()
		e.proxy.ServeHTTP(w, r)
		assert.Equal(t, 404, w.Code, path)
		assert.Empty(t, w.Header().Get("Location"), path)
	}
	w := newRecorder() // within StripPrefix("/chat/", ...)
	r := newRequest("POST", "/messages", `{"message":"a"}`)
	r.URL.Path = "messages"
	e.proxy.ServeHTTP(w, r)
	assert.Equal(t, 200, w.Code)
	e.rejected(404, "not_found", "GET", "/x", "", asUser, "broken") // the visitor function is not called
	for path, allow := range map[string]string{
		"/messages": "POST", "/ai-sdk": "POST", "/ai-sdk/x/stream": "GET", "/conversations": "GET",
		"/conversations/a/messages": "GET", "/conversations/a/messages/b/feedback": "PATCH",
	} {
		for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "BREW"} {
			if method != allow {
				res := e.rejected(405, "method_not_allowed", method, path, "")
				assert.Equal(t, allow, res.Header.Get("Allow"))
			}
		}
		res, _ := e.do("HEAD", path, "")
		assert.Equal(t, 405, res.StatusCode)
	}
}

// What reaches the browser is chosen by name.
func TestRelay_FramesOfOtherTypes(t *testing.T) {
	reply := func(chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.Text("Let me see. "), chattest.ToolCall("call_1", "lookupOrder", `{"card":"4111"}`)}
	}
	const finish = `{"type":"finish","finishReason":"tool-calls","conversation":`
	for name, test := range map[string]struct {
		pass  bool
		fault chattest.Fault
		want  []string // between start and finish
	}{
		"dropped": {false, chattest.Pass(), []string{
			`{"type":"text-delta","text":"Let "}`, `{"type":"text-delta","text":"me "}`, `{"type":"text-delta","text":"see. "}`}},
		"noise": {false, chattest.Noise(), []string{
			`{"type":"text-delta","text":"Let "}`, `{"type":"text-delta","text":"me "}`, `{"type":"text-delta","text":"see. "}`}},
		"not JSON, not an object, no type": {true, chattest.Insert(0, "data: {no\n\ndata: [1]\n\ndata: {\"lost\":1}\n\ndata: {\"type\":7}\n\n"), nil},
		"kept": {true, chattest.Pass(), []string{
			`{"type":"message-start","messageId":"msg_2"}`, `{"type":"start-step"}`, `{"type":"text-start","id":"text_1"}`,
			`{"type":"text-delta","text":"Let "}`, `{"type":"text-delta","text":"me "}`, `{"type":"text-delta","text":"see. "}`,
			`{"type":"text-end","id":"text_1"}`,
			`{"type":"tool-input-start","toolCallId":"call_1","toolName":"lookupOrder"}`,
			`{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookupOrder","input":{"card":"4111"}}`,
			`{"type":"finish-step"}`}},
		"kept, but not ours":    {true, chattest.Insert(0, `data: {"type":"start","version":7,"conversation":"lost"}`+"\n\n"), nil},
		"kept, over many lines": {true, chattest.Insert(0, "data: {\"type\":\"x\",\ndata: \"y\":1}\n\n"), []string{`{"type":"x","y":1}`}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newSite(t, setup{fake: &chattest.Options{Reply: reply, Readings: newerFrames}, proxy: &Options{PassTools: test.pass}})
			e.fake.Script(test.fault)
			_, stream := e.do("POST", "/messages", `{"message":"Hello"}`)
			frames := framesOf(stream)
			require.Greater(t, len(frames), 3, stream)
			assert.Equal(t, `{"type":"start","version":1}`, frames[0])
			assert.True(t, strings.HasPrefix(frames[len(frames)-2], finish), stream)
			assert.Equal(t, "[DONE]", frames[len(frames)-1])
			switch {
			case test.want == nil:
				assert.NotContains(t, stream, "lost")
				assert.NotContains(t, stream, "{no")
				assert.NotContains(t, stream, `"type":7`)
			case strings.HasPrefix(name, "kept, over"):
				assert.Equal(t, test.want, frames[1:2])
			default:
				assert.Equal(t, test.want, frames[1:len(frames)-2])
			}
			if !test.pass {
				assert.NotContains(t, stream, "4111")
			}
		})
	}
}

// A delta goes on byte by byte where it is exactly a type and a text, and is
// made anew where it is anything more.
func TestRelay_TextDeltas(t *testing.T) {
	for in, want := range map[string]string{
		`{"type":"text-delta","text":"a"}`:                     `{"type":"text-delta","text":"a"}`,
		`{"type":"text-delta","text":"\u0041\n\"\\ü😀\/"}`:      `{"type":"text-delta","text":"\u0041\n\"\\ü😀\/"}`,
		`{"type":"text-delta","text":"</script>"}`:             `{"type":"text-delta","text":"</script>"}`,
		`{"type": "text-delta", "text": "a"}`:                  `{"type":"text-delta","text":"a"}`,
		`{"text":"a","type":"text-delta"}`:                     `{"type":"text-delta","text":"a"}`,
		`{"type":"text-delta","text":"a","secret":"b"}`:        `{"type":"text-delta","text":"a"}`,
		`{"type":"text-delta","text":"a","text":"b"}`:          `{"type":"text-delta","text":"b"}`,
		`{"type":"text-delta","text":"a","trace":{"x":"\"}"}}`: `{"type":"text-delta","text":"a"}`,
		`{"type":"text-delta","delta":"a"}`:                    `{"type":"text-delta","text":"a"}`,
		`{"type":"text-delta","text":"\udc00"}`:                "{\"type\":\"text-delta\",\"text\":\"\ufffd\"}",
		`{"type":"text-delta","text":""}`:                      ``,
		`{"type":"text-delta","text":7}`:                       ``,
		`{"type":"text-delta"}`:                                ``,
		`{"type":"text-delta","text":"\x"}`:                    ``,
		`{"type":"text-delta","text":"a\"}`:                    ``,
		"{\"type\":\"text-delta\",\"text\":\"a\tb\"}":          ``,
	} {
		e := newSite(t, setup{fake: &chattest.Options{Reply: func(chattest.Turn) []chattest.Part { return nil }}})
		e.fake.Script(chattest.Insert(0, "data: "+in+"\n\n"))
		_, stream := e.do("POST", "/messages", `{"message":"Hello"}`)
		frames := framesOf(stream)
		if want == "" {
			assert.Len(t, frames, 3, in)
		} else if assert.Len(t, frames, 4, in) {
			assert.Equal(t, want, frames[1])
		}
	}
}

// The service's own words are not the browser's.
func TestRelay_FinishReasons(t *testing.T) {
	for reason, want := range map[string]string{"stop": "stop", "tool-calls": "tool-calls", "length": "other", "<b>": "other", "": "other"} {
		e := newSite(t, setup{})
		e.fake.Script(chattest.Respond(streaming(`{"type":"finish","finishReason":` + quoted(reason) + `,"metadata":{"conversationId":"456"}}`)))
		_, stream := e.do("POST", "/messages", `{"message":"a"}`)
		assert.Contains(t, stream, `{"type":"finish","finishReason":"`+want+`","conversation":"v1.456.`)
	}
}

// An id that could not be sent back makes no ticket, and a ticket that is there
// is not lost for it.
func TestProxy_UnusableIDs(t *testing.T) {
	for _, id := range []string{"conv:456", "", "export", strings.Repeat("c", 129)} {
		e := newSite(t, setup{})
		e.fake.Script(chattest.Respond(streaming(`{"type":"finish","finishReason":"stop","metadata":{"conversationId":` + quoted(id) + `,"messageId":"m"}}`)))
		_, stream := e.do("POST", "/messages", messageBody("a", ""))
		assert.Equal(t, `{"type":"finish","finishReason":"stop"}`, framesOf(stream)[1])
		assert.Empty(t, e.reports())

		e.fake.Script(chattest.Respond(responding(`{"data":[{"id":` + quoted(id) + `},{"id":"7"}],"pagination":{}}`)))
		_, list := e.do("GET", "/conversations", "")
		assert.Equal(t, 1, strings.Count(list, `"conversation":`))
		assert.Equal(t, []error{ErrUnusableID}, e.reports())
	}
	e := newSite(t, setup{})
	ticket := e.send("Hello", "").Conversation
	for _, none := range []string{`{"messageId":"m"}`, `{"messageId":"m","conversationId":null}`, `{"messageId":"m","conversationId":""}`} {
		e.fake.Script(chattest.Respond(streaming(`{"type":"finish","finishReason":"stop","metadata":` + none + `}`)))
		_, stream := e.do("POST", "/messages", messageBody("a", ticket))
		assert.Equal(t, `{"type":"finish","finishReason":"stop","conversation":"`+ticket+`"}`, framesOf(stream)[1])
	}

	e.fake.Script(chattest.Respond(responding(`{"data":[{"id":"a:b","role":"user","parts":[{"type":"text","text":"a"}]}],"pagination":{}}`)))
	_, list := e.do("GET", "/conversations/"+ticket+"/messages?limit=20", "")
	assert.Contains(t, list, `"messages":[]`)
	assert.Equal(t, []error{ErrUnusableID}, e.reports())
}
