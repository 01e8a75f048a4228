package endpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPrivate(t *testing.T) {
	h := http.Header{"Cache-Control": {"public", "max-age=60"}, "Vary": {"Origin"}}
	Private(h)
	assert.Equal(t, http.Header{
		"Cache-Control":                {"no-store"},
		"Vary":                         {"Origin", "Cookie"},
		"X-Content-Type-Options":       {"nosniff"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
	}, h)
}

func recovered(f func()) (typ, stack string) {
	defer Recover(func(t string, s []byte) { typ, stack = t, string(s) })
	f()
	return "none", ""
}

var zero int

func panicsWith(v any) { panic(v) }

func TestRecover(t *testing.T) {
	for want, f := range map[string]func(){
		"none":                   func() {},
		"*errors.errorString":    func() { panicsWith(errors.New("ada@example.com")) },
		"string":                 func() { panicsWith("ada@example.com") },
		"[]string":               func() { panicsWith([]string{"ada@example.com"}) }, // which cannot be compared
		"*runtime.PanicNilError": func() { panicsWith(nil) },
		"runtime.boundsError":    func() { _ = make([]int, 0)[zero] },
	} {
		typ, stack := recovered(f)
		assert.Equal(t, want, typ)
		assert.NotContains(t, stack, "ada@example.com")
		assert.Equal(t, want != "none", strings.Contains(stack, "endpoint.TestRecover"), "the stack says where: %s", stack)
	}
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { recovered(func() { panicsWith(http.ErrAbortHandler) }) })
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)

	plain := errors.New("plain")
	tell := Log("endpoint failed", func(err error) []byte {
		if err == plain {
			return nil
		}
		return []byte("goroutine 1")
	})
	told := func(err error) (record map[string]any) {
		log.Reset()
		tell(httptest.NewRequest("GET", "/?q=ada", nil), err)
		require.NoError(t, json.Unmarshal(log.Bytes(), &record))
		delete(record, "time")
		return record
	}
	assert.Equal(t, map[string]any{"level": "ERROR", "msg": "endpoint failed", "error": "plain"}, told(plain))
	long := errors.New(strings.Repeat("x", 255) + "ü and more")
	assert.Equal(t, map[string]any{
		"level": "ERROR", "msg": "endpoint failed", "error": strings.Repeat("x", 255), "stack": "goroutine 1",
	}, told(long), "cut to 256 bytes, of which half a letter is none")
	assert.Equal(t, "EOF", told(io.EOF)["error"])
}
