package fake

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	windowLimit = 100
	windowSpan  = 10 * time.Second
)

// Window is a sliding one, of 100 requests in any 10 seconds. The zero Window
// is empty. It is safe for use by many goroutines.
type Window struct {
	mu    sync.Mutex
	times []time.Time // of the requests within it, oldest first
}

// Take counts a request and returns 0, or how long it takes until another one
// fits in. It sets the headers of the rate limit.
func (w *Window) Take(h http.Header) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.slide(now)
	if len(w.times) < windowLimit {
		w.times = append(w.times, now)
	} else {
		wait = w.reset(now).Sub(now)
	}
	w.stamp(h, now)
	return wait
}

// Stamp sets the headers of the rate limit, and counts nothing.
func (w *Window) Stamp(h http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.slide(now)
	w.stamp(h, now)
}

func (w *Window) slide(now time.Time) {
	w.times = slices.DeleteFunc(w.times, func(t time.Time) bool { return now.Sub(t) >= windowSpan })
}

// reset is when the oldest request leaves the window.
func (w *Window) reset(now time.Time) time.Time {
	if len(w.times) > 0 {
		now = w.times[0]
	}
	return now.Add(windowSpan)
}

// stamp gives the reset as Chatbase's specification does, in seconds since
// 1970, rounded up. Other pages of Chatbase call it milliseconds.
func (w *Window) stamp(h http.Header, now time.Time) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(windowLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(windowLimit-len(w.times)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(w.reset(now).Add(time.Second-1).Unix(), 10))
}

// SetRetryAfter sets the header in whole seconds, rounded up: who waits that
// long is let in.
func SetRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}
