package chatproxy

import (
	"context"
	"sync"
	"time"
)

const (
	allowedRequests = 20
	allowedWindow   = 10 * time.Second
)

// allowance lets each visitor make 20 requests in any 10 seconds: a fifth of the
// calls that the service allows a key.
type allowance struct {
	mu       sync.Mutex
	requests map[subject][]time.Time // within the window, oldest first
	swept    time.Time
}

func (a *allowance) allow(_ context.Context, v Visitor) (retryAfter time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.sweep(now)
	who := v.subject()
	recent := within(a.requests[who], now)
	if len(recent) == allowedRequests {
		return recent[0].Add(allowedWindow).Sub(now), false
	}
	a.requests[who] = append(recent, now)
	return 0, true
}

// sweep forgets the visitors without a recent request, once in a window.
func (a *allowance) sweep(now time.Time) {
	if now.Sub(a.swept) < allowedWindow {
		return
	}
	a.swept = now
	for who, times := range a.requests {
		if len(within(times, now)) == 0 {
			delete(a.requests, who)
		}
	}
}

func within(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= allowedWindow {
		times = times[1:]
	}
	return times
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
