package chatclient

import (
	"bytes"
	"cmp"
	"encoding/json"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/textdelta"
)

// decode decodes an event and adds it to the reply. Its error is ErrTooLong, or the failure
// that the event reports.
func (s *Stream) decode(data []byte, event *Event) error {
	event.Raw = data
	quoted, ok := textdelta.Quoted(data)
	if ok && s.half == "" { // nearly every event: no JSON decoder is needed
		event.Type, event.Text = EventTextDelta, s.addText(textdelta.Text(quoted))
	} else if err := s.decodeFrame(data, event); err != nil {
		return err
	}
	if s.room < 0 {
		return s.fail(ErrTooLong, nil)
	}
	return nil
}

// addText adds to the reply's text. It returns what it added as a part of that text, so that
// no string is allocated for it.
func (s *Stream) addText(piece []byte) string {
	before := s.text.Len()
	s.text.Grow(len(piece)) // doubles the memory; Write alone adds a quarter
	s.text.Write(piece)
	s.room -= int64(len(piece))
	return s.text.String()[before:]
}

// frame is an event that is a JSON object, as its members by their exact names. Each is
// decoded separately, so that one of an unexpected type does not affect the others.
type frame map[string]json.RawMessage

// text returns a member that is a string, else "".
func (f frame) text(name string) (s string) {
	_ = json.Unmarshal(f[name], &s)
	return s
}

// kind returns the type of the event: the member type, else name, which is the value of the
// event line. A frame without a type that has an error or an errorText is an error.
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

// decodeFrame decodes any event with the JSON decoder. For an event with an unexpected
// format, only Raw is set.
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
		event.Text = s.addText(s.join(f[field]))
	case EventToolCall:
		event.ToolCall = &Part{
			Type: PartToolCall, ToolCallID: f.text("toolCallId"), ToolName: f.text("toolName"),
			Input: bytes.Clone(f["input"]), Raw: bytes.Clone(data),
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

// join decodes the text of a text-delta. If it ends with the first half of a surrogate pair,
// that half is kept for the next text-delta.
func (s *Stream) join(quoted []byte) []byte {
	if len(quoted) <= len(`""`) || quoted[0] != '"' {
		return nil
	}
	quoted, s.half = textdelta.CutHalf(append([]byte(`"`+s.half), quoted[1:]...))
	var text string
	_ = json.Unmarshal(quoted, &text) // of valid JSON: there is no error
	return []byte(text)
}

// unpaired returns U+FFFD in place of a half that no other half follows, else "".
func (s *Stream) unpaired() string {
	if s.half == "" {
		return ""
	}
	s.half = ""
	return s.addText([]byte("\ufffd"))
}

// mergeMetadata adds an event's metadata to that of the reply. It may be beside the type, in
// metadata (Bookbag's documentation) or in messageMetadata (Chatbase's server). A finish
// that reports a failure is delivered before the failure, because its metadata names the
// conversation.
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

// failed returns the failure that an event reports.
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
