package chatclient

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The sample of the vendor's documentation.
const sample = `data: {"type":"text-delta","text":"Your "}

data: {"type":"text-delta","text":"order shipped yesterday."}

data: {"type":"finish","finishReason":"stop","metadata":{"userMessageId":"msg_788","conversationId":"456","userId":"user_8821","messageId":"msg_789","usage":{"credits":1}}}

data: [DONE]

`

func TestStream_DocumentedSample(t *testing.T) {
	s := openStream(t, newTestClient(t, streamOf(sample), nil))
	assert.Equal(t, ResponseInfo{RequestID: "req_1", RateLimit: RateLimit{Limit: 100, Remaining: 99}}, s.ResponseInfo, "before the first event")
	var pieces []string
	for piece, err := range s.Text() {
		require.NoError(t, err)
		pieces = append(pieces, piece)
	}
	assert.Equal(t, []string{"Your ", "order shipped yesterday."}, pieces)
	reply, err := s.Reply()
	require.NoError(t, err)
	assert.Equal(t, &Reply{
		ID: "msg_789", Role: "assistant",
		Parts: []Part{{Type: "text", Text: "Your order shipped yesterday."}},
		Metadata: Metadata{
			MessageID: "msg_789", UserMessageID: "msg_788", ConversationID: "456", UserID: "user_8821",
			FinishReason: "stop", Usage: Usage{Credits: 1},
		},
		ResponseInfo: s.ResponseInfo,
	}, reply)
	for range s.Events() {
		t.Error("a stream that has ended gives nothing more")
	}
}

func TestStream_Buffered(t *testing.T) {
	const text = `data: {"type":"text-delta","text":"a"}` + "\n\n"
	synctest.Test(t, func(t *testing.T) {
		p, f := newPipe()
		s := openStream(t, newTestClient(t, f, nil))
		assert.False(t, s.Buffered(), "nothing has arrived")
		var service sync.WaitGroup
		defer service.Wait()
		service.Go(func() {
			for _, burst := range []string{text + text, text + ":\n\n" + text[:9], text[9:] + "data: [DONE]\n\n"} {
				p.write(t, burst)
				time.Sleep(time.Second)
			}
			p.end(nil)
		})
		var buffered []bool
		for _, err := range s.Events() {
			require.NoError(t, err)
			buffered = append(buffered, s.Buffered())
		}
		assert.Equal(t, []bool{true, false, false, true}, buffered)
	})
}

// The failure that a finish reports follows it without a read.
func TestStream_BufferedFailure(t *testing.T) {
	s := openStream(t, newTestClient(t, streamOf(`data: {"type":"finish","finishReason":"error"}`+"\n\n"), nil))
	for event, err := range s.Events() {
		assert.Equal(t, err == nil, s.Buffered() && event.Type == EventFinish)
		assert.True(t, err == nil || errors.Is(err, ErrStreamFailed))
	}
}

func TestStream_Endings(t *testing.T) {
	const text = `data: {"type":"text-delta","text":"a"}` + "\n\n"
	for name, test := range map[string]struct {
		end  string
		want error
	}{
		"[DONE], two line ends": {"data: [DONE]\n\n", nil},
		"[DONE], one line end":  {"data: [DONE]\n", nil},
		"[DONE], nothing":       {"data: [DONE]", nil},
		"[DONE], CRLF":          {"data: [DONE]\r\n\r\n", nil},
		"[DONE], CR":            {"data: [DONE]\r", nil},
		"[DONE], no space":      {"data:[DONE]", nil},
		"[DONE], more":          {"data: [DONE]\n\ndata: {\"type\":\"text-delta\",\"text\":\"b\"}\n\n", nil},
		"nothing":               {"", ErrStreamCut},
		"half of [DONE]":        {"data: [DON", ErrStreamCut},
		"[DONE] as a comment":   {": [DONE]\n\n", ErrStreamCut},
		"[DONE] and a line":     {"data: [DONE]\ndata: x\n\n", ErrStreamCut},
		"an unfinished event":   {`data: {"type":"text-delta","text":"b"}`, ErrStreamCut},
		"finish without [DONE]": {`data: {"type":"finish","finishReason":"stop"}` + "\n\n", ErrStreamCut},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStream(t, newTestClient(t, streamOf(text+test.end), nil))
			got, err := read(s)
			assert.Equal(t, "a", got)
			reply, replyErr := s.Reply()
			assert.Equal(t, "a", reply.Text())
			if test.want == nil {
				assert.NoError(t, err)
				assert.NoError(t, replyErr)
				return
			}
			requireError(t, err)
			assert.ErrorIs(t, err, test.want)
			assert.Equal(t, err, replyErr)
		})
	}
}

func TestStream_OtherTypes(t *testing.T) {
	s := openStream(t, newTestClient(t, streamOf(strings.Join([]string{
		": hello",
		"event: message\nid: 1\nretry: 5\ndata: {\"type\":\"message-start\",\"messageId\":\"m\"}",
		`data: {"type":"text-delta","delta":"a"}`,
		`data: garbage`,
		`data: [1,2]`,
		`data: {"type":5}`,
		`data: {}`,
		`data:`,
		`data: {"type":"tool-input-available","toolCallId":"call_1","toolName":"lookup","input":{"id":7}}`,
		`data: {"type":"finish","finishReason":"tool-calls","metadata":{"conversationId":456}}`,
		`data: [DONE]`,
	}, "\r\n\r\n")), nil))
	var got []Event
	for event, err := range s.Events() {
		require.NoError(t, err)
		event.Raw = append([]byte(nil), event.Raw...)
		got = append(got, event)
	}
	call := &Part{
		Type: PartToolCall, ToolCallID: "call_1", ToolName: "lookup", Input: []byte(`{"id":7}`),
		Raw: []byte(`{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookup","input":{"id":7}}`),
	}
	metadata := &Metadata{MessageID: "m", ConversationID: "456", FinishReason: FinishToolCalls}
	assert.Equal(t, []Event{
		{Type: "message-start", Metadata: &Metadata{MessageID: "m"}, Raw: []byte(`{"type":"message-start","messageId":"m"}`)},
		{Type: "text-delta", Text: "a", Raw: []byte(`{"type":"text-delta","delta":"a"}`)},
		{Raw: []byte("garbage")},
		{Raw: []byte("[1,2]")},
		{Raw: []byte(`{"type":5}`)},
		{Raw: []byte("{}")},
		{Type: "tool-input-available", ToolCall: call, Raw: call.Raw},
		{Type: "finish", Metadata: metadata, Raw: []byte(`{"type":"finish","finishReason":"tool-calls","metadata":{"conversationId":456}}`)},
	}, got)
	reply, err := s.Reply()
	require.NoError(t, err)
	assert.Equal(t, []Part{{Type: "text", Text: "a"}, *call}, reply.Parts)
	assert.Equal(t, []Part{*call}, reply.ToolCalls())
}

// Chatbase's newer form: the metadata before a finish that has none.
func TestStream_MetadataBeforeTheFinish(t *testing.T) {
	s := openStream(t, newTestClient(t, streamOf(`data: {"type":"message-metadata","messageId":"m1","conversationId":"456","finishReason":"stop","usage":{"credits":2}}

data: {"type":"finish"}

data: [DONE]

`), nil))
	_, err := read(s)
	require.NoError(t, err)
	reply, err := s.Reply()
	require.NoError(t, err)
	assert.Equal(t, Metadata{MessageID: "m1", ConversationID: "456", FinishReason: "stop", Usage: Usage{Credits: 2}}, reply.Metadata)
}

// An announced failure is handed on at once, and wins over what comes after it.
func TestStream_FailureIsReturnedAtOnce(t *testing.T) {
	const failing = `data: {"type":"error","errorText":"The model is\noverloaded."}` + "\n\n"
	for name, after := range map[string]func(*pipe){
		"[DONE]": func(p *pipe) {
			_, _ = io.WriteString(p.PipeWriter, "data: [DONE]\n\n")
			p.end(nil)
		},
		"cut":     func(p *pipe) { p.end(io.ErrUnexpectedEOF) },
		"silence": func(*pipe) {},
		"chatter": func(p *pipe) {
			for {
				if _, err := io.WriteString(p.PipeWriter, ": alive\n\n"); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, f := newPipe()
				s := openStream(t, newTestClient(t, f, nil))
				var service sync.WaitGroup
				defer service.Wait()
				service.Go(func() {
					p.write(t, failing)
					time.Sleep(100 * time.Millisecond)
					after(p)
				})
				begun := time.Now()
				var seen []error
				for _, err := range s.Text() {
					assert.Zero(t, time.Since(begun), "at once")
					seen = append(seen, err)
				}
				require.Len(t, seen, 1)
				e := requireError(t, seen[0])
				assert.ErrorIs(t, e, ErrStreamFailed)
				assert.Equal(t, "The model is overloaded.", e.Message)
				assert.NotContains(t, e.Error(), "overloaded")
				waited := map[string]time.Duration{"silence": time.Second, "chatter": time.Second}
				assert.Equal(t, cmp.Or(waited[name], 100*time.Millisecond), time.Since(begun))
				_, err := s.Reply()
				assert.Equal(t, seen[0], err)
				for _, err := range s.Events() {
					assert.Equal(t, seen[0], err, "again")
				}
				assert.Equal(t, 1, p.closes)
			})
		})
	}
}

// A failure is one whatever the form of its text, and so is the rest of a frame
// with a field of another type.
func TestStream_FieldsOfAnotherType(t *testing.T) {
	for frame, want := range map[string]string{
		`{"type":"error","errorText":{"message":"boom"}}`:    `{"message":"boom"}`,
		`{"type":"error","errorText":"boom","toolCallId":7}`: "boom",
		`{"type":"error"}`: "",
		`{"type":"error","errorText":"a","ErrorText":"b\n"}`: "a",
	} {
		_, err := read(openStream(t, newTestClient(t, streamOf("data: "+frame+"\n\ndata: [DONE]\n\n"), nil)))
		assert.ErrorIs(t, err, ErrStreamFailed, frame)
		assert.Equal(t, want, requireError(t, err).Message)
	}
	s := openStream(t, newTestClient(t, streamOf(`data: {"type":"text-delta","text":"a","delta":"a","Text":"b"}

data: {"type":"finish","text":{},"metadata":{"conversationId":456,"messageId":7}}

data: [DONE]

`), nil))
	text, err := read(s)
	require.NoError(t, err)
	assert.Equal(t, "a", text)
	reply, _ := s.Reply()
	assert.Equal(t, ConversationID("456"), reply.Metadata.ConversationID)
}

// A megabyte on the wire can be gigabytes of text.
func TestStream_TextIsBounded(t *testing.T) {
	event := `data: {"type":"text-delta","text":"` + strings.Repeat("x", 100) + `"}` + "\n\n"
	s := openStream(t, newTestClient(t, streamOf(strings.Repeat(event, 11)+"data: [DONE]\n\n"), func(o *Options) { o.MaxBody = 1000 }))
	text, err := read(s)
	assert.ErrorIs(t, err, ErrTooLong)
	assert.Len(t, text, 1000)
	text, err = read(openStream(t, newTestClient(t, streamOf(strings.Repeat(event, 10)+"data: [DONE]\n\n"), func(o *Options) { o.MaxBody = 1000 })))
	assert.NoError(t, err)
	assert.Len(t, text, 1000)
}

func TestStream_IdleTimeout(t *testing.T) {
	const event = `data: {"type":"text-delta","text":"a"}` + "\n\n"
	every := func(d time.Duration, piece string, times int) func(*pipe) {
		return func(p *pipe) {
			for range times {
				time.Sleep(d)
				if _, err := io.WriteString(p.PipeWriter, piece); err != nil {
					return
				}
			}
			p.end(nil)
		}
	}
	for name, test := range map[string]struct {
		service func(*pipe)
		want    error
		after   time.Duration
	}{
		"silent from the start": {func(*pipe) {}, ErrStreamIdle, time.Minute},
		"silent after an event": {every(30*time.Second, event, 1), ErrStreamCut, 30 * time.Second},
		"events for ten hours":  {every(59*time.Second, event, 610), ErrStreamCut, 610 * 59 * time.Second},
		"comments for an hour":  {every(59*time.Second, ": alive\n\n", 61), ErrStreamCut, 61 * 59 * time.Second},
		"single bytes":          {every(10*time.Second, "d", 1000), ErrStreamIdle, time.Minute},
		"blank lines":           {every(10*time.Second, "\n", 1000), ErrStreamIdle, time.Minute},
		"pings":                 {every(20*time.Second, "event: ping\n\n", 30), ErrStreamCut, 600 * time.Second},
		"fields":                {every(59*time.Second, "id: 1\n", 30), ErrStreamCut, 30 * 59 * time.Second},
		"data lines":            {every(59*time.Second, "data: a\n", 30), ErrStreamCut, 30 * 59 * time.Second},
		"empty events":          {every(59*time.Second, "event: ping\ndata:\n\n", 61), ErrStreamCut, 61 * 59 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, f := newPipe()
				s := openStream(t, newTestClient(t, f, nil))
				var service sync.WaitGroup
				defer service.Wait()
				service.Go(func() { test.service(p) })
				begun := time.Now()
				_, err := read(s)
				requireError(t, err)
				assert.ErrorIs(t, err, test.want)
				assert.Equal(t, test.after, time.Since(begun))
				assert.Equal(t, 1, p.closes)
			})
		})
	}
}

// Only the service's silence counts, not the time that the caller takes.
func TestStream_SlowCallerIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStream(t, newTestClient(t, streamOf(sample), nil))
		for _, err := range s.Text() {
			require.NoError(t, err)
			time.Sleep(time.Hour)
		}
		_, err := s.Reply()
		require.NoError(t, err)
	})
}

func TestStream_TimeoutOfTheHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		c := newTestClient(t, func(r *http.Request) (*http.Response, error) {
			calls++
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, func(o *Options) { o.Timeout = 5 * time.Second })
		begun := time.Now()
		_, err := c.Stream(t.Context(), hello)
		assert.ErrorIs(t, err, ErrTimeout)
		assert.Equal(t, 5*time.Second, time.Since(begun))
		assert.Equal(t, 1, calls, "the message may have arrived")
	})
}

func TestStream_ContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f := newPipe()
		gone := errors.New("the visitor has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		s, err := newTestClient(t, f, nil).Stream(ctx, hello)
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, err = read(s)
		requireError(t, err)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, gone)
		assert.Equal(t, 1, p.closes)
	})
	synctest.Test(t, func(t *testing.T) {
		_, f := newPipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s, err := newTestClient(t, f, nil).Stream(ctx, hello)
		require.NoError(t, err)
		_, err = read(s)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// However a loop ends, the body is closed exactly once, and no goroutine stays
// (synctest fails if one does).
func TestStream_EveryEndingClosesTheBody(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Stream){
		"read to the end": func(t *testing.T, s *Stream) { _, err := read(s); require.NoError(t, err) },
		"break": func(t *testing.T, s *Stream) {
			for range s.Events() {
				break
			}
			_, err := s.Reply()
			assert.ErrorIs(t, err, ErrStreamClosed)
			for _, err := range s.Events() {
				assert.ErrorIs(t, err, ErrStreamClosed)
			}
		},
		"break of Text": func(_ *testing.T, s *Stream) {
			for range s.Text() {
				break
			}
		},
		"panic": func(t *testing.T, s *Stream) {
			assert.Panics(t, func() {
				for range s.Text() {
					panic("boom")
				}
			})
		},
		"Close alone":   func(*testing.T, *Stream) {},
		"Close, Events": func(t *testing.T, s *Stream) { s.Close(); _, err := read(s); assert.ErrorIs(t, err, ErrStreamClosed) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, f := newPipe()
				s := openStream(t, newTestClient(t, f, nil))
				go func() { _, _ = io.WriteString(p.PipeWriter, sample) }()
				end(t, s)
				assert.NoError(t, s.Close())
				assert.NoError(t, s.Close())
				assert.Equal(t, 1, p.closes)
			})
		})
	}
}

// HTTP/1 uses a connection again only when the body was read to its end, which
// comes right behind [DONE] or, from a strange service, never.
func TestStream_EndOfTheBodyIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		after func(*pipe)
		took  time.Duration
		toEnd bool
	}{
		"it comes at once": {func(p *pipe) { p.end(nil) }, 0, true},
		"it comes soon":    {func(p *pipe) { time.Sleep(time.Millisecond); p.end(nil) }, time.Millisecond, true},
		"it never comes":   {func(*pipe) {}, afterDone, false},
		"more and more comes": {func(p *pipe) {
			for err := error(nil); err == nil; {
				_, err = io.WriteString(p.PipeWriter, strings.Repeat("x", 1000))
			}
		}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, f := newPipe()
				s := openStream(t, newTestClient(t, f, nil))
				var service sync.WaitGroup
				defer service.Wait()
				service.Go(func() {
					p.write(t, sample)
					test.after(p)
				})
				begun := time.Now()
				_, err := read(s)
				require.NoError(t, err)
				_, err = s.Reply()
				require.NoError(t, err)
				assert.Equal(t, test.took, time.Since(begun))
				assert.Equal(t, test.toEnd, p.readToEnd)
				assert.Equal(t, 1, p.closes)
			})
		})
	}
}

func TestStream_CloseFromAnotherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := newPipe()
		s := openStream(t, newTestClient(t, f, nil))
		var closed atomic.Bool
		time.AfterFunc(time.Second, func() { closed.Store(true); s.Close() })
		_, err := read(s)
		assert.True(t, closed.Load())
		assert.ErrorIs(t, err, ErrStreamClosed)
	})
}

func TestStream_BrokenConnection(t *testing.T) {
	p, f := newPipe()
	s := openStream(t, newTestClient(t, f, nil))
	reset := errors.New("connection reset by peer")
	go func() {
		_, _ = io.WriteString(p.PipeWriter, `data: {"type":"text-delta","text":"a"}`+"\n\n")
		p.end(reset)
	}()
	text, err := read(s)
	assert.Equal(t, "a", text)
	assert.ErrorIs(t, err, ErrStreamCut)
	assert.ErrorIs(t, err, reset)
}

func TestStream_EventTooLong(t *testing.T) {
	long := `data: {"type":"text-delta","text":"` + strings.Repeat("x", 2000) + `"}` + "\n\ndata: [DONE]\n\n"
	_, err := read(openStream(t, newTestClient(t, streamOf(long), func(o *Options) { o.MaxEvent = 1000 })))
	requireError(t, err)
	assert.ErrorIs(t, err, ErrTooLong)
	text, err := read(openStream(t, newTestClient(t, streamOf(long), nil)))
	require.NoError(t, err)
	assert.Len(t, text, 2000)
}

// A response that is no stream is read as far as it comes.
func TestStream_OtherMediaType(t *testing.T) {
	for _, contentType := range []string{"application/json", "text/html", "", "text/event-streams"} {
		synctest.Test(t, func(t *testing.T) {
			body, f := newPipe()
			c := newTestClient(t, func(r *http.Request) (*http.Response, error) {
				res, err := f(r)
				res.Header.Set("Content-Type", contentType)
				return res, err
			}, nil)
			go func() { _, _ = io.WriteString(body.PipeWriter, "<h1>Hello</h1>") }()
			begun := time.Now()
			_, err := c.Stream(t.Context(), hello)
			assert.ErrorIs(t, err, ErrUnexpectedResponse)
			assert.Equal(t, "<h1>Hello</h1>", requireError(t, err).Message)
			assert.Equal(t, time.Minute, time.Since(begun), "IdleTimeout")
			assert.Equal(t, 1, body.closes)
		})
	}
}

func TestStream_RejectionComesFirst(t *testing.T) {
	c := newTestClient(t, jsonResponse(401, `{"error":{"code":"AUTH_INVALID_API_KEY","message":"no"}}`), nil)
	_, err := c.Stream(t.Context(), hello)
	assert.Equal(t, CodeInvalidAPIKey, requireError(t, err).Code)
}

// Whatever the service sends, reading ends, and with nothing but an *Error.
func FuzzStream(f *testing.F) {
	f.Add(sample)
	f.Add("data: {\"type\":\"error\",\"errorText\":\"x\"}\n\n")
	f.Add("data: {\"type\":\"tool-input-available\",\"input\":null}\n\ndata: [DONE]")
	f.Fuzz(func(t *testing.T, body string) {
		s := openStream(t, newTestClient(t, streamOf(body), func(o *Options) { o.MaxEvent = 1000 }))
		text := ""
		for event, err := range s.Events() {
			if err != nil {
				e := requireError(t, err)
				require.Less(t, len(e.Error()), 300)
				break
			}
			text += event.Text
		}
		reply, _ := s.Reply()
		require.Equal(t, text, reply.Text())
	})
}

// An event that needs no decoding gives what it would give if it were decoded.
func FuzzDecode(f *testing.F) {
	for _, event := range []string{
		`{"type":"text-delta","text":"a\u00fc\ud83d\ude00\n"}`, "{\"type\":\"text-delta\",\"text\":\"\xff\"}",
		`{"type":"text-delta","text":"a","text":"b"}`, `{"type":"text-delta","text":"a\"}`, `{"type":"error","errorText":"x"}`,
	} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newTestClient(t, streamOf(""), nil)
		one, other := openStream(t, c), openStream(t, c)
		var event Event
		err := one.decode(data, &event)
		want := Event{Raw: data}
		if wantErr := other.decodeFrame(data, &want); wantErr != nil {
			require.Equal(t, wantErr, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, event)
		reply, _ := one.Reply()
		wanted, _ := other.Reply()
		require.Equal(t, wanted, reply)
	})
}

func TestText_NoAllocationPerPiece(t *testing.T) {
	c := newTestClient(t, func(*http.Request) (*http.Response, error) {
		return newResponse(200, "text/event-stream", &longStream{1000}), nil
	}, nil)
	assert.Less(t, testing.AllocsPerRun(10, func() {
		text, err := 0, error(nil)
		for piece, e := range openStream(t, c).Text() {
			text += len(piece)
			err = e
		}
		require.NoError(t, err)
		require.Equal(t, 1000*len("Your order "), text)
	}), 100.0)
}
