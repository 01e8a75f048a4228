package chattest_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

const (
	key  = "oc_test_chattest"
	chat = "/api/v2/agents/123/chat"
	list = "/api/v2/agents/123/conversations"
)

// env is a fake and a way to it.
type env struct {
	*testing.T
	fake   *chattest.Fake
	client *http.Client
	base   string
	key    string
}

func inMemory(t *testing.T, options *chattest.Options) *env {
	fake, err := chattest.New(options)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return &env{t, fake, fake.Client(), chattest.BaseURL, "Bearer " + key}
}

func onLoopback(t *testing.T, options *chattest.Options) *env {
	fake, err := chattest.New(options)
	require.NoError(t, err)
	server := fake.Start()
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return &env{t, fake, client, server.URL, "Bearer " + key}
}

// both runs a test over either kind of connection.
func both(t *testing.T, options *chattest.Options, test func(*env)) {
	t.Run("in memory", func(t *testing.T) { test(inMemory(t, options)) })
	t.Run("on loopback", func(t *testing.T) { test(onLoopback(t, options)) })
}

func (e *env) send(method, path, body string) (*http.Response, error) {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), method, e.base+path, strings.NewReader(body))
	require.NoError(e, err)
	if e.key != "" {
		r.Header.Set("Authorization", e.key)
	}
	r.Header.Set("Content-Type", "application/json")
	return e.client.Do(r)
}

func (e *env) open(method, path, body string) *http.Response {
	e.Helper()
	response, err := e.send(method, path, body)
	require.NoError(e, err)
	e.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (e *env) do(method, path, body string) (*http.Response, string) {
	e.Helper()
	response := e.open(method, path, body)
	text, err := io.ReadAll(response.Body)
	require.NoError(e, err)
	return response, string(text)
}

// rejected checks the status and the code of a rejection, and the headers.
func (e *env) rejected(status int, code, method, path, body string) {
	e.Helper()
	response, text := e.do(method, path, body)
	assert.Equal(e, status, response.StatusCode, text)
	assert.Contains(e, text, `"code":"`+code+`"`)
	assert.Equal(e, "application/json", response.Header.Get("Content-Type"))
	assert.Regexp(e, `^req_\d+$`, response.Header.Get("X-Request-Id"))
	assert.Equal(e, "100", response.Header.Get("X-RateLimit-Limit"))
	assert.NotEmpty(e, response.Header.Get("X-RateLimit-Remaining"))
	assert.NotEmpty(e, response.Header.Get("X-RateLimit-Reset"))
}

// ok returns the decoded response.
func (e *env) ok(method, path, body string) decoded {
	e.Helper()
	response, text := e.do(method, path, body)
	require.Equal(e, 200, response.StatusCode, text)
	var a decoded
	require.NoError(e, json.Unmarshal([]byte(text), &a), text)
	return a
}

// message starts a conversation, with a JSON reply.
func (e *env) message(message string) decoded {
	e.Helper()
	return e.ok("POST", chat, `{"message":"`+message+`","stream":false}`)
}

type decoded struct {
	Data       json.RawMessage
	Pagination struct {
		Cursor  *string
		HasMore bool
		Total   int
	}
}

func (a decoded) ids(t testing.TB) []string {
	var items []struct{ ID string }
	require.NoError(t, json.Unmarshal(a.Data, &items))
	ids := []string{}
	for _, item := range items {
		ids = append(ids, item.ID)
	}
	return ids
}

// events reads a stream until [DONE] or the end.
func events(body io.Reader) (events []string, err error) {
	scanner := bufio.NewScanner(body)
	for scanner.Scan() {
		if event, ok := strings.CutPrefix(scanner.Text(), "data: "); ok {
			events = append(events, event)
		}
	}
	return events, scanner.Err()
}
