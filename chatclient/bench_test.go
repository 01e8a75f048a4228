package chatclient

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/chatident/chatident/internal/sse"
)

const delta = `data: {"type":"text-delta","text":"Your order "}` + "\n\n"

// repeated is the body of a stream that has one event so many times.
type repeated struct {
	event string
	times int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for r.times > 0 && len(p)-n >= len(r.event) {
		n += copy(p[n:], r.event)
		r.times--
	}
	if n == 0 {
		n = copy(p, "data: [DONE]\n\n")
	}
	return n, nil
}

func BenchmarkText(b *testing.B) {
	c := newTestClient(b, func(*http.Request) (*http.Response, error) {
		return answer(200, "text/event-stream", &repeated{delta, b.N}), nil
	}, func(o *Options) { o.MaxBody = 1 << 30 })
	b.ReportAllocs()
	s := openStream(b, c)
	n := 0
	for _, err := range s.Text() {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	if n != b.N {
		b.Fatal(n)
	}
}

// BenchmarkEncodingJSON has the same events decoded by encoding/json.
func BenchmarkEncodingJSON(b *testing.B) {
	r := sse.NewReader(&repeated{delta, b.N}, 1<<20)
	b.ReportAllocs()
	for range b.N {
		e, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		var event struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		if err := json.Unmarshal(e.Data, &event); err != nil {
			b.Fatal(err)
		}
	}
}
