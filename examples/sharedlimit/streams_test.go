package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chatproxy"
)

var ada = chatproxy.Visitor{UserID: "ada"}

func TestStreams_MaxOfManyAtOnce(t *testing.T) {
	server := startRedis(t)
	s := &Streams{Redis: server.client(t), Max: 3, Lease: time.Hour, OnError: func(err error) { assert.NoError(t, err) }}
	var held, rejected atomic.Int64
	var running sync.WaitGroup
	releases := make(chan func(), 20)
	for range 20 {
		running.Go(func() {
			if release := s.Acquire(t.Context(), ada); release != nil {
				held.Add(1)
				releases <- release
				return
			}
			rejected.Add(1)
		})
	}
	running.Wait()
	assert.Equal(t, int64(3), held.Load())
	assert.Equal(t, int64(17), rejected.Load())
	assert.Nil(t, s.Acquire(t.Context(), chatproxy.Visitor{UserID: "ada", Session: "another"}), "a customer in all sessions")
	other := s.Acquire(t.Context(), chatproxy.Visitor{Session: "ada"})
	require.NotNil(t, other)
	other()
	close(releases)
	for release := range releases {
		release()
	}
	keys, err := s.Redis.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	assert.Empty(t, keys, "nothing is left")
}

// A process that was killed does not hold its replies for ever, and one that lives renews.
func TestStreams_LeaseEnds(t *testing.T) {
	server := startRedis(t)
	s := &Streams{Redis: server.client(t), Max: 2, Lease: 2 * time.Second}
	release := s.Acquire(t.Context(), ada)
	require.NotNil(t, release)
	defer release()
	keys, err := s.Redis.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	counted, err := s.lease(t.Context(), keys[0], "killed", 2)
	require.NoError(t, err)
	require.True(t, counted)
	ids := func() []string { return s.Redis.ZRange(t.Context(), keys[0], 0, -1).Val() }
	require.Eventually(t, func() bool { return len(ids()) == 1 && ids()[0] != "killed" }, time.Minute, 10*time.Millisecond)
}

// Replies that began without Redis count when it is back.
func TestStreams_CountAgainWhenRedisIsBack(t *testing.T) {
	server := startRedis(t)
	server.stop()
	reported := 0
	s := &Streams{Redis: server.client(t), Max: 2, Lease: 3 * time.Second, OnError: func(error) { reported++ }}
	for range 4 {
		release := s.Acquire(t.Context(), ada)
		require.NotNil(t, release, "the bound of the process is that of the Proxy")
		defer release()
	}
	assert.Equal(t, 4, reported)
	server.start(t)
	require.Eventually(t, func() bool {
		release := s.Acquire(t.Context(), ada)
		if release != nil {
			release()
		}
		return release == nil
	}, time.Minute, 50*time.Millisecond)
}

// The lease of a reply ends with it, also when its request was canceled.
func TestStreams_ReleasedAfterTheRequest(t *testing.T) {
	s := &Streams{Redis: startRedis(t).client(t), Max: 1, Lease: time.Hour}
	for i := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		release := s.Acquire(ctx, ada)
		require.NotNil(t, release, fmt.Sprint(i))
		cancel()
		release()
	}
}
