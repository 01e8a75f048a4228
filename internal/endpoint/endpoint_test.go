package endpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func recovered(f func()) (p *Panic) {
	defer Recover(func(reported *Panic) { p = reported })
	f()
	return nil
}

var zero int

func panicsWith(v any) { panic(v) }

type worse struct{}

func (worse) Error() string { panic("within Error") }

func TestRecover_ReportsTypeTextAndStack(t *testing.T) {
	assert.Nil(t, recovered(func() {}))
	for name, test := range map[string]struct {
		f         func()
		typ, text string
	}{
		"error":                   {func() { panicsWith(errors.New("scs: no session data")) }, "*errors.errorString", "scs: no session data"},
		"string":                  {func() { panicsWith("scs: no session data") }, "string", "scs: no session data"},
		"[]string":                {func() { panicsWith([]string{"ada@example.com"}) }, "[]string", ""}, // cannot be compared
		"struct":                  {func() { panicsWith(struct{ Email string }{"ada@example.com"}) }, "struct { Email string }", ""},
		"nil":                     {func() { panicsWith(nil) }, "*runtime.PanicNilError", new(runtime.PanicNilError).Error()},
		"conversion":              {func() { _ = any(zero).(string) }, "*runtime.TypeAssertionError", "interface conversion: interface {} is int, not string"},
		"Error panics":            {func() { panicsWith(worse{}) }, "endpoint.worse", ""},
		"long":                    {func() { panicsWith("x" + strings.Repeat("ü", 10_000_000)) }, "string", "x" + strings.Repeat("ü", 127)},
		"invisible":               {func() { panicsWith("a\x00\r\n\x7f\u0085\u2028\u202e\u200bb\u00a0c") }, "string", "a        b\u00a0c"},
		"not UTF-8":               {func() { panicsWith("a\xffb") }, "string", "ab"},
		"not UTF-8, at the limit": {func() { panicsWith(strings.Repeat("x", 254) + "\xff") }, "string", strings.Repeat("x", 254)},
	} {
		t.Run(name, func(t *testing.T) {
			p := recovered(test.f)
			assert.Equal(t, test.typ, p.Type)
			assert.Equal(t, test.text, p.Text)
			assert.NotContains(t, string(p.Stack), "ada@example.com")
			assert.Contains(t, string(p.Stack), "endpoint.TestRecover")
		})
	}
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { recovered(func() { panicsWith(http.ErrAbortHandler) }) })
}

func TestPanic_String(t *testing.T) {
	assert.Equal(t, "panic of type int", (&Panic{Type: "int"}).String())
	assert.Equal(t, "panic of type string: text", (&Panic{Type: "string", Text: "text"}).String())
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)

	logged := func(err error, stack []byte) (record map[string]any) {
		log.Reset()
		Log(httptest.NewRequest("GET", "/?q=ada", nil), "endpoint failed", err, stack)
		require.NoError(t, json.Unmarshal(log.Bytes(), &record))
		delete(record, "time")
		return record
	}
	assert.Equal(t, map[string]any{"level": "ERROR", "msg": "endpoint failed", "error": "EOF"}, logged(io.EOF, nil))
	long := errors.New(strings.Repeat("x", 254) + "\nü and more")
	assert.Equal(t, strings.Repeat("x", 254)+" ", logged(long, nil)["error"], "cut to 256 bytes, without half a letter")
	panicked := "p: panic of type string: " + strings.Repeat("x", 256)
	assert.Equal(t, map[string]any{
		"level": "ERROR", "msg": "endpoint failed", "error": panicked, "stack": "goroutine 1",
	}, logged(errors.New(panicked), []byte("goroutine 1")), "the text of a panic is whole")
	assert.Len(t, logged(errors.New(panicked+strings.Repeat("x", 1000)), []byte{})["error"], 512)
}
