package main

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// All shares together are a call in every pace.
func TestShare_OneCallAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []error
		s := newShare(LimiterOptions{Processes: 4, OnError: func(err error) { reported = append(reported, err) }})
		assert.Equal(t, 4*pace, s.every)
		assert.True(t, s.mayAsk())
		assert.True(t, s.mayAsk(), "with Redis, every call asks it")
		failed := errors.New("gone")
		s.lost(failed)
		s.lost(failed)
		assert.True(t, s.isWithout())
		assert.False(t, s.mayAsk())

		for i := range 4 {
			wait, err := s.take(math.MaxInt64)
			require.NoError(t, err)
			assert.Equal(t, time.Duration(i+1)*s.every, wait, "also the first one waits")
		}
		_, err := s.take(5*s.every - 1)
		assert.ErrorIs(t, err, ErrTooLong)
		wait, err := s.take(5 * s.every)
		require.NoError(t, err)
		assert.Equal(t, 5*s.every, wait, "a call that does not wait takes no slot")

		time.Sleep(askAgain)
		assert.True(t, s.mayAsk())
		assert.False(t, s.mayAsk(), "one asks for all")
		s.lost(failed)
		assert.Equal(t, []error{failed, failed}, reported, "once a second")
		time.Sleep(time.Minute)
		wait, err = s.take(0)
		require.NoError(t, err)
		assert.Zero(t, wait)

		s.found(time.Second)
		assert.True(t, s.mayAsk())
		assert.True(t, s.mayAsk())
		s.lost(failed)
		wait, err = s.take(math.MaxInt64)
		require.NoError(t, err)
		assert.Equal(t, time.Second+s.every, wait, "after the slot that Redis gave")
	})
}

// Processes that have lost Redis share the limit, and use Redis again when it is back.
func TestLimiter_FallsBackToItsShare(t *testing.T) {
	server := startRedis(t)
	const processes = 4
	var reported atomic.Int64
	limiters := make([]*Limiter, processes)
	for i := range limiters {
		limiters[i] = server.limiter(t, &LimiterOptions{Processes: processes, OnError: func(error) { reported.Add(1) }})
		_, err := limiters[i].take(t.Context(), "before")
		require.NoError(t, err)
		assert.False(t, limiters[i].local.isWithout())
	}
	server.stop()
	begun := time.Now()
	for _, l := range limiters {
		for i := range 10 {
			wait, err := l.take(t.Context(), "alone")
			require.NoError(t, err)
			assert.GreaterOrEqual(t, time.Since(begun)+wait, time.Duration(i+1)*processes*pace)
		}
		assert.True(t, l.local.isWithout())
	}
	assert.GreaterOrEqual(t, reported.Load(), int64(processes))

	server.start(t)
	for i, l := range limiters {
		require.Eventually(t, func() bool {
			_, err := l.take(t.Context(), fmt.Sprint(i))
			return assert.NoError(t, err) && !l.local.isWithout()
		}, time.Minute, 10*time.Millisecond)
	}
}
