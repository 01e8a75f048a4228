package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
)

const (
	machineVar = "SHAREDLIMIT_MACHINE"

	testRequests = 20
	testStreams  = 3
)

// TestMain makes this program one of the machines of a test, if the variable is set.
func TestMain(m *testing.M) {
	logging.Disable()
	redisTimeout = 30 * time.Second // for a busy machine
	if settings := os.Getenv(machineVar); settings != "" {
		if err := runMachine(strings.Fields(settings)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// runMachine serves a site until the standard input ends. Its first line of output is the
// site's address.
func runMachine(settings []string) error {
	site, err := newMachineSite(settings[0], settings[1])
	if err != nil {
		return err
	}
	server := httptest.NewServer(site)
	fmt.Println(server.URL)
	_, err = io.Copy(io.Discard, os.Stdin)
	server.CloseClientConnections()
	return err
}

func visitorByHeader(r *http.Request) (chatproxy.Visitor, error) {
	return chatproxy.Visitor{UserID: chatclient.UserID(r.Header.Get("X-User"))}, nil
}

// newMachineSite returns a site with a chat at / and a request of the limiter at /slot.
func newMachineSite(redisAddress, bookbag string) (http.Handler, error) {
	client := connect(redisAddress, redisTimeout)
	limiter, err := NewLimiter(client, fakeKey, nil)
	if err != nil {
		return nil, err
	}
	bot, err := chatclient.New(fakeKey, 123, &chatclient.Options{BaseURL: bookbag})
	if err != nil {
		return nil, err
	}
	ignored := func(error) {}
	streams := &Streams{Redis: client, Max: testStreams, Lease: time.Minute, OnError: ignored}
	allowance := &Allowance{Redis: client, Requests: testRequests, Window: time.Hour, OnError: ignored}
	proxy, err := chatproxy.New(bot, strings.Repeat("s", 32), visitorByHeader, &chatproxy.Options{
		MaxStreamsPerVisitor: testStreams,
		Allow:                allowance.Allow,
		AcquireStream:        streams.Acquire,
		Chats:                &Chats{Redis: client, MaxAge: time.Hour},
		OnError:              func(*http.Request, error) {},
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("/slot", func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		wait, err := limiter.ask(r.Context(), rand.Text())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode([]time.Time{begun.Add(wait), time.Now().Add(wait)})
	})
	return mux, nil
}

// machines are four processes that share a Redis and a fake of Bookbag.
type machines struct {
	*testing.T
	redis *redisServer
	fake  *chattest.Fake
	urls  []string
}

func startMachines(t *testing.T, options *chattest.Options) *machines {
	t.Helper()
	fake, err := chattest.New(options)
	require.NoError(t, err)
	bookbag := fake.Start()
	t.Cleanup(bookbag.Close)
	m := &machines{T: t, redis: startRedis(t), fake: fake}
	for range 4 {
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s", machineVar, m.redis.address, bookbag.URL))
		process.Stderr = os.Stderr
		in, err := process.StdinPipe()
		require.NoError(t, err)
		out, err := process.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, process.Start())
		t.Cleanup(func() {
			_ = in.Close()
			assert.NoError(t, process.Wait())
		})
		url, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		m.urls = append(m.urls, strings.TrimSpace(url))
	}
	return m
}

// open sends a request of a visitor to one of the machines.
func (m *machines) open(ctx context.Context, machine int, user, method, path, body string) *http.Response {
	m.Helper()
	r, err := http.NewRequestWithContext(ctx, method, m.urls[machine]+path, strings.NewReader(body))
	require.NoError(m, err)
	r.Header.Set("X-User", user)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(m, err)
	return res
}

func (m *machines) status(machine int, user string) int {
	m.Helper()
	res := m.open(m.Context(), machine, user, "GET", "/conversations", "")
	defer res.Body.Close()
	return res.StatusCode
}

// reply is what the last frame of a reply says.
type reply struct {
	Conversation     string
	ConversationLost bool
	FinishReason     string
}

// send sends a message of Ada's chat "c" and reads the reply.
func (m *machines) send(machine int, ticket string) (last reply) {
	m.Helper()
	body := map[string]string{"chat": "c", "id": rand.Text(), "message": "Hello"}
	if ticket != "" {
		body["conversation"] = ticket
	}
	encoded, err := json.Marshal(body)
	require.NoError(m, err)
	res := m.open(m.Context(), machine, "ada", "POST", "/messages", string(encoded))
	defer res.Body.Close()
	require.Equal(m, 200, res.StatusCode)
	for in := bufio.NewScanner(res.Body); in.Scan(); {
		if data, ok := strings.CutPrefix(in.Text(), "data: {"); ok {
			last = reply{}
			require.NoError(m, json.Unmarshal([]byte("{"+data), &last))
		}
	}
	require.Equal(m, "stop", last.FinishReason)
	return last
}

// Four processes share a key and make calls as fast as possible. All slots together are within
// the limit. In this test, the processes and Redis have the same clock.
func TestLimiter_FourProcesses(t *testing.T) {
	m := startMachines(t, nil)
	var mu sync.Mutex
	byMachine := make([]int, len(m.urls))
	var running sync.WaitGroup
	for machine := range m.urls {
		for range 3 {
			running.Go(func() {
				latest := time.Time{}
				for range 30 {
					res := m.open(t.Context(), machine, "ada", "GET", "/slot", "")
					var between []time.Time // when the slot is
					if !assert.NoError(t, json.NewDecoder(res.Body).Decode(&between)) {
						return
					}
					_ = res.Body.Close()
					assert.False(t, between[1].Before(latest), "no slot is before one that was given earlier")
					latest = between[0]
					mu.Lock()
					byMachine[machine]++
					mu.Unlock()
				}
			})
		}
	}
	running.Wait()
	assert.Equal(t, []int{90, 90, 90, 90}, byMachine)
	client := m.redis.client(t)
	keys, err := client.Keys(t.Context(), "sharedlimit:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	got := slotTimes(t, client, keys[0])
	assert.LessOrEqual(t, most(got, window+margin), limit)
	assert.LessOrEqual(t, most(got, span), burst)
	t.Logf("%d slots still known, at most %d in 11 s", len(got), most(got, window+margin))
}

// A visitor's requests count on all machines. Without Redis each process has a bound, and
// with Redis back all have one again.
func TestAllowance_FourProcesses(t *testing.T) {
	m := startMachines(t, nil)
	allowed := func(machine int, user string) bool {
		status := m.status(machine, user)
		require.Contains(t, []int{200, 429}, status)
		return status == 200
	}
	count := func(user string) (n int) {
		for i := range len(m.urls) * (testRequests + 1) {
			if allowed(i%len(m.urls), user) {
				n++
			}
		}
		return n
	}
	assert.Equal(t, testRequests, count("ada"))
	m.redis.stop()
	assert.Equal(t, len(m.urls)*testRequests, count("ada"), "each process by itself")
	m.redis.start(t)
	assert.Equal(t, testRequests, count("ada"))
}

// A visitor's replies count on all machines. Without Redis each process has a bound, and
// with Redis back all have one again.
func TestStreams_FourProcesses(t *testing.T) {
	hang := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
	}
	m := startMachines(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	var held []*http.Response
	defer func() {
		leave()
		for _, res := range held {
			_ = res.Body.Close()
		}
	}()
	// begin begins a reply on a machine and reports whether it may. The first frame comes
	// after 5 seconds, or when Bookbag responds.
	begin := func(ctx context.Context, machine int, user string) bool {
		m.fake.Script(hang)
		res := m.open(ctx, machine, user, "POST", "/messages", `{"message":"Hello"}`)
		if res.StatusCode == 200 {
			held = append(held, res)
			return true
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), "too_many_streams")
		return false
	}
	first, leaveFirst := context.WithCancel(ctx)
	assert.True(t, begin(first, 0, "ada"))
	assert.True(t, begin(ctx, 1, "ada"))
	assert.True(t, begin(ctx, 2, "ada"))
	assert.False(t, begin(ctx, 3, "ada"), "three on all machines")
	assert.True(t, begin(ctx, 3, "grace"))
	leaveFirst()
	require.Eventually(t, func() bool { return begin(ctx, 3, "ada") }, time.Minute, 50*time.Millisecond)

	m.redis.stop()
	assert.True(t, begin(ctx, 0, "eve"))
	assert.True(t, begin(ctx, 1, "eve"))
	assert.True(t, begin(ctx, 2, "eve"))
	assert.True(t, begin(ctx, 3, "eve"))
	assert.True(t, begin(ctx, 3, "eve"))
	assert.True(t, begin(ctx, 3, "eve"))
	assert.False(t, begin(ctx, 3, "eve"), "three on this machine")

	m.redis.start(t)
	for machine := range testStreams {
		assert.True(t, begin(ctx, machine, "bob"))
	}
	assert.False(t, begin(ctx, 3, "bob"))
}

// A chat continues on every machine. Without Redis a page learns that a new conversation
// began, unless it has a ticket, and with Redis back its chat is kept again.
func TestChats_FourProcesses(t *testing.T) {
	m := startMachines(t, nil)
	first := m.send(0, "")
	assert.False(t, first.ConversationLost)
	for machine := range m.urls {
		assert.Equal(t, first, m.send(machine, ""))
	}
	m.redis.stop()
	assert.Equal(t, first, m.send(1, first.Conversation))
	second := m.send(2, "")
	assert.True(t, second.ConversationLost)
	assert.NotEqual(t, first.Conversation, second.Conversation)

	m.redis.start(t)
	assert.Equal(t, first, m.send(3, first.Conversation))
	assert.Equal(t, first, m.send(0, ""))
}
