package chattest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

// reading returns a fake with one or more readings: id, token, id, token ...
func reading(t *testing.T, options chattest.Options, idsAndTokens ...string) *env {
	options.Readings = map[string]string{}
	for i := 0; i < len(idsAndTokens); i += 2 {
		options.Readings[idsAndTokens[i]] = idsAndTokens[i+1]
	}
	return inMemory(t, &options)
}

// stream returns the events of a reply.
func (e *env) stream(path, body string) []string {
	e.Helper()
	got, err := events(e.open("POST", path, body).Body)
	require.NoError(e, err)
	return got
}

func TestReadings_UnknownIDOrToken(t *testing.T) {
	_, err := chattest.New(&chattest.Options{Readings: map[string]string{"text-delta": "words"}})
	assert.EqualError(t, err, `chattest: Options.Readings["text-delta"]: unknown token "words" (use one of text, delta)`)
	_, err = chattest.New(&chattest.Options{Readings: map[string]string{"deltas": "text"}})
	assert.ErrorContains(t, err, "upsert-batch")
	assert.ErrorContains(t, err, `chattest: Options.Readings: unknown id "deltas" (use one of anonymous-userid, `)
}

func TestReadings_StreamMetadataAndFinishReason(t *testing.T) {
	for tokens, want := range map[[2]string]string{
		{"metadata", "beside"}:        `{"type":"finish","finishReason":"stop","metadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"messageId":"msg_2","usage":{"credits":1}}}`,
		{"metadata", "inside"}:        `{"type":"finish","metadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"finishReason":"stop","messageId":"msg_2","usage":{"credits":1}}}`,
		{"messageMetadata", "beside"}: `{"type":"finish","finishReason":"stop","messageMetadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"messageId":"msg_2","usage":{"credits":1}}}`,
		{"messageMetadata", "inside"}: `{"type":"finish","messageMetadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"finishReason":"stop","messageId":"msg_2","usage":{"credits":1}}}`,
		{"flat", "beside"}:            `{"type":"finish","messageId":"msg_2","finishReason":"stop","userMessageId":"msg_1","conversationId":"456","userId":null,"usage":{"credits":1}}`,
		{"flat", "inside"}:            `{"type":"finish","messageId":"msg_2","finishReason":"stop","userMessageId":"msg_1","conversationId":"456","userId":null,"usage":{"credits":1}}`,
	} {
		e := reading(t, chattest.Options{}, "stream-metadata", tokens[0], "finish-reason", tokens[1])
		got := e.stream(chat, hello)
		assert.Equal(t, want, got[len(got)-2], tokens)
		got = e.stream(list+"/456/retry", `{}`)
		want = strings.NewReplacer("msg_1", "msg_3", "msg_2", "msg_4").Replace(want)
		assert.Equal(t, want, got[len(got)-2], tokens)

		e = reading(t, chattest.Options{}, "stream-metadata", tokens[0], "finish-reason", tokens[1], "text-delta", "delta")
		got = e.stream(chat, hello)
		want = strings.NewReplacer("msg_3", "msg_1", "msg_4", "msg_2").Replace(want)
		assert.Equal(t, want, got[len(got)-2], tokens)
		assert.Equal(t, strings.Replace(want, "finish", "message-metadata", 1), got[len(got)-3], "the same in both frames")
	}
}

func TestReadings_TextDelta(t *testing.T) {
	e := reading(t, chattest.Options{}, "text-delta", "text")
	assert.Equal(t, `{"type":"text-delta","text":"You "}`, e.stream(chat, hello)[0])
	e = reading(t, chattest.Options{}, "text-delta", "delta")
	got := e.stream(chat, hello)
	assert.Equal(t, []string{
		`{"type":"message-start","messageId":"msg_2"}`,
		`{"type":"start-step"}`,
		`{"type":"text-start","id":"text_1"}`,
		`{"type":"text-delta","id":"text_1","delta":"You "}`,
		`{"type":"text-delta","id":"text_1","delta":"said: "}`,
		`{"type":"text-delta","id":"text_1","delta":"Hello"}`,
		`{"type":"text-end","id":"text_1"}`,
		`{"type":"finish-step"}`,
	}, got[:8])
}

func TestReadings_StreamError(t *testing.T) {
	for token, want := range map[string]string{
		"errorText": `{"type":"error","errorText":"Overloaded"}`,
		"object":    `{"type":"error","error":{"code":"CHAT_STREAMING_ERROR","message":"Overloaded"}}`,
		"envelope":  `{"error":{"code":"CHAT_STREAMING_ERROR","message":"Overloaded"}}`,
	} {
		e := reading(t, chattest.Options{}, "stream-error", token)
		e.fake.Script(chattest.StreamError(1, "Overloaded"))
		assert.Equal(t, []string{`{"type":"text-delta","text":"You "}`, want, `[DONE]`}, e.stream(chat, hello))
		e.fake.Script(chattest.StreamError(0, "Overloaded"))
		assert.Equal(t, []string{want, `[DONE]`}, e.stream(list+"/456/retry", `{}`))
	}
}

func TestReadings_NumericIDs(t *testing.T) {
	e := reading(t, chattest.Options{Reply: lookup}, "conversation-id", "number", "message-id", "number", "text-delta", "delta")
	got := e.stream(chat, `{"message":"Hello","userId":"ada"}`)
	assert.Equal(t, `{"type":"message-start","messageId":2}`, got[0])
	assert.Contains(t, got[len(got)-2], `"metadata":{"userMessageId":1,"conversationId":456,"userId":"ada","messageId":2,`)
	for path, want := range map[string]string{
		list:                 `[{"id":456,"title":`,
		list + "/456":        `{"id":456,"title":null,`,
		list + "/export":     `[{"id":456,"title":null,`,
		list + "/456/":       "",
		list + "/msg_456":    "",
		list + "/456/x":      "",
		list + "/456/export": "",
		"/api/v2/agents/123/users/ada/conversations": `[{"id":456,"title":`,
		list + "/456/messages":                       `[{"id":1,"role":"user"`,
	} {
		if want == "" {
			e.rejected(404, "RESOURCE_NOT_FOUND", "GET", path, "")
			continue
		}
		assert.True(t, strings.HasPrefix(string(e.ok("GET", path, "").Data), want), path)
	}
	assert.Contains(t, string(e.ok("GET", list+"/456", "").Data), `"messages":[{"id":1,"role":"user"`)
	assert.Contains(t, string(e.ok("PATCH", list+"/456/messages/2/feedback", `{"feedback":"positive"}`).Data), `{"id":2,`)
	e.rejected(404, "RESOURCE_MESSAGE_NOT_FOUND", "PATCH", list+"/456/messages/msg_2/feedback", `{"feedback":"positive"}`)
	a := e.ok("POST", list+"/456/retry", `{"messageId":2,"stream":false}`)
	assert.Contains(t, string(a.Data), `{"id":4,"role":"assistant"`)
	assert.Contains(t, string(a.Data), `"metadata":{"userMessageId":3,"conversationId":456,`)
	e.ok("POST", list+"/456/retry", `{"messageId":"4","stream":false}`)
	e.rejected(404, "CHAT_RETRY_MESSAGE_NOT_FOUND", "POST", list+"/456/retry", `{"messageId":2}`)
	for _, id := range []string{`true`, `null`, `{}`, `[2]`} {
		e.rejected(400, "VALIDATION_INVALID_BODY", "POST", list+"/456/retry", `{"messageId":`+id+`}`)
	}
	e.stream(chat, `{"message":"More","conversationId":456}`)
}

func TestReadings_ToolCall(t *testing.T) {
	call := `{"type":"tool-call","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":7}}`
	for token, want := range map[string][]string{
		"stored": nil,
		"frame": {
			`{"type":"tool-input-start","toolCallId":"call_1","toolName":"lookupOrder"}`,
			`{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":7}}`,
		},
	} {
		e := reading(t, chattest.Options{Reply: lookup}, "tool-call", token)
		got := e.stream(chat, hello)
		require.Len(t, got, 3+len(want)+2)
		assert.Equal(t, want, append([]string(nil), got[3:len(got)-2]...))
		assert.Contains(t, got[len(got)-2], `"finishReason":"tool-calls"`)
		assert.Contains(t, string(e.ok("GET", list+"/456/messages", "").Data), call, "stored in either reading")
		assert.Contains(t, string(e.message("Hello").Data), call)
	}
}

func TestReadings_ContinueWithoutMessage(t *testing.T) {
	for _, token := range []string{"accepted", "400"} {
		e := reading(t, chattest.Options{Reply: lookup}, "continue-without-message", token)
		e.stream(chat, hello)
		e.ok("POST", list+"/456/tool-result", `{"toolCallId":"call_1","output":1}`)
		if token == "400" {
			e.rejected(400, "VALIDATION_INVALID_BODY", "POST", chat, `{"conversationId":456}`)
			e.rejected(400, "VALIDATION_INVALID_BODY", "POST", chat, `{"conversationId":456,"stream":false}`)
			e.rejected(400, "VALIDATION_INVALID_BODY", "POST", chat, `{"conversationId":456,"message":""}`)
			assert.Contains(t, strings.Join(e.stream(chat, `{"conversationId":456,"message":"Go on"}`), ""), `"text":"1"`)
			continue
		}
		assert.Contains(t, strings.Join(e.stream(chat, `{"conversationId":456}`), ""), `"text":"1"`)
	}
}

func TestReadings_ToolResultReady(t *testing.T) {
	const result = list + "/456/tool-result"
	for _, token := range []string{"at-once", "404-first"} {
		e := reading(t, chattest.Options{Reply: lookup}, "tool-result-ready", token)
		e.stream(chat, hello)
		if token == "404-first" {
			e.rejected(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", result, `{"toolCallId":"call_1"}`)
			e.rejected(400, "VALIDATION_INVALID_BODY", "POST", chat, `{"conversationId":456}`)
		}
		e.ok("POST", result, `{"toolCallId":"call_1"}`)
		e.rejected(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", result, `{"toolCallId":"call_1"}`)
		e.stream(list+"/456/retry", `{}`) // makes a new call with the same id
		if token == "404-first" {
			e.rejected(404, "RESOURCE_TOOL_CALL_NOT_FOUND", "POST", result, `{"toolCallId":"call_1"}`)
		}
		e.ok("POST", result, `{"toolCallId":"call_1"}`)
	}
}

// stored returns the history of the first conversation.
func (e *env) stored() string {
	e.Helper()
	return string(e.ok("GET", list+"/456/messages", "").Data)
}

func TestReadings_DisconnectInTheStream(t *testing.T) {
	for _, token := range []string{"turn-continues", "turn-ends"} {
		for _, path := range []string{chat, list + "/456/retry"} {
			for _, pace := range []time.Duration{0, time.Second} {
				synctest.Test(t, func(t *testing.T) {
					e := reading(t, chattest.Options{Pace: pace}, "disconnect", token)
					if path != chat {
						e.fake.Script(chattest.StreamError(0, "Overloaded"))
						e.stream(chat, hello)
					}
					e.fake.Script(chattest.Silence(1))
					response := e.open("POST", path, hello)
					time.Sleep(pace / 2)
					require.NoError(t, response.Body.Close())
					time.Sleep(time.Minute)
					assert.Contains(t, e.stored(), `"text":"You `)
					assert.Equal(t, token == "turn-continues", strings.Contains(e.stored(), `"text":"You said: Hello"`))
				})
			}
		}
	}
}

// The client leaves while the assistant thinks, before the response begins.
func TestReadings_DisconnectBeforeTheStream(t *testing.T) {
	think := func(chattest.Turn) []chattest.Part {
		time.Sleep(time.Minute)
		return []chattest.Part{chattest.Text("Done")}
	}
	for token, want := range map[string]int{"turn-continues": 2, "turn-ends": 1} {
		for _, stream := range []string{"true", "false"} {
			synctest.Test(t, func(t *testing.T) {
				e := reading(t, chattest.Options{Reply: think}, "disconnect", token)
				e.client.Timeout = time.Second
				_, err := e.send("POST", chat, `{"message":"Hello","stream":`+stream+`}`)
				require.Error(t, err)
				time.Sleep(2 * time.Minute)
				assert.Equal(t, want, e.ok("GET", list+"/456/messages", "").Pagination.Total)
			})
		}
	}
}

// A retry wins over a turn that continues without its client.
func TestRetry_DuringAbandonedReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, &chattest.Options{Pace: time.Second})
		response := e.open("POST", chat, hello)
		require.NoError(t, response.Body.Close())
		e.ok("POST", list+"/456/retry", `{"stream":false}`)
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"msg_3", "msg_4"}, e.ok("GET", list+"/456/messages", "").ids(t))
		assert.Equal(t, 1, strings.Count(e.stored(), "You said: Hello"))
	})
}

func TestReadings_ForeignConversationAndAnonymousUserID(t *testing.T) {
	for _, test := range []struct {
		id, token, owner string
		status           int
		code, user       string // of the conversation afterwards
	}{
		{"foreign-conversation", "not-checked", `"ada"`, 200, "", `"ada"`},
		{"foreign-conversation", "404", `"ada"`, 404, "RESOURCE_NOT_FOUND", `"ada"`},
		{"foreign-conversation", "400", `"ada"`, 400, "CHAT_CONVERSATION_MISMATCH", `"ada"`},
		{"anonymous-userid", "ignored", "", 200, "", "null"},
		{"anonymous-userid", "adopted", "", 200, "", `"bob"`},
		{"anonymous-userid", "400", "", 400, "CHAT_CONVERSATION_MISMATCH", "null"},
	} {
		e := reading(t, chattest.Options{}, test.id, test.token)
		first := hello
		if test.owner != "" {
			first = `{"message":"Hello","userId":` + test.owner + `}`
		}
		e.stream(chat, first)
		for _, stream := range []string{"true", "false"} {
			body := `{"message":"I am Bob","conversationId":456,"userId":"bob","stream":` + stream + `}`
			if test.status != 200 {
				e.rejected(test.status, test.code, "POST", chat, body)
				assert.NotContains(t, e.stored(), "Bob")
				continue
			}
			_, text := e.do("POST", chat, body)
			assert.Contains(t, text, `"conversationId":"456","userId":`+test.user)
		}
		assert.Contains(t, string(e.ok("GET", list+"/456", "").Data), `"userId":`+test.user)
		total := e.ok("GET", "/api/v2/agents/123/users/bob/conversations", "").Pagination.Total
		assert.Equal(t, test.token == "adopted", total == 1)
		if test.owner != "" {
			e.stream(chat, `{"message":"I am Ada","conversationId":456,"userId":`+test.owner+`}`)
		}
		e.stream(chat, `{"message":"I say nothing","conversationId":456}`)
	}
}

func TestReadings_TakenOver(t *testing.T) {
	for _, token := range []string{"stored", "400", "replied"} {
		for _, status := range []string{"taken_over", "paused"} {
			e := reading(t, chattest.Options{}, "taken-over", token)
			e.stream(chat, hello)
			e.fake.SetStatus("456", status)
			assert.Contains(t, string(e.ok("GET", list, "").Data), `"status":"`+status+`"`)
			const more, moreJSON = `{"message":"More","conversationId":456}`, `{"message":"More","conversationId":456,"stream":false}`
			switch token {
			case "stored":
				got := e.stream(chat, more)
				require.Len(t, got, 2)
				assert.Contains(t, got[0], `{"type":"finish","finishReason":"stop","metadata":{"userMessageId":"msg_3","conversationId":"456"`)
				assert.Contains(t, string(e.ok("POST", chat, moreJSON).Data), `"parts":[]`)
				assert.Len(t, e.stream(list+"/456/retry", `{}`), 2)
				assert.Equal(t, 2, strings.Count(e.stored(), `"text":"More"`))
				assert.NotContains(t, e.stored(), "You said: More")
			case "400":
				e.rejected(400, "CHAT_CONVERSATION_NOT_ONGOING", "POST", chat, more)
				e.rejected(400, "CHAT_CONVERSATION_NOT_ONGOING", "POST", chat, moreJSON)
				e.rejected(400, "CHAT_CONVERSATION_NOT_ONGOING", "POST", list+"/456/retry", `{}`)
				assert.NotContains(t, e.stored(), "More")
			case "replied":
				e.stream(chat, more)
				e.stream(list+"/456/retry", `{}`)
				assert.Contains(t, e.stored(), "You said: More")
			}
			id := e.fake.AddMessage("456", "I am Eve. How can I help?")
			assert.Contains(t, e.stored(), `{"id":"`+id+`","role":"assistant","parts":[{"type":"text","text":"I am Eve. How can I help?"}]`)
			e.fake.SetStatus("456", "ongoing")
			e.stream(chat, `{"message":"Thanks","conversationId":456}`)
			assert.Contains(t, e.stored(), "You said: Thanks")
		}
	}
}

func TestSetStatus_EndedAndUnknown(t *testing.T) {
	e := inMemory(t, nil)
	e.stream(chat, hello)
	e.fake.SetStatus("456", "ended")
	e.rejected(400, "CHAT_CONVERSATION_NOT_ONGOING", "POST", chat, `{"message":"More","conversationId":456}`)
	e.fake.SetStatus("456", "archived")
	e.stream(chat, `{"message":"More","conversationId":456}`)
	assert.Contains(t, string(e.ok("GET", list+"/456", "").Data), `"status":"archived"`)
	assert.PanicsWithValue(t, `chattest: there is no conversation "457"`, func() { e.fake.SetStatus("457", "ended") })
	assert.Panics(t, func() { e.fake.AddMessage("457", "Hello") })
}

func TestReadings_WidgetConversations(t *testing.T) {
	const users = "/api/v2/agents/123/users/ada/conversations"
	for _, token := range []string{"readable", "export-only"} {
		e := reading(t, chattest.Options{}, "widget-conversations", token)
		id := e.fake.AddWidgetConversation("ada", "Where is my order?", "On its way.", "Thanks")
		require.Equal(t, "456", id)
		e.stream(chat, hello)
		export := string(e.ok("GET", list+"/export", "").Data)
		assert.Contains(t, export, `{"type":"text","text":"On its way."}`)
		assert.Contains(t, export, `"source":"widget"`)
		assert.Contains(t, export, `"source":"api"`)
		if token == "readable" {
			assert.Equal(t, []string{"457", "456"}, e.ok("GET", list, "").ids(t))
			assert.Equal(t, []string{"456"}, e.ok("GET", users, "").ids(t))
			assert.NotContains(t, string(e.ok("GET", list+"/456", "").Data), "source")
			assert.Regexp(t, `"role":"user","parts":\[\{"type":"text","text":"Where.*"role":"assistant","parts":\[\{"type":"text","text":"On.*"role":"user"`, e.stored())
			e.stream(chat, `{"message":"More","conversationId":456}`)
			e.ok("PATCH", list+"/456/messages/msg_2/feedback", `{"feedback":"positive"}`)
			continue
		}
		assert.Equal(t, []string{"457"}, e.ok("GET", list, "").ids(t))
		assert.Empty(t, e.ok("GET", users, "").ids(t))
		for _, request := range [][3]string{
			{"GET", list + "/456", ""},
			{"GET", list + "/456/messages", ""},
			{"POST", chat, `{"message":"More","conversationId":456}`},
			{"POST", list + "/456/retry", `{}`},
			{"POST", list + "/456/tool-result", `{"toolCallId":"a"}`},
			{"PATCH", list + "/456/messages/msg_2/feedback", `{"feedback":"positive"}`},
		} {
			e.rejected(404, "RESOURCE_NOT_FOUND", request[0], request[1], request[2])
		}
	}
}

func TestReadings_UnknownUser(t *testing.T) {
	const users = "/api/v2/agents/123/users/"
	e := reading(t, chattest.Options{}, "unknown-user", "empty")
	assert.Equal(t, "[]", string(e.ok("GET", users+"ada/conversations", "").Data))
	e = reading(t, chattest.Options{}, "unknown-user", "404")
	e.rejected(404, "RESOURCE_NOT_FOUND", "GET", users+"ada/conversations", "")
	e.stream(chat, `{"message":"Hello","userId":"ada"}`)
	assert.Len(t, e.ok("GET", users+"ada/conversations", "").ids(t), 1)
	e.rejected(404, "RESOURCE_NOT_FOUND", "GET", users+"bob/conversations", "")
}

func TestReadings_RateLimitReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where time begins at a whole second
		reset := time.Now().Add(10 * time.Second)
		for token, want := range map[string]int64{"epoch-seconds": reset.Unix(), "epoch-ms": reset.UnixMilli(), "seconds-left": 10} {
			e := reading(t, chattest.Options{}, "rate-limit-reset", token)
			response := e.open("GET", list, "")
			assert.Equal(t, want, integer(t, response.Header.Get("X-RateLimit-Reset")), token)
			e.fake.Script(chattest.Status(500, "INTERNAL_SERVER_ERROR"))
			response = e.open("GET", list, "")
			assert.Equal(t, want, integer(t, response.Header.Get("X-RateLimit-Reset")), token)
		}
	})
}

func TestReadings_FeedbackNull(t *testing.T) {
	const message = list + "/456/messages/msg_2/feedback"
	e := reading(t, chattest.Options{}, "feedback-null", "400")
	e.stream(chat, hello)
	e.ok("PATCH", message, `{"feedback":"positive"}`)
	e.rejected(400, "VALIDATION_INVALID_BODY", "PATCH", message, `{"feedback":null}`)
	assert.Contains(t, e.stored(), `"feedback":"positive"`)
	e = reading(t, chattest.Options{}, "feedback-null", "clears")
	e.stream(chat, hello)
	e.ok("PATCH", message, `{"feedback":"positive"}`)
	e.ok("PATCH", message, `{"feedback":null}`)
	assert.Contains(t, e.stored(), `"feedback":null`)
}

func TestOptions_Titles(t *testing.T) {
	e := inMemory(t, &chattest.Options{Titles: true})
	e.stream(chat, `{"message":"Wo ist meine Bestellung über 40 Bücher und 2 Äpfel?"}`)
	e.stream(chat, `{"message":"Another message","conversationId":456}`)
	e.stream(chat, `{"message":"Hi"}`)
	const want = `"title":"Wo ist meine Bestellung über 40 Bücher u"`
	for _, path := range []string{list, list + "/456", list + "/export"} {
		assert.Contains(t, string(e.ok("GET", path, "").Data), want)
	}
	assert.Contains(t, string(e.ok("GET", list, "").Data), `"title":"Hi"`)
}

func TestThink_WaitsAfterTheHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, nil)
		begin := time.Now()
		e.fake.Script(chattest.Think(time.Minute), chattest.Think(time.Hour))
		response := e.open("POST", chat, hello)
		assert.Zero(t, time.Since(begin))
		assert.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
		got, err := events(response.Body)
		require.NoError(t, err)
		assert.Len(t, got, 5)
		assert.Equal(t, time.Minute, time.Since(begin))

		e.client.Timeout = time.Second
		_, err = events(e.open("POST", chat, hello).Body)
		require.Error(t, err)
		synctest.Wait()
		assert.Contains(t, string(e.ok("GET", list+"/457/messages", "").Data), "You said: Hello", "the turn continues")
		assert.Equal(t, time.Minute+time.Second, time.Since(begin))
	})
}

func TestFake_CountRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, &chattest.Options{Window: true})
		h := http.Header{}
		for range 99 {
			assert.Zero(t, e.fake.CountRequest(h))
		}
		assert.Equal(t, "1", h.Get("X-RateLimit-Remaining"))
		e.ok("GET", list, "")
		e.rejected(429, "RATE_LIMIT_TOO_MANY_REQUESTS", "GET", list, "")
		assert.Equal(t, 10*time.Second, e.fake.CountRequest(h))
	})
}
