package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/chatident/chatident/chatclient/chatproxy"
)

// Allowance limits the requests of each visitor across all machines. Copy this file, and set
// chatproxy.Options.Allow to the Allow method.
//
// With Redis, a visitor may make Requests requests in any Window, on all machines together.
// If Redis fails, each process counts alone, in consecutive windows: with n processes, a
// visitor may make up to n times as many requests, and twice that across the boundary of two
// windows. A request that go-redis retries may count twice. Rejected requests do not count.
//
// Allowance requires Redis 5 or later. Redis stores a hash of the visitor. Anyone who can
// guess a user id can recognize its hash. The zero value is not usable.
type Allowance struct {
	// Redis is the client. Its timeouts limit how long a request waits: see connect.
	Redis *redis.Client

	// Requests is the maximum number of requests of a visitor in any Window. Both must be
	// positive.
	Requests int
	Window   time.Duration

	// OnError, if non-nil, is called for each request that Redis did not count. Default: log
	// with slog at level Error.
	OnError func(error)

	mu    sync.Mutex
	begun time.Time      // start of the window of this process
	alone map[string]int // requests in the window, by key
}

// allowRequest stores the times of the latest requests in microseconds, newest first. It
// returns how long the visitor must wait, or 0 if the request is allowed.
var allowRequest = redis.NewScript(`
local requests, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local oldest = tonumber(redis.call('LINDEX', KEYS[1], requests - 1) or 0)
if oldest + window > now then
  return oldest + window - now
end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, requests - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return 0
`)

// Allow implements chatproxy.Options.Allow.
func (a *Allowance) Allow(ctx context.Context, v chatproxy.Visitor) (retryAfter time.Duration, ok bool) {
	kind, id := "session", v.Session
	if v.UserID != "" { // one limit for all sessions of a user
		kind, id = "user", string(v.UserID)
	}
	hash := sha256.Sum256([]byte(kind + " " + id))
	key := "allow:" + hex.EncodeToString(hash[:16])
	wait, err := allowRequest.Run(ctx, a.Redis, []string{key}, a.Requests, a.Window.Microseconds()).Int64()
	if err == nil {
		return time.Duration(wait) * time.Microsecond, wait == 0
	}
	if ctx.Err() == nil {
		a.report(err)
	}
	return a.allowAlone(key)
}

// allowAlone counts the requests of this process only.
func (a *Allowance) allowAlone(key string) (retryAfter time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.alone == nil || now.Sub(a.begun) >= a.Window {
		a.begun, a.alone = now, map[string]int{}
	}
	if a.alone[key] >= a.Requests {
		return a.begun.Add(a.Window).Sub(now), false
	}
	a.alone[key]++
	return 0, true
}

func (a *Allowance) report(err error) {
	if a.OnError != nil {
		a.OnError(err)
		return
	}
	slog.Error("sharedlimit: this process counts the requests of visitors alone", "error", err)
}
