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

func TestHealth_WithoutKey(t *testing.T) {
	both(t, nil, func(e *env) {
		e.key = ""
		response, text := e.do("GET", "/api/v2/health", "")
		assert.Equal(e, 200, response.StatusCode)
		assert.Regexp(e, `^\{"status":"ok","timestamp":\d+\}$`, text)
		assert.Equal(e, "req_1", response.Header.Get("X-Request-Id"))
		assert.Equal(e, "100", response.Header.Get("X-RateLimit-Remaining"))
	})
}

func TestChat_JSON(t *testing.T) {
	both(t, nil, func(e *env) {
		response, text := e.do("POST", chat, `{"message":"Hello","userId":"user_8821","stream":false}`)
		assert.Equal(e, 200, response.StatusCode)
		assert.Equal(e, "99", response.Header.Get("X-RateLimit-Remaining"))
		assert.JSONEq(e, `{"data":{"id":"msg_2","role":"assistant","parts":[{"type":"text","text":"You said: Hello"}],
			"metadata":{"userMessageId":"msg_1","conversationId":"456","userId":"user_8821","finishReason":"stop","usage":{"credits":1}}}}`,
			text)

		a := e.ok("POST", chat, `{"message":"More","userId":"another","conversationId":456,"stream":false}`)
		assert.Contains(e, string(a.Data), `"conversationId":"456","userId":"user_8821"`, "the conversation's user stays")
		a = e.message("Hi")
		assert.Contains(e, string(a.Data), `"conversationId":"457","userId":null`)
	})
}

func TestChat_Stream(t *testing.T) {
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

func TestToolResult_ContinuesReply(t *testing.T) {
	const result = list + "/456/tool-result"
	const again = `{"conversationId":456,"stream":false}`
	both(t, &chattest.Options{Reply: lookup}, func(e *env) {
		got, err := events(e.open("POST", chat, `{"message":"Where is it?"}`).Body)
		require.NoError(e, err)
		assert.Contains(e, got[3], `"finishReason":"tool-calls"`)
		assert.Len(e, got, 5, "no frame carries the call")

		e.rejected(400, "VALIDATION_INVALID_BODY", "POST", chat, again)
		e.rejected(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", result, `{"toolCallId":"call_2","output":1}`)
		e.rejected(400, "VALIDATION_INVALID_BODY", "POST", result, `{"output":1}`)
		e.rejected(400, "VALIDATION_INVALID_BODY", "POST", result, `{"toolCallId":1}`)
		e.rejected(400, "VALIDATION_INVALID_JSON", "POST", result, `{`)
		e.rejected(404, "RESOURCE_NOT_FOUND", "POST", list+"/9/tool-result", `{"toolCallId":"call_1"}`)
		a := e.ok("POST", result, `{"toolCallId":"call_1","output":{"on":"Monday"}}`)
		assert.JSONEq(e, `{"success":true}`, string(a.Data))
		e.rejected(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", result, `{"toolCallId":"call_1","output":1}`)

		a = e.ok("GET", list+"/456/messages", "")
		assert.Contains(e, string(a.Data), `"parts":[{"type":"text","text":"Let me see. "},`+
			`{"type":"tool-call","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":7}},`+
			`{"type":"tool-result","toolCallId":"call_1","toolName":"lookupOrder","output":{"on":"Monday"}}]`)
		a = e.ok("POST", chat, again)
		assert.Contains(e, string(a.Data), `It is {\"on\":\"Monday\"}`)
		assert.Contains(e, string(a.Data), `"userMessageId":"msg_1"`)
		e.rejected(400, "VALIDATION_INVALID_BODY", "POST", chat, again)
	})
}

func TestToolCall_InputNotJSON(t *testing.T) {
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

func TestToolResult_WithoutOutput(t *testing.T) {
	e := inMemory(t, &chattest.Options{Reply: lookup})
	e.message("Hi")
	e.ok("POST", list+"/456/tool-result", `{"toolCallId":"call_1"}`)
	a := e.ok("GET", list+"/456/messages", "")
	assert.Contains(t, string(a.Data), `"output":null`)
}

func TestChat_Rejections(t *testing.T) {
	both(t, &chattest.Options{ForeignAgentID: 124}, func(e *env) {
		for _, body := range []string{``, `{`, `{"message":"a"}x`, `message=a`} {
			e.rejected(400, "VALIDATION_INVALID_JSON", "POST", chat, body)
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
			e.rejected(400, "VALIDATION_INVALID_BODY", "POST", chat, body)
		}
		e.rejected(404, "RESOURCE_NOT_FOUND", "POST", chat, `{"message":"a","conversationId":456}`)
		e.rejected(404, "RESOURCE_NOT_FOUND", "POST", chat, `{"conversationId":456}`)
		e.rejected(404, "RESOURCE_NOT_FOUND", "POST", "/api/v2/agents/125/chat", `{"message":"a"}`)
		e.rejected(404, "RESOURCE_NOT_FOUND", "POST", "/api/v2/agents/0/chat", `{"message":"a"}`)
		e.rejected(403, "AUTH_INSUFFICIENT_PERMISSIONS", "POST", "/api/v2/agents/124/chat", `{"message":"a"}`)
		e.rejected(404, "RESOURCE_NOT_FOUND", "GET", chat, "")
		e.rejected(404, "RESOURCE_NOT_FOUND", "POST", "/api/v1/chatbots/123/contacts", `{}`)
		e.rejected(413, "VALIDATION_INVALID_BODY", "POST", chat, strings.Repeat(" ", 1<<20+1))
		a := e.ok("GET", list, "")
		assert.Equal(e, "[]", string(a.Data), "a rejected message makes no conversation")
	})
}

func TestOptions_APIKey(t *testing.T) {
	both(t, &chattest.Options{APIKey: "oc_live_x", AgentID: 7}, func(e *env) {
		const path = "/api/v2/agents/7/conversations"
		e.key = ""
		e.rejected(401, "AUTH_MISSING_API_KEY", "GET", path, "")
		for _, e.key = range []string{"oc_live_x", "Bearer", "Bearer oc_live_y", "Basic oc_live_x", "Bearer " + key} {
			e.rejected(401, "AUTH_INVALID_API_KEY", "GET", path, "")
		}
		e.key = "bearer oc_live_x"
		e.ok("GET", path, "")
	})
}

func TestRetry_IssuesNewIDs(t *testing.T) {
	const retry = list + "/456/retry"
	reply := func(turn chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.Text(fmt.Sprintf("%s, %s in %s, %t", turn.Message, turn.UserID, turn.ConversationID, turn.Retry))}
	}
	both(t, &chattest.Options{Reply: reply}, func(e *env) {
		e.ok("POST", chat, `{"message":"One","userId":"u","stream":false}`)
		e.ok("POST", chat, `{"message":"Two","conversationId":456,"stream":false}`)
		history := func() []string { return e.ok("GET", list+"/456/messages", "").ids(e) }
		assert.Equal(e, []string{"msg_1", "msg_2", "msg_3", "msg_4"}, history())

		a := e.ok("POST", retry, `{"messageId":"msg_4","stream":false}`)
		assert.Contains(e, string(a.Data), "Two, u in 456, true")
		assert.Contains(e, string(a.Data), `"userMessageId":"msg_5"`)
		assert.Equal(e, []string{"msg_1", "msg_2", "msg_5", "msg_6"}, history())
		a = e.ok("POST", retry, `{"stream":false}`)
		assert.Contains(e, string(a.Data), "Two, u in 456, true")
		assert.Equal(e, []string{"msg_1", "msg_2", "msg_7", "msg_8"}, history())

		got := e.stream(retry, `{"messageId":"msg_7"}`) // the message before it is sent again
		assert.Equal(e, `{"type":"text-delta","text":"One, "}`, got[0])
		assert.Equal(e, []string{"msg_9", "msg_10"}, history())

		e.rejected(400, "CHAT_RETRY_NO_USER_MESSAGE", "POST", retry, `{"messageId":"msg_9"}`)
		e.rejected(404, "CHAT_RETRY_MESSAGE_NOT_FOUND", "POST", retry, `{"messageId":"msg_4"}`)
		e.rejected(404, "RESOURCE_MESSAGE_NOT_FOUND", "PATCH", list+"/456/messages/msg_4/feedback", `{"feedback":"positive"}`)
		e.rejected(404, "RESOURCE_NOT_FOUND", "POST", list+"/457/retry", `{}`)
		e.rejected(400, "VALIDATION_INVALID_JSON", "POST", retry, ``)
		e.rejected(400, "VALIDATION_INVALID_BODY", "POST", retry, `{"messageId":7}`)
		e.rejected(400, "VALIDATION_INVALID_BODY", "POST", retry, `{"stream":1}`)
		assert.Equal(e, []string{"msg_9", "msg_10"}, history())
	})
}

// A person's message alone has no message of a user before it.
func TestRetry_NoUserMessage(t *testing.T) {
	e := inMemory(t, nil)
	e.fake.AddWidgetConversation("")
	e.fake.AddMessage("456", "Hello")
	e.rejected(400, "CHAT_RETRY_NO_USER_MESSAGE", "POST", list+"/456/retry", `{}`)
}

func TestFeedback_Values(t *testing.T) {
	const message = list + "/456/messages/"
	both(t, nil, func(e *env) {
		e.message("Hello")
		assert.Contains(e, string(e.ok("GET", list+"/456/messages", "").Data), `"feedback":null`)
		for _, value := range []string{`"positive"`, `"negative"`, `null`} {
			a := e.ok("PATCH", message+"msg_2/feedback", `{"feedback":`+value+`}`)
			assert.Contains(e, string(a.Data), `"id":"msg_2"`)
			assert.Contains(e, string(a.Data), `"feedback":`+value)
		}
		for _, body := range []string{`{}`, `{"feedback":"good"}`, `{"feedback":1}`, `[]`} {
			e.rejected(400, "VALIDATION_INVALID_BODY", "PATCH", message+"msg_2/feedback", body)
		}
		e.rejected(400, "VALIDATION_INVALID_JSON", "PATCH", message+"msg_2/feedback", `{`)
		e.rejected(400, "RESOURCE_MESSAGE_NOT_ASSISTANT", "PATCH", message+"msg_1/feedback", `{"feedback":null}`)
		e.rejected(404, "RESOURCE_MESSAGE_NOT_FOUND", "PATCH", message+"msg_8/feedback", `{"feedback":null}`)
		e.rejected(404, "RESOURCE_NOT_FOUND", "PATCH", list+"/9/messages/msg_2/feedback", `{"feedback":null}`)
	})
}

func TestReply_Empty(t *testing.T) {
	e := inMemory(t, &chattest.Options{Reply: func(chattest.Turn) []chattest.Part { return []chattest.Part{chattest.Text("")} }})
	assert.Contains(t, string(e.message("Hello").Data), `"parts":[]`)
	assert.Len(t, e.ok("GET", list+"/456/messages", "").ids(t), 1)
}

func TestFake_Concurrent(t *testing.T) {
	both(t, &chattest.Options{Reply: lookup}, func(e *env) {
		e.message("Hello")
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
