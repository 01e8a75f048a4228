package chatclient

import (
	"io"
	"time"
)

// idleReader is the body of a stream with an idle timeout. The timeout starts with
// the first read and ends with a call of alive: single bytes do not reset it, so
// that a trickle of them does not live for ever. What is in a buffer already is not
// waited for.
type idleReader struct {
	body    io.Reader
	timeout time.Duration
	onIdle  func()

	timer   *time.Timer // since the first read
	waiting bool
}

func (r *idleReader) Read(p []byte) (int, error) {
	switch {
	case r.timer == nil:
		r.timer = time.AfterFunc(r.timeout, r.onIdle)
	case !r.waiting:
		r.timer.Reset(r.timeout)
	}
	r.waiting = true
	return r.body.Read(p)
}

// alive is called after each complete event, comment or item.
func (r *idleReader) alive() {
	if r.waiting {
		r.waiting = false
		r.timer.Stop()
	}
}
