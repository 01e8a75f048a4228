package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

const (
	machineVar = "SHAREDLIMIT_MACHINE"
	machineRun = 14 * time.Second
)

// TestMain makes this program one of the machines of TestFourProcesses, where it
// is asked to be.
func TestMain(m *testing.M) {
	logging.Disable()
	if settings := os.Getenv(machineVar); settings != "" {
		if err := machine(strings.Fields(settings)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// machineReport is what a machine says at its end.
type machineReport struct {
	LetGo  []int64 // when the limiter let calls go, in microseconds
	Failed []string
}

// machine calls as fast as it may, and reports.
func machine(settings []string) error {
	address, url := settings[0], settings[1]
	workers, err := strconv.Atoi(settings[2])
	if err != nil {
		return err
	}
	begin, err := time.Parse(time.RFC3339Nano, settings[3])
	if err != nil {
		return err
	}
	client := connect(address)
	defer client.Close()
	limiter, err := New(client, fakeKey, nil)
	if err != nil {
		return err
	}
	noted := &noting{limiter: limiter}
	bot, err := chatclient.New(fakeKey, 123, &chatclient.Options{BaseURL: url, MaxRetries: -1, Limiter: noted})
	if err != nil {
		return err
	}
	time.Sleep(time.Until(begin)) // all at once
	ctx, cancel := context.WithTimeout(context.Background(), machineRun)
	defer cancel()
	calls := make(chan call)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { work(ctx, bot, 0, calls) })
	}
	go func() { running.Wait(); close(calls) }()
	report := machineReport{}
	for c := range calls {
		if c.err != nil {
			report.Failed = append(report.Failed, c.err.Error())
		}
	}
	report.LetGo = noted.letGo
	return json.NewEncoder(os.Stdout).Encode(report)
}

// noting notes when a limiter lets calls go.
type noting struct {
	limiter chatclient.Limiter
	mu      sync.Mutex
	letGo   []int64
}

func (n *noting) Wait(ctx context.Context) error {
	err := n.limiter.Wait(ctx)
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.letGo = append(n.letGo, time.Now().UnixMicro())
	}
	return err
}

// statuses counts the answers by status.
type statuses struct {
	http.Handler
	refused, others atomic.Int64
}

func (s *statuses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorder := httptest.NewRecorder()
	s.Handler.ServeHTTP(recorder, r)
	switch recorder.Code {
	case http.StatusOK:
	case http.StatusTooManyRequests:
		s.refused.Add(1)
	default:
		s.others.Add(1)
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

// Four processes share a key, one of them with twice as many workers. The fake
// enforces the limit, and never has to.
func TestFourProcesses(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	fake, err := chattest.New(&chattest.Options{Window: true})
	require.NoError(t, err)
	service := &statuses{Handler: fake}
	server := httptest.NewServer(service)
	defer server.Close()

	workers := []int{3, 3, 3, 6}
	outputs := make([]bytes.Buffer, len(workers))
	processes := make([]*exec.Cmd, len(workers))
	begin := time.Now().Add(time.Second).Format(time.RFC3339Nano)
	for i, n := range workers {
		p := exec.CommandContext(t.Context(), os.Args[0])
		p.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %s", machineVar, redis.address, server.URL, n, begin))
		p.Stdout, p.Stderr = &outputs[i], os.Stderr
		require.NoError(t, p.Start())
		processes[i] = p
	}
	time.Sleep(machineRun / 2)
	require.NoError(t, redis.client(t).ScriptFlush(t.Context()).Err())

	var all []time.Time
	shares := make([]int, len(workers))
	for i, p := range processes {
		require.NoError(t, p.Wait())
		var report machineReport
		require.NoError(t, json.Unmarshal(outputs[i].Bytes(), &report))
		assert.Empty(t, report.Failed)
		shares[i] = len(report.LetGo)
		for _, at := range report.LetGo {
			all = append(all, time.UnixMicro(at))
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	mean := len(all) * int(window) / int(machineRun)
	t.Logf("%d calls, by process %v; in 10 seconds %d in the mean and %d at most", len(all), shares, mean, most(all, window))
	assert.Zero(t, service.refused.Load(), "answers of status 429")
	assert.Zero(t, service.others.Load())
	assert.LessOrEqual(t, most(all, window), limit)
	assert.GreaterOrEqual(t, mean, 80)
	for _, n := range shares {
		assert.GreaterOrEqual(t, n*100, len(all)*15, "a process got less than its part")
	}
}
