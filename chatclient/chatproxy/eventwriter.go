package chatproxy

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/textdelta"
)

const (
	openAfter    = 5 * time.Second
	heartbeat    = 15 * time.Second
	writeTimeout = 30 * time.Second

	// stopPause is the time between attempts to end a stopped reply, while its browser
	// reads slowly.
	stopPause = 100 * time.Millisecond
)

const done = "data: [DONE]\n\n"

// boundWrite bounds what is written next: a client that reads nothing must not hold
// its handler, nor net/http after it, on a server without a WriteTimeout either. A
// ResponseWriter without deadlines has those of its server.
func boundWrite(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
}

// unboundWrite lifts the deadline, while nothing is written: the service may take
// longer than the server's WriteTimeout, and over HTTP/2 a deadline that passes ends
// the response.
func unboundWrite(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
}

// browser is what frames are written to.
type browser struct {
	http.ResponseWriter
	control  *http.ResponseController
	deadline time.Time
}

// errSlow is the error of a write when the browser has read nothing for 30 seconds.
var errSlow = errors.New("chatproxy: the browser reads nothing")

// write writes frames.
func (b *browser) write(frames []byte) error {
	now := time.Now()
	if deadline := now.Add(writeTimeout); deadline.Sub(b.deadline) > time.Second { // not with each frame
		b.deadline = deadline
		_ = b.control.SetWriteDeadline(deadline) // see checkDeadline
	}
	_, err := b.Write(frames)
	if err == nil {
		err = b.control.Flush()
	}
	if err != nil && time.Since(now) >= writeTimeout-time.Second {
		return errSlow
	}
	return err
}

// eventWriter writes a reply to a browser. The stream begins with its first write, or
// after 5 seconds: some routers cut a connection that has no response. A comment follows
// after every 15 seconds without a frame: load balancers cut one that is silent.
type eventWriter struct {
	to    browser
	leave func() // called when the browser accepts no more

	mu       sync.Mutex // for a timer and a stop use it too
	encoder  replyEncoder
	tickets  replyTickets // of the start frame
	frames   []byte       // to be written
	timer    *time.Timer
	stopped  atomic.Bool
	begun    bool
	ended    bool
	failed   error // of a write
	panicked any   // what a write of the timer panicked with
}

func newEventWriter(w http.ResponseWriter, encoder replyEncoder, leave func()) *eventWriter {
	e := &eventWriter{to: browser{ResponseWriter: w, control: http.NewResponseController(w)}, encoder: encoder, leave: leave}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timer = time.AfterFunc(openAfter, e.comment)
	return e
}

// setTickets sets what the start frame says.
func (e *eventWriter) setTickets(t replyTickets) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tickets = t
}

// begin appends the start frame.
func (e *eventWriter) begin() {
	if e.begun {
		return
	}
	e.begun = true
	h := e.to.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would gather the pieces
	e.encoder.header(h)
	e.frames = e.encoder.start(e.frames, e.tickets)
}

// event appends what the browser may see of an event.
func (e *eventWriter) event(event *chatclient.Event, passTools bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended || e.stopped.Load() {
		return
	}
	if event.Text != "" {
		e.frames = e.encoder.text(e.frames, quotedText(event))
	}
	switch event.Type {
	case chatclient.EventTextDelta, chatclient.EventFinish, chatclient.EventMetadata, "start", "": // the proxy writes its own, and an event without a type is no frame
	default:
		if passTools {
			e.frames = e.encoder.other(e.frames, *event)
		}
	}
}

// chunk appends a frame of a tool.
func (e *eventWriter) chunk(c uiChunk) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ended {
		e.frames = appendFrame(e.encoder.endText(e.frames), c)
	}
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

// flush writes what was appended, and begins the stream.
func (e *eventWriter) flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.panicked != nil { // a middleware's panic belongs to the goroutine of the request
		panic(e.panicked)
	}
	if !e.ended && (!e.begun || len(e.frames) > 0) {
		e.begin()
		e.send()
	}
}

// finish ends the stream with a complete reply.
func (e *eventWriter) finish(reason string, t replyTickets) {
	e.end(func(b []byte) []byte { return e.encoder.finish(b, reason, t) })
}

// fail ends the stream with an error, and reports whether it had begun or was stopped: else
// it never will.
func (e *eventWriter) fail(failure *httpError, t replyTickets) (begun bool) {
	e.mu.Lock()
	begun = e.begun || e.stopped.Load()
	e.ended = e.ended || !begun
	e.mu.Unlock()
	e.end(func(b []byte) []byte { return e.encoder.fail(b, failure, t) })
	return begun
}

// stop ends the stream of a reply that its page wants no more of. It does not wait for a
// browser that reads slowly.
func (e *eventWriter) stop() {
	e.stopped.Store(true)
	e.timer.Reset(0)
}

func (e *eventWriter) end(frame func([]byte) []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.panicked != nil {
		panic(e.panicked)
	}
	e.endWith(frame)
}

func (e *eventWriter) endWith(frame func([]byte) []byte) {
	if e.ended {
		return
	}
	if e.stopped.Load() {
		frame = func(b []byte) []byte { return e.encoder.finish(b, "stopped", e.tickets) }
	}
	e.begin()
	e.frames = append(frame(e.frames), done...)
	e.send()
	e.endWrites()
}

// comment writes what the timer is for: a comment, or the end of a stopped reply. While a
// frame is being written, no comment is needed: after that there are 15 seconds again.
func (e *eventWriter) comment() {
	if !e.mu.TryLock() {
		if e.stopped.Load() {
			e.timer.Reset(stopPause)
		}
		return
	}
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	defer func() {
		if e.panicked = recover(); e.panicked != nil {
			e.ended = true
			e.leave()
		}
	}()
	if e.stopped.Load() {
		e.endWith(nil)
		return
	}
	e.begin()
	e.frames = append(e.frames, ":\n\n"...)
	e.send()
}

// send writes the frames.
func (e *eventWriter) send() {
	e.failed = e.to.write(e.frames)
	e.frames = e.frames[:0]
	if e.failed != nil {
		e.ended = true
		e.timer.Stop()
		e.leave()
		return
	}
	if e.timer.Reset(heartbeat); e.stopped.Load() { // since the write began
		e.timer.Reset(0)
	}
}

// close ends the comments.
func (e *eventWriter) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.endWrites()
}

func (e *eventWriter) endWrites() {
	e.timer.Stop()
	if !e.ended {
		e.ended = true
		unboundWrite(e.to.ResponseWriter)
	}
}

// checkDeadline returns ErrNoWriteDeadline if the deadlines cannot be set, and it matters.
func (p *Proxy) checkDeadline(w http.ResponseWriter, r *http.Request) error {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok || server.WriteTimeout <= 0 {
		return nil
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); errors.Is(err, http.ErrNotSupported) {
		return p.once(ErrNoWriteDeadline, nil)
	}
	return nil
}

// canFlush looks as http.ResponseController does, without flushing: that would
// send the header of a response which is not known yet.
func canFlush(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}
