package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
)

// The code of docs/several-machines.md, as it is there.
func TestSeveralMachinesGuide(t *testing.T) {
	address, apiKey, secret := startRedis(t).address, fakeKey, strings.Repeat("s", 32)
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	bookbag := chatclient.Options{BaseURL: chattest.BaseURL, HTTPClient: fake.Client()}

	client := redis.NewClient(&redis.Options{
		Addr: address, ContextTimeoutEnabled: true, MaxRetries: 1, DialerRetries: 1,
		DialTimeout: 250 * time.Millisecond, ReadTimeout: 250 * time.Millisecond,
		WriteTimeout: 250 * time.Millisecond, PoolTimeout: 250 * time.Millisecond,
	})
	allowance := &Allowance{Redis: client, Requests: 20, Window: 10 * time.Second}
	streams := &Streams{Redis: client, Max: 3, Lease: 30 * time.Second}
	options := &chatproxy.Options{
		Allow:         allowance.Allow,
		AcquireStream: streams.Acquire,
		Chats:         &Chats{Redis: client, MaxAge: 24 * time.Hour},
	}
	limiter, err := NewLimiter(client, apiKey, &LimiterOptions{Processes: 4})

	require.NoError(t, err)
	defer client.Close()
	bookbag.Limiter = limiter
	bot, err := chatclient.New(apiKey, 123, &bookbag)
	require.NoError(t, err)
	proxy, err := chatproxy.New(bot, secret, visitorByHeader, options)
	require.NoError(t, err)
	server := httptest.NewServer(proxy)
	defer server.Close()
	m := &machines{T: t, urls: []string{server.URL}}
	_ = m.send(0, "") // which checks the reply
}
