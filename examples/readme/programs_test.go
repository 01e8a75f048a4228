package readme

import (
	"go/format"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a visitor finds at each of the README's programs, in their order there.
var visits = []struct {
	method, path, body string
	says               []string
}{
	{"GET", "/api/megadesk-identity", "", []string{`{"identity":"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..`}},
	{"GET", "/", "", []string{`<h1>Shop</h1><script type="application/json" data-chatident="ainisa"`, `"user_id":"1001"`, `"firstname":"Ada"`, "widget.js"}},
	{"POST", "/chat/messages", `{"message":"Where is my order?"}`, []string{`{"type":"text-delta","text":`, "order?", "[DONE]"}},
}

// The programs of the README are built as they stand there, but for the port.
func TestThePrograms(t *testing.T) {
	programs, _ := goBlocks(t)
	require.Len(t, programs, len(visits))
	for i, visit := range visits {
		t.Run(visit.path, func(t *testing.T) {
			site := start(t, programs[i])
			request, err := http.NewRequest(visit.method, site+visit.path, strings.NewReader(visit.body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			answer := whenUp(t, request)
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.Equal(t, 200, answer.StatusCode)
			for _, text := range visit.says {
				assert.Contains(t, string(body), text)
			}
		})
	}
}

// start builds a program and runs it until the test ends. It returns its URL.
func start(t *testing.T, code string) string {
	t.Helper()
	address := freeAddress(t)
	const told = `"127.0.0.1:8080"`
	require.Equal(t, 1, strings.Count(code, told))
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "shop")
	require.NoError(t, os.WriteFile(source, []byte(strings.Replace(code, told, `"`+address+`"`, 1)), 0o600))
	formatted, err := format.Source([]byte(code))
	require.NoError(t, err)
	require.Equal(t, string(formatted), code, "gofmt would change it")
	for _, arguments := range [][]string{{"vet", source}, {"build", "-o", program, source}} {
		said, err := exec.Command("go", arguments...).CombinedOutput()
		require.NoError(t, err, string(said))
	}

	run := exec.Command(program)
	run.Env = append(os.Environ(),
		"MEGADESK_IDENTITY_SECRET=000102030405060708090a0b0c0d0e0f",
		"AINISA_SECRET_KEY=your_secret_key_here",
		"CHATPROXY_SECRET=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	run.Stderr = t.Output()
	require.NoError(t, run.Start())
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	return "http://" + address
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// whenUp asks until the program listens.
func whenUp(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	var answer *http.Response
	require.Eventually(t, func() (up bool) {
		again := request.Clone(t.Context())
		again.Body, _ = request.GetBody()
		var err error
		answer, err = client.Do(again)
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	return answer
}
