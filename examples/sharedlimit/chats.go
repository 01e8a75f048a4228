package main

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Chats stores in Redis which conversation each chat of a page belongs to. Copy this file,
// and set chatproxy.Options.Chats.
//
// With Redis, a chat continues on every machine, and exactly one machine makes each change. A
// change that go-redis retries after a lost response is made once. If Redis fails, both
// methods return an error, which the Proxy reports. Then a page with a ticket continues its
// conversation. A page without one begins a new conversation, and receives conversationLost.
// If Redis has lost its data, a page without a ticket begins a new conversation as well: its
// start frame has no conversation.
//
// Chats requires Redis 5 or later. Redis stores neither names nor texts, only tickets, which
// contain the ids of conversations, and marks. Anyone who can read Redis and guess a user id
// can find out which chats that user has claimed. The zero value is not usable.
type Chats struct {
	// Redis is the client. Its timeouts limit how long a message waits: see connect.
	Redis *redis.Client

	// MaxAge is how long a value is stored after its last change, at least a millisecond. Use
	// 24 hours, or more if a session lasts longer and Options.ContinueAfterSignIn is set.
	MaxAge time.Duration
}

// swapChat replaces the value ARGV[1], and stores the id of the change. It returns 1 if it
// replaced the value, also if an earlier attempt did.
var swapChat = redis.NewScript(`
local now = redis.call('HMGET', KEYS[1], 'value', 'change')
if now[2] == ARGV[3] then
  return 1
end
if (now[1] or '') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'change', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
`)

// Load implements chatproxy.Chats.
func (c *Chats) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := c.Redis.HGet(ctx, "chat:"+key, "value").Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, err
}

// CompareAndSwap implements chatproxy.Chats.
func (c *Chats) CompareAndSwap(ctx context.Context, key string, old, new []byte) (bool, error) {
	return swapChat.Run(ctx, c.Redis, []string{"chat:" + key}, old, new, rand.Text(), c.MaxAge.Milliseconds()).Bool()
}
