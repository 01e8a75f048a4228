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

// slotsOf are the times of the slots that Redis knows, in order.
func slotsOf(t *testing.T, l *Limiter) []time.Time {
	t.Helper()
	scores, err := l.redis.ZRangeWithScores(t.Context(), l.key, 0, -1).Result()
	require.NoError(t, err)
	times := make([]time.Time, len(scores))
	for i, z := range scores {
		times[i] = time.UnixMicro(int64(z.Score))
	}
	return times
}

// Calls that wait follow one another evenly, also after a burst.
func TestAnEvenPace(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	fill(t, l, 35)
	got := slotsOf(t, l)
	require.Len(t, got, 35)
	assert.Less(t, got[9].Sub(got[0]), pace, "the first ten go at once")
	assert.Equal(t, span, got[10].Sub(got[0]))
	for i := 11; i < len(got); i++ {
		assert.Equal(t, pace, got[i].Sub(got[i-1]))
	}
}

// fill takes n slots.
func fill(t *testing.T, l *Limiter, n int) {
	t.Helper()
	for range n {
		_, err := l.ask(t.Context(), rand.Text())
		require.NoError(t, err)
	}
}

// Whoever asks at the same time, and whatever is given back, no 11 seconds have
// more than 100 slots, and no 1.1 seconds more than 10.
func TestNoWindowHasTooManySlots(t *testing.T) {
	server := startRedis(t)
	l := server.limiter(t, nil)
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
	got := slotsOf(t, l)
	assert.InDelta(t, 600, len(got), 100)
	assert.LessOrEqual(t, most(got, window+margin), limit)
	assert.LessOrEqual(t, most(got, span), burst)
	assert.Greater(t, most(got, window+margin), limit*8/10, "the limit is made use of, although many slots came back")
}

// The same with pauses, in which the set is emptied of what is over: here the
// script has a span of 20 ms.
func TestNoWindowHasTooManySlotsAfterPauses(t *testing.T) {
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
	assert.Equal(t, burst, most(got, span))
	held, err := client.ZCard(t.Context(), "key").Result()
	require.NoError(t, err)
	assert.Less(t, held, int64(len(got)), "what is over is forgotten")
}

// A slot that is far away stays the last one when those before it are given back.
func TestNoSlotIsBeforeTheLast(t *testing.T) {
	client := startRedis(t).client(t)
	take := func(id string) float64 { return takeSlot(t, client, id, 2, 10*time.Second) }
	for i := range 9 {
		take(fmt.Sprint(i))
	}
	last := take("last")
	for i := range 9 {
		require.NoError(t, client.ZRem(t.Context(), "key", fmt.Sprint(i)).Err())
	}
	assert.Greater(t, take("next"), last)
}

// takeSlot runs the script and returns the time of the slot in microseconds, in
// one transaction: the set may expire right after it.
func takeSlot(t *testing.T, client *redis.Client, id string, burst int, span time.Duration) float64 {
	t.Helper()
	var slot *redis.FloatCmd
	_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		slots.Eval(t.Context(), p, []string{"key"}, id, burst, span.Microseconds(), int64(1e9))
		slot = p.ZScore(t.Context(), "key", id)
		return nil
	})
	require.NoError(t, err)
	return slot.Val()
}

// The constants keep to what Bookbag allows.
func TestTheArithmetic(t *testing.T) {
	assert.Zero(t, limit%burst)
	assert.Equal(t, window+margin, limit/burst*span)
}

func TestTooLongAWait(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	fill(t, l, 40)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	begun := time.Now()
	err := l.Wait(ctx)
	assert.Less(t, time.Since(begun), time.Second)
	assert.ErrorIs(t, err, ErrTooLong)
	assert.Regexp(t, `the next call may go in [34]\.\d+s$`, err.Error())
	assert.Len(t, slotsOf(t, l), 40, "no slot is taken")
}

func TestTheEndOfTheContext(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	fill(t, l, 15)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	assert.Equal(t, context.Canceled, l.Wait(ctx))
	assert.Len(t, slotsOf(t, l), 15, "the slot goes back")

	assert.Equal(t, context.Canceled, l.Wait(ctx))
	over, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	assert.ErrorIs(t, l.Wait(over), context.DeadlineExceeded)
	assert.Len(t, slotsOf(t, l), 15)
}

// go-redis repeats a question whose answer was lost.
func TestTheSameQuestionGetsTheSameSlot(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	fill(t, l, 19) // one is left of the second ten
	first, err := l.ask(t.Context(), "an id")
	require.NoError(t, err)
	time.Sleep(10 * time.Millisecond)
	again, err := l.ask(t.Context(), "an id")
	require.NoError(t, err)
	assert.Less(t, again, first)
	assert.Len(t, slotsOf(t, l), 20)
}

func TestTheScriptIsLoadedAgain(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	require.NoError(t, l.Wait(t.Context()))
	require.NoError(t, l.redis.ScriptFlush(t.Context()).Err())
	require.NoError(t, l.Wait(t.Context()))
	assert.Len(t, slotsOf(t, l), 2)
}

// The name in Redis does not tell the API key, keys do not share a count, and
// nothing stays for ever.
func TestTheNameInRedis(t *testing.T) {
	server := startRedis(t)
	l := server.limiter(t, nil)
	other, err := New(server.client(t), "oc_test_other", nil)
	require.NoError(t, err)
	require.NoError(t, l.Wait(t.Context()))
	require.NoError(t, other.Wait(t.Context()))
	names, err := l.redis.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{l.key, other.key}, names)
	assert.Regexp(t, `^sharedlimit:[0-9a-f]{32}$`, l.key)
	life, err := l.redis.PTTL(t.Context(), l.key).Result()
	require.NoError(t, err)
	assert.Greater(t, life, span/2)
	assert.LessOrEqual(t, life, span)
}

func TestBadArguments(t *testing.T) {
	good := connect("127.0.0.1:1")
	plain := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer good.Close()
	defer plain.Close()
	for want, f := range map[string]func() (*Limiter, error){
		"API key":               func() (*Limiter, error) { return New(good, "", nil) },
		"ContextTimeoutEnabled": func() (*Limiter, error) { return New(plain, fakeKey, nil) },
		"Processes":             func() (*Limiter, error) { return New(good, fakeKey, &Options{Processes: -1}) },
	} {
		_, err := f()
		assert.ErrorContains(t, err, want)
	}
}

func TestRedisGoneAndBack(t *testing.T) {
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
	begun := time.Now()
	err = bot.Check(t.Context())
	assert.Less(t, time.Since(begun), 2*patience)
	assert.ErrorIs(t, err, ErrUnavailable)
	assert.ErrorIs(t, err, chatclient.ErrLimiter)
	assert.NotErrorIs(t, err, context.DeadlineExceeded)

	server.start(t)
	require.Eventually(t, func() bool { return bot.Check(t.Context()) == nil }, 5*time.Second, 50*time.Millisecond)
	assert.NotEmpty(t, slotsOf(t, l))
}

// A Redis that takes connections and says nothing keeps nobody for longer than
// our patience, or the context.
func TestRedisThatHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client := connect(listener.Addr().String())
	defer client.Close()
	l, err := New(client, fakeKey, nil)
	require.NoError(t, err)

	begun := time.Now()
	err = l.Wait(t.Context())
	assert.ErrorIs(t, err, ErrUnavailable)
	assert.NotErrorIs(t, err, context.DeadlineExceeded)
	assert.InDelta(t, patience, time.Since(begun), float64(patience))

	ctx, cancel := context.WithTimeout(t.Context(), patience/5)
	defer cancel()
	begun = time.Now()
	assert.ErrorIs(t, l.Wait(ctx), context.DeadlineExceeded)
	assert.Less(t, time.Since(begun), patience)
}

func TestRedisThatRefuses(t *testing.T) {
	l := startRedis(t).limiter(t, nil)
	require.NoError(t, l.redis.Set(t.Context(), l.key, "a text", 0).Err())
	err := l.Wait(t.Context())
	assert.ErrorIs(t, err, ErrUnavailable)
	assert.ErrorContains(t, err, "WRONGTYPE")
	assert.NotContains(t, err.Error(), fakeKey)
}
