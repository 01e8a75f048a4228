package readings

import (
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

const firstConversation = chatclient.ConversationID("456")

var chatPromises = []promise{
	{name: "a stream has its text, reason, owner and ids", check: streamIsWhole},
	{name: "a reply has its text, reason, owner and ids", check: replyIsWhole},
	{name: "a failure within a stream is an error with its text", check: streamFailure},
	{name: "a stream that is cut is an error", check: streamCut},
	{name: "a message continues its conversation", check: continuesConversation},
	{name: "a tool's call is found and its result continues the reply", reply: lookup, check: toolRoundTrip},
	{name: "the history is whole, and its ids are of use", check: history},
	{name: "a retry replaces the turn", check: retry},
	{name: "a user without conversations has an empty list", check: unknownUser},
	{name: "an export has the conversations of every channel", check: export},
	{name: "a taken over conversation takes a message or says why not", check: takenOver},
	{name: "a reply names the owner of its conversation, whoever asks", check: foreignUser},
	{name: "a reply names the owner of an anonymous conversation, if any", check: anonymousUser},
	{name: "a turn whose reader left is in the history", check: disconnect},
	{name: "a rejected call says when the limit resets, and waits for it", window: true, check: rateLimit},
}

func collect[T any](w *world, items iter.Seq2[T, error]) (all []T) {
	w.Helper()
	for item, err := range items {
		require.NoError(w, err)
		all = append(all, item)
	}
	return all
}

// stream reads a stream to its end.
func (w *world) stream(m chatclient.Message) (*chatclient.Reply, error) {
	w.Helper()
	s, err := w.bot.Stream(w.Context(), m)
	require.NoError(w, err)
	for range s.Events() {
	}
	return s.Reply()
}

func streamIsWhole(w *world) {
	reply, err := w.stream(chatclient.Message{Text: "Hello there", UserID: "ada"})
	require.NoError(w, err)
	checkReply(w, reply)
}

func replyIsWhole(w *world) {
	reply, err := w.bot.Send(w.Context(), chatclient.Message{Text: "Hello there", UserID: "ada"})
	require.NoError(w, err)
	checkReply(w, reply)
}

func checkReply(w *world, reply *chatclient.Reply) {
	w.Helper()
	assert.Equal(w, "You said: Hello there", reply.Text())
	m := reply.Metadata
	assert.Equal(w, chatclient.FinishStop, m.FinishReason)
	assert.Equal(w, chatclient.UserID("ada"), m.UserID)
	assert.Equal(w, firstConversation, m.ConversationID)
	assert.InDelta(w, 1, m.Usage.Credits, 0)
	assert.Equal(w, w.messageID(1), m.UserMessageID)
	assert.Equal(w, w.messageID(2), reply.ID)
}

// messageID is the id of the fake's n-th message.
func (w *world) messageID(n int) string {
	id := string(rune('0' + n))
	if w.readings["message-id"] == "string" {
		id = "msg_" + id
	}
	return id
}

func streamFailure(w *world) {
	w.chat.Script(chattest.StreamError(1, "Overloaded"))
	_, err := w.stream(chatclient.Message{Text: "Hello there"})
	require.ErrorIs(w, err, chatclient.ErrStreamFailed)
	e, ok := errors.AsType[*chatclient.Error](err)
	require.True(w, ok)
	assert.Equal(w, "Overloaded", e.Message)
	if w.readings["stream-error"] != "errorText" {
		assert.Equal(w, "CHAT_STREAMING_ERROR", string(e.Code))
	}
}

func streamCut(w *world) {
	for events := range 3 {
		w.chat.Script(chattest.Cut(events))
		_, err := w.stream(chatclient.Message{Text: "Hello there"})
		require.ErrorIs(w, err, chatclient.ErrStreamCut)
	}
}

// begin begins a conversation of a user.
func (w *world) begin(user chatclient.UserID) chatclient.ConversationID {
	w.Helper()
	reply, err := w.bot.Send(w.Context(), chatclient.Message{Text: "Hello", UserID: user})
	require.NoError(w, err)
	return reply.Metadata.ConversationID
}

func continuesConversation(w *world) {
	id := w.begin("ada")
	_, err := w.stream(chatclient.Message{Text: "More", UserID: "ada", ConversationID: id})
	require.NoError(w, err)
	_, err = w.bot.Send(w.Context(), chatclient.Message{Text: "Even more", ConversationID: id})
	require.NoError(w, err)
	assert.Len(w, collect(w, w.bot.Messages(w.Context(), id)), 6)
	assert.Len(w, collect(w, w.bot.Conversations(w.Context())), 1)
	assert.Len(w, collect(w, w.bot.UserConversations(w.Context(), "ada")), 1)
}

func lookup(turn chattest.Turn) []chattest.Part {
	if len(turn.ToolResults) > 0 {
		return []chattest.Part{chattest.Text("It is " + string(turn.ToolResults[0].Output))}
	}
	return []chattest.Part{chattest.Text("Let me see. "), chattest.ToolCall("call_1", "lookupOrder", `{"order":7}`)}
}

func toolRoundTrip(w *world) {
	reply, err := w.stream(chatclient.Message{Text: "Where is my order?"})
	require.NoError(w, err)
	assert.Equal(w, "Let me see. ", reply.Text())
	id := reply.Metadata.ConversationID
	require.Equal(w, firstConversation, id)
	calls := reply.ToolCalls()
	if w.readings["tool-call"] == "stored" {
		assert.Empty(w, calls)
		messages := collect(w, w.bot.Messages(w.Context(), id))
		calls = messages[len(messages)-1].ToolCalls()
	}
	require.Len(w, calls, 1)
	assert.Equal(w, "lookupOrder", calls[0].ToolName)
	assert.JSONEq(w, `{"order":7}`, string(calls[0].Input))
	_, err = w.bot.SubmitToolResult(w.Context(), id, chatclient.ToolResult{ToolCallID: calls[0].ToolCallID, Output: "on its way"})
	require.NoError(w, err)
	reply, err = w.bot.Continue(w.Context(), id)
	if w.readings["continue-without-message"] == "400" {
		require.ErrorIs(w, err, chatclient.ErrBadRequest)
		reply, err = w.bot.Send(w.Context(), chatclient.Message{Text: "Go on", ConversationID: id})
	}
	require.NoError(w, err)
	assert.Equal(w, `It is "on its way"`, reply.Text())
}

func history(w *world) {
	id := w.begin("ada")
	conversations := collect(w, w.bot.UserConversations(w.Context(), "ada"))
	require.Len(w, conversations, 1)
	assert.Equal(w, id, conversations[0].ID)
	c, err := w.bot.Conversation(w.Context(), id)
	require.NoError(w, err)
	messages := collect(w, w.bot.Messages(w.Context(), id))
	require.Len(w, messages, 2)
	assert.Equal(w, messages[1].ID, c.Messages[1].ID)
	m, err := w.bot.SetFeedback(w.Context(), id, messages[1].ID, chatclient.FeedbackPositive)
	require.NoError(w, err)
	assert.Equal(w, messages[1].ID, m.ID)
	assert.Equal(w, chatclient.FeedbackPositive, m.Feedback)
	_, err = w.bot.SetFeedback(w.Context(), id, messages[1].ID, chatclient.FeedbackNone)
	if w.readings["feedback-null"] == "400" {
		require.ErrorIs(w, err, chatclient.ErrBadRequest)
		return
	}
	require.NoError(w, err)
}

func retry(w *world) {
	id := w.begin("ada")
	old := collect(w, w.bot.Messages(w.Context(), id))
	reply, err := w.bot.Retry(w.Context(), id, old[1].ID)
	require.NoError(w, err)
	assert.Equal(w, "You said: Hello", reply.Text())
	messages := collect(w, w.bot.Messages(w.Context(), id))
	require.Len(w, messages, 2)
	assert.Equal(w, reply.ID, messages[1].ID)
	assert.Equal(w, reply.Metadata.UserMessageID, messages[0].ID)
	_, err = w.bot.Retry(w.Context(), id, old[1].ID)
	e, ok := errors.AsType[*chatclient.Error](err)
	require.True(w, ok)
	assert.Equal(w, chatclient.CodeRetryMessageNotFound, e.Code)
}

func unknownUser(w *world) {
	w.begin("ada")
	assert.Empty(w, collect(w, w.bot.UserConversations(w.Context(), "bob")))
}

func export(w *world) {
	w.begin("ada")
	w.chat.AddWidgetConversation("bob", "Where is my order?", "On its way.")
	all := collect(w, w.bot.Export(w.Context()))
	require.Len(w, all, 2)
	assert.Equal(w, "On its way.", all[0].Messages[1].Parts[0].Text)
	_, err := w.bot.Conversation(w.Context(), all[0].ID)
	if w.readings["widget-conversations"] == "export-only" {
		require.ErrorIs(w, err, chatclient.ErrNotFound)
		return
	}
	require.NoError(w, err)
}

func takenOver(w *world) {
	id := w.begin("ada")
	w.chat.SetStatus(string(id), "taken_over")
	w.chat.AddMessage(string(id), "I am Eve.")
	c, err := w.bot.Conversation(w.Context(), id)
	require.NoError(w, err)
	assert.Equal(w, "taken_over", c.Status)
	assert.Equal(w, "I am Eve.", c.Messages[2].Parts[0].Text)
	for _, send := range []func() (*chatclient.Reply, error){
		func() (*chatclient.Reply, error) {
			return w.bot.Send(w.Context(), chatclient.Message{Text: "More", ConversationID: id})
		},
		func() (*chatclient.Reply, error) {
			s, err := w.bot.Stream(w.Context(), chatclient.Message{Text: "More", ConversationID: id})
			if err != nil {
				return nil, err
			}
			for range s.Events() {
			}
			return s.Reply()
		},
	} {
		reply, err := send()
		switch w.readings["taken-over"] {
		case "stored":
			require.NoError(w, err)
			assert.Empty(w, reply.Text())
		case "replied":
			require.NoError(w, err)
			assert.Equal(w, "You said: More", reply.Text())
		case "400":
			e, ok := errors.AsType[*chatclient.Error](err)
			require.True(w, ok)
			assert.Equal(w, chatclient.CodeConversationNotOngoing, e.Code)
		}
	}
}

// sendAsBob sends a message to an existing conversation with Bob's userId, and
// returns the owner in the reply.
func (w *world) sendAsBob(id chatclient.ConversationID) (chatclient.UserID, error) {
	reply, err := w.bot.Send(w.Context(), chatclient.Message{Text: "I am Bob", UserID: "bob", ConversationID: id})
	if err != nil {
		return "", err
	}
	return reply.Metadata.UserID, nil
}

func foreignUser(w *world) {
	owner, err := w.sendAsBob(w.begin("ada"))
	switch w.readings["foreign-conversation"] {
	case "404":
		require.ErrorIs(w, err, chatclient.ErrNotFound)
	case "400":
		require.ErrorIs(w, err, chatclient.ErrBadRequest)
	default:
		require.NoError(w, err)
		assert.Equal(w, chatclient.UserID("ada"), owner)
	}
}

func anonymousUser(w *world) {
	owner, err := w.sendAsBob(w.begin(""))
	switch w.readings["anonymous-userid"] {
	case "400":
		require.ErrorIs(w, err, chatclient.ErrBadRequest)
	case "adopted":
		require.NoError(w, err)
		assert.Equal(w, chatclient.UserID("bob"), owner)
	default:
		require.NoError(w, err)
		assert.Empty(w, owner)
	}
}

func disconnect(w *world) {
	s, err := w.bot.Stream(w.Context(), chatclient.Message{Text: "Hello there", UserID: "ada"})
	require.NoError(w, err)
	for _, err := range s.Text() {
		require.NoError(w, err)
		break
	}
	require.NoError(w, s.Close())
	time.Sleep(time.Minute)
	messages := collect(w, w.bot.Messages(w.Context(), firstConversation))
	require.NotEmpty(w, messages)
	if w.readings["disconnect"] == "turn-continues" {
		require.Len(w, messages, 2)
		assert.Equal(w, "You said: Hello there", messages[1].Parts[0].Text)
	}
}

func rateLimit(w *world) {
	w.chat.CountRequest(http.Header{})
	resets := time.Now().Add(10 * time.Second)
	w.chat.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Minute)) // too long to wait for
	_, err := w.bot.ConversationsPage(w.Context(), chatclient.PageRequest{})
	require.ErrorIs(w, err, chatclient.ErrRateLimited)
	e, ok := errors.AsType[*chatclient.Error](err)
	require.True(w, ok)
	assert.Equal(w, time.Minute, e.RetryAfter)
	assert.WithinDuration(w, resets, e.RateLimit.Reset, time.Second)

	for range 99 {
		w.chat.CountRequest(http.Header{})
	}
	begin := time.Now()
	_, err = w.bot.ConversationsPage(w.Context(), chatclient.PageRequest{})
	require.NoError(w, err)
	assert.Equal(w, 10*time.Second, time.Since(begin))
}
