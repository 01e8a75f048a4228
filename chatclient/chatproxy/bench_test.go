package chatproxy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
)

type inMemory func(*http.Request) (*http.Response, error)

func (f inMemory) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// discarding is a ResponseWriter that costs nothing.
type discarding struct {
	header http.Header
	n      int
}

func (d *discarding) Header() http.Header         { return d.header }
func (d *discarding) WriteHeader(int)             {}
func (d *discarding) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }
func (d *discarding) Flush()                      {}

// BenchmarkRelay is what a reply of 1,000 pieces costs beside the network.
func BenchmarkRelay(b *testing.B) {
	reply := strings.Repeat(`data: {"type":"text-delta","text":"Your order "}`+"\n\n", 1000) +
		`data: {"type":"finish","finishReason":"stop","metadata":{"conversationId":"456","userId":"ada"}}` + "\n\ndata: [DONE]\n\n"
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{HTTPClient: &http.Client{Transport: inMemory(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 200,
			Header:     http.Header{"Content-Type": {"text/event-stream"}},
			Body:       io.NopCloser(strings.NewReader(reply)),
		}, nil
	})}})
	require.NoError(b, err)
	p, err := New(bot, testSecret, byHeader, &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) { return 0, true }})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/messages", strings.NewReader(`{"message":"Where is my order?"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(asUser, "ada")
		w := &discarding{header: http.Header{}}
		p.ServeHTTP(w, r)
		if w.n < len(reply) {
			b.Fatal(w.n)
		}
	}
}
