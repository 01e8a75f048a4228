package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

const fakeKey = "oc_test_chattest"

// call is a finished call of a machine.
type call struct {
	machine int
	at      time.Time
	err     error
}

// demo lets the machines call a fake of Bookbag until ctx ends.
func demo(ctx context.Context, address string, machines, workers int, out io.Writer) error {
	fake, err := chattest.New(&chattest.Options{Window: true})
	if err != nil {
		return err
	}
	server := fake.Start()
	defer server.Close()
	fmt.Fprintf(out, "%d machines call as fast as their limiters allow, with %d workers each.\n", machines, workers)
	calls := make(chan call)
	var running sync.WaitGroup
	for machine := range machines {
		bot, closeBot, err := newBot(address, server.URL)
		if err != nil {
			return err
		}
		defer closeBot()
		for range workers {
			running.Go(func() { work(ctx, bot, machine, calls) })
		}
	}
	go func() { running.Wait(); close(calls) }()
	return report(calls, machines, out)
}

// newBot returns the client of a machine. It does not retry, so that a call above the limit
// fails.
func newBot(address, url string) (*chatclient.Client, func(), error) {
	client := connect(address, redisTimeout)
	limiter, err := NewLimiter(client, fakeKey, nil)
	if err != nil {
		return nil, nil, err
	}
	bot, err := chatclient.New(fakeKey, 123, &chatclient.Options{BaseURL: url, MaxRetries: -1, Limiter: limiter})
	return bot, func() { _ = client.Close() }, err
}

// work makes one call after another until ctx ends or a call fails. A call to Redis may end
// shortly before its context.
func work(ctx context.Context, bot *chatclient.Client, machine int, calls chan<- call) {
	for {
		err := bot.Check(ctx)
		if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTooLong) {
			return
		}
		calls <- call{machine, time.Now(), err}
		if err != nil {
			return
		}
	}
}

// report prints how many calls each machine made in each second, and the totals.
func report(calls <-chan call, machines int, out io.Writer) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var done []time.Time
	var failed []error
	counts := make([]int, machines)
	for second := 1; ; {
		select {
		case <-tick.C:
			fmt.Fprintf(out, "second %2d: %v\n", second, counts)
			clear(counts)
			second++
		case c, more := <-calls:
			switch {
			case !more:
				fmt.Fprintf(out, "%d calls, never more than %d in 10 seconds. Failed: %d.\n", len(done), most(done, window), len(failed))
				return errors.Join(failed...)
			case c.err != nil:
				failed = append(failed, c.err)
			default:
				counts[c.machine]++
				done = append(done, c.at)
			}
		}
	}
}

// most returns the maximum number of times within any span. The times must be sorted.
func most(times []time.Time, span time.Duration) int {
	greatest, first := 0, 0
	for i, t := range times {
		for t.Sub(times[first]) >= span {
			first++
		}
		greatest = max(greatest, i-first+1)
	}
	return greatest
}
