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
func (w *Window) Take(h http.Header) (wait time.Duration) { return w.update(h, true) }

// Stamp sets the headers of the rate limit without counting.
func (w *Window) Stamp(h http.Header) { w.update(h, false) }

func (w *Window) update(h http.Header, count bool) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.times = slices.DeleteFunc(w.times, func(t time.Time) bool { return now.Sub(t) >= windowSpan })
	if count && len(w.times) == windowLimit {
		wait = w.times[0].Add(windowSpan).Sub(now)
	} else if count {
		w.times = append(w.times, now)
	}
	oldest := append(w.times, now)[0]
	h.Set("X-RateLimit-Limit", strconv.Itoa(windowLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(windowLimit-len(w.times)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(w.format(oldest.Add(windowSpan), now), 10))
	return wait
}

// format rounds the time of the reset up to whole seconds, or to milliseconds.
func (w *Window) format(reset, now time.Time) int64 {
	switch w.Reset {
	case "epoch-ms":
		return reset.Add(time.Millisecond - 1).UnixMilli()
	case "seconds-left":
		return seconds(reset.Sub(now))
	}
	return reset.Add(time.Second - 1).Unix()
}

// SetRetryAfter sets the header in whole seconds, rounded up.
func SetRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.FormatInt(seconds(d), 10))
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
