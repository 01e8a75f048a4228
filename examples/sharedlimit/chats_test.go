package main

import (
	"crypto/rand"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chatproxy"
)

var _ chatproxy.Chats = (*Chats)(nil)

func TestChats_CompareAndSwap(t *testing.T) {
	c := &Chats{Redis: startRedis(t).client(t), MaxAge: time.Hour}
	swap := func(key string, old, new []byte) bool {
		swapped, err := c.CompareAndSwap(t.Context(), key, old, new)
		require.NoError(t, err)
		return swapped
	}
	load := func(key string) []byte {
		value, err := c.Load(t.Context(), key)
		require.NoError(t, err)
		return value
	}
	one, two := []byte("one"), []byte("tw\x00\xff")
	assert.Nil(t, load("a.b"))
	assert.False(t, swap("a.b", one, two))
	assert.True(t, swap("a.b", nil, one))
	assert.False(t, swap("a.b", nil, one), "equal values of two changes are two")
	assert.True(t, swap("a.b", one, two))
	assert.Equal(t, two, load("a.b"))
	assert.Nil(t, load("a.c"))
	life, err := c.Redis.PTTL(t.Context(), "chat:a.b").Result()
	require.NoError(t, err)
	assert.Positive(t, life)
	assert.LessOrEqual(t, life, time.Hour)
}

// Of those who change the same value, one does.
func TestChats_OneChangeAtOnce(t *testing.T) {
	server := startRedis(t)
	const writers, changes = 8, 20
	var running sync.WaitGroup
	for range writers {
		c := &Chats{Redis: server.client(t), MaxAge: time.Hour}
		running.Go(func() {
			for done := 0; done < changes; {
				old, err := c.Load(t.Context(), "key")
				if !assert.NoError(t, err) {
					return
				}
				n, _ := strconv.Atoi(string(old))
				swapped, err := c.CompareAndSwap(t.Context(), "key", old, []byte(strconv.Itoa(n+1)))
				if !assert.NoError(t, err) {
					return
				}
				if swapped {
					done++
				}
			}
		})
	}
	running.Wait()
	value, err := (&Chats{Redis: server.client(t)}).Load(t.Context(), "key")
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(writers*changes), string(value))
}

// go-redis repeats a change whose response was lost.
func TestChats_RepeatedChange(t *testing.T) {
	client := startRedis(t).client(t)
	change := rand.Text()
	for range 2 {
		swapped, err := swapChat.Run(t.Context(), client, []string{"chat:key"}, "", "new", change, 1000_000).Bool()
		require.NoError(t, err)
		assert.True(t, swapped)
	}
}

// Without Redis nothing may be exchanged: both methods fail.
func TestChats_WithoutRedis(t *testing.T) {
	server := startRedis(t)
	c := &Chats{Redis: server.client(t), MaxAge: time.Hour}
	swapped, err := c.CompareAndSwap(t.Context(), "key", nil, []byte("value"))
	require.NoError(t, err)
	require.True(t, swapped)
	server.stop()
	value, err := c.Load(t.Context(), "key")
	assert.Error(t, err)
	assert.Nil(t, value)
	swapped, err = c.CompareAndSwap(t.Context(), "key", []byte("value"), []byte("other"))
	assert.Error(t, err)
	assert.False(t, swapped)
	server.start(t)
	value, err = c.Load(t.Context(), "key")
	assert.NoError(t, err)
	assert.Nil(t, value, "Redis has an empty memory")
}
