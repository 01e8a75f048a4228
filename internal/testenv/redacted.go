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
	j, err := json.Marshal(v)
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "v", v)
	for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%x", v), string(j), log.String()} {
		assert.Contains(t, text, "[redacted]")
	}
	assert.Equal(t, slog.StringValue("[redacted]"), slog.AnyValue(v).Resolve())
	assert.Equal(t, "[redacted]", v.(fmt.GoStringer).GoString())
	assert.Equal(t, "[redacted]", v.(fmt.Stringer).String())
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
		assert.NotContains(t, strings.ToLower(text), form)
	}
}

// forms returns the key as printers write it, in lower case.
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
	for i, form := range forms {
		forms[i] = strings.ToLower(form)
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
