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

// Bookbag allows 100 calls in any 10 seconds for a key, and counts when they
// arrive. The limiter counts when it lets them go, in windows that are longer by
// the margin: calls that arrive within 10 seconds, each at most a margin after it
// was let go, were let go within 11, and those are never more than 100.
const (
	limit  = 100
	window = 10 * time.Second
	margin = time.Second

	// burst is how many may go at once. Any 11 seconds are made of 10 spans, none
	// of which lets in more than burst: therefore it must divide limit. A greater
	// one serves a crowd sooner after a silence; with 100, one job that is in a
	// hurry takes all, and nobody gets anything for 11 seconds.
	burst = 10
	pace  = (window + margin) / limit
	span  = burst * pace

	// patience bounds one question to Redis, with all that go-redis repeats.
	patience = 500 * time.Millisecond
)

var (
	// ErrUnavailable says that Redis did not count the call, and why in its text:
	// it does not answer, or not as it should.
	ErrUnavailable = errors.New("sharedlimit: Redis, which counts the calls of all machines, did not count this one")

	// ErrTooLong says that the wait would be longer than the context lives.
	ErrTooLong = errors.New("sharedlimit: the wait would be longer than the context allows")
)

// Limiter keeps all calls that are made with an API key, in all processes that
// share a Redis, to a limit: at most 10 in any 1.1 seconds, hence 100 in any 11.
// It is a chatclient.Limiter, and safe for use by many goroutines.
//
// Each call asks Redis once for the time at which it may go, its slot, and then
// sleeps until then. Slots are given in the order of the questions, whichever
// process they come from, and one by one, 110 ms apart, when there are calls that
// wait. So no call is overtaken, nobody asks twice, and no jitter is needed: calls
// that wait go in turn, and a process has its part by how many of them are its own.
//
// The script behind it is our own, as that is less than what it would take to
// build this on a library: redis_rate, the known one, answers "not now" instead
// of queuing, which leaves fairness to luck; counts a question twice that
// go-redis repeats after a lost answer; and cannot take a slot back.
//
// What it cannot do: a call that takes more than a second from its slot to
// Bookbag may be one too many, and so may ten after Redis has lost its memory (by
// a restart, a failover, or eviction: let its policy be noeviction). The client
// repeats what is refused for that. When Redis' clock is set back, calls wait for
// as long. A process that is killed leaves the slots of its waiting calls unused.
type Limiter struct {
	redis *redis.Client
	key   string
	local *share // nil: none
}

// Options of a Limiter. Zero fields mean the defaults.
type Options struct {
	// Processes is how many share the key. When it is set, a process that Redis
	// does not answer keeps to its part of the limit by itself, evenly spaced,
	// and asks Redis again once a second. Around the change all together may pass
	// the limit by the calls that were waiting for their slots, and for as long as
	// only some processes have lost Redis by up to its double, as the others do
	// not know: Bookbag refuses these calls, and the client repeats them. Default:
	// Wait fails with [ErrUnavailable].
	Processes int

	// OnError is told, once a second at most, of the error of Redis while this
	// process keeps to its part. Default: slog.Default at level Error.
	OnError func(error)
}

// New returns a Limiter for the calls that are made with an API key, of which
// Redis gets to see a hash only. The client must have ContextTimeoutEnabled, as
// it would wait longer than a call does without. The options may be nil.
//
// Redis 5 or later is needed; Redis' clock is used, and no other.
func New(client *redis.Client, apiKey string, options *Options) (*Limiter, error) {
	var o Options
	if options != nil {
		o = *options
	}
	switch {
	case apiKey == "":
		return nil, errors.New("sharedlimit: the API key must not be empty")
	case !client.Options().ContextTimeoutEnabled:
		return nil, errors.New("sharedlimit: the Redis client must have ContextTimeoutEnabled")
	case o.Processes < 0:
		return nil, errors.New("sharedlimit: Options.Processes must not be negative")
	}
	hash := sha256.Sum256([]byte("sharedlimit " + apiKey))
	l := &Limiter{redis: client, key: "sharedlimit:" + hex.EncodeToString(hash[:16])}
	if o.Processes > 0 {
		l.local = newShare(o)
	}
	return l, nil
}

// Wait returns when the call may go. It fails at once, without sleeping, with
// [ErrTooLong] when that would be after the context's deadline, and with
// [ErrUnavailable] as soon as Redis has failed, half a second at most. When the
// context ends it returns its error, and the slot goes back.
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

// take returns how far away the slot is, in Redis or of this process's share.
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

// slots is a sorted set of the slots by their time in microseconds: those to
// come, and those that are not older than a span. A slot is a span or more after
// the one that was given burst before. If it is not now, it is a pace or more
// after the last one as well: else they would go on in bursts, and the quickest to
// ask after a burst would always have the next. The same id gets the same slot, as
// go-redis may ask twice for one.
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

// ask takes a slot in Redis and returns how far away it is.
func (l *Limiter) ask(ctx context.Context, id string) (time.Duration, error) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := slots.Run(within, l.redis, []string{l.key}, id, burst, span.Microseconds(), left(ctx).Microseconds()).Int64Slice()
	if err != nil {
		// As text: the end of our patience must not pass for that of the context.
		return 0, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	wait := time.Duration(answer[0]) * time.Microsecond
	if taken := answer[1] == 1; !taken {
		return 0, tooLong(wait)
	}
	return wait, nil
}

// giveBack lets others have the slot of a call that will not be made. Where that
// fails, the slot is lost, and nothing else.
func (l *Limiter) giveBack(ctx context.Context, id string) {
	if l.local != nil && l.local.isWithout() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_ = l.redis.ZRem(ctx, l.key, id).Err()
}

// left is how long the context has.
func left(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return math.MaxInt64
}

// ended is the context's error, also in the moment between its deadline and the
// timer that tells of it.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || left(ctx) > 0 {
		return err
	}
	return context.DeadlineExceeded
}
