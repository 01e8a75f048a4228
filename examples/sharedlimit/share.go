package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// askAgain is how long a process without Redis waits before it tries Redis again.
const askAgain = time.Second

// share limits the calls of a process without Redis. Each process makes one call per pace
// multiplied by the number of processes, so that all of them together make one call per pace.
type share struct {
	every   time.Duration
	onError func(error)

	mu       sync.Mutex
	without  bool
	next     time.Time // next slot of the share, after the slots that Redis assigned
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

// mayAsk reports whether a call may use Redis. Without Redis, only one call per second does,
// so that the others need not wait for it to fail.
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

// take returns how long the call must wait. If that is longer than the time left, it returns
// ErrTooLong.
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

// lost records that Redis failed. The first slot of the share is not immediate, because calls
// that Redis released still count, and some of them are waiting for their slots.
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

// found records that Redis works again and has assigned a slot.
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
