package chatproxy

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/textdelta"
)

const maxStream = 10 * time.Minute

// form is a way to write a reply: it appends frames to b.
type form interface {
	header(http.Header)
	start(b []byte, conversation string) []byte
	text(b []byte, quoted []byte) []byte // a JSON string
	other(b []byte, e chatclient.Event) []byte
	finish(b []byte, reason string, t replyTickets) []byte
	fail(b []byte, code, sentence string, t replyTickets) []byte
}

// replyTickets say what a reply belongs to, as far as the service told it.
type replyTickets struct {
	Conversation string `json:"conversation,omitempty"`
	Message      string `json:"message,omitempty"`
}

func (t replyTickets) orNil() *replyTickets {
	if t == (replyTickets{}) {
		return nil
	}
	return &t
}

// relay asks the service and passes its reply on as it comes.
func (p *Proxy) relay(w http.ResponseWriter, r *http.Request, v visit, q question, f form) *refusal {
	if e := checkMessage(q.text); e != nil {
		return e
	}
	m := chatclient.Message{Text: q.text, UserID: v.UserID}
	if q.ticket != "" {
		var ok bool
		if m.ConversationID, ok = p.tickets.openConversation(v.subject(), q.ticket); !ok {
			return errConversationNotFound
		}
	}
	if !canFlush(w) {
		return internal(ErrCannotFlush)
	}
	e, failed := p.exchange(w, r, v, m, q, f)
	p.report(r, failed)
	return e
}

// exchange makes the call, and returns why there is no reply, or what went wrong
// within it.
func (p *Proxy) exchange(w http.ResponseWriter, r *http.Request, v visit, m chatclient.Message, q question, f form) (e *refusal, failed error) {
	if !p.streams.take(v.subject()) {
		return errTooManyStreams, nil
	}
	defer p.streams.free(v.subject())
	ctx, cancel := context.WithTimeoutCause(r.Context(), maxStream, ErrReplyTooLong)
	defer cancel()
	var out *eventWriter
	var frames []byte // to be written before the service is waited for again
	write := func() bool {
		written := out.write(frames)
		frames = frames[:0]
		return written
	}
	stream, err := p.bot.Stream(ctx, m)
	if err != nil {
		return withMessage(err, q.ticket != ""), nil
	}

	f.header(w.Header())
	out = newEventWriter(w, cancel)
	defer out.close()
	frames = f.start(frames, q.ticket)
	write()
	o := owner{v.UserID, m.ConversationID}
	var foreign error
	for event := range stream.Events() { // what ended it, Reply returns
		if foreign = o.checkEvent(event); foreign != nil {
			break
		}
		frames = p.appendEvent(frames, event, f)
		if !stream.Buffered() {
			write()
		}
	}
	frames, err = p.appendEnd(frames, stream, foreign, v, q, f)
	if !write() {
		return nil, nil // nobody is there any more
	}
	return nil, err
}

// appendEvent appends what the browser may see of an event.
func (p *Proxy) appendEvent(b []byte, e chatclient.Event, f form) []byte {
	switch e.Type {
	case chatclient.EventTextDelta:
		if e.Text != "" {
			return f.text(b, quotedText(e))
		}
	case chatclient.EventFinish, chatclient.EventMetadata, "start", "": // ours, which is made at the end or was at the start, and what is no frame
	default:
		if p.passTools {
			return f.other(b, e)
		}
	}
	return b
}

// appendEnd appends how the reply ended, and returns what went wrong. A foreign reply
// gets no ticket, not even the one that was sent.
func (p *Proxy) appendEnd(b []byte, stream *chatclient.Stream, foreign error, v visit, q question, f form) ([]byte, error) {
	if foreign != nil {
		return appendFailure(b, foreign, replyTickets{}, f), foreign
	}
	reply, err := stream.Reply()
	t := replyTickets{Conversation: q.ticket}
	m := reply.Metadata
	if ticket := p.tickets.conversation(v.subject(), m.ConversationID); ticket != "" {
		t = replyTickets{ticket, p.tickets.message(v.subject(), m.ConversationID, m.MessageID)}
	}
	if err != nil {
		return appendFailure(b, err, t, f), err
	}
	return append(f.finish(b, finishReason(m.FinishReason), t), done...), nil
}

const done = "data: [DONE]\n\n"

func appendFailure(b []byte, err error, t replyTickets, f form) []byte {
	code, sentence := interrupted(err)
	return append(f.fail(b, code, sentence, t), done...)
}

func finishReason(reason string) string {
	switch reason {
	case chatclient.FinishStop, chatclient.FinishToolCalls:
		return reason
	}
	return "other"
}

// quotedText returns the text of a text-delta as a JSON string: as it came where
// the event is exactly a type and a text, which needs no decoding, else made anew.
func quotedText(e chatclient.Event) []byte {
	if quoted, ok := textdelta.Quoted(e.Raw); ok {
		return quoted
	}
	b, _ := json.Marshal(e.Text) // of a string: there is no error
	return b
}

func appendFrame(b []byte, frame any) []byte {
	j, _ := json.Marshal(frame) // of strings, and of JSON that was decoded: there is no error
	b = append(b, "data: "...)
	b = append(b, j...)
	return append(b, "\n\n"...)
}
