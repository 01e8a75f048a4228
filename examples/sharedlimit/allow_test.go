package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chatproxy"
)

func TestAllowance_CountsByVisitor(t *testing.T) {
	server := startRedis(t)
	a := &Allowance{Redis: server.client(t), Requests: 3, Window: time.Hour, OnError: func(err error) { assert.NoError(t, err) }}
	allow := func(v chatproxy.Visitor) bool {
		retryAfter, ok := a.Allow(t.Context(), v)
		assert.Equal(t, ok, retryAfter == 0)
		assert.LessOrEqual(t, retryAfter, time.Hour)
		return ok
	}
	for range 3 {
		assert.True(t, allow(chatproxy.Visitor{UserID: "ada"}))
	}
	assert.False(t, allow(chatproxy.Visitor{UserID: "ada"}))
	assert.False(t, allow(chatproxy.Visitor{UserID: "ada", Session: "another"}), "a customer in all sessions")
	assert.True(t, allow(chatproxy.Visitor{UserID: "grace"}))
	assert.True(t, allow(chatproxy.Visitor{Session: "ada"}))

	keys, err := a.Redis.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	assert.Len(t, keys, 3)
	assert.NotContains(t, strings.Join(keys, " "), "ada")
	for _, key := range keys {
		life, err := a.Redis.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		assert.Positive(t, life, "it expires")
	}
}

// The window slides: what left it no longer counts.
func TestAllowance_WindowSlides(t *testing.T) {
	const window = 50 * time.Millisecond
	a := &Allowance{Redis: startRedis(t).client(t), Requests: 3, Window: window}
	var allowedAfter []time.Time // no request was counted earlier
	for range 200 {
		begun := time.Now()
		retryAfter, ok := a.Allow(t.Context(), chatproxy.Visitor{UserID: "ada"})
		if !ok {
			assert.LessOrEqual(t, retryAfter, window)
			time.Sleep(retryAfter)
			continue
		}
		ended := time.Now()
		if n := len(allowedAfter); n >= 3 {
			assert.GreaterOrEqual(t, ended.Sub(allowedAfter[n-3]), window)
		}
		allowedAfter = append(allowedAfter, begun)
	}
	assert.Greater(t, len(allowedAfter), 3, "it goes on after the window")
}

func TestAllowance_WithoutRedis(t *testing.T) {
	server := startRedis(t)
	server.stop()
	reported := 0
	a := &Allowance{Redis: server.client(t), Requests: 2, Window: time.Hour, OnError: func(error) { reported++ }}
	for i := range 4 {
		retryAfter, ok := a.Allow(t.Context(), chatproxy.Visitor{UserID: "ada"})
		assert.Equal(t, i < 2, ok)
		assert.Equal(t, ok, retryAfter == 0)
	}
	_, ok := a.Allow(t.Context(), chatproxy.Visitor{Session: "ada"})
	assert.True(t, ok)
	assert.Equal(t, 5, reported)

	a.begun = time.Now().Add(-time.Hour)
	_, ok = a.Allow(t.Context(), chatproxy.Visitor{UserID: "ada"})
	assert.True(t, ok, "the next window")
}
