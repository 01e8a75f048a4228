package chatproxy

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The log has the text of a panic, bounded and on one line; the visitor has a sentence.
func TestProxy_LogsAPanic(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	panics := func(*http.Request) (Visitor, error) {
		panic("no session\u2028\u202e\n" + strings.Repeat("x", 300))
	}
	proxy, err := New(newSite(t, setup{}).proxy.bot, testSecret, panics, nil)
	require.NoError(t, err)
	w := newRecorder()
	proxy.ServeHTTP(w, newRequest("GET", "/conversations", ""))
	assert.Equal(t, 500, w.Code)
	assert.NotContains(t, w.Body.String(), "session")
	var record struct{ Msg, Error, Stack string }
	require.NoError(t, json.Unmarshal(log.Bytes(), &record))
	assert.Equal(t, "chat endpoint failed", record.Msg)
	assert.Equal(t, "chatproxy: panic of type string: no session   "+strings.Repeat("x", 256-len("no session\u2028\u202e\n")), record.Error)
	assert.Contains(t, record.Stack, "panic_test.go")
}
