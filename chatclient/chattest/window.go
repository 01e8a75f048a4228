package chattest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	windowLimit = 100
	windowSpan  = 10 * time.Second
)

// window is a sliding one: the requests of the last ten seconds, oldest first.
type window []time.Time

// take counts a request, unless the window is full.
func (w *window) take(now time.Time) bool {
	w.slide(now)
	if len(*w) == windowLimit {
		return false
	}
	*w = append(*w, now)
	return true
}

func (w *window) slide(now time.Time) {
	*w = slices.DeleteFunc(*w, func(t time.Time) bool { return now.Sub(t) >= windowSpan })
}

// reset is when the oldest request leaves the window.
func (w *window) reset(now time.Time) time.Time {
	if len(*w) > 0 {
		now = (*w)[0]
	}
	return now.Add(windowSpan)
}

// stamp sets the headers. Chatbase calls the reset milliseconds in places, and
// seconds since 1970 in its specification: it is that here, rounded up.
func (w *window) stamp(h http.Header, now time.Time) {
	w.slide(now)
	h.Set("X-RateLimit-Limit", strconv.Itoa(windowLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(windowLimit-len(*w)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(w.reset(now).Add(time.Second-1).Unix(), 10))
}

// wholeSeconds rounds up: who waits that long is let in.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
