package chatclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	key   = "oc_test_chattest"
	agent = 123
)

// newLoopbackClient returns a client of a fake on a loopback port.
func newLoopbackClient(t testing.TB, o *chattest.Options, change func(*chatclient.Options)) (*chatclient.Client, *chattest.Fake) {
	t.Helper()
	fake, err := chattest.New(o)
	require.NoError(t, err)
	server := fake.Start()
	t.Cleanup(server.Close)
	return newServiceClient(t, &chatclient.Options{BaseURL: server.URL}, change), fake
}

// newFakeClient returns a client of a fake in memory, for a bubble of fake time.
func newFakeClient(t testing.TB, o *chattest.Options, change func(*chatclient.Options)) (*chatclient.Client, *chattest.Fake) {
	t.Helper()
	fake, err := chattest.New(o)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return newServiceClient(t, &chatclient.Options{BaseURL: chattest.BaseURL, HTTPClient: fake.Client()}, change), fake
}

func newServiceClient(t testing.TB, o *chatclient.Options, change func(*chatclient.Options)) *chatclient.Client {
	t.Helper()
	if change != nil {
		change(o)
	}
	c, err := chatclient.New(key, agent, o)
	require.NoError(t, err)
	return c
}

var hello = chatclient.Message{Text: "Where is my order?", UserID: "user_8821"}

const echo = "You said: Where is my order?"

func collect[T any](t testing.TB, list func(func(T, error) bool)) []T {
	t.Helper()
	var items []T
	for item, err := range list {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

func TestClient_EveryEndpoint(t *testing.T) {
	for name, connect := range map[string]func(testing.TB, *chattest.Options, func(*chatclient.Options)) (*chatclient.Client, *chattest.Fake){
		"over a port": newLoopbackClient, "in memory": newFakeClient,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			c, fake := connect(t, nil, nil)

			health, err := c.Health(ctx)
			require.NoError(t, err)
			assert.Equal(t, "ok", health.Status)
			assert.NotEmpty(t, health.ResponseInfo.RequestID)
			assert.WithinDuration(t, time.Now(), health.Timestamp.Time, time.Minute)
			require.NoError(t, c.Check(ctx))

			first, err := c.Send(ctx, hello)
			require.NoError(t, err)
			assert.Equal(t, echo, first.Text())
			assert.Equal(t, chatclient.FinishStop, first.Metadata.FinishReason)
			assert.NotEmpty(t, first.ResponseInfo.RequestID)
			assert.Equal(t, 100, first.ResponseInfo.RateLimit.Limit)
			id := first.Metadata.ConversationID

			stream, err := c.Stream(ctx, chatclient.Message{Text: "And now?", UserID: "user_8821", ConversationID: id})
			require.NoError(t, err)
			assert.NotEmpty(t, stream.ResponseInfo.RequestID)
			assert.Equal(t, "You said: And now?", strings.Join(collect(t, stream.Text()), ""))
			second, err := stream.Reply()
			require.NoError(t, err)
			assert.Equal(t, id, second.Metadata.ConversationID)
			assert.Equal(t, chatclient.UserID("user_8821"), second.Metadata.UserID)

			_, err = c.Send(ctx, chatclient.Message{Text: "Somebody else", UserID: "user_2"})
			require.NoError(t, err)
			assert.Len(t, collect(t, c.Conversations(ctx)), 2)
			mine := collect(t, c.UserConversations(ctx, "user_8821"))
			require.Len(t, mine, 1)
			assert.Equal(t, id, mine[0].ID)
			assert.Empty(t, collect(t, c.UserConversations(ctx, "nobody")))
			page, err := c.ConversationsPage(ctx, chatclient.PageRequest{Limit: 1})
			require.NoError(t, err)
			assert.Len(t, page.Items, 1)
			assert.Equal(t, 2, page.Total)
			page, err = c.ConversationsPage(ctx, chatclient.PageRequest{Limit: 1, Cursor: page.NextCursor})
			require.NoError(t, err)
			assert.Equal(t, id, page.Items[0].ID, "the older one")
			assert.Empty(t, page.NextCursor)

			conversation, err := c.Conversation(ctx, id)
			require.NoError(t, err)
			assert.Equal(t, chatclient.UserID("user_8821"), conversation.UserID)
			require.Len(t, conversation.Messages, 4)
			assert.Empty(t, conversation.MessagesCursor)
			assert.NotEmpty(t, conversation.ResponseInfo.RequestID)
			messages := collect(t, c.Messages(ctx, id))
			require.Len(t, messages, 4)
			assert.Equal(t, "Where is my order?", messages[0].Text())
			assert.Equal(t, "user", messages[0].Role)
			assert.Equal(t, second.ID, messages[3].ID)
			assert.Len(t, collect(t, c.Export(ctx)), 2)

			rated, err := c.SetFeedback(ctx, id, second.ID, chatclient.FeedbackPositive)
			require.NoError(t, err)
			assert.Equal(t, chatclient.FeedbackPositive, rated.Feedback)
			assert.NotEmpty(t, rated.ResponseInfo.RequestID)
			rated, err = c.SetFeedback(ctx, id, second.ID, chatclient.FeedbackNone)
			require.NoError(t, err)
			assert.Equal(t, chatclient.FeedbackNone, rated.Feedback)

			retried, err := c.Retry(ctx, id, "")
			require.NoError(t, err)
			assert.Equal(t, "You said: And now?", retried.Text())
			again, err := c.RetryStream(ctx, id, retried.ID)
			require.NoError(t, err)
			assert.Equal(t, "You said: And now?", strings.Join(collect(t, again.Text()), ""))
			assert.Len(t, collect(t, c.Messages(ctx, id)), 4, "a retry takes the place of the reply")

			for _, r := range fake.Requests() {
				if strings.HasSuffix(r.Path, "/health") {
					assert.Empty(t, r.Header.Get("Authorization"))
				} else {
					assert.Equal(t, "Bearer "+key, r.Header.Get("Authorization"))
				}
			}
		})
	}
}

var newerFrames = map[string]string{"text-delta": "delta", "tool-call": "frame"}

// A reply in the newer form of frames reads the same.
func TestStream_MessageMetadata(t *testing.T) {
	c, _ := newLoopbackClient(t, &chattest.Options{Readings: newerFrames}, nil)
	stream, err := c.Stream(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, echo, strings.Join(collect(t, stream.Text()), ""))
	reply, err := stream.Reply()
	require.NoError(t, err)
	assert.NotEmpty(t, reply.Metadata.ConversationID)
}

func lookup(turn chattest.Turn) []chattest.Part {
	if len(turn.ToolResults) == 0 {
		return []chattest.Part{chattest.ToolCall("call_1", "lookupOrder", `{"id":7}`)}
	}
	return []chattest.Part{chattest.Text("It says " + string(turn.ToolResults[0].Output))}
}

func TestContinue_AfterAToolResult(t *testing.T) {
	for _, delta := range []bool{false, true} {
		var readings map[string]string
		if delta {
			readings = newerFrames
		}
		ctx := t.Context()
		c, _ := newLoopbackClient(t, &chattest.Options{Reply: lookup, Readings: readings}, nil)
		stream, err := c.Stream(ctx, hello)
		require.NoError(t, err)
		assert.Empty(t, collect(t, stream.Text()))
		reply, err := stream.Reply()
		require.NoError(t, err)
		assert.Equal(t, chatclient.FinishToolCalls, reply.Metadata.FinishReason)
		id := reply.Metadata.ConversationID
		if delta {
			require.Len(t, reply.ToolCalls(), 1, "the newer form has the call in the stream")
		}

		messages := collect(t, c.Messages(ctx, id))
		calls := messages[len(messages)-1].ToolCalls()
		require.Len(t, calls, 1)
		assert.Equal(t, "lookupOrder", calls[0].ToolName)
		assert.JSONEq(t, `{"id":7}`, string(calls[0].Input))

		_, err = c.SubmitToolResult(ctx, id, chatclient.ToolResult{ToolCallID: calls[0].ToolCallID, Output: map[string]string{"state": "shipped"}})
		require.NoError(t, err)
		if delta {
			next, err := c.ContinueStream(ctx, id)
			require.NoError(t, err)
			assert.Equal(t, `It says {"state":"shipped"}`, strings.Join(collect(t, next.Text()), ""))
		} else {
			next, err := c.Continue(ctx, id)
			require.NoError(t, err)
			assert.Equal(t, `It says {"state":"shipped"}`, next.Text())
		}
	}
}

// Every documented code of the service is found by errors.Is.
func TestError_EveryCode(t *testing.T) {
	ctx := t.Context()
	c, fake := newLoopbackClient(t, &chattest.Options{ForeignAgentID: 124}, func(o *chatclient.Options) { o.MaxRetries = -1 })
	at := func(key string, agent int64) *chatclient.Client {
		server := fake.Start()
		t.Cleanup(server.Close)
		other, err := chatclient.New(key, agent, &chatclient.Options{BaseURL: server.URL})
		require.NoError(t, err)
		return other
	}
	reply, err := c.Send(ctx, hello)
	require.NoError(t, err)
	id := reply.Metadata.ConversationID
	scripted := func(status int, code string) func() error {
		return func() error {
			fake.Script(chattest.Status(status, code))
			_, err := c.Send(ctx, hello)
			return err
		}
	}
	for _, test := range []struct {
		code   string
		status error
		call   func() error
	}{
		{chatclient.CodeInvalidAPIKey, chatclient.ErrUnauthorized, func() error { return at("oc_test_wrong", agent).Check(ctx) }},
		{chatclient.CodeInsufficientPermissions, chatclient.ErrForbidden, func() error { return at(key, 124).Check(ctx) }},
		{chatclient.CodeNotFound, chatclient.ErrNotFound, func() error { return at(key, 999).Check(ctx) }},
		{chatclient.CodeNotFound, chatclient.ErrNotFound, func() error { _, err := c.Conversation(ctx, "99"); return err }},
		{chatclient.CodeInvalidBody, chatclient.ErrBadRequest, func() error {
			_, err := c.ConversationsPage(ctx, chatclient.PageRequest{Cursor: "made up"})
			return err
		}},
		{chatclient.CodeToolCallNotFound, chatclient.ErrNotFound, func() error {
			_, err := c.SubmitToolResult(ctx, id, chatclient.ToolResult{ToolCallID: "nope"})
			return err
		}},
		{chatclient.CodeMessageNotFound, chatclient.ErrNotFound, func() error {
			_, err := c.SetFeedback(ctx, id, "msg_99999", chatclient.FeedbackPositive)
			return err
		}},
		{chatclient.CodeMessageNotAssistant, chatclient.ErrBadRequest, func() error {
			_, err := c.SetFeedback(ctx, id, reply.Metadata.UserMessageID, chatclient.FeedbackPositive)
			return err
		}},
		{chatclient.CodeRetryMessageNotFound, chatclient.ErrNotFound, func() error { _, err := c.Retry(ctx, id, "msg_99999"); return err }},
		{chatclient.CodeNoUserMessage, chatclient.ErrBadRequest, func() error {
			_, err := c.Retry(ctx, id, reply.Metadata.UserMessageID)
			return err
		}},
		{chatclient.CodeMissingAPIKey, chatclient.ErrUnauthorized, scripted(401, chatclient.CodeMissingAPIKey)},
		{chatclient.CodeTooManyRequests, chatclient.ErrRateLimited, scripted(429, chatclient.CodeTooManyRequests)},
		{chatclient.CodeInternalServerError, chatclient.ErrServer, scripted(500, chatclient.CodeInternalServerError)},
		{chatclient.CodeCreditsExhausted, chatclient.ErrCreditsExhausted, scripted(402, chatclient.CodeCreditsExhausted)},
		{chatclient.CodeConversationNotOngoing, chatclient.ErrBadRequest, scripted(400, chatclient.CodeConversationNotOngoing)},
		{chatclient.CodeInvalidJSON, chatclient.ErrBadRequest, scripted(400, chatclient.CodeInvalidJSON)},
		{chatclient.CodeExpiredAPIKey, chatclient.ErrUnauthorized, scripted(401, chatclient.CodeExpiredAPIKey)},
	} {
		t.Run(test.code, func(t *testing.T) {
			err := test.call()
			var e *chatclient.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.code, e.Code)
			assert.ErrorIs(t, err, test.status)
			assert.NotEmpty(t, e.Message)
			assert.NotEmpty(t, e.RequestID)
			assert.Equal(t, 1, e.Attempts)
		})
	}
}

// The key's window of 100 requests in 10 seconds, in fake time: past it the
// client waits for Retry-After, and nothing is lost.
func TestLimiter_WindowOfTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rejected int
		c, _ := newFakeClient(t, &chattest.Options{Window: true}, func(o *chatclient.Options) {
			o.OnAttempt = func(_ context.Context, a chatclient.Attempt) {
				if a.StatusCode == http.StatusTooManyRequests {
					rejected++
				}
			}
		})
		begun := time.Now()
		for range 250 {
			_, err := c.Send(t.Context(), hello)
			require.NoError(t, err)
		}
		assert.Equal(t, 2, rejected)
		assert.Equal(t, 20*time.Second, time.Since(begun))
	})
}

// What can happen to a stream on its way, each with its own error.
func TestStream_Faults(t *testing.T) {
	for name, test := range map[string]struct {
		fault chattest.Fault
		text  string
		want  error
	}{
		"normal":        {chattest.Pass(), echo, nil},
		"noise":         {chattest.Noise(), echo, nil},
		"garbage":       {chattest.Insert(1, "data: {not JSON\n\n"), echo, nil},
		"slow":          {chattest.Slow(50 * time.Second), echo, nil},
		"too slow":      {chattest.Slow(70 * time.Second), "", chatclient.ErrTimeout},
		"cut":           {chattest.Cut(2), "You said: ", chatclient.ErrStreamCut},
		"cut at once":   {chattest.Cut(0), "", chatclient.ErrStreamCut},
		"silence":       {chattest.Silence(1), "You ", chatclient.ErrStreamIdle},
		"failure":       {chattest.StreamError(1, "overloaded"), "You ", chatclient.ErrStreamFailed},
		"dropped":       {chattest.Drop(), "", io.EOF},
		"a proxy's 502": {chattest.BadGateway(), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, fake := newFakeClient(t, nil, nil)
				fake.Script(test.fault)
				var text string
				stream, err := c.Stream(t.Context(), hello)
				if err == nil {
					for piece, e := range stream.Text() {
						text += piece
						err = e
					}
				}
				assert.Equal(t, test.text, text)
				assert.Len(t, fake.Requests(), 1, "a message is not sent twice")
				if name == "a proxy's 502" {
					var e *chatclient.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, 502, e.StatusCode)
					return
				}
				assert.ErrorIs(t, err, test.want)
			})
		})
	}
}

func TestCheck_SurvivesFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := newFakeClient(t, nil, nil)
		fake.Script(chattest.Status(503, "INTERNAL_SERVER_ERROR"), chattest.BadGateway())
		require.NoError(t, c.Check(t.Context()))
		assert.Len(t, fake.Requests(), 3)
		fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Hour))
		begun := time.Now()
		err := c.Check(t.Context())
		var e *chatclient.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, time.Hour, e.RetryAfter)
		assert.Zero(t, time.Since(begun), "an hour is not waited for")
	})
}

// An open stream holds its connection, and so the request with the key.
func TestStream_PrintsNoKey(t *testing.T) {
	c, _ := newLoopbackClient(t, &chattest.Options{Pace: time.Minute}, nil)
	stream, err := c.Stream(t.Context(), hello)
	require.NoError(t, err)
	defer stream.Close()
	testenv.Redacted(t, []byte(key), stream)
	testenv.Redacted(t, []byte(key), c)
}

func TestStream_ManyAtOnce(t *testing.T) {
	c, _ := newLoopbackClient(t, nil, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 5 {
				stream, err := c.Stream(t.Context(), hello)
				if !assert.NoError(t, err) {
					return
				}
				var text strings.Builder
				for piece, err := range stream.Text() {
					assert.NoError(t, err)
					text.WriteString(piece)
				}
				assert.Equal(t, echo, text.String())
			}
		})
	}
	wg.Wait()
	assert.Len(t, slices.Collect(func(yield func(chatclient.ConversationID) bool) {
		for conversation, err := range c.Conversations(t.Context()) {
			if err != nil || !yield(conversation.ID) {
				return
			}
		}
	}), 80)
}

// The vendor's documented ways of calling, in JavaScript, get the same text.
func TestStream_SameAsTheVendorsJavaScript(t *testing.T) {
	text := "Grüße, 日本 👩‍👩‍👧! </script> \"quoted\" back\\slash\nnew line"
	fake, err := chattest.New(&chattest.Options{Reply: func(chattest.Turn) []chattest.Part { return []chattest.Part{chattest.Text(text)} }})
	require.NoError(t, err)
	server := fake.Start()
	defer server.Close()
	var got struct{ Whole, Streamed string }
	testenv.Node(t, "bookbag.mjs", map[string]string{"url": server.URL + "/api/v2/agents/123/chat", "key": key, "message": hello.Text}, &got)

	c := newServiceClient(t, &chatclient.Options{BaseURL: server.URL}, nil)
	reply, err := c.Send(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, text, reply.Text())
	assert.Equal(t, reply.Text(), got.Whole)
	stream, err := c.Stream(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, strings.Join(collect(t, stream.Text()), ""), got.Streamed)

	var bodies []map[string]any
	for _, r := range fake.Requests() {
		var body map[string]any
		require.NoError(t, json.Unmarshal(r.Body, &body))
		bodies = append(bodies, body)
	}
	assert.Equal(t, map[string]any{"message": hello.Text, "userId": "user_8821", "stream": true}, bodies[3])
}

func TestError_AlwaysTheType(t *testing.T) {
	c, _ := newLoopbackClient(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Send(ctx, hello)
	var e *chatclient.Error
	require.ErrorAs(t, err, &e)
	assert.True(t, errors.Is(err, context.Canceled))
	_, err = c.Stream(ctx, hello)
	require.ErrorAs(t, err, &e)
}
