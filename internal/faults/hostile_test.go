package faults

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/contacts"
)

const maxLive = 64 << 20

// fill repeats a piece of JSON until a body has the size.
func fill(begin, piece, last, end string, size int) string {
	var b strings.Builder
	b.Grow(size)
	b.WriteString(begin)
	for b.Len()+len(piece)+len(last)+len(end) < size-100 {
		b.WriteString(piece)
	}
	return b.String() + last + end
}

// hostileValue is a JSON value that takes far more memory decoded than encoded, or
// as much of a kind as a response may have.
type hostileValue struct {
	kind, json string
	everywhere bool // not only where a client decodes values of such a kind
}

func hostileValues() []hostileValue {
	var object strings.Builder
	object.WriteByte('{')
	for i := 0; object.Len() < hostileSize-200; i++ {
		fmt.Fprintf(&object, `"%x":0,`, i)
	}
	object.WriteString(`"z":0}`)
	const few = 33_000 // less than the limit
	return []hostileValue{
		{"numbers", fill("[", "0,", "0", "]", hostileSize), true},
		{"lists", fill("[", "[],", "[]", "]", hostileSize), true},
		{"objects", fill("[", "{},", "{}", "]", hostileSize), true},
		{"members", fill("[", `{"a":0},`, "{}", "]", hostileSize), true},
		{"object", object.String(), true},
		{"string", `"` + strings.Repeat("a", hostileSize-200) + `"`, true},
		{"few objects", "[" + strings.Repeat("{},", few) + "{}]", false},
		{"few members", `{"a":[` + strings.Repeat(`{"a":[]},`, few/2) + "{}]}", false},
		{"nested", strings.Repeat(`{"a":`, 9000) + "0" + strings.Repeat("}", 9000), false},
		{"escaped", `"\n` + strings.Repeat("a", hostileSize-200) + `"`, false},
		{"invalid UTF-8", `"` + strings.Repeat("\xffa", hostileSize/2-200) + `"`, false},
	}[:hostileKinds]
}

// hostileCall is a call of a client, with the members of its response's data in
// which more than a plain value is expected.
type hostileCall struct {
	name   string
	isList bool
	fields []string
	call   func(context.Context) error
}

func errorOf[T any](_ T, err error) error { return err }

// lastOf ranges over a list that may be very long.
func lastOf[T any](list iter.Seq2[T, error]) (err error) {
	n := 0
	for _, err = range list {
		if n++; n == 10_000 {
			break
		}
	}
	return err
}

// unlimited lets every call through, so that Sync does not pace itself.
type unlimited struct{}

func (unlimited) Wait(context.Context) error { return nil }

func hostileCalls(t *testing.T, service http.RoundTripper) []hostileCall {
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{HTTPClient: &http.Client{Transport: service}, MaxRetries: -1})
	require.NoError(t, err)
	client, err := contacts.New(testKey, 123, &contacts.Options{HTTPClient: &http.Client{Transport: service}, MaxRetries: -1, Limiter: unlimited{}})
	require.NoError(t, err)
	reply := []string{"id", "parts", "metadata"}
	conversation := []string{"title", "messages"}
	contact := []string{"name", "stripe_accounts", "custom_attributes"}
	attribute := []string{"label"}
	ada := contacts.Fields{ExternalID: contacts.Set("a")}
	return []hostileCall{
		{"Send", false, reply, func(ctx context.Context) error { return errorOf(bot.Send(ctx, hello)) }},
		{"Continue", false, nil, func(ctx context.Context) error { return errorOf(bot.Continue(ctx, "1")) }},
		{"Retry", false, nil, func(ctx context.Context) error { return errorOf(bot.Retry(ctx, "1", "m")) }},
		{"SubmitToolResult", false, nil, func(ctx context.Context) error {
			return errorOf(bot.SubmitToolResult(ctx, "1", chatclient.ToolResult{ToolCallID: "c"}))
		}},
		{"SetFeedback", false, reply[:2], func(ctx context.Context) error {
			return errorOf(bot.SetFeedback(ctx, "1", "m", chatclient.FeedbackNone))
		}},
		{"Conversation", false, conversation, func(ctx context.Context) error { return errorOf(bot.Conversation(ctx, "1")) }},
		{"ConversationsPage", true, conversation, func(ctx context.Context) error {
			return errorOf(bot.ConversationsPage(ctx, chatclient.PageRequest{}))
		}},
		{"Conversations", true, nil, func(ctx context.Context) error { return lastOf(bot.Conversations(ctx)) }},
		{"UserConversationsPage", true, nil, func(ctx context.Context) error {
			return errorOf(bot.UserConversationsPage(ctx, "u", chatclient.PageRequest{}))
		}},
		{"MessagesPage", true, reply, func(ctx context.Context) error {
			return errorOf(bot.MessagesPage(ctx, "1", chatclient.PageRequest{Limit: 100}))
		}},
		{"Export", true, conversation, func(ctx context.Context) error { return lastOf(bot.Export(ctx)) }},
		{"Health", false, nil, func(ctx context.Context) error { return errorOf(bot.Health(ctx)) }},
		{"Get", false, contact, func(ctx context.Context) error { return errorOf(client.Get(ctx, "a")) }},
		{"Update", false, nil, func(ctx context.Context) error { return errorOf(client.Update(ctx, "a", ada)) }},
		{"Delete", false, nil, func(ctx context.Context) error { return errorOf(client.Delete(ctx, "a")) }},
		{"MergeAttributes", false, nil, func(ctx context.Context) error {
			return errorOf(client.MergeAttributes(ctx, "a", contacts.Values{"a": 1}))
		}},
		{"Upsert", true, contact, func(ctx context.Context) error { return errorOf(client.Upsert(ctx, []contacts.Fields{ada})) }},
		{"Page", true, contact, func(ctx context.Context) error { return errorOf(client.Page(ctx, contacts.PageRequest{})) }},
		{"All", true, nil, func(ctx context.Context) error { return lastOf(client.All(ctx)) }},
		{"Attributes", true, attribute, func(ctx context.Context) error { return errorOf(client.Attributes(ctx)) }},
		{"DefineAttribute", false, attribute, func(ctx context.Context) error {
			return errorOf(client.DefineAttribute(ctx, contacts.Attribute{Name: "a"}))
		}},
		{"UpdateAttribute", false, nil, func(ctx context.Context) error {
			return errorOf(client.UpdateAttribute(ctx, "a", contacts.AttributeUpdate{Label: contacts.Set("A")}))
		}},
		{"Sync", true, nil, func(ctx context.Context) error {
			calls := 0
			return errorOf(client.Sync(ctx, func(yield func(contacts.Row, error) bool) {
				yield(contacts.Row{Fields: ada}, nil)
			}, &contacts.SyncOptions{Withdrawn: func(context.Context, []string) ([]string, error) {
				if calls++; calls > 1 {
					return nil, errors.New("one call is enough")
				}
				return nil, nil
			}}))
		}},
	}
}

// bodies are the places in a response where a value can be.
func (c *hostileCall) bodies(v hostileValue) map[string]string {
	bodies := map[string]string{}
	isTypical := v.kind == "numbers" || v.kind == "object" || v.kind == "string"
	if isTypical || v.everywhere && len(c.fields) > 0 {
		bodies["data"] = `{"data":` + v.json + `}`
	}
	if isTypical {
		bodies["the whole"] = v.json
	}
	for _, field := range c.fields {
		record := fmt.Sprintf(`{"external_id":"a","name":"a","%s":%s}`, field, v.json)
		if c.isList {
			record = "[" + record + "]"
		}
		bodies[field] = `{"data":` + record + `}`
	}
	return bodies
}

// hostileService is a transport that responds with whatever body is set.
type hostileService struct {
	status      int
	contentType string
	body        string
	isZipped    bool
}

func (s *hostileService) RoundTrip(*http.Request) (*http.Response, error) {
	var body io.Reader = strings.NewReader(s.body)
	if s.isZipped { // as net/http's transport does
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: s.status, Header: http.Header{"Content-Type": {s.contentType}}, Body: io.NopCloser(body)}, nil
}

func zipped(body string) string {
	var b strings.Builder
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = io.WriteString(z, body)
	_ = z.Close()
	return b.String()
}

func read(metric string) uint64 {
	sample := []metrics.Sample{{Name: metric}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// requireBounded calls f, which may hold at most maxLive bytes at any time. Where
// it allocates no more than that, this is certain; else the live heap is sampled.
func requireBounded(t *testing.T, name string, f func()) {
	t.Helper()
	before := read("/gc/heap/allocs:bytes")
	f()
	if allocated := read("/gc/heap/allocs:bytes") - before; allocated <= maxLive {
		return
	}
	peak := peakOf(f)
	for range 4 { // on a busy machine, a collection lasts long, and what is allocated meanwhile counts as live
		if peak > maxLive {
			peak = min(peak, peakOf(f))
		}
	}
	assert.LessOrEqual(t, peak>>20, uint64(maxLive>>20), "%s: MB of live heap", name)
}

// peakOf samples the live heap while f runs, and returns its largest growth.
func peakOf(f func()) uint64 {
	const live = "/gc/heap/live:bytes"
	runtime.GC()
	base := read(live)
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		highest := uint64(0)
		for {
			select {
			case <-done:
				peak <- highest
				return
			default:
				runtime.GC()
				highest = max(highest, read(live))
			}
		}
	}()
	f()
	close(done)
	return max(<-peak, base) - base
}

func TestClients_MemoryOfHostileResponses(t *testing.T) {
	service := &hostileService{status: 200, contentType: "application/json"}
	calls := hostileCalls(t, service)
	for _, v := range hostileValues() {
		for _, c := range calls {
			for place, body := range c.bodies(v) {
				service.body = body
				requireBounded(t, fmt.Sprintf("%s: %s as %s", c.name, v.kind, place), func() { _ = c.call(t.Context()) })
			}
		}
	}
}

// What a response is compressed to is no bound either.
func TestClients_MemoryOfCompressedResponses(t *testing.T) {
	service := &hostileService{status: 200, contentType: "application/json", isZipped: true}
	calls := hostileCalls(t, service)
	service.body = zipped(fill(`{"data":[`, "0,", "0", "]}", 8*hostileSize))
	for _, c := range calls {
		requireBounded(t, c.name, func() { assert.Error(t, c.call(t.Context()), c.name) })
	}
}

// The body of an error has a limit separate from that of other bodies.
func TestClients_MemoryOfHostileErrors(t *testing.T) {
	service := &hostileService{status: 400, contentType: "application/json"}
	calls := hostileCalls(t, service)
	for _, v := range hostileValues()[:min(6, hostileKinds)] {
		short := v.json[:min(len(v.json), 1<<20-200)] // within the limit, and closed
		short = short[:strings.LastIndexAny(short, ",a")]
		short = strings.TrimRight(short, ",") + map[byte]string{'[': "]", '{': "}", '"': `"`}[v.json[0]]
		for _, value := range []string{v.json, short} {
			for _, body := range []string{value, `{"error":` + value + `}`, `{"error":{"code":"A","message":"m","details":` + value + `}}`, `{"message":"m","issues":` + value + `}`, `{"message":` + value + `}`} {
				service.body = body
				for _, c := range calls {
					if slices.Contains([]string{"Send", "MessagesPage", "Export", "Delete", "Upsert"}, c.name) {
						requireBounded(t, c.name+": "+v.kind, func() { assert.Error(t, c.call(t.Context())) })
					}
				}
			}
		}
	}
}

func TestStream_MemoryOfHostileFrames(t *testing.T) {
	service := &hostileService{status: 200, contentType: "text/event-stream"}
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{HTTPClient: &http.Client{Transport: service}, MaxEvent: 16 << 20})
	require.NoError(t, err)
	var frames []string
	for _, v := range hostileValues() {
		if v.kind == "lists" || v.kind == "objects" || v.kind == "members" {
			continue // as numbers
		}
		frames = append(frames, v.json, `{"type":"text-delta","text":`+v.json+`}`, `{"type":"finish","metadata":`+v.json+`}`,
			`{"type":"tool-input-available","input":`+v.json+`}`, `{"type":"error","errorText":`+v.json+`}`)
	}
	for _, piece := range []string{
		`{"type":"tool-input-available"}`, `{"type":"text-delta","text":"a"}`, `{"type":"text-delta", "delta":"` + strings.Repeat("a", 1<<20) + `"}`, `{"type":"message-metadata","usage":{}}`,
	} {
		frames = append(frames, fill("", piece+"\n\ndata: ", piece, "", 2*hostileSize))
	}
	for _, frame := range frames {
		service.body = "data: " + frame + "\n\ndata: [DONE]\n\n"
		requireBounded(t, fmt.Sprintf("%.60q", frame), func() {
			stream, err := bot.Stream(t.Context(), hello)
			require.NoError(t, err)
			for _, err := range stream.Events() {
				_ = err
			}
			reply, _ := stream.Reply()
			runtime.KeepAlive(reply)
		})
	}
}
