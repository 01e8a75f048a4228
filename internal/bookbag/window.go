package bookbag

import (
	"context"
	"sync"
	"time"
)

// The limit of the service for a key: calls in any span.
const (
	WindowLimit = 100
	windowSpan  = 10 * time.Second
)

// Window keeps calls within a part of the limit, exactly. The service counts a call
// at an unknown time between its beginning and its response, so a call counts from
// its beginning until a span after its response. The zero Window is empty.
type Window struct {
	mu       sync.Mutex
	underWay int
	ended    []time.Time // when calls within the last span were responded to
}

// Wait waits until a call may begin, with at most limit calls in any span. It
// returns false if ctx ends first. After the call, call Release.
func (w *Window) Wait(ctx context.Context, limit int) bool {
	for wait := w.take(limit); wait > 0; wait = w.take(limit) {
		if !sleep(ctx, wait) {
			return false
		}
	}
	return true
}

// Release is called after a call, or with false if no call was made after Wait.
func (w *Window) Release(called bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underWay--
	if called {
		w.ended = append(w.ended, time.Now())
	}
}

// take counts a call and returns 0, or returns how long to wait.
func (w *Window) take(limit int) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for len(w.ended) > 0 && now.Sub(w.ended[0]) >= windowSpan {
		w.ended = w.ended[1:]
	}
	over := w.underWay + len(w.ended) + 1 - limit
	switch {
	case over <= 0:
		w.underWay++
		return 0
	case over > len(w.ended): // until one that is under way ends
		return 10 * time.Millisecond
	}
	return w.ended[over-1].Add(windowSpan).Sub(now)
}
