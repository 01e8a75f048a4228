package chatclient

import (
	"bytes"
	"cmp"
	"encoding/json"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/textdelta"
)

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
// no piece is allocated.
func (s *Stream) keep(piece []byte) string {
	before := s.text.Len()
	s.text.Grow(len(piece)) // which doubles, where Write adds a quarter
	s.text.Write(piece)
	s.room -= int64(len(piece))
	return s.text.String()[before:]
}

// frame is an event that is an object, by the exact names of its fields. They are
// decoded one by one, so that one of another type does not spoil the others.
type frame map[string]json.RawMessage

// text returns a field that is a string, or "".
func (f frame) text(name string) (s string) {
	_ = json.Unmarshal(f[name], &s)
	return s
}

// kind returns the type of an event: that of the JSON, else the name on its event
// line. An event without a type that has an error or an errorText is an error.
func (f frame) kind(name string) string {
	kind := f.text("type")
	if kind == "" && (f.isFailure("error") || f.isFailure("errorText")) {
		return EventError
	}
	return cmp.Or(kind, name)
}

func (f frame) isFailure(name string) bool {
	return len(f[name]) > 0 && f[name][0] == '{' || f.text(name) != ""
}

// decodeFrame decodes an event of any other kind. One with an unexpected
// format has Raw alone. The error is the failure that the event reports,
// or ErrTooLong.
func (s *Stream) decodeFrame(data []byte, event *Event) error {
	name := string(s.conn().events.Name())
	if bookbag.CheckLength(data) != nil {
		return s.fail(ErrTooLong, nil)
	}
	f := frame(bookbag.Members(data))
	if f == nil && name != EventError {
		return nil
	}
	event.Type = f.kind(name)
	switch event.Type {
	case EventTextDelta:
		field := "text" // by Bookbag, delta by Chatbase
		if f.text(field) == "" {
			field = "delta"
		}
		event.Text = s.keep(s.join(f[field]))
	case EventToolCall:
		event.ToolCall = &Part{
			Type: PartToolCall, ToolCallID: f.text("toolCallId"), ToolName: f.text("toolName"), Input: bytes.Clone(f["input"]), Raw: bytes.Clone(data),
		}
		event.Text = s.unpaired()
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

// join decodes the text of a text-delta. A surrogate pair may be split over two of
// them: the first half waits for the second, and is U+FFFD if that does not follow.
func (s *Stream) join(quoted []byte) []byte {
	if len(quoted) <= len(`""`) || quoted[0] != '"' {
		return nil
	}
	quoted, s.half = textdelta.CutHalf(append([]byte(`"`+s.half), quoted[1:]...))
	var text string
	_ = json.Unmarshal(quoted, &text) // of valid JSON: there is no error
	return []byte(text)
}

// unpaired returns U+FFFD for half a surrogate pair that no text follows, else "".
func (s *Stream) unpaired() string {
	if s.half == "" {
		return ""
	}
	s.half = ""
	return s.keep([]byte("\ufffd"))
}

// mergeMetadata reads fields that are beside the type, in metadata (Bookbag's
// documentation) or in messageMetadata (Chatbase's server). A finish that reports a
// failure is an event as well: its metadata has the conversation of the reply.
func (s *Stream) mergeMetadata(data []byte, f frame, event *Event) {
	for _, fields := range [][]byte{data, f["metadata"], f["messageMetadata"]} {
		_ = bookbag.Unmarshal(fields, &s.reply.Metadata)
	}
	known := s.reply.Metadata
	event.Metadata = &known
	if event.Type != EventFinish {
		return
	}
	s.finished, event.Text = true, s.unpaired()
	if known.FinishReason == FinishError {
		s.failure = s.failed(data, f)
	}
}

// failed is the failure that an event reports.
func (s *Stream) failed(data []byte, f frame) *Error {
	res := s.conn().res
	failure := res.Failure(ErrStreamFailed)
	if problem := res.Problem(data); problem.IsService || !json.Valid(data) {
		failure.Problem = problem
	}
	if f["errorText"] != nil {
		failure.Message = res.Text(cmp.Or(f.text("errorText"), string(f["errorText"])))
	}
	return newError(failure)
}
