package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bookbag allows 100 calls per key in any 10 seconds, and counts them when they arrive. The
// Limiter counts them when it releases them, in windows that are one margin longer. Calls
// that arrive within 10 seconds, each at most one margin after its release, were released
// within 11 seconds. Those are at most 100.
const (
	limit  = 100
	window = 10 * time.Second
	margin = time.Second

	// burst is how many calls may be released at once. Any 11 seconds consist of 10 spans
	// with at most burst calls each, so burst must divide limit. A larger burst serves a
	// crowd sooner after a pause. With 100, one job could take all calls of 11 seconds.
	burst = 10
	pace  = (window + margin) / limit
	span  = burst * pace
)

var (
	// ErrUnavailable means that Redis did not count the call. The cause is in the text.
	ErrUnavailable = errors.New("sharedlimit: Redis did not count the call")

	// ErrTooLong means that the call would have to wait past the deadline of its context.
	ErrTooLong = errors.New("sharedlimit: the wait would pass the deadline")
)

// Limiter is a chatclient.Limiter that keeps the calls with an API key, from all processes
// that share a Redis, within the limit: at most 10 calls in any 1.1 seconds, and so 100 in
// any 11 seconds. Copy this file and share.go. It is safe for concurrent use.
//
// Each call sends one request to Redis for its slot, the time at which it may start, and
// sleeps until then. Slots are assigned in the order of these requests. While calls are
// waiting, slots are 110 ms apart. So no call overtakes another, and no process can take the
// slots of the others.
//
// The limit may be exceeded if a call reaches Bookbag more than a second after its slot. Up
// to ten calls may exceed it after Redis has lost its data by a restart, a failover or
// eviction (set the eviction policy to noeviction). The client retries the calls that Bookbag
// rejects. If the clock of Redis is set back, calls wait that much longer. If a process is
// killed, the slots of its waiting calls remain unused.
type Limiter struct {
	redis *redis.Client
	key   string
	local *share // nil if LimiterOptions.Processes is 0
}

// LimiterOptions configure a Limiter. Zero fields mean the defaults.
type LimiterOptions struct {
	// Processes is the number of processes that share the key. If it is set, a process that
	// cannot reach Redis makes its share of the calls, evenly spaced, and tries Redis again
	// once a second. While some processes reach Redis and others do not, all together may
	// make twice as many calls as the limit allows. Bookbag rejects the excess, and the
	// client retries it. Default: Wait fails with [ErrUnavailable].
	Processes int

	// OnError, if non-nil, is called with the error of Redis, at most once a second, while
	// the process uses its share. Default: log with slog at level Error.
	OnError func(error)
}

// NewLimiter returns a Limiter for the calls with an API key. Redis stores a hash of the key.
// The timeouts of the client limit how long a call waits for Redis (see connect), and its
// option ContextTimeoutEnabled must be set. The options may be nil. NewLimiter requires Redis
// 5 or later.
func NewLimiter(client *redis.Client, apiKey string, options *LimiterOptions) (*Limiter, error) {
	var o LimiterOptions
	if options != nil {
		o = *options
	}
	switch {
	case apiKey == "":
		return nil, errors.New("sharedlimit: apiKey: must not be empty")
	case !client.Options().ContextTimeoutEnabled:
		return nil, errors.New("sharedlimit: client: ContextTimeoutEnabled must be set")
	case o.Processes < 0:
		return nil, errors.New("sharedlimit: LimiterOptions.Processes: must not be negative")
	}
	hash := sha256.Sum256([]byte("sharedlimit " + apiKey))
	l := &Limiter{redis: client, key: "sharedlimit:" + hex.EncodeToString(hash[:16])}
	if o.Processes > 0 {
		l.local = newShare(o)
	}
	return l, nil
}

// Wait blocks until the call may start. If that is after the deadline of the context, it
// fails at once with [ErrTooLong]. If Redis fails, it returns [ErrUnavailable]. If the
// context ends, it returns the error of the context, and frees the slot.
func (l *Limiter) Wait(ctx context.Context) error {
	if err := ended(ctx); err != nil {
		return err
	}
	id := rand.Text()
	wait, err := l.take(ctx, id)
	if err != nil {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		l.giveBack(ctx, id)
		return ctx.Err()
	}
}

// take returns how long the call must wait. It uses Redis, or the share of this process.
func (l *Limiter) take(ctx context.Context, id string) (time.Duration, error) {
	if l.local != nil && !l.local.mayAsk() {
		return l.local.take(left(ctx))
	}
	wait, err := l.ask(ctx, id)
	if over := ended(ctx); err != nil && over != nil {
		return 0, over
	}
	switch {
	case l.local == nil:
	case errors.Is(err, ErrUnavailable):
		l.local.lost(err)
		return l.local.take(left(ctx))
	default:
		l.local.found(wait)
	}
	return wait, err
}

// slots stores a sorted set of slots by their time in microseconds, and removes those older
// than a span. A slot is at least a span after the slot that is burst slots before it. If the
// call must wait, its slot is also at least a pace after the last slot. Otherwise calls would
// be released in bursts, and the fastest process would take every next slot. The same id gets
// the same slot, because go-redis may retry a request.
var slots = redis.NewScript(`
local key, id, burst, span, left = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local given = redis.call('ZSCORE', key, id)
if given then
  return {math.max(given - now, 0), 1}
end
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - span)
local last = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]) or 0
local before = tonumber(redis.call('ZRANGE', key, -burst, -burst, 'WITHSCORES')[2]) or 0
local slot = now
if last > now or before + span > now then
  slot = math.max(last + span / burst, before + span)
end
if slot - now > left then
  return {slot - now, 0}
end
redis.call('ZADD', key, slot, id)
redis.call('PEXPIRE', key, math.ceil((slot - now + span) / 1000))
return {slot - now, 1}
`)

// ask takes a slot in Redis and returns how long the call must wait.
func (l *Limiter) ask(ctx context.Context, id string) (time.Duration, error) {
	result, err := slots.Run(ctx, l.redis, []string{l.key}, id, burst, span.Microseconds(), left(ctx).Microseconds()).Int64Slice()
	if err != nil {
		// As text: a timeout of the Redis client must not look like the end of the context.
		return 0, fmt.Errorf("%w: %s", ErrUnavailable, err.Error())
	}
	wait := time.Duration(result[0]) * time.Microsecond
	if taken := result[1] == 1; !taken {
		return 0, tooLong(wait)
	}
	return wait, nil
}

// giveBack frees the slot of a call that is not made. If this fails, the slot remains unused.
func (l *Limiter) giveBack(ctx context.Context, id string) {
	if l.local == nil || !l.local.isWithout() {
		_ = l.redis.ZRem(context.WithoutCancel(ctx), l.key, id).Err()
	}
}

// left returns the time until the deadline of the context.
func left(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return math.MaxInt64
}

// ended returns the error of the context, also if its deadline has passed but its timer has
// not fired yet.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || left(ctx) > 0 {
		return err
	}
	return context.DeadlineExceeded
}
