package main

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Chats keeps on Redis which conversation each chat of a page belongs to. Copy this file,
// and set chatproxy.Options.Chats.
//
// With Redis, a chat continues on every machine, and each change is made by one of them.
// A change that go-redis repeats after a lost response counts once. Without, both methods
// return an error, which the Proxy reports: a page that has a ticket continues its
// conversation; another begins a new one, and gets conversationLost. When Redis has lost
// its memory, a page without a ticket begins a new conversation as well, and sees that in
// the start frame, which has none.
//
// Redis 5 or later is needed. It stores neither names nor texts, but tickets, which hold
// the ids of conversations, and marks. Who reads it can guess which user has claimed one. The zero value is not usable.
type Chats struct {
	// Redis is the client, whose time-outs bound how long a message waits: see connect.
	Redis *redis.Client

	// MaxAge is how long a value is kept after its last change. It must be at least a
	// millisecond; 24 hours, or longer with Options.ContinueAfterSignIn, if a session lasts longer.
	MaxAge time.Duration
}

// swapChat stores a value and the id of its change, in place of the value ARGV[1]. It
// returns 1 if it did, also before.
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

// Load is a method of chatproxy.Chats.
func (c *Chats) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := c.Redis.HGet(ctx, "chat:"+key, "value").Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, err
}

// CompareAndSwap is a method of chatproxy.Chats.
func (c *Chats) CompareAndSwap(ctx context.Context, key string, old, new []byte) (bool, error) {
	return swapChat.Run(ctx, c.Redis, []string{"chat:" + key}, old, new, rand.Text(), c.MaxAge.Milliseconds()).Bool()
}
