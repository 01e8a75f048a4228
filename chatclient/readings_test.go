package chatclient

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// events returns the body of a stream of these events, with its end.
func events(data ...string) string {
	return "data: " + strings.Join(append(data, "[DONE]"), "\n\ndata: ") + "\n\n"
}

// readReply reads a stream of these events to its end.
func readReply(t testing.TB, data ...string) (*Reply, error) {
	t.Helper()
	s := openStream(t, newTestClient(t, streamOf(events(data...)), nil))
	for range s.Events() {
	}
	return s.Reply()
}

func TestStream_MetadataInEachPlace(t *testing.T) {
	const fields = `"messageId":"m1","conversationId":"456","userMessageId":"m0","userId":"ada","usage":{"credits":1.5}`
	want := Metadata{MessageID: "m1", UserMessageID: "m0", ConversationID: "456", UserID: "ada", FinishReason: "stop", Usage: Usage{1.5}}
	for _, event := range []string{
		`{"type":"finish","finishReason":"stop","metadata":{` + fields + `}}`,
		`{"type":"finish","finishReason":"stop","messageMetadata":{` + fields + `}}`,
		`{"type":"finish","metadata":{"finishReason":"stop",` + fields + `}}`,
		`{"type":"finish","messageMetadata":{"finishReason":"stop",` + fields + `}}`,
		`{"type":"finish","finishReason":"stop",` + fields + `}`,
		`{"type":"finish","finishReason":"stop","metadata":null,"messageMetadata":{` + fields + `}}`,
		`{"type":"message-metadata","messageMetadata":{"finishReason":"stop",` + fields + `}}`,
		`{"type":"message-metadata","metadata":{"finishReason":"stop",` + fields + `}}`,
	} {
		reply, err := readReply(t, `{"type":"text-delta","text":"a"}`, event)
		require.NoError(t, err, event)
		assert.Equal(t, want, reply.Metadata, event)
		assert.Equal(t, "m1", reply.ID, event)
	}
}

// A later event may know less than an earlier one.
func TestStream_KnownMetadataIsNotErased(t *testing.T) {
	want := Metadata{MessageID: "m1", UserMessageID: "m0", ConversationID: "456", UserID: "ada", FinishReason: "stop", Usage: Usage{0.5}}
	for _, fields := range []string{
		`{}`,
		`{"messageId":null,"userMessageId":null,"conversationId":null,"userId":null,"finishReason":null,"usage":null}`,
		`{"messageId":"","userMessageId":"","conversationId":"","userId":"","usage":{"credits":null}}`,
		`{"messageId":{},"userMessageId":[],"conversationId":true,"finishReason":7,"usage":{}}`,
	} {
		for _, later := range []string{
			`{"type":"finish","messageMetadata":` + fields + `}`,
			`{"type":"message-metadata","metadata":` + fields + `}`,
			`{"type":"finish",` + strings.TrimPrefix(fields, "{"),
		} {
			reply, err := readReply(t, `{"type":"text-delta","text":"a"}`,
				`{"type":"message-metadata","metadata":{"messageId":"m1","conversationId":"456","userMessageId":"m0","userId":"ada","finishReason":"stop","usage":{"credits":0.5}}}`,
				later)
			require.NoError(t, err)
			assert.Equal(t, want, reply.Metadata, later)
		}
	}
}

func TestStream_IDFromMessageStart(t *testing.T) {
	s := openStream(t, newTestClient(t, streamOf("data: {\"type\":\"message-start\",\"messageId\":789}\n\n"), nil))
	_, err := read(s)
	require.ErrorIs(t, err, ErrStreamCut)
	reply, _ := s.Reply()
	assert.Equal(t, "789", reply.ID, "also of a reply that was cut")
}

func TestMessageID_NumberOrString(t *testing.T) {
	for literal, want := range map[string]string{`789`: "789", `"789"`: "789", `"msg_789"`: "msg_789", `null`: "", `{}`: "", `9007199254740993`: "9007199254740993"} {
		reply, err := readReply(t, `{"type":"text-delta","text":"a"}`,
			`{"type":"finish","metadata":{"messageId":`+literal+`,"userMessageId":`+literal+`}}`)
		require.NoError(t, err)
		assert.Equal(t, []string{want, want, want}, []string{reply.ID, reply.Metadata.MessageID, reply.Metadata.UserMessageID})

		message := `{"id":` + literal + `,"parts":[{"type":"text","text":"a"}],"metadata":{"messageId":` + literal + `,"userMessageId":` + literal + `}}`
		c := newTestClient(t, jsonResponse(200, `{"data":`+message+`}`), nil)
		reply, err = c.Send(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, []string{want, want, want}, []string{reply.ID, reply.Metadata.MessageID, reply.Metadata.UserMessageID})
		assert.Equal(t, "a", reply.Text())
		rated, err := c.SetFeedback(t.Context(), "456", "789", FeedbackPositive)
		require.NoError(t, err)
		assert.Equal(t, want, rated.ID)

		c = newTestClient(t, jsonResponse(200, `{"data":[`+message+`],"pagination":{"cursor":null}}`), nil)
		page, err := c.MessagesPage(t.Context(), "456", PageRequest{})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		assert.Equal(t, []string{want, want}, []string{page.Items[0].ID, page.Items[0].Metadata.UserMessageID})

		c = newTestClient(t, jsonResponse(200, `{"data":[{"id":1,"messages":[`+message+`]}]}`), nil)
		for conversation, err := range c.Export(t.Context()) {
			require.NoError(t, err)
			assert.Equal(t, want, conversation.Messages[0].ID)
		}
	}
}

func TestStream_FailureInEachForm(t *testing.T) {
	const text = "data: {\"type\":\"text-delta\",\"text\":\"a\"}\n\n"
	for event, want := range map[string]struct {
		code    string
		message string
	}{
		`data: {"type":"error","errorText":"boom"}`:                                    {"", "boom"},
		`data: {"type":"error","error":{"code":"CHAT_STREAMING_ERROR","message":"b"}}`: {"CHAT_STREAMING_ERROR", "b"},
		`data: {"type":"error","error":{"message":"Overloaded"}}`:                      {"", "Overloaded"},
		`data: {"type":"error","error":{"code":"INTERNAL_SERVER_ERROR"}}`:              {CodeInternalServerError, ""},
		`data: {"type":"error","error":"boom"}`:                                        {"", "boom"},
		`data: {"type":"error","message":"boom"}`:                                      {"", "boom"},
		`data: {"type":"error"}`:                                                       {"", ""},
		`data: {"error":{"code":"INTERNAL_SERVER_ERROR","message":"boom"}}`:            {CodeInternalServerError, "boom"},
		`data: {"success":false,"error":{"code":"X","message":"boom"}}`:                {"X", "boom"},
		`data: {"type":null,"error":{"message":"boom"}}`:                               {"", "boom"},
		`data: {"error":"boom"}`:                                                       {"", "boom"},
		`data: {"errorText":"boom"}`:                                                   {"", "boom"},
		"event: message\ndata: {\"error\":{\"message\":\"boom\"}}":                     {"", "boom"},
		"event: error\ndata: {\"errorText\":\"boom\"}":                                 {"", "boom"},
		"event: error\ndata: {\"error\":{\"code\":\"X\",\"message\":\"boom\"}}":        {"X", "boom"},
		"event: error\ndata: {\"error\":\"boom\"}":                                     {"", "boom"},
		"event: error\ndata: {\"message\":\"boom\"}":                                   {"", "boom"},
		"event: error\ndata: {\"type\":\"error\",\"errorText\":\"boom\"}":              {"", "boom"},
		"event: error\ndata: Overloaded":                                               {"", "Overloaded"},
	} {
		s := openStream(t, newTestClient(t, streamOf(text+event+"\n\ndata: [DONE]\n\n"), nil))
		got, err := read(s)
		assert.Equal(t, "a", got)
		require.ErrorIs(t, err, ErrStreamFailed, event)
		e := requireError(t, err)
		assert.Equal(t, want.code, e.Code, event)
		assert.Equal(t, want.message, e.Message, event)
		assert.NotContains(t, e.Error(), "boom")
		reply, replyErr := s.Reply()
		assert.Equal(t, err, replyErr)
		assert.Equal(t, "a", reply.Text())
	}
}

// What only looks like a failure is none.
func TestStream_NoFailure(t *testing.T) {
	for _, event := range []string{
		`{"error":null}`, `{"error":false}`, `{"errorText":null}`, `{"errorText":""}`, `{"type":"finish","error":null}`,
		`{"type":"note","error":{"message":"boom"}}`, `"error"`, `{"message":"boom"}`,
	} {
		reply, err := readReply(t, `{"type":"text-delta","text":"a"}`, event)
		require.NoError(t, err, event)
		assert.Equal(t, "a", reply.Text())
	}
}

func TestStream_TypeFromTheEventLine(t *testing.T) {
	body := "event: text-delta\ndata: {\"text\":\"a\"}\n\n" +
		"event: other\ndata: {\"type\":\"text-delta\",\"text\":\"b\"}\n\n" +
		"event: tool-input-available\ndata: {\"toolCallId\":\"call_1\",\"toolName\":\"lookup\"}\n\n" +
		"event: finish\ndata: {\"messageMetadata\":{\"conversationId\":456}}\n\n" +
		"data: {}\n\ndata: [DONE]\n\n"
	s := openStream(t, newTestClient(t, streamOf(body), nil))
	var kinds []string
	for event, err := range s.Events() {
		require.NoError(t, err)
		kinds = append(kinds, event.Type)
	}
	assert.Equal(t, []string{EventTextDelta, EventTextDelta, EventToolCall, EventFinish, ""}, kinds)
	reply, err := s.Reply()
	require.NoError(t, err)
	assert.Equal(t, "ab", reply.Text())
	assert.Len(t, reply.ToolCalls(), 1)
	assert.Equal(t, ConversationID("456"), reply.Metadata.ConversationID)
}

func TestReply_FinishReasonError(t *testing.T) {
	for _, finish := range [][]string{
		{`{"type":"finish","finishReason":"error","messageMetadata":{"conversationId":"456"}}`},
		{`{"type":"finish","metadata":{"conversationId":"456","finishReason":"error"}}`},
		{`{"type":"message-metadata","messageMetadata":{"conversationId":"456","finishReason":"error"}}`, `{"type":"finish"}`},
	} {
		s := openStream(t, newTestClient(t, streamOf(events(append([]string{`{"type":"text-delta","text":"a"}`}, finish...)...)), nil))
		var finished bool
		var last error
		for event, err := range s.Events() {
			finished = finished || event.Type == EventFinish && event.Metadata.ConversationID == "456"
			last = err
		}
		assert.True(t, finished, "the event itself is returned before the error")
		require.ErrorIs(t, last, ErrStreamFailed)
		_, err := s.Reply()
		assert.Equal(t, last, err)
	}
	_, err := readReply(t, `{"type":"finish","finishReason":"error","error":{"code":"X","message":"boom"}}`)
	require.ErrorIs(t, err, ErrStreamFailed)
	assert.Equal(t, "boom", requireError(t, err).Message)
	assert.Equal(t, "X", requireError(t, err).Code)

	c := newTestClient(t, jsonResponse(200, `{"data":{"id":"m","parts":[],"metadata":{"finishReason":"error"}}}`), nil)
	reply, err := c.Send(t.Context(), hello)
	assert.Nil(t, reply)
	require.ErrorIs(t, err, ErrStreamFailed)
}

func TestStream_NothingBeforeTheEnd(t *testing.T) {
	for _, body := range []string{
		"data: [DONE]\n\n", ": hello\n\ndata: [DONE]\n\n",
		events(`{"type":"message-start","messageId":"m"}`, `{"type":"text-delta","text":""}`), events(`{"type":"step"}`, "garbage"),
	} {
		s := openStream(t, newTestClient(t, streamOf(body), nil))
		_, err := read(s)
		require.ErrorIs(t, err, ErrUnexpectedResponse)
		_, replyErr := s.Reply()
		assert.Equal(t, err, replyErr)
		_, again := read(s)
		assert.Equal(t, err, again)
	}
	for _, event := range []string{ // a paused conversation has a finish only
		`{"type":"finish"}`, `{"type":"text-delta","text":" "}`, `{"type":"tool-input-available","toolCallId":"call_1"}`,
	} {
		_, err := readReply(t, event)
		require.NoError(t, err)
	}
}

func TestStream_SplitSurrogatePair(t *testing.T) {
	for _, test := range []struct {
		events string // separated by spaces; d(x) is a text-delta of x
		want   []string
	}{
		{`d(a\ud83d) d(\ude00b)`, []string{"a", "😀b"}},
		{`d(\uD83D) d(\uDE00)`, []string{"😀"}},
		{`d(\ud83d) d() {"type":"note"} d(\ude00)`, []string{"😀"}},
		{`d(\ud83d) d(\ude00\ud83d) d(\ude00)`, []string{"😀", "😀"}},
		{`d(\ud83d\ude00) d(b)`, []string{"😀", "b"}},
		{`d(a\ud83d) d(b)`, []string{"a", "\ufffdb"}},
		{`d(a\ud83d) d(Your-order-is-on-its-way)`, []string{"a", "\ufffdYour-order-is-on-its-way"}},
		{`d(a\ud83d) d(\ud83d) d(\ude00)`, []string{"a", "\ufffd", "😀"}},
		{`d(a\ud83d) {"type":"tool-input-available"} d(\ude00)`, []string{"a", "\ufffd", "\ufffd"}},
		{`d(a\ud83d) {"type":"finish"}`, []string{"a", "\ufffd"}},
		{`d(a\ud83d)`, []string{"a"}},
		{`d(\ude00)`, []string{"\ufffd"}},
		{`d(a\\ud83d) d(b)`, []string{`a\ud83d`, "b"}},
	} {
		for _, name := range []string{"text", "delta"} {
			body := strings.ReplaceAll(strings.ReplaceAll(test.events, "d(", `{"type":"text-delta","`+name+`":"`), ")", `"}`)
			s := openStream(t, newTestClient(t, streamOf(events(strings.Split(body, " ")...)), nil))
			var pieces []string
			for piece, err := range s.Text() {
				require.NoError(t, err)
				pieces = append(pieces, piece)
			}
			assert.Equal(t, test.want, pieces, body)
			reply, err := s.Reply()
			require.NoError(t, err)
			assert.Equal(t, strings.Join(test.want, ""), reply.Text())
		}
	}
	s := openStream(t, newTestClient(t, streamOf("data: {\"type\":\"text-delta\",\"text\":\"a\\ud83d\"}\n\ndata: {\"type\":\"error\",\"errorText\":\"boom\"}\n\n"), nil))
	text, err := read(s)
	assert.Equal(t, "a", text)
	require.ErrorIs(t, err, ErrStreamFailed)
}

func TestReply_PartsInTheOrderOfTheStream(t *testing.T) {
	text := func(s string) Part { return Part{Type: PartText, Text: s} }
	reply, err := readReply(t,
		`{"type":"text-delta","text":"Let me "}`, `{"type":"text-delta","text":"see. "}`,
		`{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookup","input":{}}`,
		`{"type":"tool-input-available","toolCallId":"call_2","toolName":"lookup","input":{}}`,
		`{"type":"text-delta","text":"It is on "}`, `{"type":"text-delta","delta":"its way."}`,
		`{"type":"finish"}`)
	require.NoError(t, err)
	require.Len(t, reply.Parts, 4)
	assert.Equal(t, text("Let me see. "), reply.Parts[0])
	assert.Equal(t, "call_1", reply.Parts[1].ToolCallID)
	assert.Equal(t, "call_2", reply.Parts[2].ToolCallID)
	assert.Equal(t, text("It is on its way."), reply.Parts[3])
	assert.Equal(t, "Let me see. It is on its way.", reply.Text())

	s := openStream(t, newTestClient(t, streamOf(events(`{"type":"text-delta","text":"a"}`, `{"type":"tool-input-available"}`, `{"type":"text-delta","text":"b"}`)), nil))
	var sizes []int
	for range s.Events() {
		reply, _ := s.Reply()
		sizes = append(sizes, len(reply.Parts))
	}
	assert.Equal(t, []int{1, 2, 3}, sizes, "Reply may be called in between")
}

// Status 200 with something else than the operation returns.
func TestError_UnexpectedBody(t *testing.T) {
	for body, want := range map[string]struct {
		code    string
		message string
	}{
		"<html>Please sign in</html>":                                 {"", "<html>Please sign in</html>"},
		`{"error":{"code":"INTERNAL_SERVER_ERROR","message":"boom"}}`: {CodeInternalServerError, "boom"},
		`{"success":false,"error":{"code":"X","message":"boom"}}`:     {"X", "boom"},
		`{"error":"boom"}`:                  {"", "boom"},
		`{"message":"boom"}`:                {"", "boom"},
		"":                                  {"", ""},
		"<p>" + strings.Repeat("x", 70<<10): {"", "<p>" + strings.Repeat("x", 509)},
		// An envelope that is longer than what is searched.
		`{"error":{"code":"X","details":"` + strings.Repeat("x", 70<<10) + `"}}`: {"", `{"error":{"code":"X","details":"` + strings.Repeat("x", 480)},
		`{"error":{"code":"X","message":"the key is ` + testKey + `"}}`:          {"X", "[withheld: it repeats the API key]"},
	} {
		for _, contentType := range []string{"application/json", "text/html"} {
			c := newTestClient(t, func(*http.Request) (*http.Response, error) {
				return newResponse(200, contentType, strings.NewReader(body)), nil
			}, nil)
			for name, call := range map[string]func() error{
				"Send":         func() error { _, err := c.Send(t.Context(), hello); return err },
				"Stream":       func() error { _, err := c.Stream(t.Context(), hello); return err },
				"Check":        func() error { return c.Check(t.Context()) },
				"Conversation": func() error { _, err := c.Conversation(t.Context(), "456"); return err },
				"Export": func() (last error) {
					for _, err := range c.Export(t.Context()) {
						last = err
					}
					return last
				},
			} {
				err := call()
				require.ErrorIs(t, err, ErrUnexpectedResponse, name)
				e := requireError(t, err)
				assert.Equal(t, want.code, e.Code, name)
				assert.Equal(t, want.message, e.Message, name)
				assert.NotContains(t, e.Error(), "boom")
			}
		}
	}
}

func TestStream_ContextEndsWithinAWholeReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, f := newPipe()
		c := newTestClient(t, func(r *http.Request) (*http.Response, error) {
			res, err := f(r)
			res.Header.Set("Content-Type", "application/json")
			return res, err
		}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := c.Stream(ctx, hello)
		require.ErrorIs(t, err, context.Canceled)
		requireError(t, err)
		assert.Equal(t, 1, body.closes)
	})
}

// A whole reply in place of a stream: the turn was made.
func TestStream_WholeReply(t *testing.T) {
	const body = `{"data":{"id":789,"role":"assistant","parts":[{"type":"text","text":"Let me <see>. "},
		{"type":"tool-call","toolCallId":"call_1","toolName":"lookup","input":{ "order": 7 }},{"type":"image"},{"type":"text","text":"Done."}],
		"metadata":{"userMessageId":"m0","conversationId":456,"userId":"ada","finishReason":"tool-calls","usage":{"credits":0.5}}}}`
	for _, contentType := range []string{"application/json; charset=utf-8", "text/plain"} {
		c := newTestClient(t, func(*http.Request) (*http.Response, error) {
			return newResponse(200, contentType, strings.NewReader(body)), nil
		}, func(o *Options) { o.MaxEvent = 10 })
		s := openStream(t, c)
		assert.Equal(t, "req_1", s.ResponseInfo.RequestID)
		var kinds []string
		for event, err := range s.Events() {
			require.NoError(t, err)
			assert.True(t, json.Valid(event.Raw))
			kinds = append(kinds, event.Type)
		}
		assert.Equal(t, []string{EventTextDelta, EventToolCall, EventTextDelta, EventFinish}, kinds)
		reply, err := s.Reply()
		require.NoError(t, err)
		assert.Equal(t, "Let me <see>. Done.", reply.Text())
		require.Len(t, reply.ToolCalls(), 1)
		assert.JSONEq(t, `{"order":7}`, string(reply.ToolCalls()[0].Input))
		assert.Equal(t, Metadata{
			MessageID: "789", UserMessageID: "m0", ConversationID: "456", UserID: "ada", FinishReason: FinishToolCalls, Usage: Usage{0.5},
		}, reply.Metadata)
		assert.Equal(t, "789", reply.ID)
	}
	s := openStream(t, newTestClient(t, jsonResponse(200, `{"data":{"id":"m","parts":[]}}`), nil))
	_, err := read(s)
	require.NoError(t, err, "a paused conversation has no reply")
	_, err = newTestClient(t, jsonResponse(200, `{"data":{"metadata":{"finishReason":"error"}}}`), nil).Stream(t.Context(), hello)
	require.ErrorIs(t, err, ErrStreamFailed)
	long := `{"data":{"parts":[{"type":"text","text":"` + strings.Repeat("x", 1000) + `"}]}}`
	_, err = newTestClient(t, jsonResponse(200, long), func(o *Options) { o.MaxBody = 1000 }).Stream(t.Context(), hello)
	require.ErrorIs(t, err, ErrTooLong)
}

// sequence responds with each status and body in turn.
func sequence(t testing.TB, responses ...string) transport {
	return func(*http.Request) (*http.Response, error) {
		require.NotEmpty(t, responses)
		status, body := 200, responses[0]
		responses = responses[1:]
		switch {
		case strings.Contains(body, string(CodeToolCallNotFound)):
			status = 404
		case strings.Contains(body, string(CodeUnderMaintenance)):
			status = 503
		}
		return newResponse(status, "application/json", strings.NewReader(body)), nil
	}
}

func TestClient_SubmitToolResult_NotReady(t *testing.T) {
	const notReady = `{"error":{"code":"RESOURCE_TOOL_CALL_NOT_FOUND","message":"m"}}`
	synctest.Test(t, func(t *testing.T) {
		result := ToolResult{ToolCallID: "call_1", Output: 7}
		begun := time.Now()
		_, err := newTestClient(t, sequence(t, notReady, notReady, `{"data":{"success":true}}`), nil).SubmitToolResult(t.Context(), "456", result)
		require.NoError(t, err)
		assert.Equal(t, 900*time.Millisecond, time.Since(begun))
		_, err = newTestClient(t, sequence(t, notReady, notReady, notReady), nil).SubmitToolResult(t.Context(), "456", result)
		require.Equal(t, CodeToolCallNotFound, requireError(t, err).Code)
		assert.Equal(t, 3, requireError(t, err).Attempts)
	})
}

func TestClient_Send_Maintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t, sequence(t, `{"error":{"code":"SERVICE_UNDER_MAINTENANCE","message":"m"}}`, `{"data":{"parts":[{"type":"text","text":"a"}]}}`), nil)
		reply, err := c.Send(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, "a", reply.Text())
	})
}

// Frames that Chatbase documents and that this package does not interpret.
func TestStream_OtherDocumentedFrames(t *testing.T) {
	frames := []string{
		`{"type":"message-start","messageId":"m1"}`, `{"type":"start-step"}`, `{"type":"text-start","id":"1"}`,
		`{"type":"text-delta","id":"1","delta":"a"}`, `{"type":"text-end","id":"1"}`,
		`{"type":"tool-input-start","toolCallId":"call_1","toolName":"lookup"}`,
		`{"type":"tool-input-delta","toolCallId":"call_1","inputTextDelta":"{}"}`,
		`{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookup","input":{}}`,
		`{"type":"tool-output-available","toolCallId":"call_1","output":[1]}`, `{"type":"finish-step"}`, `{"type":"finish"}`,
	}
	s := openStream(t, newTestClient(t, streamOf(events(frames...)), nil))
	var got []string
	for event, err := range s.Events() {
		require.NoError(t, err)
		got = append(got, string(event.Raw))
	}
	assert.Equal(t, frames, got)
	reply, err := s.Reply()
	require.NoError(t, err)
	assert.Equal(t, "a", reply.Text())
	assert.Len(t, reply.Parts, 2)
	assert.Equal(t, "m1", reply.ID)
}

// A page may be short or empty, and its total and a conversation's fields may be
// missing: only the pagination ends a list.
func TestLists_ShortAndEmptyPages(t *testing.T) {
	c := newTestClient(t, sequence(t,
		`{"data":[{"id":1,"status":"handed_over"}],"pagination":{"cursor":"a","hasMore":true}}`,
		`{"data":[],"pagination":{"cursor":"b","hasMore":true}}`,
		`{"data":[],"pagination":{"cursor":3,"hasMore":true,"total":null}}`,
		`{"data":[{"id":"conv_2","title":null,"userId":null,"status":null},{}],"pagination":{"cursor":null}}`), nil)
	var found []Conversation
	for conversation, err := range c.Conversations(t.Context()) {
		require.NoError(t, err)
		found = append(found, conversation)
	}
	assert.Equal(t, []Conversation{{ID: "1", Status: "handed_over"}, {ID: "conv_2"}, {}}, found)

	page, err := newTestClient(t, sequence(t, `{"data":[],"pagination":{"cursor":"a","hasMore":true}}`), nil).ConversationsPage(t.Context(), PageRequest{})
	require.NoError(t, err)
	assert.Equal(t, "a", page.NextCursor)
	assert.Zero(t, page.Total)
}
