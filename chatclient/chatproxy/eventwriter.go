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

// eventWriter writes frames to a browser, each at once, and a comment after every
// 15 seconds without one: load balancers cut a connection that is silent.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	giveUp  func() // called when the browser takes no more

	mu    sync.Mutex // for the comments come from a timer
	beat  *time.Timer
	ended bool
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

// write sends frames, and reports whether the browser takes them.
func (e *eventWriter) write(frames []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.send(frames)
}

// comment has nothing to do while a frame is on its way: that begins the 15
// seconds anew.
func (e *eventWriter) comment() {
	if e.mu.TryLock() {
		defer e.mu.Unlock()
		e.send([]byte(":\n\n"))
	}
}

func (e *eventWriter) send(b []byte) bool {
	if e.ended || len(b) == 0 {
		return !e.ended
	}
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // where there is none to set, the server's holds
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

// close ends the comments, and leaves the connection to the server for its next
// request.
func (e *eventWriter) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beat.Stop()
	if !e.ended {
		e.ended = true
		_ = e.control.SetWriteDeadline(time.Time{})
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
