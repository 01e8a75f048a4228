package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/chatident/chatident/chatclient/chatproxy"
)

// Streams limits how many replies each visitor reads at once across all machines. Copy this
// file, and set chatproxy.Options.AcquireStream to the Acquire method.
//
// With Redis, a visitor reads at most Max replies at once. If Redis fails, the limit is
// MaxStreamsPerVisitor in each process: with n processes, up to n times as many. When Redis
// works again, replies in progress are counted again within a third of the Lease. After a
// process is killed, its replies count until their Lease expires.
//
// Streams requires Redis 5 or later. Redis stores a hash of the visitor. Anyone who can guess
// a user id can recognize its hash. The zero value is not usable.
type Streams struct {
	// Redis is the client. Its timeouts limit how long a message waits: see connect.
	Redis *redis.Client

	// Max is the maximum number of replies of a visitor. It must be positive.
	Max int

	// Lease is how long Redis counts a reply that is not renewed, at least a second.
	Lease time.Duration

	// OnError, if non-nil, is called for each reply that Redis did not count when it began.
	// Default: log with slog at level Error.
	OnError func(error)
}

// leaseStream stores the ids of a visitor's replies with the times in milliseconds at which
// their leases expire. It returns whether the reply is counted. The same id counts once.
var leaseStream = redis.NewScript(`
local key, id, max, lease = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
if redis.call('ZCARD', key) >= max and not redis.call('ZSCORE', key, id) then
  return 0
end
redis.call('ZADD', key, now + lease, id)
redis.call('PEXPIRE', key, lease)
return 1
`)

// Acquire implements chatproxy.Options.AcquireStream.
func (s *Streams) Acquire(ctx context.Context, v chatproxy.Visitor) (release func()) {
	name := "session " + v.Session
	if v.UserID != "" { // one limit for all sessions of a user
		name = "user " + string(v.UserID)
	}
	hash := sha256.Sum256([]byte(name))
	key, id := "streams:"+hex.EncodeToString(hash[:16]), rand.Text()
	counted, err := s.lease(ctx, key, id, s.Max)
	switch {
	case err == nil && !counted:
		return nil
	case err != nil && ctx.Err() == nil:
		s.report(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.renew(ctx, key, id)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// lease counts a reply for the duration of a lease, unless max other replies are counted.
func (s *Streams) lease(ctx context.Context, key, id string, max int) (bool, error) {
	return leaseStream.Run(ctx, s.Redis, []string{key}, id, max, s.Lease.Milliseconds()).Bool()
}

// renew renews a lease until ctx ends, and then deletes it. It continues if Redis fails,
// because Redis may recover.
func (s *Streams) renew(ctx context.Context, key, id string) {
	tick := time.NewTicker(s.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = s.lease(ctx, key, id, math.MaxInt32)
		case <-ctx.Done():
			_ = s.Redis.ZRem(context.WithoutCancel(ctx), key, id).Err()
			return
		}
	}
}

func (s *Streams) report(err error) {
	if s.OnError != nil {
		s.OnError(err)
		return
	}
	slog.Error("sharedlimit: this process counts the replies of visitors alone", "error", err)
}
