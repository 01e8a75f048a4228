package chatclient

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/internal/sse"
)

// longStream is a stream of text-deltas.
type longStream struct{ deltas int }

func (r *longStream) Read(p []byte) (n int, err error) {
	const delta = `data: {"type":"text-delta","text":"Your order "}` + "\n\n"
	for ; r.deltas > 0 && len(p)-n >= len(delta); r.deltas-- {
		n += copy(p[n:], delta)
	}
	if n > 0 {
		return n, nil
	}
	return copy(p, "data: [DONE]\n\n"), io.EOF
}

const deltas = 1000

// BenchmarkText reads streams. The time is that of one delta.
func BenchmarkText(b *testing.B) {
	c := newTestClient(b, func(*http.Request) (*http.Response, error) {
		return newResponse(200, "text/event-stream", &longStream{deltas}), nil
	}, nil)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		for _, err := range openStream(b, c).Text() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
}

// BenchmarkEncodingJSON has encoding/json decode the same deltas.
func BenchmarkEncodingJSON(b *testing.B) {
	b.ReportAllocs()
	for n := 0; n < b.N; {
		events := sse.NewReader(&longStream{deltas}, 1<<20)
		for e, err := events.Next(); err == nil && string(e.Data) != done; e, err = events.Next() {
			var event struct{ Type, Text string }
			if err := json.Unmarshal(e.Data, &event); err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
}

// BenchmarkSend is what a call costs beside the network.
func BenchmarkSend(b *testing.B) {
	c := newTestClient(b, jsonResponse(200, `{"data":{"id":"msg_789","role":"assistant","parts":[{"type":"text","text":"Your order shipped yesterday."}],"metadata":{"userMessageId":"msg_788","conversationId":"456","userId":"user_8821","messageId":"msg_789","finishReason":"stop","usage":{"credits":1}}}}`), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Send(b.Context(), hello); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMessagesPage is what a page of 100 messages costs beside the network.
func BenchmarkMessagesPage(b *testing.B) {
	var body strings.Builder
	body.WriteString(`{"data":[`)
	for i := range 100 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":"msg_%d","role":"assistant","parts":[{"type":"text","text":"Your order shipped yesterday, and it will be with you on Friday."},`+
			`{"type":"tool-call","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":%d}}],"createdAt":1754000000,"feedback":null,`+
			`"metadata":{"userMessageId":"msg_%d","conversationId":"456","userId":"user_8821","finishReason":"stop","usage":{"credits":1}}}`, i, i, i)
	}
	body.WriteString(`],"pagination":{"cursor":null,"hasMore":false,"total":100}}`)
	c := newTestClient(b, jsonResponse(200, body.String()), nil)
	b.ReportAllocs()
	for b.Loop() {
		page, err := c.MessagesPage(b.Context(), "456", PageRequest{Limit: 100})
		if err != nil || len(page.Items) != 100 || page.Items[99].Metadata.Usage.Credits != 1 {
			b.Fatal(len(page.Items), err)
		}
	}
}

// A call allocates 72 times; the race detector lets sync.Pool forget some, which makes it more.
func TestSend_Allocations(t *testing.T) {
	c := newTestClient(t, jsonResponse(200, `{"data":{"id":"msg_789","role":"assistant","parts":[{"type":"text","text":"Your order shipped yesterday."}],"metadata":{"userMessageId":"msg_788","conversationId":"456","userId":"user_8821","messageId":"msg_789","finishReason":"stop","usage":{"credits":1}}}}`), nil)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, err := c.Send(t.Context(), hello)
		require.NoError(t, err)
	}), 80.0)
}
