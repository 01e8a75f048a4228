package chatproxy

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/internal/endpoint"
)

const (
	allowedRequests = 20
	allowedWindow   = 10 * time.Second
)

// checkAllowance calls Options.Allow.
func (p *Proxy) checkAllowance(r *http.Request, v Visitor) (e *httpError) {
	defer endpoint.Recover(func(p *endpoint.Panic) { e = internal((*PanicError)(p)) })
	retryAfter, ok := p.options.Allow(r.Context(), v)
	if ok {
		p.rejected.Store(allowedRequests) // ErrNothingAllowed will not be reported
		return nil
	}
	e = tooManyRequests(retryAfter)
	if p.rejected.Add(1) == allowedRequests {
		e.cause = ErrNothingAllowed
	}
	return e
}

// allowance allows each visitor 20 requests in any 10 seconds, a fifth of the key's limit.
type allowance struct {
	mu     sync.Mutex
	recent map[subject][]time.Time // within the window, oldest first
	swept  time.Time
}

func newAllowance() *allowance { return &allowance{recent: map[subject][]time.Time{}} }

func (a *allowance) take(who subject) (retryAfter time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	isOld := func(t time.Time) bool { return now.Sub(t) >= allowedWindow }
	if isOld(a.swept) { // once in a window, visitors without a recent request are removed
		a.swept = now
		maps.DeleteFunc(a.recent, func(_ subject, times []time.Time) bool { return isOld(times[len(times)-1]) })
	}
	recent := slices.DeleteFunc(a.recent[who], isOld)
	if len(recent) == allowedRequests {
		return recent[0].Add(allowedWindow).Sub(now), false
	}
	a.recent[who] = append(recent, now)
	return 0, true
}

// slots limits how many of something each visitor has at the same time.
type slots struct {
	max  int
	mu   sync.Mutex
	used map[subject]int
}

func newSlots(max int) *slots { return &slots{max: max, used: map[subject]int{}} }

func (s *slots) take(who subject) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[who] == s.max {
		return false
	}
	s.used[who]++
	return true
}

func (s *slots) free(who subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[who]--; s.used[who] == 0 {
		delete(s.used, who)
	}
}

// slot is a reply's share of MaxStreamsPerVisitor and of Options.AcquireStream. Its holders are the
// exchange and, for a kept reply, the handler of the request. The last one frees it.
type slot struct {
	holders atomic.Int32
	free    func()
}

// release removes a holder. A panic of the site's function is reported.
func (s *slot) release(report func(error)) {
	defer endpoint.Recover(func(v *endpoint.Panic) { report((*PanicError)(v)) })
	if s.holders.Add(-1) == 0 {
		s.free()
	}
}

// takeSlot takes a slot for a reply. Its first holder is the exchange.
func (p *Proxy) takeSlot(r request) (s *slot, e *httpError) {
	defer endpoint.Recover(func(p *endpoint.Panic) { e = internal((*PanicError)(p)) })
	release, who := p.options.AcquireStream(r.Context(), r.Visitor), r.subject()
	if release == nil {
		return nil, errTooManyStreams
	}
	if !p.streams.take(who) {
		release()
		return nil, errTooManyStreams
	}
	s = &slot{free: func() { p.streams.free(who); release() }}
	s.holders.Store(1)
	return s, nil
}
