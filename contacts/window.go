package contacts

import (
	"context"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// The service's limit for a key: calls in any span.
const (
	windowLimit = 100
	windowSpan  = 10 * time.Second
)

// window keeps calls within a part of the limit. The service counts a call at an
// unknown time between its start and its response, so a call counts from its start
// until a span after its response. The zero window is empty.
type window struct {
	mu       sync.Mutex
	underWay int
	ended    []time.Time // the times of the responses within the last span
}

// wait waits until a call may begin, with at most limit calls in any span. It
// returns false if ctx ends first. After the call, call release.
func (w *window) wait(ctx context.Context, limit int) bool {
	for wait := w.take(limit); wait > 0; wait = w.take(limit) {
		if !bookbag.Sleep(ctx, wait) {
			return false
		}
	}
	return true
}

// release is called after a call, or with false if no call was made after wait.
func (w *window) release(called bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underWay--
	if called {
		w.ended = append(w.ended, time.Now())
	}
}

// take counts a call and returns 0, or returns how long to wait.
func (w *window) take(limit int) (wait time.Duration) {
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
