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

// The bounds of kept replies. At the key's limit of 10 messages a second, 500 replies run at the
// same time if each takes 50 seconds.
const (
	maxKeptReplies  = 500
	maxKeptBytes    = 4 << 20  // of one reply; 10 minutes of single words are fewer
	maxKeptAllBytes = 64 << 20 // from half of it on, no further replies are kept

	maxCopy     = 32 << 10 // bytes of one write to a browser
	dropTimeout = 5 * time.Second
)

// keptReplies counts the replies of Options.KeepReplies. Each runs in its own goroutine.
type keptReplies struct {
	dropped context.Context // done when Shutdown ends the remaining replies
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

// begin returns a keptReply for an exchange and the handler of its request, or nil if there are too
// many. request is the bytes of the request, which the reply holds. The reply calls cancel if it,
// or all replies together, exceed the bounds.
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

// size returns the bytes of a request that a kept reply holds.
func (r *request) size() int {
	n := len(r.RequestURI) + len(r.message.text)
	for name, values := range r.Header {
		n += len(name) + len(strings.Join(values, ""))
	}
	for _, result := range r.message.results {
		n += len(result.Output.(json.RawMessage))
	}
	return n
}

// withoutBody returns a copy of a request that may be used after the request has ended.
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

// close prevents further replies.
func (k *keptReplies) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closed && k.count == 0 {
		close(k.ended)
	}
	k.closed = true
}

// grow adds n bytes to those of all replies, and reports whether they exceed the bound.
func (k *keptReplies) grow(n int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes += n
	return k.bytes > maxKeptAllBytes
}

// keptReply holds all frames of a reply. It is the ResponseWriter of the exchange, and the handlers
// of browsers copy from it.
type keptReply struct {
	all     *keptReplies
	request int // bytes of the request
	cancel  context.CancelCauseFunc
	begun   time.Time
	header  http.Header // does not change after the first frame

	mu      sync.Mutex
	frames  []byte        // only appended to
	ended   bool          // no frames follow
	failure *httpError    // the response if there are no frames
	users   int           // the exchange and the handlers that copy
	changed chan struct{} // closed and replaced at each change
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

// end ends the reply. failure is the response to a browser if there are no frames.
func (k *keptReply) end(failure *httpError) {
	k.mu.Lock()
	k.ended, k.failure = true, failure
	k.notify()
	k.mu.Unlock()
	k.release()
	k.all.end()
}

// join adds a user of the reply, for whom release must be called. It returns false if the reply is
// complete.
func (k *keptReply) join() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return false
	}
	k.users++
	return true
}

// release removes a user of the reply. After the last one, it frees the frames.
func (k *keptReply) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users == 0 {
		k.all.grow(-len(k.frames) - k.request)
		k.frames = nil
	}
}

// next returns frames after the first n bytes, and whether the reply has ended. changed is closed
// when there is more.
func (k *keptReply) next(n int) (frames []byte, ended bool, changed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.frames[n:min(len(k.frames), n+maxCopy)], k.ended, k.changed
}

// copyReply copies a kept reply to a browser until one of them ends, and releases it. It returns the
// error response if the reply has no frames.
func (p *Proxy) copyReply(k *keptReply, w http.ResponseWriter, r *http.Request) *httpError {
	defer k.release()
	to := browser{ResponseWriter: w, control: http.NewResponseController(w)}
	for n := 0; time.Since(k.begun) < maxStream+writeTimeout; {
		frames, ended, changed := k.next(n)
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
		case ended && n == 0:
			return k.failure
		case ended:
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

// serveKept is like serve, for a kept reply.
func (x *exchange) serveKept() {
	failure := internal(nil) // after a panic
	defer func() { x.kept.end(failure) }()
	defer func() { _ = recover() }() // a panic of OnError or http.ErrAbortHandler must not end the program
	defer endpoint.Recover(func(v *endpoint.Panic) { x.p.report(x.r, (*PanicError)(v)) })
	failure = x.respond()
	x.report()
}

// endReplaced ends the kept replies of the chat that began before the service's retry, because the
// service has removed them.
func (x *exchange) endReplaced(before time.Time) {
	for other := range x.p.running.Range {
		if o := other.(*exchange); o != x && o.kept != nil && o.key == x.key && o.kept.begun.Before(before) && o.opened.Load() {
			o.stop()
		}
	}
}

// resume copies the newest kept reply of a chat from its first frame. It responds with 204 if none
// of the same form is running.
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
		if isWanted && (newest == nil || x.supersedes(newest)) {
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
	return p.copyReply(newest.kept, w, r.Request)
}

// supersedes reports whether a page resumes x and not other: an exchange whose message was sent
// before one that waits, else the newer one.
func (x *exchange) supersedes(other *exchange) bool {
	if sent := x.sending.Load(); sent != other.sending.Load() {
		return sent
	}
	return x.kept.begun.After(other.kept.begun)
}

// Shutdown waits until all replies of Options.KeepReplies have ended. From then on, new replies end
// with their requests. If ctx ends first, Shutdown ends the remaining replies, which takes at most 5
// seconds, and returns the error of ctx. Call it after http.Server.Shutdown, which waits for the
// browsers. Without KeepReplies, it returns nil at once.
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
