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

// Window is a sliding window of 100 requests in any 10 seconds. The zero Window
// is empty. Several goroutines may use it.
type Window struct {
	Reset string // a token of "rate-limit-reset": the form of X-RateLimit-Reset

	mu    sync.Mutex
	times []time.Time // of the requests in the window, oldest first
}

// Take counts a request and returns 0, or returns how long it takes until there
// is room for one. It sets the headers of the rate limit.
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

// Stamp sets the headers of the rate limit without counting.
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

// stamp rounds the time of the reset up to whole seconds, or to milliseconds.
func (w *Window) stamp(h http.Header, now time.Time) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(windowLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(windowLimit-len(w.times)))
	reset := w.reset(now)
	number := reset.Add(time.Second - 1).Unix()
	switch w.Reset {
	case "epoch-ms":
		number = reset.Add(time.Millisecond - 1).UnixMilli()
	case "seconds-left":
		number = seconds(reset.Sub(now))
	}
	h.Set("X-RateLimit-Reset", strconv.FormatInt(number, 10))
}

// SetRetryAfter sets the header in whole seconds, rounded up.
func SetRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.FormatInt(seconds(d), 10))
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
