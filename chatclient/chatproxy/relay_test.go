package chatproxy

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

type inMemory func(*http.Request) (*http.Response, error)

func (f inMemory) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// discarding is a ResponseWriter that costs nothing.
type discarding struct {
	header     http.Header
	n, flushes int
}

func (d *discarding) Header() http.Header         { return d.header }
func (d *discarding) WriteHeader(int)             {}
func (d *discarding) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }
func (d *discarding) Flush()                      { d.flushes++ }

// relayed has a reply of 1,000 pieces, which is all there at once, go through a
// proxy, as often as the function is called.
func relayed(t testing.TB) func() *discarding {
	reply := strings.Repeat(`data: {"type":"text-delta","text":"Your order "}`+"\n\n", 1000) +
		`data: {"type":"finish","finishReason":"stop","metadata":{"conversationId":"456","userId":"ada"}}` + "\n\ndata: [DONE]\n\n"
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{HTTPClient: &http.Client{Transport: inMemory(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 200,
			Header:     http.Header{"Content-Type": {"text/event-stream"}},
			Body:       io.NopCloser(strings.NewReader(reply)),
		}, nil
	})}})
	require.NoError(t, err)
	p, err := New(bot, testSecret, byHeader, &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) { return 0, true }})
	require.NoError(t, err)
	return func() *discarding {
		r := httptest.NewRequest("POST", "/messages", strings.NewReader(`{"message":"Where is my order?"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(asUser, "ada")
		w := &discarding{header: http.Header{}}
		p.ServeHTTP(w, r)
		require.Greater(t, w.n, len(reply))
		return w
	}
}

// What has come is not written piece by piece.
func TestRelay_WritesBurstsTogether(t *testing.T) {
	assert.Less(t, relayed(t)().flushes, 20)
}

// BenchmarkRelay is what a reply costs beside the network.
func BenchmarkRelay(b *testing.B) {
	reply := relayed(b)
	b.ReportAllocs()
	for b.Loop() {
		reply()
	}
}

// A character that the service splits over two events arrives whole at the page.
func TestRelay_SplitSurrogatePair(t *testing.T) {
	for _, name := range []string{"text", "delta"} {
		e := newSite(t, setup{})
		for _, path := range []string{"/messages", "/ai-sdk"} {
			e.fake.Script(chattest.Respond(streaming(
				`{"type":"text-delta","`+name+`":"a \ud83d"}`, `{"type":"text-delta","`+name+`":"\ude00 b"}`,
				`{"type":"text-delta","`+name+`":"\ud83d"}`, `{"type":"text-delta","`+name+`":" and no other half\ud83d"}`,
				`{"type":"finish","finishReason":"stop"}`)))
			body := `{"message":"Hello"}`
			if path == "/ai-sdk" {
				body = `{"messages":[{"role":"user","parts":[{"type":"text","text":"Hello"}]}]}`
			}
			_, stream := e.do("POST", path, body)
			text := ""
			for _, frame := range framesOf(stream) {
				var f struct{ Text, Delta string }
				if frame != "[DONE]" {
					require.NoError(t, json.Unmarshal([]byte(frame), &f))
				}
				text += f.Text + f.Delta
			}
			assert.Equal(t, "a 😀 b\ufffd and no other half\ufffd", text, stream)
		}
	}
}
