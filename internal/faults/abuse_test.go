package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
	"github.com/chatident/chatident/internal/testenv"
)

const (
	peerVar     = "CHATIDENT_ABUSE_PEER"
	ainisaKey   = "ainisa-secret-of-a-test"
	actionKey   = "action-key-of-a-test"
	actionLimit = 64 << 10

	// The longest that a response may take: to a single visitor, and to one among thousands.
	prompt  = 2 * time.Second
	crowded = 10 * time.Second
)

// TestMain runs the test binary as the second process of TestHandlers_Abuse if the
// environment names it.
func TestMain(m *testing.M) {
	if os.Getenv(peerVar) == "" {
		os.Exit(m.Run())
	}
	if err := abusers(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Whatever the visitors of another process do to the handlers, other visitors get their
// responses during and after it, and no goroutine or file stays open.
func TestHandlers_Abuse(t *testing.T) {
	testenv.Load(t)
	peer := startPeer(t)
	s := startSite(t, peer.hear())
	goroutines, files := runtime.NumGoroutine()+1, openFiles() // and the one of the subtest
	s.askAll(t, prompt)
	for _, attack := range []struct {
		name   string
		saw    string // what the abusers saw, at least
		panics int64  // that were reported to OnError
	}{
		{"stalled bodies", "500 x 408 Request Timeout", 0},
		{"bodies over the limit", "413 Request Entity Too Large", 0},
		{"slow readers", "300 leave", 0},
		{"lookups that hang", "2000 leave", 0},
		{"lookups that panic", "2000 x 500 Internal Server Error", 2000},
	} {
		t.Run(attack.name, func(t *testing.T) {
			panics := s.panics.Load()
			begun := time.Now()
			peer.tell(attack.name + "\t" + s.server.URL)
			assert.Equal(t, "begun", peer.hear())
			t.Logf("after %v: %d goroutines, %d files", time.Since(begun).Round(time.Millisecond), runtime.NumGoroutine(), openFiles())
			t.Logf("meanwhile the slowest response took %v", s.askAll(t, crowded))
			peer.tell("end")
			saw := peer.hear()
			assert.Contains(t, saw, attack.saw)
			t.Logf("after %v the abusers saw %s", time.Since(begun).Round(time.Millisecond), saw)
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				s.idle()
				if runtime.NumGoroutine() <= goroutines && openFiles() <= files && s.panics.Load()-panics == attack.panics {
					break
				}
			}
			assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
			assert.LessOrEqual(t, openFiles(), files)
			assert.Equal(t, attack.panics, s.panics.Load()-panics)
			t.Logf("afterwards the slowest response took %v", s.askAll(t, prompt))
		})
	}
	peer.end(t)
}

// openFiles counts the process's, 0 where it cannot tell.
func openFiles() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// site is a server with the three handlers, as a site would have them.
type site struct {
	server   *httptest.Server
	upstream *http.Transport
	panics   atomic.Int64
}

func startSite(t *testing.T, service string) *site {
	s := &site{upstream: &http.Transport{}}
	key, err := identity.ParseKey("00112233445566778899aabbccddeeff")
	require.NoError(t, err)
	minter, err := identity.NewMinter(key, nil)
	require.NoError(t, err)
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{BaseURL: service, HTTPClient: &http.Client{Transport: s.upstream}})
	require.NoError(t, err)
	proxy, err := chatproxy.New(bot, strings.Repeat("s", 32), func(r *http.Request) (chatproxy.Visitor, error) {
		user, err := session(r)
		return chatproxy.Visitor{UserID: chatclient.UserID(user)}, err
	}, &chatproxy.Options{OnError: s.count})
	require.NoError(t, err)
	ainisa, err := hmachash.NewAinisa(ainisaKey, nil)
	require.NoError(t, err)
	action, err := ainisa.Action("X-Api-Key", actionKey, http.HandlerFunc(orders), nil)
	require.NoError(t, err)

	mux := http.NewServeMux()
	mux.Handle("/api/megadesk-identity", identity.Handler(minter, func(r *http.Request) (*identity.Payload, error) {
		user, err := session(r)
		return &identity.Payload{User: identity.UserDetail{ID: user}}, err
	}, &identity.HandlerOptions{OnError: s.count}))
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.Handle("/ainisa/orders", action)
	s.server = httptest.NewUnstartedServer(mux)
	s.server.Config.ReadHeaderTimeout = 5 * time.Second
	s.server.Config.ReadTimeout = 10 * time.Second
	s.server.Config.WriteTimeout = 10 * time.Second
	s.server.Config.ConnContext = smallBuffers
	s.server.Start()
	t.Cleanup(s.server.Close)
	return s
}

// smallBuffers has a slow reader noticed after a few events.
func smallBuffers(ctx context.Context, c net.Conn) context.Context {
	_ = c.(*net.TCPConn).SetWriteBuffer(16 << 10)
	return ctx
}

// session is what a look-up of a real site may do, at its worst.
func session(r *http.Request) (user string, err error) {
	switch user = r.Header.Get("X-User"); user {
	case "hangs":
		<-r.Context().Done()
		return "", r.Context().Err()
	case "panics":
		panic("a bug of the site")
	}
	return user, nil
}

func orders(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, actionLimit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	id, _ := hmachash.UserID(r.Context())
	fmt.Fprintln(w, "orders of", id)
}

func (s *site) count(_ *http.Request, err error) {
	_, ofIdentity := errors.AsType[*identity.PanicError](err)
	_, ofChat := errors.AsType[*chatproxy.PanicError](err)
	if ofIdentity || ofChat {
		s.panics.Add(1)
	}
}

func (s *site) idle() { s.upstream.CloseIdleConnections() }

// askAll asks each handler as a visitor in good faith does, and returns how long
// the slowest took.
func (s *site) askAll(t *testing.T, most time.Duration) (slowest time.Duration) {
	t.Helper()
	for _, q := range []struct {
		request
		want string
	}{
		{request{"GET", "/api/megadesk-identity", header("Ada"), ""}, `{"identity":"ey`},
		{request{"POST", "/chat/messages", header("Ada"), `{"message":"Hello"}`}, "data: [DONE]"},
		{request{"POST", "/ainisa/orders", signed("1"), "{}"}, "orders of 1"},
	} {
		begun := time.Now()
		status, body, err := q.send(s.server.URL)
		took := time.Since(begun)
		require.NoError(t, err, q.path)
		assert.Equal(t, 200, status, q.path)
		assert.Contains(t, body, q.want, q.path)
		assert.Less(t, took, most, q.path)
		slowest = max(slowest, took)
	}
	return slowest.Round(time.Millisecond)
}

// peer is the other process. The test sends it lines and reads lines from it.
type peer struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	hear func() string
}

func startPeer(t *testing.T) *peer {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), peerVar+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	return &peer{cmd, in, func() string {
		require.True(t, lines.Scan(), "the other process ended early")
		return lines.Text()
	}}
}

func (p *peer) tell(line string) { fmt.Fprintln(p.in, line) }

func (p *peer) end(t *testing.T) {
	require.NoError(t, p.in.Close())
	require.NoError(t, p.cmd.Wait())
}
