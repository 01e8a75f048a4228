package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Redacted checks that a value shows no key, however it is printed: under each
// verb of fmt, in slog, encoding/json and a test's diff (which follows pointers
// and calls no methods), by itself, behind its pointer and inside other values.
func Redacted(t *testing.T, key []byte, v any) {
	t.Helper()
	forms := []any{v, []any{v}, map[string]any{"k": v}, struct{ V any }{v}, struct{ v any }{v}}
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer {
		forms = append(forms, p.Elem().Interface())
	}
	for _, form := range forms {
		NoKey(t, key, render(t, form))
	}
}

// NoKey checks that a text does not hold the key in any form that a printer
// would give it.
func NoKey(t *testing.T, key []byte, text string) {
	t.Helper()
	lower := strings.ToLower(text)
	for _, form := range []string{
		string(key),
		hex.EncodeToString(key),
		base64.RawStdEncoding.EncodeToString(key),
		base64.RawURLEncoding.EncodeToString(key),
		strings.Trim(fmt.Sprint(key), "[]"),
		strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", key), "[]byte{"), "}"),
		fmt.Sprintf("% x", key),
		strings.Trim(fmt.Sprintf("%q", key), `"`),
	} {
		assert.NotContains(t, lower, strings.ToLower(form))
	}
	if hexDump := strings.Trim(hex.Dump(key), "\n"); len(key) >= 16 {
		assert.NotContains(t, lower, hexDump[10:58])
	}
}

func render(t *testing.T, v any) string {
	var b bytes.Buffer
	for _, verb := range "vTtbcdoOqxXUeEfFgGspw" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-20.40"} {
			fmt.Fprintf(&b, "%"+flags+string(verb)+"\n", v)
		}
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "v", v)
	if j, err := json.Marshal(v); err == nil {
		b.Write(j)
	}
	var diff recordedErrors
	other := reflect.New(reflect.TypeOf(v)).Elem().Interface()
	require.False(t, assert.Equal(&diff, other, v))
	b.WriteString(string(diff))
	return b.String()
}

type recordedErrors string

func (r *recordedErrors) Errorf(format string, args ...any) {
	*r += recordedErrors(fmt.Sprintf(format, args...))
}
