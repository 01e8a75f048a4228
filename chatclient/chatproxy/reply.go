package chatproxy

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/textdelta"
)

const (
	openAfter    = 5 * time.Second
	heartbeat    = 15 * time.Second
	writeTimeout = 30 * time.Second
	maxCopy      = 32 << 10 // written to a browser within writeTimeout
)

const done = "data: [DONE]\n\n"

// reply holds the frames of a reply. The exchange appends them, and the handlers of browsers
// copy them. A reply that is kept holds all frames, another one those that are to be written.
type reply struct {
	all     *keptReplies // nil for one that ends with its request
	request int          // bytes of the request of a kept one
	begun   time.Time
	encoder replyEncoder
	cancel  context.CancelCauseFunc // of the calls to the service

	mu      sync.Mutex
	changed *sync.Cond
	tickets replyTickets // of the start frame
	frames  []byte
	dropped int  // bytes before the frames, which were written
	shown   int  // bytes that may be copied, with those that were dropped
	started bool // there is a start frame
	ended   bool
	failure *httpError // the response in place of frames
	users   int        // the exchange and the handlers that copy
}

// newReply returns a reply for its exchange and the handler that copies it to its page.
func newReply(encoder replyEncoder, cancel context.CancelCauseFunc) *reply {
	r := &reply{begun: time.Now(), encoder: encoder, cancel: cancel, users: 2}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// setTickets sets what the start frame says.
func (r *reply) setTickets(t replyTickets) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tickets = t
}

// add appends frames, unless the reply has ended.
func (r *reply) add(frames func([]byte) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.start()
		r.frames = frames(r.frames)
	}
}

func (r *reply) start() {
	if !r.started {
		r.started = true
		r.frames = r.encoder.start(r.frames, r.tickets)
	}
}

// event appends what the browser may see of an event.
func (r *reply) event(event *chatclient.Event, passTools bool) {
	r.add(func(b []byte) []byte {
		if event.Text != "" {
			b = r.encoder.text(b, quotedText(event))
		}
		switch event.Type {
		case chatclient.EventTextDelta, chatclient.EventFinish, chatclient.EventMetadata, "start", "": // the proxy writes its own, and an event without a type is no frame
		default:
			if passTools {
				b = r.encoder.other(b, *event)
			}
		}
		return b
	})
}

// chunk appends a frame of a tool.
func (r *reply) chunk(c uiChunk) {
	r.add(func(b []byte) []byte { return appendFrame(r.encoder.endText(b), c) })
}

// quotedText returns the text of a text-delta as a JSON string: as it came if the event
// is exactly a type and a text, which needs no decoding, else encoded again.
func quotedText(e *chatclient.Event) []byte {
	if quoted, ok := textdelta.Quoted(e.Raw); ok {
		return quoted
	}
	b, _ := json.Marshal(e.Text) // of a string: there is no error
	return b
}

// flush shows the browsers what was added, from the start frame on. If the reply is not kept,
// it waits until that is written: a slow browser slows the service.
func (r *reply) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.start()
	r.show()
	for r.all == nil && r.dropped < r.shown && !r.ended {
		r.changed.Wait()
	}
}

func (r *reply) show() {
	n := r.dropped + len(r.frames) - r.shown
	r.shown += n
	if r.all != nil && (r.all.grow(n) || r.shown > maxKeptBytes) {
		r.cancel(ErrReplyTooLong)
	}
	r.changed.Broadcast()
}

// finish ends the reply.
func (r *reply) finish(reason string, t replyTickets) {
	r.end(nil, func(b []byte) []byte { return r.encoder.finish(b, reason, t) })
}

// stop ends a reply that its page wants no more of.
func (r *reply) stop() {
	r.end(nil, func(b []byte) []byte { return r.encoder.finish(b, "stopped", r.tickets) })
}

// fail ends the reply with an error, which is a frame.
func (r *reply) fail(failure *httpError, t replyTickets) {
	r.end(nil, func(b []byte) []byte { return r.encoder.fail(b, failure, t) })
}

// reject ends the reply with an error, which is the response if there is no frame yet.
func (r *reply) reject(failure *httpError, t replyTickets) {
	r.end(failure, func(b []byte) []byte { return r.encoder.fail(b, failure, t) })
}

// close ends the reply where it is.
func (r *reply) close() { r.end(internal(nil), nil) }

// end ends the reply with a last frame, if there is one. With a failure, a reply that has not
// started has that for a response instead.
func (r *reply) end(failure *httpError, frame func([]byte) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	switch r.ended = true; {
	case failure != nil && !r.started:
		r.failure = failure
	case frame != nil:
		r.start()
		r.frames = append(frame(r.frames), done...)
	}
	r.show()
}

// next returns what follows the first n bytes, as soon as there is something: nothing at the
// end, or for a browser that has left. Without a frame there is a comment when it is due.
func (r *reply) next(ctx context.Context, n int, due time.Time) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.frames = slices.Delete(r.frames, 0, n-r.dropped)
		r.dropped = n
		r.changed.Broadcast()
	}
	for r.shown == n && !r.ended && !errors.Is(ctx.Err(), context.Canceled) {
		if time.Now().Before(due) {
			r.changed.Wait()
			continue
		}
		r.start()
		r.frames = append(r.frames, ":\n\n"...)
		r.show()
	}
	return r.frames[n-r.dropped : min(r.shown, n+maxCopy)-r.dropped]
}

// wake lets next look whether its time has come.
func (r *reply) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed.Broadcast()
}

func (r *reply) isEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// join begins a use of a kept reply, which release ends, unless the reply is complete.
func (r *reply) join() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	r.users++
	return true
}

// release ends a use, the last of which gives the bytes of a kept reply back.
func (r *reply) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users == 0 && r.all != nil {
		r.all.grow(-r.shown - r.request)
		r.frames = nil
	}
}
