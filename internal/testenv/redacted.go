package testenv

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
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

// Redacted checks that a value that holds the key prints as [redacted], and that
// no printer shows the key.
func Redacted(t *testing.T, key []byte, v any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		assert.Equal(t, "[redacted]", fmt.Sprintf(verb, v))
	}
	assert.Equal(t, "[redacted]", v.(fmt.GoStringer).GoString())
	assert.Equal(t, "[redacted]", v.(fmt.Stringer).String())
	assert.Equal(t, slog.StringValue("[redacted]"), slog.AnyValue(v).Resolve())
	j, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Equal(t, `"[redacted]"`, string(j))
	Keyless(t, key, v)
}

// Keyless checks that no printer shows the key of a value: each verb of fmt,
// slog, encoding/json, and testify's diff, which follows pointers and calls no
// methods. The value is printed alone, dereferenced, and inside other values.
func Keyless(t *testing.T, key []byte, v any) {
	t.Helper()
	forms := []any{v, []any{v}, map[string]any{"k": v}, struct{ V any }{v}, struct{ v any }{v}}
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer {
		forms = append(forms, p.Elem().Interface())
	}
	for _, form := range forms {
		NoKey(t, key, render(t, form))
	}
}

// NoKey checks that a text does not contain the key in any form in which a
// printer may write it.
func NoKey(t *testing.T, key []byte, text string) {
	t.Helper()
	for _, form := range forms(key) {
		assert.NotContains(t, strings.ToLower(text), strings.ToLower(form))
	}
}

// forms returns the key as printers write it.
func forms(key []byte) []string {
	first := key[:min(len(key), 8)] // as a dump groups them
	forms := []string{
		string(key),
		hex.EncodeToString(key),
		base64.RawStdEncoding.EncodeToString(key),
		base64.RawURLEncoding.EncodeToString(key),
		strings.Trim(fmt.Sprint(key), "[]"),
		strings.TrimPrefix(strings.Trim(fmt.Sprintf("%#v", key), "{}"), "[]byte{"),
		fmt.Sprintf("% x", first),
		strings.Trim(fmt.Sprintf("%q", key), `"`),
	}
	if len(first) == 8 { // as the words of a cipher: the round keys of AES begin with the key
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			words := []uint32{order.Uint32(first), order.Uint32(first[4:])}
			forms = append(forms, strings.Trim(fmt.Sprint(words), "[]"), strings.Trim(fmt.Sprintf("%x", words), "[]"))
		}
	}
	return forms
}

// render prints v with every printer.
func render(t *testing.T, v any) string {
	var b bytes.Buffer
	for _, verb := range "vTtbcdoOqxXUeEfFgGspw" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-20.40"} {
			fmt.Fprintf(&b, "%"+flags+string(verb)+"\n", v)
		}
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "v", v)
	_ = json.NewEncoder(&b).Encode(v) // not all of them can be encoded
	other := reflect.New(reflect.TypeOf(v)).Elem().Interface()
	writeDiff := errorf(func(format string, args ...any) { fmt.Fprintf(&b, format, args...) })
	require.False(t, assert.Equal(writeDiff, other, v))
	return b.String()
}

type errorf func(format string, args ...any)

func (f errorf) Errorf(format string, args ...any) { f(format, args...) }
