package chatproxy

import (
	"context"
	"net/http"
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
	retryAfter, ok := p.allow(r.Context(), v)
	if ok {
		p.allowed.Store(true)
		return nil
	}
	e = tooManyRequests(retryAfter)
	if p.rejected.Add(1) == allowedRequests && !p.allowed.Load() {
		e.cause = ErrNothingAllowed
	}
	return e
}

// allowance lets each key have 20 in any 10 seconds: a fifth of the calls that the
// service allows for an API key.
type allowance[K comparable] struct {
	mu     sync.Mutex
	recent map[K][]time.Time // within the window, oldest first
	swept  time.Time
}

func newAllowance[K comparable]() *allowance[K] {
	return &allowance[K]{recent: map[K][]time.Time{}}
}

func (a *allowance[K]) take(key K) (retryAfter time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.sweep(now)
	recent := within(a.recent[key], now)
	if len(recent) == allowedRequests {
		return recent[0].Add(allowedWindow).Sub(now), false
	}
	a.recent[key] = append(recent, now)
	return 0, true
}

// sweep removes the keys without a recent request, once in a window.
func (a *allowance[K]) sweep(now time.Time) {
	if now.Sub(a.swept) < allowedWindow {
		return
	}
	a.swept = now
	for key, times := range a.recent {
		if len(within(times, now)) == 0 {
			delete(a.recent, key)
		}
	}
}

func within(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= allowedWindow {
		times = times[1:]
	}
	return times
}

// defaultAllow is the default of Options.Allow.
func defaultAllow() func(context.Context, Visitor) (time.Duration, bool) {
	a := newAllowance[subject]()
	return func(_ context.Context, v Visitor) (time.Duration, bool) { return a.take(v.subject()) }
}

// slots bounds how many of something each visitor has at once.
type slots struct {
	max  int
	mu   sync.Mutex
	used map[subject]int
}

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
	release, who := p.acquire(r.Context(), v), v.subject()
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
