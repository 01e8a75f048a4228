package chatclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"mime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/sse"
	"github.com/chatident/chatident/internal/textdelta"
)

// Types of an [Event]. The last three are documented by Chatbase only, and others
// may come.
const (
	EventTextDelta    = "text-delta"
	EventError        = "error"
	EventFinish       = "finish"
	EventToolCall     = "tool-input-available"
	EventMetadata     = "message-metadata"
	EventMessageStart = "message-start"
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

	// Metadata is set for a finish, a message-metadata and a message-start: what
	// the stream has said by then. Else nil.
	Metadata *Metadata

	// Raw is the event's data as it came. It is valid until the next event. Text may
	// differ: a character that is split over two events is in that of the second.
	Raw []byte
}

// Stream is a reply as it comes. It is for one goroutine, but for Close. However
// it is printed or encoded, it shows as [redacted]: its connection has the key.
type Stream struct {
	redacted

	// ResponseInfo is that of the answer, there before the first event.
	ResponseInfo

	operation string
	conn      func() *connection // in a closure, out of reach of printers
	closing   sync.Once

	reply    Reply
	text     strings.Builder // of all text parts
	part     int             // where the current one begins
	half     string          // of a surrogate pair, whose other half is yet to come
	unread   []byte          // data of an event, to be read again
	room     int64           // for more text and parts
	finished bool            // there was a finish
	failure  *Error          // of the finish, returned in place of the next event
	ended    bool            // the end was announced
	err      error           // what ended it otherwise
}

// connection is what a Stream reads from.
type connection struct {
	res    *bookbag.Response
	body   *idleReader
	events *sse.Reader
}

// toolCallSize is what a tool call of a stream takes beside its text.
const toolCallSize = 512

const (
	done = "[DONE]"

	// afterFailure is how long the end of a stream is waited for that has
	// announced a failure.
	afterFailure = time.Second

	// afterDone and maxAfterDone bound how the end of the body is waited for
	// when that of the stream was announced: mostly it comes right behind, and an
	// HTTP/1 connection can be used again only when it was read.
	afterDone    = 5 * time.Millisecond
	maxAfterDone = 4 << 10
)

// open makes a call whose answer is a stream.
func (c *Client) open(ctx context.Context, call bookbag.Call) (*Stream, error) {
	call.Accept = "text/event-stream"
	res, err := c.api.Open(ctx, call)
	if err != nil {
		return nil, fail(err)
	}
	if mediaType, _, _ := mime.ParseMediaType(res.ContentType); mediaType != "text/event-stream" {
		return c.openReply(call.Operation, res, mediaType)
	}
	return c.newStream(call.Operation, res, res.Stream, c.maxEvent), nil
}

func (c *Client) newStream(operation string, res *bookbag.Response, events io.Reader, maxEvent int) *Stream {
	body := &idleReader{body: events, timeout: c.idleTimeout, onIdle: func() { res.Abort(ErrStreamIdle) }}
	conn := &connection{res, body, sse.NewReader(body, maxEvent)}
	return &Stream{ResponseInfo: infoOf(res), operation: operation, conn: func() *connection { return conn }, room: c.maxText}
}

// Events returns the events as they come. An error is the last thing it gives:
// an *[Error] in which errors.Is finds [ErrStreamFailed], [ErrStreamCut],
// [ErrStreamIdle], [ErrTooLong], [ErrStreamClosed] or the context's error. Ranged
// over again, it gives the same error again. Events of unknown types are given
// as they are. The stream is closed when the loop ends, however it ends.
func (s *Stream) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		defer s.Close()
		if s.err != nil {
			yield(Event{}, s.err)
			return
		}
		for !s.ended {
			var event Event
			if s.err = s.next(&event); s.err != nil {
				if yield(Event{}, s.err) && errors.Is(s.err, ErrStreamFailed) {
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
			if (err != nil || event.Text != "") && !yield(event.Text, err) {
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
	r.Role, r.ResponseInfo, r.ID = "assistant", s.ResponseInfo, r.Metadata.MessageID
	r.Parts = slices.Concat(r.Parts, s.currentPart())
	if s.err == nil && !s.ended {
		return &r, s.fail(ErrStreamClosed, nil)
	}
	return &r, s.err
}

// currentPart returns the text after the last tool call, as no part or one.
func (s *Stream) currentPart() []Part {
	if text := s.text.String()[s.part:]; text != "" {
		return []Part{{Type: PartText, Text: text}}
	}
	return nil
}

// Buffered reports whether the next event can be read without waiting for the
// service. A program that passes events on writes what it has when it is false. Like
// Events, it is for the goroutine that reads.
func (s *Stream) Buffered() bool {
	return s.unread != nil || s.failure != nil || s.conn().events.Buffered()
}

// Close ends the stream without reading on. It may be called at any time, from
// any goroutine, and again. Its error is always nil.
func (s *Stream) Close() error {
	s.closing.Do(func() { s.conn().res.Close(ErrStreamClosed) })
	return nil
}

// next reads the next event, or that the stream has ended, or returns what ended
// it otherwise.
func (s *Stream) next(event *Event) error {
	if s.failure != nil {
		return s.failure
	}
	data, err := s.read()
	switch {
	case err != nil:
		return err
	case s.ended && s.half != "":
		s.ended = false
		return s.replaceHalf([]byte(done), event)
	case s.ended && !s.finished && s.text.Len() == 0 && len(s.reply.Parts) == 0:
		return s.fail(ErrUnexpectedResponse, nil)
	case s.ended:
		return nil
	}
	return s.decode(data, event)
}

// awaitEnd reads on after a failure, so that the connection ends in order.
func (s *Stream) awaitEnd() {
	defer s.bound(afterFailure).Stop()
	for !s.ended {
		if _, err := s.read(); err != nil {
			return
		}
	}
}

// drain reads the end of the body.
func (s *Stream) drain() {
	defer s.bound(afterDone).Stop()
	_, _ = io.CopyN(io.Discard, s.conn().res.Stream, maxAfterDone)
}

// bound ends all reading after a time.
func (s *Stream) bound(d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() { s.conn().res.Abort(ErrStreamClosed) })
}

// read waits for an event with data, or for the end. Each line that is not empty is
// a sign of life.
func (s *Stream) read() ([]byte, error) {
	conn := s.conn()
	if data := s.unread; data != nil {
		s.unread = nil
		s.ended = string(data) == done
		return data, nil
	}
	if err := conn.res.Context.Err(); err != nil { // what is left in the buffer comes too late
		return nil, s.broken(err)
	}
	for {
		e, err := conn.events.Next()
		conn.body.alive()
		switch {
		case err == io.EOF && string(conn.events.Unfinished()) == done,
			err == nil && string(e.Data) == done:
			s.ended = true
			s.drain()
			return nil, nil
		case err != nil:
			return nil, s.broken(err)
		case len(e.Data) > 0:
			return e.Data, nil
		}
	}
}

// frame is an event of any kind, by the exact names of its fields. They are
// decoded one by one, so that one of another type does not spoil the others.
type frame struct {
	kind, text, delta, toolCallID, toolName, input, metadata, messageMetadata, errorText, failure json.RawMessage
}

// parseFrame splits an event into its fields, which are parts of data.
func parseFrame(data []byte) (f frame, err error) {
	err = bookbag.Scan(data, func(s *bookbag.Scanner) error {
		return s.Members(func(name []byte) (err error) {
			if field := f.field(string(name)); field != nil {
				*field, err = s.Valid()
			}
			return err
		})
	})
	return f, err
}

func (f *frame) field(name string) *json.RawMessage {
	switch name {
	case "type":
		return &f.kind
	case "text":
		return &f.text
	case "delta":
		return &f.delta
	case "toolCallId":
		return &f.toolCallID
	case "toolName":
		return &f.toolName
	case "input":
		return &f.input
	case "metadata":
		return &f.metadata
	case "messageMetadata":
		return &f.messageMetadata
	case "errorText":
		return &f.errorText
	case "error":
		return &f.failure
	}
	return nil
}

// textOfJSON returns a string, or "" for a value of another type.
func textOfJSON(value json.RawMessage) (s string) {
	_ = json.Unmarshal(value, &s)
	return s
}

// decode reads an event, and keeps what belongs to the reply, within bounds.
func (s *Stream) decode(data []byte, event *Event) error {
	event.Raw = data
	quoted, ok := textdelta.Quoted(data) // as nearly all of them are
	if ok && s.half == "" {
		event.Type, event.Text = EventTextDelta, s.keep(textdelta.Text(quoted))
	} else if err := s.decodeFrame(data, event); err != nil {
		return err
	}
	if s.room < 0 {
		return s.fail(ErrTooLong, nil)
	}
	return nil
}

// keep adds to the reply's text, and returns what it added as a part of that: so
// a piece costs no allocation of its own.
func (s *Stream) keep(piece []byte) string {
	before := s.text.Len()
	s.text.Grow(len(piece)) // which doubles, where Write adds a quarter
	s.text.Write(piece)
	s.room -= int64(len(piece))
	return s.text.String()[before:]
}

// textDelta returns the text of a text-delta: text is Bookbag's name, delta Chatbase's.
func (f *frame) textDelta() json.RawMessage {
	if textOfJSON(f.text) != "" {
		return f.text
	}
	return f.delta
}

// leavesHalf reports whether half a surrogate pair before an event of this type gets
// no other half.
func (f *frame) leavesHalf(kind string) bool {
	switch kind {
	case EventTextDelta:
		text := f.textDelta()
		return textOfJSON(text) != "" && !textdelta.BeginsWithHalf(text)
	case EventToolCall, EventFinish, EventError:
		return true
	}
	return false
}

// join decodes the text of a text-delta. A surrogate pair may be split over two of
// them: the first half waits for the second.
func (s *Stream) join(quoted []byte) string {
	if s.half != "" && textdelta.BeginsWithHalf(quoted) {
		quoted, s.half = textdelta.Join(s.half, quoted), ""
	}
	half := ""
	if quoted, half = textdelta.CutHalf(quoted); half != "" {
		s.half = half
	}
	return textOfJSON(quoted)
}

// replaceHalf makes an event of U+FFFD for half a surrogate pair that stays alone, and
// has data read again after it.
func (s *Stream) replaceHalf(data []byte, event *Event) error {
	s.half, s.unread = "", data
	*event = Event{Type: EventTextDelta, Text: s.keep([]byte("\ufffd")), Raw: []byte(textdelta.Prefix + "\"\ufffd\"" + textdelta.Suffix)}
	return nil
}

// kindOf returns the type of an event: that of the JSON, else the name on its event
// line. An event without a type that has an error or an errorText is an error.
func (f *frame) kindOf(name []byte) string {
	kind := textOfJSON(f.kind)
	if kind == "" && (isFailure(f.failure) || isFailure(f.errorText)) {
		return EventError
	}
	return cmp.Or(kind, string(name))
}

func isFailure(value json.RawMessage) bool {
	return len(value) > 0 && (value[0] == '{' || textOfJSON(value) != "")
}

// decodeFrame decodes an event of any other kind. One that is not of the
// documented form has Raw alone. The error is the failure that the event reports,
// or ErrTooLong.
func (s *Stream) decodeFrame(data []byte, event *Event) error {
	name := s.conn().events.Name()
	f, err := parseFrame(data)
	switch {
	case err == bookbag.ErrTooLong:
		return s.fail(ErrTooLong, nil)
	case err != nil && string(name) == EventError:
		return s.failed(data, frame{})
	case err != nil:
		return nil
	}
	event.Type = f.kindOf(name)
	if s.half != "" && f.leavesHalf(event.Type) {
		return s.replaceHalf(data, event)
	}
	switch event.Type {
	case EventTextDelta:
		event.Text = s.keep([]byte(s.join(f.textDelta())))
	case EventToolCall:
		event.ToolCall = &Part{
			Type: PartToolCall, ToolCallID: textOfJSON(f.toolCallID), ToolName: textOfJSON(f.toolName), Input: bytes.Clone(f.input), Raw: bytes.Clone(data),
		}
		s.reply.Parts = append(append(s.reply.Parts, s.currentPart()...), *event.ToolCall)
		s.part = s.text.Len()
		s.room -= int64(len(data) + toolCallSize)
	case EventFinish, EventMetadata, EventMessageStart:
		s.mergeMetadata(data, f, event)
	case EventError:
		return s.failed(data, f)
	}
	return nil
}

// mergeMetadata reads fields that are beside the type, in metadata (Bookbag's
// documentation) or in messageMetadata (Chatbase's server). A finish that reports a
// failure is an event as well: its metadata says which conversation the reply is in.
func (s *Stream) mergeMetadata(data []byte, f frame, event *Event) {
	for _, fields := range [][]byte{data, f.metadata, f.messageMetadata} {
		_ = bookbag.Unmarshal(fields, &s.reply.Metadata)
	}
	known := s.reply.Metadata
	event.Metadata = &known
	if event.Type != EventFinish {
		return
	}
	s.finished = true
	if known.FinishReason == FinishError {
		s.failure = s.failed(data, f)
	}
}

// failed is the failure that an event reports.
func (s *Stream) failed(data []byte, f frame) *Error {
	res := s.conn().res
	e := s.fail(ErrStreamFailed, nil)
	if problem := res.Problem(data); problem.IsService || !json.Valid(data) {
		e.describe(problem)
	}
	if f.errorText != nil {
		e.Message = res.Text(cmp.Or(textOfJSON(f.errorText), string(f.errorText)))
	}
	return e
}

// broken is the error of a stream that ended without an announcement.
func (s *Stream) broken(err error) *Error {
	ended := contextEnded(s.operation, s.conn().res)
	switch {
	case ended != nil:
		return ended
	case err == sse.ErrTooLong:
		return s.fail(ErrTooLong, nil)
	case err == io.EOF:
		return s.fail(ErrStreamCut, nil)
	}
	return s.fail(ErrStreamCut, err)
}

// contextEnded returns why a body cannot be read further if that is because its
// context has ended, else nil.
func contextEnded(operation string, res *bookbag.Response) *Error {
	err, cause := res.Context.Err(), context.Cause(res.Context)
	switch {
	case err == nil:
		return nil
	case cause == ErrStreamIdle, cause == ErrStreamClosed, cause == ErrTimeout:
		return because(operation, res, cause, nil)
	case cause == err:
		return because(operation, res, err, nil)
	}
	return because(operation, res, err, cause)
}

func (s *Stream) fail(err, cause error) *Error { return because(s.operation, s.conn().res, err, cause) }
