package chatproxy

import (
	"net/http"
	"sync"
	"time"
)

const (
	heartbeat    = 15 * time.Second
	writeTimeout = 30 * time.Second
)

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

// eventWriter writes frames to a browser, each at once, and a comment after every
// 15 seconds without one: load balancers cut a connection that is silent.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	giveUp  func() // called when the browser takes no more

	mu       sync.Mutex // for the comments come from a timer
	beat     *time.Timer
	deadline time.Time
	ended    bool
	panicked any // what a comment's write panicked with
}

func newEventWriter(w http.ResponseWriter, giveUp func()) *eventWriter {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would gather the pieces
	e := &eventWriter{w: w, control: http.NewResponseController(w), giveUp: giveUp}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beat = time.AfterFunc(heartbeat, e.comment)
	return e
}

// write sends frames, if there are any, and reports whether the browser takes
// them.
func (e *eventWriter) write(frames []byte) bool {
	if len(frames) == 0 {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.panicked != nil { // a middleware's panic belongs to the goroutine of the request
		panic(e.panicked)
	}
	return e.send(frames)
}

// comment has nothing to do while a frame is on its way: that begins the 15
// seconds anew.
func (e *eventWriter) comment() {
	if !e.mu.TryLock() {
		return
	}
	defer e.mu.Unlock()
	defer func() {
		if e.panicked = recover(); e.panicked != nil {
			e.giveUp()
		}
	}()
	e.send([]byte(":\n\n"))
}

func (e *eventWriter) send(b []byte) bool {
	if e.ended {
		return false
	}
	if deadline := time.Now().Add(writeTimeout); deadline.Sub(e.deadline) > time.Second { // not with each frame
		e.deadline = deadline
		_ = e.control.SetWriteDeadline(deadline) // where there is none to set, the server's holds
	}
	_, err := e.w.Write(b)
	if err == nil {
		err = e.control.Flush()
	}
	if err != nil {
		e.ended = true
		e.giveUp()
		return false
	}
	e.beat.Reset(heartbeat)
	return true
}

// close ends the comments.
func (e *eventWriter) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beat.Stop()
	if !e.ended {
		e.ended = true
		unboundWrite(e.w)
	}
}

// canFlush looks as http.ResponseController does, without flushing: that would
// send the header of an answer which is not known yet.
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
