package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

var _ chatclient.Limiter = (*Limiter)(nil)

// longSpan is so long that no test takes as long.
const longSpan = 10 * time.Hour

// slotTimes returns the times of the slots in a key, in order.
func slotTimes(t *testing.T, client *redis.Client, key string) []time.Time {
	t.Helper()
	scores, err := client.ZRangeWithScores(t.Context(), key, 0, -1).Result()
	require.NoError(t, err)
	times := make([]time.Time, len(scores))
	for i, z := range scores {
		times[i] = time.UnixMicro(int64(z.Score))
	}
	return times
}

// filled is how many slots fill takes at once: 7 minutes in advance.
const filled = 4000

func (l *Limiter) fill(t *testing.T) {
	t.Helper()
	_, err := l.redis.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		for range filled {
			slots.Eval(t.Context(), p, []string{l.key}, rand.Text(), burst, span.Microseconds(), time.Hour.Microseconds())
		}
		return nil
	})
	require.NoError(t, err)
}

func (l *Limiter) lastSlot(t *testing.T) time.Time {
	t.Helper()
	times := slotTimes(t, l.redis, l.key)
	return times[len(times)-1]
}

// takeSlot runs the script and returns the time of the slot in microseconds, in
// one transaction: the set may expire right after it.
func takeSlot(t *testing.T, client *redis.Client, id string, burst int, span time.Duration) float64 {
	t.Helper()
	var slot *redis.FloatCmd
	_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		slots.Eval(t.Context(), p, []string{"key"}, id, burst, span.Microseconds(), int64(1e12))
		slot = p.ZScore(t.Context(), "key", id)
		return nil
	})
	require.NoError(t, err)
	return slot.Val()
}

// Calls that wait follow one another evenly, also after a burst.
func TestSlots_EvenPace(t *testing.T) {
	client := startRedis(t).client(t)
	for i := range 35 {
		takeSlot(t, client, fmt.Sprint(i), burst, longSpan)
	}
	got := slotTimes(t, client, "key")
	require.Len(t, got, 35)
	assert.Less(t, got[9].Sub(got[0]), longSpan/burst, "the first ten go at once")
	assert.Equal(t, longSpan, got[10].Sub(got[0]))
	for i := 11; i < len(got); i++ {
		assert.Equal(t, longSpan/burst, got[i].Sub(got[i-1]))
	}
}

// With concurrent calls, some of which free their slots, no 11 seconds have more than 100
// slots, and no 1.1 seconds have more than 10.
func TestLimiter_NoWindowHasTooManySlots(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	var running sync.WaitGroup
	for worker := range 8 {
		random := mathrand.New(mathrand.NewPCG(1, uint64(worker)))
		running.Go(func() {
			var latest time.Time
			for range 100 {
				id := rand.Text()
				begun := time.Now()
				wait, err := l.ask(t.Context(), id)
				if !assert.NoError(t, err) {
					return
				}
				ended := time.Now()
				assert.False(t, ended.Add(wait).Before(latest), "no slot is before one that was given earlier")
				if random.IntN(4) == 0 {
					l.giveBack(t.Context(), id)
					continue
				}
				latest = begun.Add(wait)
			}
		})
	}
	running.Wait()
	got := slotTimes(t, l.redis, l.key)
	assert.LessOrEqual(t, most(got, window+margin), limit)
	assert.LessOrEqual(t, most(got, span), burst)
}

// The same with pauses, in which the set loses its old slots: here the script has a
// span of 20 ms.
func TestSlots_AfterPauses(t *testing.T) {
	const burst, span = 4, 20 * time.Millisecond
	client := startRedis(t).client(t)
	random := mathrand.New(mathrand.NewPCG(2, 3))
	var got []time.Time
	for i := range 400 {
		id := fmt.Sprint(i)
		got = append(got, time.UnixMicro(int64(takeSlot(t, client, id, burst, span))))
		switch random.IntN(8) {
		case 0:
			time.Sleep(time.Duration(random.Int64N(int64(2 * span))))
		case 1:
			require.NoError(t, client.ZRem(t.Context(), "key", id).Err())
			got = got[:len(got)-1]
		}
	}
	assert.LessOrEqual(t, most(got, span), burst)
	held, err := client.ZCard(t.Context(), "key").Result()
	require.NoError(t, err)
	assert.Less(t, held, int64(len(got)), "old slots are deleted")
}

// The latest slot remains the latest when earlier slots are freed.
func TestSlots_NoneBeforeTheLast(t *testing.T) {
	client := startRedis(t).client(t)
	take := func(id string) float64 { return takeSlot(t, client, id, 2, longSpan) }
	for i := range 9 {
		take(fmt.Sprint(i))
	}
	last := take("last")
	for i := range 9 {
		require.NoError(t, client.ZRem(t.Context(), "key", fmt.Sprint(i)).Err())
	}
	assert.Greater(t, take("next"), last)
}

// The constants keep to what Bookbag allows.
func TestLimiter_Constants(t *testing.T) {
	assert.Zero(t, limit%burst)
	assert.Equal(t, window+margin, limit/burst*span)
}

func TestLimiter_WaitPastTheDeadline(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	l.fill(t)
	before := l.lastSlot(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := l.Wait(ctx)
	assert.ErrorIs(t, err, ErrTooLong)
	assert.NoError(t, ctx.Err(), "without waiting")
	assert.Regexp(t, `the next slot is in [1-7]m\d+`, err.Error())
	assert.Equal(t, before, l.lastSlot(t), "no slot is taken")
}

// The slot of a call that ends while it waits is free again.
func TestLimiter_ContextEnds(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	l.fill(t)
	before := l.lastSlot(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- l.Wait(ctx) }()
	require.Eventually(t, func() bool { return l.lastSlot(t).After(before) }, 30*time.Second, time.Millisecond)
	cancel()
	assert.Equal(t, context.Canceled, <-result)
	assert.Equal(t, before, l.lastSlot(t))

	assert.Equal(t, context.Canceled, l.Wait(ctx))
	over, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	assert.ErrorIs(t, l.Wait(over), context.DeadlineExceeded)
	assert.Equal(t, before, l.lastSlot(t), "no slot is taken")
}

// go-redis repeats a request whose response was lost.
func TestLimiter_SameIDGetsTheSameSlot(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	l.fill(t)
	first, err := l.ask(t.Context(), "an id")
	require.NoError(t, err)
	count := len(slotTimes(t, l.redis, l.key))
	again, err := l.ask(t.Context(), "an id")
	require.NoError(t, err)
	assert.LessOrEqual(t, again, first)
	assert.Len(t, slotTimes(t, l.redis, l.key), count)
}

func TestLimiter_ScriptIsLoadedAgain(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	require.NoError(t, l.Wait(t.Context()))
	require.NoError(t, l.redis.ScriptFlush(t.Context()).Err())
	require.NoError(t, l.Wait(t.Context()))
}

// The name in Redis does not reveal the API key, each key has its own count, and all entries
// expire.
func TestLimiter_KeysInRedis(t *testing.T) {
	server := startRedis(t)
	l := server.limiter(t, nil)
	other, err := NewLimiter(server.client(t), "oc_test_other", nil)
	require.NoError(t, err)
	l.fill(t)
	other.fill(t)
	names, err := l.redis.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{l.key, other.key}, names)
	assert.Regexp(t, `^sharedlimit:[0-9a-f]{32}$`, l.key)
	life, err := l.redis.PTTL(t.Context(), l.key).Result()
	require.NoError(t, err)
	assert.Positive(t, life)
	assert.LessOrEqual(t, life, filled*pace+span)
}

func TestNewLimiter_BadArguments(t *testing.T) {
	good := connect("127.0.0.1:1", time.Second)
	plain := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer good.Close()
	defer plain.Close()
	for want, f := range map[string]func() (*Limiter, error){
		"apiKey":                func() (*Limiter, error) { return NewLimiter(good, "", nil) },
		"ContextTimeoutEnabled": func() (*Limiter, error) { return NewLimiter(plain, fakeKey, nil) },
		"Processes":             func() (*Limiter, error) { return NewLimiter(good, fakeKey, &LimiterOptions{Processes: -1}) },
	} {
		_, err := f()
		assert.ErrorContains(t, err, want)
	}
}

func TestLimiter_RedisGoneAndBack(t *testing.T) {
	server := startRedis(t)
	l := server.limiter(t, nil)
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	bot, err := chatclient.New(fakeKey, 123, &chatclient.Options{
		BaseURL: chattest.BaseURL, HTTPClient: fake.Client(), Limiter: l,
	})
	require.NoError(t, err)
	require.NoError(t, bot.Check(t.Context()))

	server.stop()
	err = bot.Check(t.Context())
	assert.ErrorIs(t, err, ErrUnavailable)
	assert.ErrorIs(t, err, chatclient.ErrLimiter)
	assert.NotErrorIs(t, err, context.DeadlineExceeded)

	server.start(t)
	assert.NoError(t, bot.Check(t.Context()))
}

// If Redis accepts connections but does not respond, a call waits at most for the client's
// timeouts, or until its context ends.
func TestLimiter_RedisHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for name, timeout := range map[string]time.Duration{"client": 50 * time.Millisecond, "context": time.Hour} {
		client := connect(listener.Addr().String(), timeout)
		defer client.Close()
		l, err := NewLimiter(client, fakeKey, nil)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		if name == "context" {
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		}
		defer cancel()
		err = l.Wait(ctx)
		if name == "context" {
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			continue
		}
		assert.ErrorIs(t, err, ErrUnavailable)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	}
}

func TestLimiter_RedisRejects(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	require.NoError(t, l.redis.Set(t.Context(), l.key, "a text", 0).Err())
	err := l.Wait(t.Context())
	assert.ErrorIs(t, err, ErrUnavailable)
	assert.ErrorContains(t, err, "WRONGTYPE")
	assert.NotContains(t, err.Error(), fakeKey)
}
