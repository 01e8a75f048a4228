package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// askAgain is how long a process that has lost Redis waits before it tries again.
const askAgain = time.Second

// share bounds the calls of a process without Redis: one call in as many paces as there are
// processes, which is one call a pace for all of them.
type share struct {
	every   time.Duration
	onError func(error)

	mu       sync.Mutex
	without  bool
	next     time.Time // slot of the share, after those that Redis gave
	askAfter time.Time
	reported time.Time
}

func newShare(o LimiterOptions) *share {
	s := &share{every: pace * time.Duration(o.Processes), onError: o.OnError}
	if s.onError == nil {
		s.onError = func(err error) { slog.Error("sharedlimit: this process keeps to its share of the limit", "error", err) }
	}
	return s
}

// mayAsk reports whether a call asks Redis: each call, or one a second without Redis, so that
// the others do not wait for it to fail.
func (s *share) mayAsk() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.without {
		return true
	}
	now := time.Now()
	if now.Before(s.askAfter) {
		return false
	}
	s.askAfter = now.Add(askAgain)
	return true
}

// take returns how long the call must wait, if that is within the time left.
func (s *share) take(left time.Duration) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	slot := later(now, s.next)
	wait := slot.Sub(now)
	if wait > left {
		return 0, tooLong(wait)
	}
	s.next = slot.Add(s.every)
	return wait, nil
}

// lost begins or continues the time without Redis. The share begins with a wait: the calls
// that Redis let go still count, and some wait for their slots.
func (s *share) lost(err error) {
	s.mu.Lock()
	now := time.Now()
	if !s.without {
		s.without, s.askAfter, s.next = true, now.Add(askAgain), later(now, s.next).Add(s.every)
	}
	due := now.Sub(s.reported) >= askAgain
	if due {
		s.reported = now
	}
	s.mu.Unlock()
	if due {
		s.onError(err)
	}
}

// found ends the time without Redis, which has given a slot.
func (s *share) found(wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.without, s.next = false, later(s.next, time.Now().Add(wait))
}

func (s *share) isWithout() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.without
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func tooLong(wait time.Duration) error {
	return fmt.Errorf("%w: the next slot is in %v", ErrTooLong, wait.Round(time.Millisecond))
}
