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

// Bookbag allows 100 calls in any 10 seconds for a key, and counts them as they arrive. The
// limiter counts them as it lets them go, in windows that are longer by the margin: calls
// that arrive within 10 seconds, each at most a margin after it was let go, were let go
// within 11, and those are at most 100.
const (
	limit  = 100
	window = 10 * time.Second
	margin = time.Second

	// burst is how many calls may go at once. Any 11 seconds consist of 10 spans with at
	// most burst calls each, so that burst must divide limit. A greater burst serves a crowd
	// sooner after a pause; with 100, one job could take all calls of 11 seconds.
	burst = 10
	pace  = (window + margin) / limit
	span  = burst * pace
)

var (
	// ErrUnavailable says that Redis did not count the call. The cause is in the text.
	ErrUnavailable = errors.New("sharedlimit: Redis did not count the call")

	// ErrTooLong says that the wait would pass the context's deadline.
	ErrTooLong = errors.New("sharedlimit: the wait would pass the deadline")
)

// Limiter is a chatclient.Limiter that keeps all calls with an API key, in all processes
// that share a Redis, within the limit: at most 10 calls in any 1.1 seconds, hence 100 in
// any 11. Copy this file and share.go. It is safe for concurrent use.
//
// Each call asks Redis once for its slot, the time at which it may go, and sleeps until
// then. Slots are given in the order of the requests to Redis, 110 ms apart while calls wait:
// no call overtakes another, and each process gets its share of the calls that wait.
//
// A call that takes more than a second from its slot to Bookbag may exceed the limit, and
// so may ten calls after Redis has lost its memory (by a restart, a failover or eviction: set
// its policy to noeviction). The client repeats what Bookbag rejects. When Redis' clock is
// set back, calls wait for as long. A process that is killed leaves the slots of its waiting
// calls unused.
type Limiter struct {
	redis *redis.Client
	key   string
	local *share // nil without LimiterOptions.Processes
}

// LimiterOptions are options of a Limiter. Zero fields mean the defaults.
type LimiterOptions struct {
	// Processes is how many processes share the key. With it, a process that loses Redis
	// keeps to its share of the limit, evenly spaced, and tries Redis again once a second.
	// While only some processes have lost Redis, all together may make twice as many calls
	// as the limit: Bookbag rejects these, and the client repeats them. Default: Wait fails
	// with [ErrUnavailable].
	Processes int

	// OnError, if non-nil, is called with the error of Redis at most once a second while the
	// process keeps to its share. Default: slog.Default at level Error.
	OnError func(error)
}

// NewLimiter returns a Limiter for the calls with an API key, of which Redis stores a hash.
// The client's time-outs bound how long a call waits for Redis (see connect), and it must have
// ContextTimeoutEnabled. The options may be nil. Redis 5 or later is needed.
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

// Wait returns when the call may go. It fails without sleeping with [ErrTooLong] if that is
// after the context's deadline, and with [ErrUnavailable] if Redis fails. If the context
// ends, Wait returns its error, and the slot is free again.
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

// take returns how long the call must wait, by Redis or by the share of this process.
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

// slots keeps a sorted set of slots by their time in microseconds, without those that are
// older than a span. A slot is at least a span after the one burst slots before it. If the
// call must wait, its slot is at least a pace after the last one as well: else calls would go
// in bursts, and the quickest process would always get the next one. The same id gets the
// same slot, because go-redis may repeat a request.
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
		// As text: a time-out of the Redis client is not the end of the context.
		return 0, fmt.Errorf("%w: %s", ErrUnavailable, err.Error())
	}
	wait := time.Duration(result[0]) * time.Microsecond
	if taken := result[1] == 1; !taken {
		return 0, tooLong(wait)
	}
	return wait, nil
}

// giveBack frees the slot of a call that is not made. If that fails, the slot stays unused.
func (l *Limiter) giveBack(ctx context.Context, id string) {
	if l.local == nil || !l.local.isWithout() {
		_ = l.redis.ZRem(context.WithoutCancel(ctx), l.key, id).Err()
	}
}

// left is how long the context has.
func left(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return math.MaxInt64
}

// ended returns the context's error, also between its deadline and its timer.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || left(ctx) > 0 {
		return err
	}
	return context.DeadlineExceeded
}
