package chatproxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/internal/testenv"
)

// nginxConfig is what people write, and beside it the same with the header that
// forbids buffering ignored, to see that the test can fail.
const nginxConfig = `
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	gzip on;
	gzip_types *;
	server {
		listen %s;
		location / { proxy_pass http://%s; }
		location /buffered/ {
			proxy_pass http://%[2]s/;
			proxy_ignore_headers X-Accel-Buffering;
		}
	}
}
`

func startNginx(t *testing.T, behind string) (addr string) {
	path := testenv.Program(t, "nginx", "nginx", "/usr/sbin/nginx") // often not in PATH
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, nginxConfig, addr, behind), 0o644))
	cmd := exec.Command(path, "-p", dir, "-c", config, "-e", "stderr")
	var log strings.Builder
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return addr
		}
		require.Less(t, time.Since(begun), time.Minute, "nginx does not start")
	}
}

func TestProxy_BehindNginx(t *testing.T) {
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	service := fake.Start()
	defer service.Close()
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{BaseURL: service.URL})
	require.NoError(t, err)
	proxy, err := New(bot, testSecret, byHeader, nil)
	require.NoError(t, err)
	server := httptest.NewServer(http.StripPrefix("/chat", proxy))
	defer server.Close()
	addr := startNginx(t, server.Listener.Addr().String())

	for prefix, arrives := range map[string]bool{"/chat": true, "/buffered/chat": false} {
		second := make(chan bool)
		fake.Script(chattest.Respond(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"one \"}\n\n")
			_ = http.NewResponseController(w).Flush()
			<-second
			_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"two\"}\n\ndata: [DONE]\n\n")
		}))
		first := make(chan string, 1)
		all := make(chan string, 1)
		go func() {
			r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+prefix+"/messages", strings.NewReader(messageBody("Hello", "")))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set(asUser, "ada")
			res, err := http.DefaultTransport.RoundTrip(r)
			if !assert.NoError(t, err) {
				return
			}
			defer res.Body.Close()
			assert.True(t, res.Uncompressed, "nginx has compressed it, piece by piece")
			var text strings.Builder
			for line := range lines(res.Body) {
				if strings.Contains(line, "one ") {
					first <- line
				}
				text.WriteString(line + "\n")
			}
			all <- text.String()
		}()
		wait := time.Second
		if arrives {
			wait = time.Minute // on a busy machine
		}
		select {
		case <-first:
			assert.True(t, arrives, "nginx does buffer unless a header stops it")
		case <-time.After(wait):
			assert.False(t, arrives, "the first word waits for the second")
		}
		close(second)
		assert.Contains(t, <-all, "two")
	}
}
