package chattest_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

func TestHealthNeedsNoKey(t *testing.T) {
	both(t, nil, func(e *env) {
		e.key = ""
		response, text := e.do("GET", "/api/v2/health", "")
		assert.Equal(e, 200, response.StatusCode)
		assert.Regexp(e, `^\{"status":"ok","timestamp":\d+\}$`, text)
		assert.Equal(e, "req_1", response.Header.Get("X-Request-Id"))
		assert.Equal(e, "100", response.Header.Get("X-RateLimit-Remaining"))
	})
}

func TestChatJSON(t *testing.T) {
	both(t, nil, func(e *env) {
		response, text := e.do("POST", chat, `{"message":"Hello","userId":"user_8821","stream":false}`)
		assert.Equal(e, 200, response.StatusCode)
		assert.Equal(e, "99", response.Header.Get("X-RateLimit-Remaining"))
		assert.JSONEq(e, `{"data":{"id":"msg_2","role":"assistant","parts":[{"type":"text","text":"You said: Hello"}],
			"metadata":{"userMessageId":"msg_1","conversationId":"456","userId":"user_8821","finishReason":"stop","usage":{"credits":1}}}}`,
			text)

		a := e.ok("POST", chat, `{"message":"More","userId":"another","conversationId":456,"stream":false}`)
		assert.Contains(e, string(a.Data), `"conversationId":"456","userId":"user_8821"`, "the conversation's user stays")
		a = e.say("Hi")
		assert.Contains(e, string(a.Data), `"conversationId":"457","userId":null`)
	})
}

func TestChatStream(t *testing.T) {
	both(t, nil, func(e *env) {
		response, text := e.do("POST", chat, `{"message":"Hello","userId":"user_8821"}`)
		assert.Equal(e, "text/event-stream", response.Header.Get("Content-Type"))
		assert.Equal(e, "99", response.Header.Get("X-RateLimit-Remaining"))
		assert.Equal(e, `data: {"type":"text-delta","text":"You "}

data: {"type":"text-delta","text":"said: "}

data: {"type":"text-delta","text":"Hello"}

data: {"type":"finish","finishReason":"stop","metadata":{"userMessageId":"msg_1","conversationId":"456","userId":"user_8821","messageId":"msg_2","usage":{"credits":1}}}

data: [DONE]

`, text)
	})
}

func lookup(turn chattest.Turn) []chattest.Part {
	if len(turn.ToolResults) > 0 {
		return []chattest.Part{chattest.Text("It is " + string(turn.ToolResults[0].Output))}
	}
	return []chattest.Part{chattest.Text("Let me see. "), chattest.ToolCall("call_1", "lookupOrder", `{"order":7}`)}
}

func TestNewerStream(t *testing.T) {
	both(t, &chattest.Options{Readings: map[string]string{"text-delta": "delta"}, Reply: lookup}, func(e *env) {
		got, err := events(e.open("POST", chat, `{"message":"Hello"}`).Body)
		require.NoError(e, err)
		assert.Equal(e, []string{
			`{"type":"message-start","messageId":"msg_2"}`,
			`{"type":"start-step"}`,
			`{"type":"text-start","id":"text_1"}`,
			`{"type":"text-delta","id":"text_1","delta":"Let "}`,
			`{"type":"text-delta","id":"text_1","delta":"me "}`,
			`{"type":"text-delta","id":"text_1","delta":"see. "}`,
			`{"type":"text-end","id":"text_1"}`,
			`{"type":"tool-input-start","toolCallId":"call_1","toolName":"lookupOrder"}`,
			`{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":7}}`,
			`{"type":"finish-step"}`,
			`{"type":"message-metadata","messageId":"msg_2","finishReason":"tool-calls","userMessageId":"msg_1","conversationId":"456","userId":null,"usage":{"credits":1}}`,
			`{"type":"finish","finishReason":"tool-calls","metadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"messageId":"msg_2","usage":{"credits":1}}}`,
			`[DONE]`,
		}, got)
	})
}

func TestToolCall(t *testing.T) {
	const result = list + "/456/tool-result"
	const again = `{"conversationId":456,"stream":false}`
	both(t, &chattest.Options{Reply: lookup}, func(e *env) {
		got, err := events(e.open("POST", chat, `{"message":"Where is it?"}`).Body)
		require.NoError(e, err)
		assert.Contains(e, got[3], `"finishReason":"tool-calls"`)
		assert.Len(e, got, 5, "no frame carries the call")

		e.refused(400, "VALIDATION_INVALID_BODY", "POST", chat, again)
		e.refused(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", result, `{"toolCallId":"call_2","output":1}`)
		e.refused(400, "VALIDATION_INVALID_BODY", "POST", result, `{"output":1}`)
		e.refused(400, "VALIDATION_INVALID_BODY", "POST", result, `{"toolCallId":1}`)
		e.refused(400, "VALIDATION_INVALID_JSON", "POST", result, `{`)
		e.refused(404, "RESOURCE_NOT_FOUND", "POST", list+"/9/tool-result", `{"toolCallId":"call_1"}`)
		a := e.ok("POST", result, `{"toolCallId":"call_1","output":{"on":"Monday"}}`)
		assert.JSONEq(e, `{"success":true}`, string(a.Data))
		e.refused(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", result, `{"toolCallId":"call_1","output":1}`)

		a = e.ok("GET", list+"/456/messages", "")
		assert.Contains(e, string(a.Data), `"parts":[{"type":"text","text":"Let me see. "},`+
			`{"type":"tool-call","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":7}},`+
			`{"type":"tool-result","toolCallId":"call_1","toolName":"lookupOrder","output":{"on":"Monday"}}]`)
		a = e.ok("POST", chat, again)
		assert.Contains(e, string(a.Data), `It is {\"on\":\"Monday\"}`)
		assert.Contains(e, string(a.Data), `"userMessageId":"msg_1"`)
		e.refused(400, "VALIDATION_INVALID_BODY", "POST", chat, again)
	})
}

func TestInputThatIsNotJSON(t *testing.T) {
	fake := inMemory(t, &chattest.Options{Reply: func(chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.ToolCall("call_1", "lookupOrder", "{")}
	}}).fake
	r := httptest.NewRequest("POST", chat, strings.NewReader(`{"message":"Hello"}`))
	r.Header.Set("Authorization", "Bearer "+key)
	assert.Panics(t, func() { fake.ServeHTTP(httptest.NewRecorder(), r) })
	r = httptest.NewRequest("GET", list+"/456/messages", nil)
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	fake.ServeHTTP(w, r)
	assert.Equal(t, 200, w.Code)
	assert.Contains(t, w.Body.String(), `"total":1`)
}

func TestToolResultWithoutOutput(t *testing.T) {
	e := inMemory(t, &chattest.Options{Reply: lookup})
	e.say("Hi")
	e.ok("POST", list+"/456/tool-result", `{"toolCallId":"call_1"}`)
	a := e.ok("GET", list+"/456/messages", "")
	assert.Contains(t, string(a.Data), `"output":null`)
}

func TestChatRefusals(t *testing.T) {
	both(t, &chattest.Options{ForeignAgentID: 124}, func(e *env) {
		for _, body := range []string{``, `{`, `{"message":"a"}x`, `message=a`} {
			e.refused(400, "VALIDATION_INVALID_JSON", "POST", chat, body)
		}
		for _, body := range []string{
			`null`, `[]`, `"a"`, `{}`,
			`{"message":""}`, `{"message":" \n\t"}`, `{"message":1}`, `{"message":null}`, `{"Message":"a"}`,
			`{"message":"a","userId":""}`, `{"message":"a","userId":"a\n"}`, `{"message":"a","userId":"a@b"}`,
			`{"message":"a","userId":"ä"}`, `{"message":"a","userId":"` + strings.Repeat("a", 129) + `"}`,
			`{"message":"a","userId":7}`, `{"message":"a","userId":null}`,
			`{"message":"a","conversationId":"456"}`, `{"message":"a","conversationId":456.5}`, `{"message":"a","conversationId":null}`,
			`{"message":"a","stream":"false"}`, `{"message":"","conversationId":456}`,
		} {
			e.refused(400, "VALIDATION_INVALID_BODY", "POST", chat, body)
		}
		e.refused(404, "RESOURCE_NOT_FOUND", "POST", chat, `{"message":"a","conversationId":456}`)
		e.refused(404, "RESOURCE_NOT_FOUND", "POST", chat, `{"conversationId":456}`)
		e.refused(404, "RESOURCE_NOT_FOUND", "POST", "/api/v2/agents/125/chat", `{"message":"a"}`)
		e.refused(404, "RESOURCE_NOT_FOUND", "POST", "/api/v2/agents/0/chat", `{"message":"a"}`)
		e.refused(403, "AUTH_INSUFFICIENT_PERMISSIONS", "POST", "/api/v2/agents/124/chat", `{"message":"a"}`)
		e.refused(404, "RESOURCE_NOT_FOUND", "GET", chat, "")
		e.refused(404, "RESOURCE_NOT_FOUND", "POST", "/api/v1/chatbots/123/contacts", `{}`)
		e.refused(413, "VALIDATION_INVALID_BODY", "POST", chat, strings.Repeat(" ", 1<<20+1))
		a := e.ok("GET", list, "")
		assert.Equal(e, "[]", string(a.Data), "a refused message makes no conversation")
	})
}

func TestKeys(t *testing.T) {
	both(t, &chattest.Options{APIKey: "oc_live_x", AgentID: 7}, func(e *env) {
		const path = "/api/v2/agents/7/conversations"
		e.key = ""
		e.refused(401, "AUTH_MISSING_API_KEY", "GET", path, "")
		for _, e.key = range []string{"oc_live_x", "Bearer", "Bearer oc_live_y", "Basic oc_live_x", "Bearer " + key} {
			e.refused(401, "AUTH_INVALID_API_KEY", "GET", path, "")
		}
		e.key = "bearer oc_live_x"
		e.ok("GET", path, "")
	})
}

func TestRetry(t *testing.T) {
	const retry = list + "/456/retry"
	count := 0
	reply := func(turn chattest.Turn) []chattest.Part {
		count++
		return []chattest.Part{chattest.Text(fmt.Sprintf("%d: %s, %s in %s, %t", count, turn.Message, turn.UserID, turn.ConversationID, turn.Retry))}
	}
	both(t, &chattest.Options{Reply: reply}, func(e *env) {
		count = 0
		e.ok("POST", chat, `{"message":"One","userId":"u","stream":false}`)
		e.ok("POST", chat, `{"message":"Two","conversationId":456,"stream":false}`)
		ids := e.ok("GET", list+"/456/messages", "").ids(e)

		a := e.ok("POST", retry, `{"messageId":"`+ids[3]+`","stream":false}`)
		assert.Contains(e, string(a.Data), "3: Two, u in 456, true")
		assert.Contains(e, string(a.Data), `"userMessageId":"`+ids[2]+`"`)
		a = e.ok("POST", retry, `{"stream":false}`)
		assert.Contains(e, string(a.Data), "4: Two, u in 456, true")
		got := e.ok("GET", list+"/456/messages", "").ids(e)
		assert.Equal(e, ids[:3], got[:3])
		assert.NotEqual(e, ids[3], got[3])

		stream, err := events(e.open("POST", retry, `{"messageId":"`+ids[1]+`"}`).Body)
		require.NoError(e, err)
		assert.Equal(e, `{"type":"text-delta","text":"5: "}`, stream[0])
		assert.Equal(e, ids[:1], e.ok("GET", list+"/456/messages", "").ids(e)[:1])
		assert.Equal(e, 2, e.ok("GET", list+"/456/messages", "").Pagination.Total)

		e.refused(400, "CHAT_RETRY_NO_USER_MESSAGE", "POST", retry, `{"messageId":"`+ids[0]+`"}`)
		e.refused(404, "CHAT_RETRY_MESSAGE_NOT_FOUND", "POST", retry, `{"messageId":"`+ids[3]+`"}`)
		e.refused(404, "RESOURCE_NOT_FOUND", "POST", list+"/457/retry", `{}`)
		e.refused(400, "VALIDATION_INVALID_JSON", "POST", retry, ``)
		e.refused(400, "VALIDATION_INVALID_BODY", "POST", retry, `{"messageId":7}`)
		e.refused(400, "VALIDATION_INVALID_BODY", "POST", retry, `{"stream":1}`)
	})
}

func TestFeedback(t *testing.T) {
	const message = list + "/456/messages/"
	both(t, nil, func(e *env) {
		e.say("Hello")
		assert.Contains(e, string(e.ok("GET", list+"/456/messages", "").Data), `"feedback":null`)
		for _, value := range []string{`"positive"`, `"negative"`, `null`} {
			a := e.ok("PATCH", message+"msg_2/feedback", `{"feedback":`+value+`}`)
			assert.Contains(e, string(a.Data), `"id":"msg_2"`)
			assert.Contains(e, string(a.Data), `"feedback":`+value)
		}
		for _, body := range []string{`{}`, `{"feedback":"good"}`, `{"feedback":1}`, `[]`} {
			e.refused(400, "VALIDATION_INVALID_BODY", "PATCH", message+"msg_2/feedback", body)
		}
		e.refused(400, "VALIDATION_INVALID_JSON", "PATCH", message+"msg_2/feedback", `{`)
		e.refused(400, "RESOURCE_MESSAGE_NOT_ASSISTANT", "PATCH", message+"msg_1/feedback", `{"feedback":null}`)
		e.refused(404, "RESOURCE_MESSAGE_NOT_FOUND", "PATCH", message+"msg_8/feedback", `{"feedback":null}`)
		e.refused(404, "RESOURCE_NOT_FOUND", "PATCH", list+"/9/messages/msg_2/feedback", `{"feedback":null}`)
	})
}

func TestEmptyReply(t *testing.T) {
	e := inMemory(t, &chattest.Options{Reply: func(chattest.Turn) []chattest.Part { return []chattest.Part{chattest.Text("")} }})
	assert.Contains(t, string(e.say("Hello").Data), `"parts":[]`)
	assert.Len(t, e.ok("GET", list+"/456/messages", "").ids(t), 1)
}

func TestManyAtOnce(t *testing.T) {
	both(t, &chattest.Options{Reply: lookup}, func(e *env) {
		e.say("Hello")
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for range 8 {
					for _, request := range [][3]string{
						{"POST", chat, fmt.Sprintf(`{"message":"Hello","userId":"u%d"}`, i)},
						{"POST", chat, `{"message":"Hello","conversationId":456}`},
						{"POST", list + "/456/tool-result", `{"toolCallId":"call_1","output":1}`},
						{"POST", list + "/456/retry", `{"stream":false}`},
						{"GET", list, ""},
						{"GET", list + "/456", ""},
						{"GET", list + "/export", ""},
					} {
						response, err := e.send(request[0], request[1], request[2])
						if assert.NoError(e, err) {
							_, err = events(response.Body)
							assert.NoError(e, err)
							_ = response.Body.Close()
						}
					}
					e.fake.Requests()
				}
			})
		}
		group.Wait()
		assert.Equal(e, 65, e.ok("GET", list, "").Pagination.Total)
		assert.Len(e, e.fake.Requests(), 1+8*8*7+1)
	})
}
