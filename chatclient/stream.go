package chatclient

import (
	"context"
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
)

// Types of an [Event]. Only Chatbase documents the last three. There may be others.
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
	// Type is the type of the event. It is empty if the event is not a JSON object.
	Type string

	// Text is a piece of the reply, for a text-delta. In another event, it is U+FFFD
	// if the text before it ended with half of a surrogate pair.
	Text string

	// ToolCall is the call, for a tool-input-available. Otherwise nil.
	ToolCall *Part

	// Metadata is set for a finish, a message-metadata and a message-start. It
	// contains all metadata of the stream so far. Otherwise nil.
	Metadata *Metadata

	// Raw is the data of the event. It is valid until the next event. Text may differ
	// from it: a character that is split between two events is in the Text of the
	// second.
	Raw []byte
}

// Stream is a reply that is still arriving. Only Close may be called from another
// goroutine. It prints and encodes as [redacted], because its connection has the key.
type Stream struct {
	redacted

	// ResponseInfo is set before the first event.
	ResponseInfo

	conn    func() *connection // in a closure, out of reach of printers
	closing sync.Once

	reply    Reply
	text     strings.Builder // of all text parts
	part     int             // where the part begins that text is added to
	half     string          // the first half of a surrogate pair, as its escape
	room     int64           // bytes left of Options.MaxBody
	finished bool            // a finish event has arrived
	failure  *Error          // reported by the finish event; next returns it
	ended    bool            // the end marker has arrived
	err      error           // why the stream ended without one
}

// connection is what a Stream reads from.
type connection struct {
	res    *bookbag.Response
	body   *idleReader
	events *sse.Reader
}

// toolCallSize is the memory that a tool call takes in addition to its JSON.
const toolCallSize = 512

const (
	done = "[DONE]"

	// afterFailure is the longest wait for the end marker after an error event.
	afterFailure = time.Second

	// afterDone and maxAfterDone are the longest wait for the end of the body after the
	// end marker, and the bytes that may come before it. It usually follows at once, and
	// net/http reuses an HTTP/1 connection only if the body was read to its end.
	afterDone    = 5 * time.Millisecond
	maxAfterDone = 4 << 10
)

// open makes a call and returns its response as a stream. If bad is not nil, it returns bad.
func (c *Client) open(ctx context.Context, call bookbag.Call, bad error) (*Stream, error) {
	if bad != nil {
		return nil, bad
	}
	call.Accept = "text/event-stream"
	res, err := c.service().Open(ctx, call)
	if err != nil {
		return nil, fail(err)
	}
	if mediaType, _, _ := mime.ParseMediaType(res.ContentType); mediaType != call.Accept {
		return c.openReply(res, mediaType)
	}
	return c.newStream(res, res.Stream, c.maxEvent), nil
}

func (c *Client) newStream(res *bookbag.Response, events io.Reader, maxEvent int) *Stream {
	body := &idleReader{body: events, timeout: c.idleTimeout, onIdle: func() { res.Abort(ErrStreamIdle) }}
	conn := &connection{res, body, sse.NewReader(body, maxEvent)}
	return &Stream{ResponseInfo: infoOf(res.ResponseInfo), conn: func() *connection { return conn }, room: c.api.MaxBody}
}

// Events iterates over the events as they arrive, including those of unknown types. An
// *[Error] ends the iteration, for which errors.Is reports [ErrStreamFailed],
// [ErrStreamCut], [ErrStreamIdle], [ErrTooLong], [ErrStreamClosed] or the context's
// error. Another loop returns the same error again. The stream is closed at the end of
// the loop, also after a break.
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

// Text iterates over the pieces of the reply's text as they arrive. It is Events
// without the other events, and has the same errors.
func (s *Stream) Text() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for event, err := range s.Events() {
			if (err != nil || event.Text != "") && !yield(event.Text, err) {
				return
			}
		}
	}
}

// Reply returns the reply as far as it was read. After the end of the stream, that is
// the whole reply and a nil error. Otherwise the error is the one that ended the
// stream, or [ErrStreamClosed] if the loop ended early.
func (s *Stream) Reply() (*Reply, error) {
	r := s.reply
	r.Role, r.ResponseInfo, r.ID = "assistant", s.ResponseInfo, r.Metadata.MessageID
	r.Parts = slices.Concat(r.Parts, s.currentPart())
	if s.err == nil && !s.ended {
		return &r, s.fail(ErrStreamClosed, nil)
	}
	return &r, s.err
}

// currentPart returns the text after the last tool call as a part, nil if there is none.
func (s *Stream) currentPart() []Part {
	if text := s.text.String()[s.part:]; text != "" {
		return []Part{{Type: PartText, Text: text}}
	}
	return nil
}

// Buffered reports whether the next event can be read without waiting for the service.
// If not, a program that forwards events should flush its output.
func (s *Stream) Buffered() bool { return s.failure != nil || s.conn().events.Buffered() }

// Close ends the stream. It may be called at any time, from any goroutine, and more
// than once. Its error is always nil.
func (s *Stream) Close() error {
	s.closing.Do(func() { s.conn().res.Close(ErrStreamClosed) })
	return nil
}

// next reads the next event. At the end marker it sets s.ended and leaves the event empty.
func (s *Stream) next(event *Event) error {
	if s.failure != nil {
		return s.failure
	}
	data, err := s.read()
	switch {
	case err != nil:
		return err
	case s.ended && !s.finished && s.text.Len() == 0 && len(s.reply.Parts) == 0:
		return s.fail(ErrUnexpectedResponse, nil)
	case s.ended:
		return nil
	}
	return s.decode(data, event)
}

// awaitEnd reads up to the end marker after a failure, so that the connection can be reused.
func (s *Stream) awaitEnd() {
	defer s.closeAfter(afterFailure).Stop()
	for !s.ended {
		if _, err := s.read(); err != nil {
			return
		}
	}
}

// drain reads the end of the body.
func (s *Stream) drain() {
	defer s.closeAfter(afterDone).Stop()
	_, _ = io.CopyN(io.Discard, s.conn().res.Stream, maxAfterDone)
}

// closeAfter ends all reading after a time.
func (s *Stream) closeAfter(d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() { s.conn().res.Abort(ErrStreamClosed) })
}

// read returns the data of the next event, and sets s.ended at the end marker. Each line
// that is not empty resets the idle timeout.
func (s *Stream) read() ([]byte, error) {
	conn := s.conn()
	if err := conn.res.Err(); err != nil { // events in the buffer are not delivered
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

// broken returns the error of a stream that ended without an end marker.
func (s *Stream) broken(err error) *Error {
	ended := s.conn().res.Ended()
	switch {
	case ended != nil:
		return newError(ended)
	case err == sse.ErrTooLong:
		return s.fail(ErrTooLong, nil)
	case err == io.EOF:
		return s.fail(ErrStreamCut, nil)
	}
	return s.fail(ErrStreamCut, err)
}

// fail returns an error with what is known of the response.
func (s *Stream) fail(err, cause error) *Error {
	f := s.conn().res.Failure(err)
	f.Cause = cause
	return newError(f)
}
