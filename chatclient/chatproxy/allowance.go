package chatproxy

import (
	"context"
	"sync"
	"time"
)

const (
	allowedCalls  = 20
	allowedWindow = 10 * time.Second
)

// allowance lets each visitor make 20 calls in any 10 seconds: a fifth of what
// the service allows a key.
type allowance struct {
	mu    sync.Mutex
	calls map[subject][]time.Time // within the window, oldest first
	swept time.Time
}

func (a *allowance) allow(_ context.Context, v Visitor) (retryAfter time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.sweep(now)
	who := v.subject()
	recent := within(a.calls[who], now)
	if len(recent) == allowedCalls {
		return recent[0].Add(allowedWindow).Sub(now), false
	}
	a.calls[who] = append(recent, now)
	return 0, true
}

// sweep forgets those who made no call of late, once in a window.
func (a *allowance) sweep(now time.Time) {
	if now.Sub(a.swept) < allowedWindow {
		return
	}
	a.swept = now
	for who, calls := range a.calls {
		if len(within(calls, now)) == 0 {
			delete(a.calls, who)
		}
	}
}

func within(calls []time.Time, now time.Time) []time.Time {
	for len(calls) > 0 && now.Sub(calls[0]) >= allowedWindow {
		calls = calls[1:]
	}
	return calls
}

// slots bounds how many replies each visitor reads at once.
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
