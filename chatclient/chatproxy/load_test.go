package chatproxy

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
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
	loadStreams = 4000
	loadEvents  = 200
	loadVar     = "CHATIDENT_LOAD_ROLE"
)

// loadRoles are the other processes of TestProxy_Load. Each prints lines for the test, and
// reads lines from it.
var loadRoles = map[string]func(lines *bufio.Scanner) error{
	"service": loadService, "browsers": loadBrowsers, "chatproxy": loadProxy, "ReverseProxy": loadReverseProxy,
}

// TestMain runs a role of TestProxy_Load in another process of this program, by a variable
// of its environment.
func TestMain(m *testing.M) {
	role := loadRoles[os.Getenv(loadVar)]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := role(bufio.NewScanner(os.Stdin)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// loadProcess is a role that runs.
type loadProcess struct {
	*testing.T
	in  io.Writer
	out *bufio.Scanner
}

func startRole(t *testing.T, role string) loadProcess {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), loadVar+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	t.Cleanup(func() { _ = in.Close() })
	return loadProcess{t, in, bufio.NewScanner(out)}
}

func (p loadProcess) read() string {
	p.Helper()
	require.True(p, p.out.Scan(), "the other process ended early")
	return p.out.Text()
}

func (p loadProcess) write(line string) { _, _ = fmt.Fprintln(p.in, line) }

// Four thousand replies at once, of 200 pieces each, through three processes: nothing is
// lost, cut or left, and the proxy's memory is close to that of httputil.ReverseProxy.
func TestProxy_Load(t *testing.T) {
	testenv.Load(t)
	memory := map[string]int{}
	for _, role := range []string{"chatproxy", "ReverseProxy"} {
		t.Run(role, func(t *testing.T) {
			service, browsers, proxy := startRole(t, "service"), startRole(t, "browsers"), startRole(t, role)
			proxy.write(service.read())
			browsers.write(proxy.read())
			begun := time.Now()
			require.Equal(t, "open", browsers.read())
			opened := time.Since(begun)
			proxy.write("measure")
			_, err := fmt.Sscan(proxy.read(), new(int))
			require.NoError(t, err)
			proxy.write("measure") // the first one has settled the heap
			kilobytes := 0
			_, err = fmt.Sscan(proxy.read(), &kilobytes)
			require.NoError(t, err)
			memory[role] = kilobytes
			t.Logf("%d streams are open after %v: RSS %d MB", loadStreams, opened.Round(time.Millisecond), kilobytes>>10)
			begun = time.Now()
			service.write("go on")
			assert.Equal(t, "[]", browsers.read(), "streams that were not whole")
			t.Logf("%d events in %v", loadStreams*loadEvents, time.Since(begun).Round(time.Millisecond))
			proxy.write("end")
			assert.Equal(t, "nothing left", proxy.read())
		})
	}
	ratio := float64(memory["chatproxy"]) / float64(memory["ReverseProxy"])
	t.Logf("RSS: %.2f times that of ReverseProxy", ratio)
	assert.LessOrEqual(t, ratio, 1.25)
}

// loadService is the vendor's service, which holds each reply after its first piece until
// it reads a line.
func loadService(in *bufio.Scanner) error {
	fake, err := chattest.New(&chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.Text(loadText(turn.Message))}
	}})
	if err != nil {
		return err
	}
	service := fake.Start()
	defer service.Close()
	goOn := make(chan bool)
	for range loadStreams {
		fake.Script(func(normal http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				normal.ServeHTTP(&pausing{ResponseWriter: w, goOn: goOn}, r)
			})
		})
	}
	fmt.Println(service.URL)
	in.Scan()
	close(goOn)
	in.Scan() // the end of the test
	return nil
}

func loadProxy(in *bufio.Scanner) error {
	in.Scan()
	transport := &http.Transport{}
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{BaseURL: in.Text(), HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return err
	}
	proxy, err := New(bot, testSecret, byHeader, nil)
	if err != nil {
		return err
	}
	return measured(in, proxy, transport)
}

func loadReverseProxy(in *bufio.Scanner) error {
	in.Scan()
	service, err := url.Parse(in.Text() + "/api/v2/agents/123/chat")
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	return measured(in, &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL, r.Out.Host = service, ""
		r.Out.Header.Set("Authorization", "Bearer "+testKey)
	}}, transport)
}

// measured serves a handler and prints its resident memory for each line "measure".
func measured(in *bufio.Scanner, h http.Handler, transport *http.Transport) error {
	goroutines := runtime.NumGoroutine()
	server := httptest.NewServer(h)
	fmt.Println(server.URL)
	for in.Scan() && in.Text() == "measure" {
		debug.FreeOSMemory()
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		_, rss, _ := strings.Cut(string(status), "VmRSS:")
		fmt.Println(strings.Fields(rss)[0])
	}
	transport.CloseIdleConnections()
	server.Close()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if p, ok := h.(*Proxy); runtime.NumGoroutine() > goroutines || ok && len(p.streams.used) > 0 {
		return errors.New("goroutines or streams are left")
	}
	fmt.Println("nothing left")
	return nil
}

// loadBrowsers reads the replies of all visitors at once.
func loadBrowsers(in *bufio.Scanner) error {
	in.Scan()
	proxy := in.Text()
	open, wrong := make(chan bool, loadStreams), make(chan string, loadStreams)
	var wg sync.WaitGroup
	for i := range loadStreams {
		wg.Go(func() {
			if err := loadStream(proxy, fmt.Sprint("user-", i), open); err != nil {
				open <- false
				wrong <- err.Error()
			}
		})
	}
	for range loadStreams {
		<-open
	}
	fmt.Println("open")
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
