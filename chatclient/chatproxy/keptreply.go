package chatproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/endpoint"
)

// The bounds of kept replies. At the key's limit of 10 messages a second, 500 replies are
// under way if each takes 50 seconds.
const (
	maxKeptReplies  = 500
	maxKeptBytes    = 4 << 20  // of one, which 10 minutes of single words do not reach
	maxKeptAllBytes = 64 << 20 // at the half of it, no more replies are kept

	maxCopy     = 32 << 10 // written to a browser within writeTimeout
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

// begin returns a reply to keep, for an exchange and the handler of its request, whose bytes
// count, too. It is nil if there is no room for one more. It cancels a reply that becomes too
// large, or with which all of them do.
func (k *keptReplies) begin(request int, cancel context.CancelCauseFunc) *keptReply {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.count == maxKeptReplies || k.bytes+request > maxKeptAllBytes/2 {
		return nil
	}
	k.count++
	k.bytes += request
	return &keptReply{all: k, request: request, cancel: cancel, begun: time.Now(), header: http.Header{}, users: 2, changed: make(chan struct{})}
}

// size returns the bytes of a request and its message that a kept reply holds.
func size(r *http.Request, m *message) int {
	n := len(r.RequestURI) + len(m.text)
	for name, values := range r.Header {
		n += len(name) + len(strings.Join(values, ""))
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

// keptReply holds the frames of a reply from the first one. It is the ResponseWriter of
// the exchange, and the browsers' handlers copy from it.
type keptReply struct {
	all     *keptReplies
	request int // bytes
	cancel  context.CancelCauseFunc
	begun   time.Time
	header  http.Header // not changed after the first frame

	mu      sync.Mutex
	frames  []byte        // only appended to
	ended   bool          // no more frames come
	failure *httpError    // in place of frames
	users   int           // the exchange and the handlers that copy
	changed chan struct{} // closed at the next change
}

func (k *keptReply) Header() http.Header { return k.header }
func (k *keptReply) WriteHeader(int)     {}
func (k *keptReply) FlushError() error   { return nil }

func (k *keptReply) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.frames = append(k.frames, b...)
	if k.all.grow(len(b)) || len(k.frames) > maxKeptBytes {
		k.cancel(ErrReplyTooLong)
	}
	k.ended = bytes.HasSuffix(b, []byte(done))
	k.notify()
	return len(b), nil
}

func (k *keptReply) notify() {
	close(k.changed)
	k.changed = make(chan struct{})
}

// end says that no more frames come, and which response a browser gets if none came.
func (k *keptReply) end(failure *httpError) {
	k.mu.Lock()
	k.ended, k.failure = true, failure
	k.notify()
	k.mu.Unlock()
	k.release()
	k.all.end()
}

// join begins the use of a reply, which release ends, unless the reply is complete.
func (k *keptReply) join() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return false
	}
	k.users++
	return true
}

// release frees the frames after their last use.
func (k *keptReply) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users == 0 {
		k.all.grow(-len(k.frames) - k.request)
		k.frames = nil
	}
}

// next returns the frames after the first n bytes. Without any, isLast reports that none
// follow, and changed is closed when that is worth asking again.
func (k *keptReply) next(n int) (frames []byte, isLast bool, changed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.frames[n:min(len(k.frames), n+maxCopy)], k.ended, k.changed
}

// passOn writes the frames of a kept reply, which the caller has joined, to a browser as they
// come, until it leaves. It returns the response in place of frames.
func (p *Proxy) passOn(k *keptReply, w http.ResponseWriter, r *http.Request) *httpError {
	defer k.release()
	to := browser{ResponseWriter: w, control: http.NewResponseController(w)}
	for n := 0; time.Since(k.begun) < maxStream+writeTimeout; {
		frames, isLast, changed := k.next(n)
		switch {
		case len(frames) > 0:
			if n == 0 {
				maps.Copy(w.Header(), k.header)
			}
			n += len(frames)
			if err := to.write(frames); err != nil {
				p.reportWrite(r, err)
				return nil
			}
		case isLast && n == 0:
			return k.failure
		case isLast:
			return nil
		default:
			select {
			case <-r.Context().Done():
				return nil
			case <-changed:
			}
		}
	}
	return nil
}

// serveKept serves an exchange without a browser.
func (x *exchange) serveKept() {
	failure := internal(nil) // after a panic
	defer func() { x.kept.end(failure) }()
	defer func() { _ = recover() }() // of OnError, or http.ErrAbortHandler: there is no request to end
	defer endpoint.Recover(func(v *endpoint.Panic) { x.p.report(x.r, (*PanicError)(v)) })
	failure = x.respond()
	x.report()
}

// endReplaced ends the kept replies of the chat that began before the service's retry,
// which replaces them.
func (x *exchange) endReplaced(before time.Time) {
	for other := range x.p.running.Range {
		if o := other.(*exchange); o != x && o.kept != nil && o.key == x.key && o.kept.begun.Before(before) && o.opened.Load() {
			o.stop()
		}
	}
}

// resume copies the newest kept reply of a chat from its first frame. It responds with 204 if
// there is none in that form that goes on.
func (p *Proxy) resume(w http.ResponseWriter, r request) *httpError {
	chat, wantsNative := r.URL.Query().Get("chat"), len(r.segments) == 1
	if !wantsNative {
		chat = r.segments[1]
	}
	key, e := p.chatKey(r, chat)
	if e != nil {
		return e
	}
	if !p.resumed.take(r.subject()) {
		return errTooManyStreams
	}
	defer p.resumed.free(r.subject())
	var newest *exchange
	for other := range p.running.Range {
		x := other.(*exchange)
		_, isNative := x.out.encoder.(nativeEncoder)
		isWanted := x.kept != nil && x.key == key && isNative == wantsNative && !x.out.stopped.Load()
		if isWanted && (newest == nil || x.isRather(newest)) {
			newest = x
		}
	}
	if newest != nil {
		if e := p.checkClaim(r.Context(), r.Visitor, newest.knownConversation()); e != nil {
			return e
		}
	}
	if newest == nil || !newest.kept.join() {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return p.passOn(newest.kept, w, r.Request)
}

// isRather reports whether a page resumes x rather than another exchange: one whose message
// was sent rather than one that waits, else the newer one.
func (x *exchange) isRather(other *exchange) bool {
	if sent := x.sending.Load(); sent != other.sending.Load() {
		return sent
	}
	return x.kept.begun.After(other.kept.begun)
}

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
