package main

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/internal/testenv"
)

// redisServer is a Redis for one test, on a loopback port, without files.
type redisServer struct {
	address string
	process *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &redisServer{address: free.Addr().String()}
	require.NoError(t, free.Close())
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

// start starts it with an empty memory.
func (s *redisServer) start(t *testing.T) {
	t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	s.process = exec.Command(testenv.Program(t, "redis", "redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	require.NoError(t, s.process.Start())
	require.Eventually(t, func() bool { return ping(t.Context(), s.address) == nil }, time.Minute, 20*time.Millisecond)
}

// stop ends it as a machine that fails does. It may be called twice.
func (s *redisServer) stop() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *redisServer) client(t *testing.T) *redis.Client {
	client := connect(s.address, redisTimeout)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (s *redisServer) limiter(t *testing.T, options *LimiterOptions) *Limiter {
	t.Helper()
	l, err := NewLimiter(s.client(t), fakeKey, options)
	require.NoError(t, err)
	return l
}
