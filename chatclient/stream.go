package chatclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"mime"
	"strings"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/apihttp"
	"github.com/chatident/chatident/internal/sse"
)

// Types of an [Event]. The last two are not documented by Bookbag, but by
// Chatbase, and others may come.
const (
	EventTextDelta = "text-delta"
	EventError     = "error"
	EventFinish    = "finish"
	EventToolCall  = "tool-input-available"
	EventMetadata  = "message-metadata"
)

// Event is one event of a stream.
//
// Source: Bookbag, API v2, "Streaming".
type Event struct {
	// Type is the event's, empty for one that is not a JSON object.
	Type string

	// Text is a piece of the reply, of a text-delta.
	Text string

	// ToolCall is the call of a tool-input-available, else nil.
	ToolCall *Part

	// Metadata is that of a finish or a message-metadata, as far as the stream
	// has told it by then, else nil.
	Metadata *Metadata

	// Raw is the event's data as it came. It is valid until the next event.
	Raw []byte
}

// Stream is a reply as it comes. It is for one goroutine, but for Close.
type Stream struct {
	// Meta is that of the answer, there before the first event.
	Meta Meta

	call   apihttp.Call
	res    *apihttp.Response
	events *sse.Reader
	idle   time.Duration

	closing sync.Once
	reply   Reply
	text    strings.Builder
	ended   bool  // the end was announced
	err     error // what ended it otherwise
}

const (
	done = "[DONE]"

	// afterFailure is how long the end of a stream is waited for that has
	// announced a failure.
	afterFailure = time.Second
)

// open makes a call whose answer is a stream.
func (c *Client) open(ctx context.Context, call apihttp.Call) (*Stream, error) {
	call.Accept = "text/event-stream"
	res, err := c.api.Open(ctx, call)
	if err != nil {
		return nil, fail(err)
	}
	s := &Stream{
		Meta: metaOf(res), call: call, res: res,
		events: sse.NewReader(res.Stream, c.maxEvent), idle: c.idleTimeout,
	}
	if mediaType, _, _ := mime.ParseMediaType(res.ContentType); mediaType != "text/event-stream" {
		_ = s.Close()
		return nil, unexpected(call, res)
	}
	return s, nil
}

// Events returns the events as they come. An error is the last thing it gives:
// an *[Error] in which errors.Is finds [ErrStreamFailed], [ErrStreamCut],
// [ErrStreamIdle], [ErrEventTooLong], [ErrStreamClosed] or the context's error.
// Events of unknown types are given as they are. The stream is closed when the
// loop ends, however it ends.
func (s *Stream) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		defer s.Close()
		for !s.ended {
			event, err := s.next()
			if err != nil {
				if yield(Event{}, err) && errors.Is(err, ErrStreamFailed) {
					s.awaitEnd()
				}
				return
			}
			if !s.ended && !yield(event, nil) {
				return
			}
		}
	}
}

// Text returns the pieces of the reply's text as they come. It is Events
// without everything else, and its errors are those of Events.
func (s *Stream) Text() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for event, err := range s.Events() {
			if err != nil {
				yield("", err)
				return
			}
			if event.Text != "" && !yield(event.Text, nil) {
				return
			}
		}
	}
}

// Reply returns what was read: the whole reply and nil after the stream's end,
// else the beginning of one and the error that ended it, which is one with
// [ErrStreamClosed] when nobody read on.
func (s *Stream) Reply() (*Reply, error) {
	r := s.reply
	r.Role, r.Meta, r.ID = "assistant", s.Meta, r.Metadata.MessageID
	if s.text.Len() > 0 {
		r.Parts = append([]Part{{Type: PartText, Text: s.text.String()}}, r.Parts...)
	}
	if s.err == nil && !s.ended {
		return &r, s.fail(ErrStreamClosed, nil)
	}
	return &r, s.err
}

// Close ends the stream without reading on. It may be called at any time, from
// any goroutine, and again. Its error is always nil.
func (s *Stream) Close() error {
	s.closing.Do(func() {
		s.res.Abort(ErrStreamClosed)
		_ = s.res.Stream.Close()
	})
	return nil
}

// next returns the next event, or notes and returns what ended the stream.
func (s *Stream) next() (Event, error) {
	if s.err != nil {
		return Event{}, s.err
	}
	event, err := s.read(s.idle)
	if err == nil && event.Type == EventError {
		err = s.failed(event.Raw)
	}
	s.err = err
	return event, err
}

// awaitEnd reads on after a failure, so that the connection ends in order.
func (s *Stream) awaitEnd() {
	enough := time.AfterFunc(afterFailure, func() { s.res.Abort(ErrStreamClosed) })
	defer enough.Stop()
	for !s.ended {
		if _, err := s.read(afterFailure); err != nil {
			return
		}
	}
}

// read waits for an event, with comments as signs of life in between.
func (s *Stream) read(patience time.Duration) (Event, error) {
	if err := s.res.Context.Err(); err != nil { // what is left in the buffer comes too late
		return Event{}, s.broken(err)
	}
	silence := time.AfterFunc(patience, func() { s.res.Abort(ErrStreamIdle) })
	defer silence.Stop()
	for {
		e, err := s.events.Next()
		switch {
		case err == io.EOF && string(s.events.Unfinished()) == done,
			err == nil && string(e.Data) == done:
			s.ended = true
			return Event{}, nil
		case err != nil:
			return Event{}, s.broken(err)
		case e.Comment:
			silence.Reset(patience)
		case len(e.Data) > 0:
			return s.decode(e.Data), nil
		}
	}
}

// frame is any event of the service. Bookbag names the piece of a text-delta
// text, Chatbase delta.
type frame struct {
	Type       string          `json:"type"`
	Text       string          `json:"text"`
	Delta      string          `json:"delta"`
	ErrorText  string          `json:"errorText"`
	Metadata   json.RawMessage `json:"metadata"`
	ToolCallID string          `json:"toolCallId"`
	ToolName   string          `json:"toolName"`
	Input      json.RawMessage `json:"input"`
}

// decode reads a frame, and keeps what belongs to the reply. What is not of the
// documented form is given raw.
func (s *Stream) decode(data []byte) Event {
	var f frame
	if json.Unmarshal(data, &f) != nil {
		return Event{Raw: data}
	}
	event := Event{Type: f.Type, Raw: data}
	switch f.Type {
	case EventTextDelta:
		event.Text = f.Text + f.Delta
		s.text.WriteString(event.Text)
	case EventToolCall:
		s.reply.Parts = append(s.reply.Parts, Part{
			Type: PartToolCall, ToolCallID: f.ToolCallID, ToolName: f.ToolName, Input: f.Input, Raw: bytes.Clone(data),
		})
		event.ToolCall = &s.reply.Parts[len(s.reply.Parts)-1]
	case EventFinish, EventMetadata:
		// Its fields stand in metadata, or (Chatbase) beside the type. Those
		// that are missing, or of another form, leave what is known.
		_ = json.Unmarshal(data, &s.reply.Metadata)
		_ = json.Unmarshal(f.Metadata, &s.reply.Metadata)
		event.Metadata = &s.reply.Metadata
	}
	return event
}

// failed is the error that the service announced.
func (s *Stream) failed(data []byte) *Error {
	var f frame
	_ = json.Unmarshal(data, &f) // it was decoded before
	e := s.fail(ErrStreamFailed, nil)
	e.Message = apihttp.Cut(f.ErrorText)
	return e
}

// broken is the error of a stream that ended without an announcement.
func (s *Stream) broken(err error) *Error {
	ctx := s.res.Context
	switch cause := context.Cause(ctx); {
	case cause == ErrStreamIdle, cause == ErrStreamClosed, cause == ErrTimeout:
		return s.fail(cause, nil)
	case ctx.Err() != nil && cause != ctx.Err():
		return s.fail(ctx.Err(), cause)
	case ctx.Err() != nil:
		return s.fail(ctx.Err(), nil)
	case err == sse.ErrTooLong:
		return s.fail(ErrEventTooLong, nil)
	case err == io.EOF:
		return s.fail(ErrStreamCut, nil)
	}
	return s.fail(ErrStreamCut, err)
}

func (s *Stream) fail(err, cause error) *Error {
	return asError(&apihttp.Failure{
		Meta: s.res.Meta, Operation: s.call.Operation, StatusCode: s.res.StatusCode, Attempts: s.res.Attempts, Err: err, Cause: cause,
	})
}
