package chatproxy

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/internal/testenv"
)

const (
	loadStreams = 1000
	loadEvents  = 200
	loadVar     = "CHATIDENT_LOAD_PEER"
)

// TestMain runs the browsers and the service of TestProxy_Load in another process of this
// program, by a variable of its environment.
func TestMain(m *testing.M) {
	if os.Getenv(loadVar) == "" {
		os.Exit(m.Run())
	}
	if err := loadPeer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A thousand replies at once, of 200 pieces each, and nothing is lost, cut or
// left behind. This process has the proxy alone, so that what is measured is
// the proxy's and its client's.
func TestProxy_Load(t *testing.T) {
	testenv.Load(t)
	peer := exec.CommandContext(t.Context(), os.Args[0])
	peer.Env = append(os.Environ(), loadVar+"=1")
	peer.Stderr = os.Stderr
	tell, err := peer.StdinPipe()
	require.NoError(t, err)
	out, err := peer.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, peer.Start())
	told := bufio.NewScanner(out)
	hear := func() string {
		require.True(t, told.Scan(), "the other process ended early")
		return told.Text()
	}

	transport := &http.Transport{}
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{BaseURL: hear(), HTTPClient: &http.Client{Transport: transport}})
	require.NoError(t, err)
	proxy, err := New(bot, testSecret, byHeader, nil)
	require.NoError(t, err)
	server := httptest.NewServer(proxy)
	goroutines, memory := runtime.NumGoroutine(), memoryInUse()

	begun := time.Now()
	fmt.Fprintln(tell, server.URL)
	require.Equal(t, "open", hear())
	perStream := (memoryInUse() - memory) / loadStreams
	t.Logf("%d streams are open after %v: %d goroutines and %d KB each", loadStreams,
		time.Since(begun).Round(time.Millisecond), (runtime.NumGoroutine()-goroutines)/loadStreams, perStream>>10)
	assert.Less(t, perStream, int64(256<<10))

	begun = time.Now()
	fmt.Fprintln(tell, "go on")
	assert.Equal(t, "[]", hear(), "streams that were not whole")
	t.Logf("%d events in %v", loadStreams*loadEvents, time.Since(begun).Round(time.Millisecond))
	require.NoError(t, peer.Wait())
	transport.CloseIdleConnections()
	server.CloseClientConnections()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	assert.Empty(t, proxy.streams.used)
	server.Close()
}

func memoryInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// loadPeer is the other process. It says where the service is, hears where the
// proxy is, says when all streams are open, hears that they may go on, and says
// what was wrong.
func loadPeer() error {
	fake, err := chattest.New(&chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.Text(loadText(turn.Message))}
	}})
	if err != nil {
		return err
	}
	service := fake.Start()
	defer service.Close()
	fmt.Println(service.URL)
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	url := in.Text()

	open, goOn := make(chan bool, loadStreams), make(chan bool)
	for range loadStreams {
		fake.Script(func(normal http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				normal.ServeHTTP(&pausing{ResponseWriter: w, goOn: goOn}, r)
			})
		})
	}
	var wg sync.WaitGroup
	wrong := make(chan string, loadStreams)
	for i := range loadStreams {
		wg.Go(func() {
			if err := loadStream(url, fmt.Sprint("user-", i), open); err != nil {
				open <- false
				wrong <- err.Error()
			}
		})
	}
	for range loadStreams {
		<-open
	}
	fmt.Println("open")
	in.Scan()
	close(goOn)
	wg.Wait()
	close(wrong)
	failures := []string{}
	for text := range wrong {
		failures = append(failures, text)
	}
	return json.NewEncoder(os.Stdout).Encode(failures[:min(len(failures), 10)])
}

// pausing holds the stream after its first event.
type pausing struct {
	http.ResponseWriter
	goOn   <-chan bool
	events int
}

func (p *pausing) Write(b []byte) (int, error) {
	if p.events++; p.events == 2 {
		<-p.goOn
	}
	return p.ResponseWriter.Write(b)
}

func (p *pausing) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func loadText(user string) string { return strings.Repeat(user+" ", loadEvents) }

// loadStream reads one reply, whole and of the right words.
func loadStream(url, user string, open chan<- bool) error {
	r, err := http.NewRequest("POST", url+"/messages", strings.NewReader(messageBody(user, "")))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(asUser, user)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var text strings.Builder
	deltas, last := 0, ""
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		data, ok := strings.CutPrefix(s.Text(), "data: ")
		if !ok {
			continue
		}
		last = data
		var frame struct{ Type, Text string }
		if json.Unmarshal([]byte(data), &frame) == nil && frame.Type == "text-delta" {
			text.WriteString(frame.Text)
			if deltas++; deltas == 1 {
				open <- true
			}
		}
	}
	if res.StatusCode != 200 || last != "[DONE]" || deltas != loadEvents || text.String() != loadText(user) {
		return errors.New(fmt.Sprint(user, ": status ", res.StatusCode, ", ", deltas, " events, last ", last))
	}
	return nil
}
