package chatproxy

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// The bounds of kept replies. At the key's limit of 10 messages a second, 500 replies are
// under way if each takes 50 seconds.
const (
	maxKeptReplies  = 500
	maxKeptBytes    = 4 << 20  // of one, which 10 minutes of single words do not reach
	maxKeptAllBytes = 64 << 20 // at the half of it, no more replies are kept

	dropTimeout = 5 * time.Second
)

// keptReplies are the replies that do not need a browser. Each has its goroutine.
type keptReplies struct {
	dropped context.Context // done when Shutdown drops them
	drop    context.CancelFunc
	ended   chan struct{} // closed when the last one has ended after close

	mu     sync.Mutex
	closed bool
	count  int
	bytes  int
}

func newKeptReplies() *keptReplies {
	k := &keptReplies{ended: make(chan struct{})}
	k.dropped, k.drop = context.WithCancel(context.Background())
	return k
}

// begin keeps a reply, whose request counts, too, if there is room for one more.
func (k *keptReplies) begin(r *reply, request int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.count == maxKeptReplies || k.bytes+request > maxKeptAllBytes/2 {
		return false
	}
	k.count++
	k.bytes += request
	r.all, r.request = k, request
	return true
}

// size returns the bytes of a request and its message that a kept reply holds.
func size(r *http.Request, m *message) int {
	n := len(r.RequestURI) + len(m.text)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	for _, result := range m.results {
		n += len(result.Output.(json.RawMessage))
	}
	return n
}

// withoutBody returns a request without what ends with it, or belongs to its connection.
func withoutBody(r *http.Request) *http.Request {
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body, r.TLS = http.NoBody, nil
	return r
}

func (k *keptReplies) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.count--; k.closed && k.count == 0 {
		close(k.ended)
	}
}

// close lets no more replies begin.
func (k *keptReplies) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closed && k.count == 0 {
		close(k.ended)
	}
	k.closed = true
}

// grow counts n more bytes, and reports whether they are too many.
func (k *keptReplies) grow(n int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes += n
	return k.bytes > maxKeptAllBytes
}

// passOn copies a kept reply to a browser, which was joined to it.
func (p *Proxy) passOn(k *reply, w http.ResponseWriter, r *http.Request) *httpError {
	defer k.release()
	failure, err := k.copyTo(w, r)
	p.reportWrite(r, err)
	return failure
}

// respondKept is respond without a request.
func (x *exchange) respondKept() {
	defer x.p.kept.end()
	defer x.out.release()
	defer func() { _ = recover() }() // of OnError, or http.ErrAbortHandler: there is no request to end
	x.respond()
	x.report()
}

// endReplaced ends the kept replies of the chat that began before the service's retry,
// which replaces them.
func (x *exchange) endReplaced(before time.Time) {
	for other := range x.p.running.Range {
		if o := other.(*exchange); o != x && o.out.all != nil && o.key == x.key && o.out.begun.Before(before) && o.opened.Load() {
			o.stop()
		}
	}
}

// resume returns the handler that copies the newest kept reply of a chat from its first
// frame. It responds with 204 if there is none in that form that goes on.
func (p *Proxy) resume(wantsNative bool, chatOf func(request) string) func(http.ResponseWriter, request) *httpError {
	return func(w http.ResponseWriter, r request) *httpError {
		chat := chatOf(r)
		if chat == "" || !isName(chat, maxChat) {
			return invalid("chat must be 1 to 128 visible ASCII characters.")
		}
		if !p.resumed.take(r.subject()) {
			return errTooManyStreams
		}
		defer p.resumed.free(r.subject())
		key := p.tickets.chatKey(r.subject(), chat)
		var newest *exchange
		for other := range p.running.Range {
			x := other.(*exchange)
			_, isNative := x.out.encoder.(nativeEncoder)
			isWanted := x.out.all != nil && x.key == key && isNative == wantsNative && !x.out.isEnded()
			if isWanted && (newest == nil || x.isRather(newest)) {
				newest = x
			}
		}
		if newest != nil {
			if e := p.checkClaim(r.Context(), r.Visitor, newest.knownConversation()); e != nil {
				return e
			}
		}
		if newest == nil || !newest.out.join() {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return p.passOn(newest.out, w, r.Request)
	}
}

// isRather reports whether a page resumes x rather than another exchange: one whose message
// was sent rather than one that waits, else the newer one.
func (x *exchange) isRather(other *exchange) bool {
	if sent := x.isSent(); sent != other.isSent() {
		return sent
	}
	return x.out.begun.After(other.out.begun)
}

func (x *exchange) isSent() bool { return x.sending.Load() || x.opened.Load() }

// Shutdown waits until the replies that Options.KeepReplies keeps have ended, and lets no
// more of them begin. When ctx ends before, it drops the rest, which takes at most 5 seconds
// more, and returns the error of ctx. Call it after http.Server.Shutdown, which waits for
// the browsers. Without KeepReplies it returns nil at once.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.kept.close()
	select {
	case <-p.kept.ended:
		return nil
	default:
	}
	select {
	case <-p.kept.ended:
		return nil
	case <-ctx.Done():
	}
	p.kept.drop()
	select {
	case <-p.kept.ended:
	case <-time.After(dropTimeout):
	}
	return ctx.Err()
}
