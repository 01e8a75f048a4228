package readme

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each program of the README is built with another port, and responds to
// the curl command below it with what is printed there.
func TestReadme_ProgramsRespondAsPrinted(t *testing.T) {
	programs, _ := goBlocks(t, "README.md")
	consoles := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	require.Len(t, programs, 3)
	require.Len(t, consoles, len(programs))
	for i, program := range programs {
		lines := strings.SplitN(consoles[i][1], "\n", 3)
		t.Run(lines[1], func(t *testing.T) {
			site := start(t, program.code, lines[0])
			body := curl(t, lines[1], site)
			for piece := range strings.SplitSeq(strings.ReplaceAll(lines[2], "\n", "…"), "…") {
				_, rest, found := strings.Cut(body, strings.TrimSpace(piece))
				assert.True(t, found, "%q is not in the rest of the response, %q", piece, body)
				body = rest
			}
		})
	}
}

// start builds a program and runs it with the variables of its command line until
// the test ends. It returns its URL.
func start(t *testing.T, code, command string) string {
	t.Helper()
	address := freeAddress(t)
	const printed = `"127.0.0.1:8080"`
	require.Equal(t, 1, strings.Count(code, printed))
	run := exec.Command(build(t, strings.Replace(code, printed, `"`+address+`"`, 1)))
	secrets := strings.NewReplacer("$(openssl rand -hex 16)", "000102030405060708090a0b0c0d0e0f",
		"$(openssl rand -hex 32)", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	variables := regexp.MustCompile(`^\$ ((?:\w+=\S+ )+)go run \.$`).FindStringSubmatch(secrets.Replace(command))
	require.NotNil(t, variables, command)
	run.Env = append(os.Environ(), strings.Fields(variables[1])...)
	run.Stderr = t.Output()
	require.NoError(t, run.Start())
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	return "http://" + address
}

// curl makes the request of a curl command, and returns the response's body.
func curl(t *testing.T, command, site string) string {
	t.Helper()
	parts := regexp.MustCompile(`^\$ curl (?:-H '(.*): (.*)' -d '(.*)' )?http://127\.0\.0\.1:8080(/\S*)$`).FindStringSubmatch(command)
	require.NotNil(t, parts, command)
	method := http.MethodGet
	if parts[3] != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequest(method, site+parts[4], strings.NewReader(parts[3]))
	require.NoError(t, err)
	if parts[1] != "" {
		request.Header.Set(parts[1], parts[2])
	}
	response := whenUp(t, request)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, 200, response.StatusCode)
	return string(body)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// whenUp repeats a request until the program listens.
func whenUp(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	client := &http.Client{Timeout: time.Minute}
	var response *http.Response
	require.Eventually(t, func() (up bool) {
		again := request.Clone(t.Context())
		if request.GetBody != nil {
			again.Body, _ = request.GetBody()
		}
		var err error
		response, err = client.Do(again)
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	return response
}
