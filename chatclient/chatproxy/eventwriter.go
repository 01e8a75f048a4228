package chatproxy

import (
	"encoding/json"
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

	// stopPause is the time between attempts to end a stopped reply while a write to its
	// browser is under way.
	stopPause = 100 * time.Millisecond
)

const done = "data: [DONE]\n\n"

// eventWriter writes a reply to a browser. The stream begins with its first write, or after 5
// seconds, because some routers close a connection without a response. After 15 seconds
// without a frame it writes a comment, because load balancers close an idle connection.
type eventWriter struct {
	to    browser
	leave func() // called after a write has failed

	mu       sync.Mutex // the timer's goroutine and stop use the fields too
	encoder  replyEncoder
	tickets  replyTickets // of the start frame
	frames   []byte       // not yet written
	timer    *time.Timer
	stopped  atomic.Bool
	begun    bool
	ended    bool
	failed   error // of a write
	panicked any   // the value of a panic on the timer's goroutine
}

func newEventWriter(w http.ResponseWriter, encoder replyEncoder, leave func()) *eventWriter {
	e := &eventWriter{to: browser{ResponseWriter: w, control: http.NewResponseController(w)}, encoder: encoder, leave: leave}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timer = time.AfterFunc(openAfter, e.comment)
	return e
}

// setTickets sets the tickets of the start frame.
func (e *eventWriter) setTickets(t replyTickets) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tickets = t
}

// begin sets the header and appends the start frame, once.
func (e *eventWriter) begin() {
	if e.begun {
		return
	}
	e.begun = true
	h := e.to.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would collect the frames
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
	case chatclient.EventTextDelta, chatclient.EventFinish, chatclient.EventMetadata, "start", "":
		// The proxy writes its own frames for these, and a frame must have a type.
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

// quotedText returns the text of an event as a JSON string: unchanged if the event is exactly
// a type and a text, else encoded again.
func quotedText(e *chatclient.Event) []byte {
	if quoted, ok := textdelta.Quoted(e.Raw); ok {
		return quoted
	}
	b, _ := json.Marshal(e.Text) // of a string: there is no error
	return b
}

// flush begins the stream, and writes the appended frames.
func (e *eventWriter) flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.panicked != nil { // of a middleware, which recovers on the goroutine of the request
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

// fail ends the stream with an error, and reports whether it had begun or was stopped. If not,
// nothing is written, and the caller responds.
func (e *eventWriter) fail(failure *httpError, t replyTickets) (begun bool) {
	e.mu.Lock()
	begun = e.begun || e.stopped.Load()
	e.ended = e.ended || !begun
	e.mu.Unlock()
	e.end(func(b []byte) []byte { return e.encoder.fail(b, failure, t) })
	return begun
}

// stop ends the stream with the reason stopped. It does not wait for a write under way.
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

// comment is called by the timer. It writes a comment, or the end of a stopped reply. While
// another goroutine writes, no comment is needed.
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

// send writes the frames, and restarts the timer.
func (e *eventWriter) send() {
	e.failed = e.to.write(e.frames)
	e.frames = e.frames[:0]
	if e.failed != nil {
		e.ended = true
		e.timer.Stop()
		e.leave()
		return
	}
	if e.timer.Reset(heartbeat); e.stopped.Load() { // during the write
		e.timer.Reset(0)
	}
}

// close ends the stream without a frame: no comment follows.
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
