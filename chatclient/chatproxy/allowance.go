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

// checkAllowance counts a request of the visitor, before anything of it is read.
func (p *Proxy) checkAllowance(r *http.Request, v Visitor) (e *httpError) {
	defer endpoint.Recover(func(p *endpoint.Panic) { e = internal((*PanicError)(p)) })
	retryAfter, ok := p.options.Allow(r.Context(), v)
	if ok {
		p.rejected.Store(allowedRequests) // so that it never reaches that
		return nil
	}
	e = tooManyRequests(retryAfter)
	if p.rejected.Add(1) == allowedRequests {
		e.cause = ErrNothingAllowed
	}
	return e
}

// allowance lets each visitor have 20 in any 10 seconds: a fifth of the calls that the
// service allows for an API key.
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
	if isOld(a.swept) { // once in a window, visitors without a recent request go
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

// slots bounds how many of something each visitor has at once.
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

// slot is one of slots and what Options.AcquireStream gave. It is free when all who hold it
// have released it: the exchange and, of a kept reply, the handler that copies it.
type slot struct {
	holders atomic.Int32
	free    func()
}

// release reports a panic of the site's function.
func (s *slot) release(report func(error)) {
	defer endpoint.Recover(func(v *endpoint.Panic) { report((*PanicError)(v)) })
	if s.holders.Add(-1) == 0 {
		s.free()
	}
}

// takeSlot takes a slot for a reply, which its exchange holds.
func (p *Proxy) takeSlot(r *http.Request, v Visitor) (s *slot, e *httpError) {
	defer endpoint.Recover(func(p *endpoint.Panic) { e = internal((*PanicError)(p)) })
	release, who := p.options.AcquireStream(r.Context(), v), v.subject()
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
