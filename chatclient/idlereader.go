package chatclient

import (
	"io"
	"time"
)

// idleReader adds an idle timeout to the body of a stream. The timeout begins with the first
// Read after a call of alive. Only alive resets it: a peer that sends a byte now and then
// must not keep a stream open for ever.
type idleReader struct {
	body    io.Reader
	timeout time.Duration
	onIdle  func()

	timer   *time.Timer // nil before the first Read
	waiting bool        // the timer runs
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
