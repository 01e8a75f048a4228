package chatclient

import (
	"strings"
	"testing"

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
		c := newTestClient(t, jsonAnswer(200, `{"data":`+message+`}`), nil)
		reply, err = c.Send(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, []string{want, want, want}, []string{reply.ID, reply.Metadata.MessageID, reply.Metadata.UserMessageID})
		assert.Equal(t, "a", reply.Text())
		rated, err := c.SetFeedback(t.Context(), "456", "789", FeedbackPositive)
		require.NoError(t, err)
		assert.Equal(t, want, rated.ID)

		c = newTestClient(t, jsonAnswer(200, `{"data":[`+message+`],"pagination":{"cursor":null}}`), nil)
		page, err := c.MessagesPage(t.Context(), "456", PageRequest{})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		assert.Equal(t, []string{want, want}, []string{page.Items[0].ID, page.Items[0].Metadata.UserMessageID})

		c = newTestClient(t, jsonAnswer(200, `{"data":[{"id":1,"messages":[`+message+`]}]}`), nil)
		for conversation, err := range c.Export(t.Context()) {
			require.NoError(t, err)
			assert.Equal(t, want, conversation.Messages[0].ID)
		}
	}
}
