package main

import (
	"context"
	"errors"
	"math"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// All shares together are a call in every pace.
func TestTheShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		s := newShare(Options{Processes: 4, OnError: func(err error) { told = append(told, err) }})
		assert.Equal(t, 4*pace, s.every)
		assert.True(t, s.mayAsk())
		assert.True(t, s.mayAsk(), "while Redis answers, every call asks it")
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
		assert.Equal(t, 5*s.every, wait, "who does not wait takes no slot")

		time.Sleep(askAgain)
		assert.True(t, s.mayAsk())
		assert.False(t, s.mayAsk(), "one asks for all")
		s.lost(failed)
		assert.Equal(t, []error{failed, failed}, told, "once a second")
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

// Four machines lose Redis and find it again. Meanwhile they keep to the limit,
// and no caller gets to know of it.
func TestFallback(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	fake, err := chattest.New(&chattest.Options{Window: true})
	require.NoError(t, err)
	service := &statuses{Handler: fake}
	bookbag := httptest.NewServer(service)
	defer bookbag.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 14*time.Second)
	defer cancel()
	var told atomic.Int64
	calls := make(chan call)
	var running sync.WaitGroup
	limiters := make([]*Limiter, 4)
	for i := range limiters {
		limiters[i] = server.limiter(t, &Options{Processes: len(limiters), OnError: func(error) { told.Add(1) }})
		// Redis comes back with an empty memory: until that is filled, some calls are
		// refused and repeated, on a busy machine more than twice.
		bot, err := chatclient.New(fakeKey, 123, &chatclient.Options{BaseURL: bookbag.URL, Limiter: limiters[i], MaxRetries: 5})
		require.NoError(t, err)
		for range 3 {
			running.Go(func() { work(ctx, bot, i, calls) })
		}
	}
	go func() { running.Wait(); close(calls) }()
	collected := make(chan []time.Time)
	go func() {
		var times []time.Time
		end, _ := ctx.Deadline()
		for c := range calls {
			if e, ok := errors.AsType[*chatclient.Error](c.err); ok && time.Now().Add(e.RetryAfter).After(end) {
				continue // rejected at the end of the run: there is no time to repeat it
			}
			assert.NoError(t, c.err)
			times = append(times, c.at)
		}
		collected <- times
	}()

	without := func(n int) func() bool {
		return func() bool {
			count := 0
			for _, l := range limiters {
				if l.local.isWithout() {
					count++
				}
			}
			return count == n
		}
	}
	time.Sleep(3 * time.Second)
	assert.True(t, without(0)(), "all have Redis")
	server.stop()
	require.Eventually(t, without(4), 5*time.Second, 10*time.Millisecond)
	lostAt := time.Now()
	time.Sleep(5 * time.Second)
	backAt := time.Now()
	server.start(t)
	require.Eventually(t, without(0), 5*time.Second, 10*time.Millisecond)
	t.Logf("without Redis for %v, which was found again after %v", backAt.Sub(lostAt).Round(time.Millisecond), time.Since(backAt).Round(time.Millisecond))
	assert.NotEmpty(t, slotsOf(t, limiters[0]))

	times, alone := <-collected, 0
	for _, at := range times {
		if at.After(lostAt) && at.Before(backAt) {
			alone++
		}
	}
	t.Logf("%d calls, %d of them without Redis; %d were refused and repeated; %d errors told", len(times), alone, service.refused.Load(), told.Load())
	assert.InDelta(t, backAt.Sub(lostAt)/pace, alone, 15)
	assert.GreaterOrEqual(t, told.Load(), int64(4))
	assert.LessOrEqual(t, told.Load(), 4*int64(time.Since(lostAt)/askAgain+1))
}
