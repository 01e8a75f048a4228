package contactstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts/contactstest"
)

const (
	key        = "oc_test_contactstest"
	base       = "/api/v1/chatbots/123"
	contacts   = base + "/contacts"
	attributes = base + "/custom-attributes"
)

// env is a fake and a way to it.
type env struct {
	*testing.T
	fake   *contactstest.Fake
	client *http.Client
	base   string
	key    string
}

func inMemory(t *testing.T, options *contactstest.Options) *env {
	fake, err := contactstest.New(options)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return &env{t, fake, fake.Client(), contactstest.BaseURL, "Bearer " + key}
}

func onLoopback(t *testing.T, options *contactstest.Options) *env {
	fake, err := contactstest.New(options)
	require.NoError(t, err)
	server := fake.Start()
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return &env{t, fake, client, server.URL, "Bearer " + key}
}

// both runs a test over either kind of connection.
func both(t *testing.T, options *contactstest.Options, test func(*env)) {
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
	return e.client.Do(r)
}

func (e *env) do(method, path, body string) (*http.Response, string) {
	e.Helper()
	response, err := e.send(method, path, body)
	require.NoError(e, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(e, err)
	return response, string(text)
}

// rejected checks the whole body of a rejection.
func (e *env) rejected(status int, want, method, path, body string) {
	e.Helper()
	response, text := e.do(method, path, body)
	assert.Equal(e, status, response.StatusCode, text)
	assert.Equal(e, want, text)
	assert.Equal(e, "application/json", response.Header.Get("Content-Type"))
	assert.Regexp(e, `^req_\d+$`, response.Header.Get("X-Request-Id"))
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

// upsert saves a contact and returns its attributes, as they are then.
func (e *env) upsert(user string) string {
	e.Helper()
	var data []contactstest.Contact
	require.NoError(e, json.Unmarshal(e.ok("POST", contacts, `{"users":[`+user+`]}`).Data, &data))
	b, err := json.Marshal(data[0].CustomAttributes)
	require.NoError(e, err)
	return string(b)
}

type decoded struct {
	Message string
	Data    json.RawMessage
	Total   int
	Pages   struct {
		Page, PerPage, TotalPages int
	}
}
