// Command sharedlimit shows how several machines share Bookbag's limit for an API key:
// 100 calls in any 10 seconds.
//
//	redis-server --port 6379 &
//	go run ./examples/sharedlimit -redis localhost:6379
//
// It needs no account. The machines, each with its own Redis client, call a fake of Bookbag
// that enforces the limit, as fast as their limiters allow. Copy limiter.go and share.go for
// this limit, and allow.go, streams.go and chats.go for a chatproxy on several machines.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

func main() {
	logging.Disable() // go-redis logs each attempt to connect, and then returns the error too
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sharedlimit:", err)
		os.Exit(1)
	}
}

// run lets the machines make calls until the duration has passed or ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sharedlimit", flag.ContinueOnError)
	flags.SetOutput(out)
	address := flags.String("redis", "localhost:6379", "`address` of the Redis to share")
	machines := flags.Int("machines", 3, "`number` of machines")
	workers := flags.Int("workers", 4, "`number` of concurrent calls of each machine")
	duration := flags.Duration("for", 15*time.Second, "`duration` of the demo")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *machines < 1 || *workers < 1 {
		return errors.New("-machines and -workers must be at least 1")
	}
	if err := ping(ctx, *address); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *duration)
	defer cancel()
	return demo(ctx, *address, *machines, *workers, out)
}

// redisTimeout is the timeout of one attempt. There are two attempts.
var redisTimeout = 250 * time.Millisecond

// connect returns a client with shorter timeouts and fewer attempts than the default, because
// a visitor is waiting.
func connect(address string, timeout time.Duration) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: address, ContextTimeoutEnabled: true, MaxRetries: 1, DialerRetries: 1,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
	})
}

func ping(ctx context.Context, address string) error {
	client := connect(address, 5*time.Second)
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("no Redis responds at %s: %w\nStart one, such as redis-server --port 6379, or name another one with -redis", address, err)
	}
	return nil
}
