package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// askAgain is for how long a process that has lost Redis does not ask it.
const askAgain = time.Second

// share is what a process keeps to while it is without Redis: one call in as many
// paces as there are processes, which is one call a pace for all of them.
type share struct {
	every   time.Duration
	onError func(error)

	mu       sync.Mutex
	without  bool
	next     time.Time // slot of the share, and after those that Redis gave
	askAfter time.Time
	toldAt   time.Time
}

func newShare(o Options) *share {
	s := &share{every: pace * time.Duration(o.Processes), onError: o.OnError}
	if s.onError == nil {
		s.onError = func(err error) { slog.Error("this process keeps to its part of the limit", "error", err) }
	}
	return s
}

// mayAsk says whether a call is to ask Redis: each, or one a second while this
// process is without it, so that the others need not wait for its failure.
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

// take returns how far away the next slot is, if it is within the time left.
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

// lost notes that Redis has failed. The share begins with a wait, for the calls
// that Redis has let go still count, and some are waiting for their slots.
func (s *share) lost(err error) {
	s.mu.Lock()
	now := time.Now()
	if !s.without {
		s.without, s.askAfter, s.next = true, now.Add(askAgain), later(now, s.next).Add(s.every)
	}
	tell := now.Sub(s.toldAt) >= askAgain
	if tell {
		s.toldAt = now
	}
	s.mu.Unlock()
	if tell {
		s.onError(err)
	}
}

// found notes that Redis has answered, and how far away its slot is.
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
	return fmt.Errorf("%w: the next call may go in %v", ErrTooLong, wait.Round(time.Millisecond))
}
