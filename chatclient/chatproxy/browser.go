package chatproxy

import (
	"errors"
	"net/http"
	"os"
	"time"
)

// boundWrite sets a deadline for the next writes, so that a client that reads nothing does not
// block its handler, or net/http after it. The error is ignored: a ResponseWriter without
// deadlines has those of its server.
func boundWrite(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
}

// unboundWrite removes the deadline while nothing is written: the service may take longer than
// the server's WriteTimeout, and over HTTP/2 a deadline ends the response even without a write.
func unboundWrite(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
}

// browser writes frames to a browser.
type browser struct {
	http.ResponseWriter
	control  *http.ResponseController
	deadline time.Time
}

// errSlow is the error of a write that the browser did not read within 30 seconds.
var errSlow = errors.New("chatproxy: the browser reads nothing")

// write writes frames and flushes them.
func (b *browser) write(frames []byte) error {
	now := time.Now()
	if deadline := now.Add(writeTimeout); deadline.Sub(b.deadline) > time.Second { // not for each frame
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

// checkDeadline returns ErrNoWriteDeadline if the server has a WriteTimeout, but deadlines
// cannot be set.
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

// canFlush reports whether http.ResponseController could flush w. It does not flush, because
// that would send the header.
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

// reportWrite reports an error of a write, unless the visitor reads nothing or has left. net/http
// ends the request's context only a moment after the failed write.
func (p *Proxy) reportWrite(r *http.Request, failed error) {
	if failed == nil || failed == errSlow {
		return
	}
	if !errors.Is(failed, os.ErrDeadlineExceeded) {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
	p.report(r, p.once(ErrWriteFailed, failed))
}
