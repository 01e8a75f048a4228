package chatproxy

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"
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

// browser is what a reply is copied to.
type browser struct {
	http.ResponseWriter
	control *http.ResponseController
	bounded time.Time // when the deadline was set
}

// copyTo writes the frames to a browser as they come, until it leaves. It returns the
// response in place of frames, or why they could not be written. The stream begins after 5
// seconds at the latest: some routers cut a connection that has no response. A comment follows
// after every 15 seconds without a frame: load balancers cut one that is silent.
func (r *reply) copyTo(w http.ResponseWriter, in *http.Request) (failure *httpError, err error) {
	timer := time.AfterFunc(openAfter, r.wake)
	defer timer.Stop()
	defer context.AfterFunc(in.Context(), r.wake)()
	defer unboundWrite(w)
	to := browser{w, http.NewResponseController(w), time.Time{}}
	for n, wait := 0, openAfter; time.Since(r.begun) < maxStream+writeTimeout; wait = heartbeat {
		due := time.Now().Add(wait)
		timer.Reset(wait)
		frames := r.next(in.Context(), n, due)
		if len(frames) == 0 {
			break
		}
		if n == 0 {
			r.setHeader(w.Header())
		}
		if err := to.write(frames); err != nil {
			return nil, err
		}
		n += len(frames)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure, nil
}

func (r *reply) setHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would gather the pieces
	r.encoder.header(h)
}

// errSlow is the error of a write when the browser has read nothing for 30 seconds.
var errSlow = errors.New("chatproxy: the browser reads nothing")

func (b *browser) write(frames []byte) error {
	now := time.Now()
	if now.Sub(b.bounded) > time.Second { // not with each frame
		b.bounded = now
		_ = b.control.SetWriteDeadline(now.Add(writeTimeout)) // see checkDeadline
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

// reportWrite reports the error of a write, unless it is the browser's: net/http notices a
// moment later that it has left, and takes each write that it failed for that.
func (p *Proxy) reportWrite(r *http.Request, err error) {
	if err == nil || err == errSlow {
		return
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
	p.report(r, p.once(ErrWriteFailed, err))
}

// checkDeadline returns ErrNoWriteDeadline if the deadlines cannot be set, and it matters.
func checkDeadline(w http.ResponseWriter, r *http.Request) error {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok || server.WriteTimeout <= 0 {
		return nil
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); errors.Is(err, http.ErrNotSupported) {
		return ErrNoWriteDeadline
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
