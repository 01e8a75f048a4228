package exactjson_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/exactjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMarshalRefusesWhatWouldChange(t *testing.T) {
	type person struct{ Name string }
	for name, v := range map[string]any{
		"string":       "a\xffb",
		"map key":      map[string]int{"\xc0\xaf": 1},
		"nested":       map[string]any{"a": []any{1, person{"\xed\xa0\x80"}}},
		"after a real": "\ufffd\xff",
		"after a text": `\ufffd` + "\xff",
		"at the end":   `\\` + "\xff",
		"raw":          json.RawMessage("\"\xff\""),
		"raw escape":   map[string]any{"a": json.RawMessage(`"\ufffd"`)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := exactjson.Marshal(v)
			assert.ErrorIs(t, err, exactjson.ErrNotUTF8)
		})
	}
	for name, v := range map[string]any{
		"NaN":     math.NaN(),
		"channel": make(chan int),
		"nested":  map[string]any{"f": func() {}},
		"error":   failing{},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := exactjson.Marshal(v)
			assert.Equal(t, exactjson.ErrUnsupported, err)
		})
	}
}

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) {
	return nil, &json.UnsupportedValueError{Str: "a secret"}
}

func TestMarshalKeepsARealReplacementCharacter(t *testing.T) {
	for _, s := range []string{"\ufffd", `\ufffd`, `\\ufffd`, `\\\ufffd`, "\\\ufffd", `\ufffd\ufffd`} {
		b, err := exactjson.Marshal(s)
		require.NoError(t, err, "%q", s)
		var back string
		require.NoError(t, json.Unmarshal(b, &back))
		assert.Equal(t, s, back)
	}
}

func FuzzMarshal(f *testing.F) {
	f.Add("", "\xff")
	f.Add(`\ufffd`, `\`)
	f.Fuzz(func(t *testing.T, key, value string) {
		b, err := exactjson.Marshal(map[string]string{key: value})
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			require.ErrorIs(t, err, exactjson.ErrNotUTF8)
			return
		}
		require.NoError(t, err)
		var back map[string]string
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, map[string]string{key: value}, back)
		require.False(t, strings.ContainsAny(string(b), "<>&\u2028\u2029"))
	})
}

// AppendText writes what json.Marshal does, between the quotes.
func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "ada@example.com", "O'Brien \"x\" \\ </script>&", "\x00\b\f\n\r\t\x1f\x7f", "Zürich 日本", "a\u2028b\u2029c\u202a", "\ufffd", `\ufffd`, "a\xff", "\xe2\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := exactjson.AppendText([]byte(`"`), s)
		if !utf8.ValidString(s) {
			require.Equal(t, exactjson.ErrNotUTF8, err)
			return
		}
		require.NoError(t, err)
		want, err := json.Marshal(s)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got)+`"`)
	})
}
