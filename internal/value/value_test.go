package value_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const limit = 1 << 20

type (
	name    string
	enum    int
	blob    []byte
	wrapped struct{ time.Time }
)

func (e enum) String() string { return "one" }

type level int

func (level) MarshalText() ([]byte, error) { return []byte("high"), nil }

// written has a MarshalJSON method that writes itself.
type written string

func (w written) MarshalJSON() ([]byte, error) { return []byte(w), nil }

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New("a secret") }
func (failing) MarshalText() ([]byte, error) { return nil, errors.New("a secret") }
func (failing) String() string               { return "a secret" }

// silent has a MarshalJSON method that returns nothing.
type silent struct{}

func (silent) MarshalJSON() ([]byte, error) { return nil, nil }

func pointerTo[T any](v T) *T { return &v }
func within(n int, v any) any {
	for range n {
		v = []any{v}
	}
	return v
}

type failingValuer struct{}

func (failingValuer) Value() (driver.Value, error) { return nil, errors.New("a secret") }

type endless struct{}

func (endless) Value() (driver.Value, error) { return endless{}, nil }

func TestAppend_Accepted(t *testing.T) {
	for want, v := range map[string]any{
		`"a\u003cb\u2028ü😀"`:           "a<b\u2028ü😀",
		`"�"`:                          "\ufffd",
		`"n"`:                          name("n"),
		"true":                         true,
		"false":                        pointerTo(false),
		"null":                         nil,
		"0":                            0,
		"1":                            enum(1),
		"-9007199254740991":            -9007199254740991,
		"9007199254740991":             uint64(9007199254740991),
		"7":                            json.Number("7"),
		"1.50":                         json.Number("1.50"),
		"-0.001e3":                     json.Number("-0.001e3"),
		"0e99999999999999999999":       json.Number("0e99999999999999999999"),
		"0.1":                          float32(0.1),
		"1e+21":                        1e21,
		"1e+20":                        1e20,
		"1e-7":                         1e-7,
		"5e-324":                       math.SmallestNonzeroFloat64,
		"50e-325":                      json.Number("50e-325"),
		`"2026-11-26T01:02:03.5Z"`:     time.Date(2026, 11, 26, 1, 2, 3, 5e8, time.UTC),
		`"2026-11-26T00:00:00Z"`:       wrapped{time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)},
		`"Acme"`:                       sql.NullString{String: "Acme", Valid: true},
		"5":                            pointerTo(sql.NullInt64{Int64: 5, Valid: true}),
		`[1,"a",null,[]]`:              []any{1, "a", sql.NullString{}, []string{}},
		"[1,2]":                        [2]int{1, 2},
		`{"a":{"b":1},"z":[]}`:         map[name]any{"z": []int{}, "n": sql.NullBool{}, "a": map[string]any{"b": int8(1)}},
		`{}`:                           map[string]sql.NullString{"a": {}},
		`{"a":[1,"b\u0026"],"c":null}`: json.RawMessage(` {"c": null, "a": [1, "b&"] } `),
		`"😀 �"`:                        json.RawMessage(`"\ud83d\ude00 \ufffd"`),
		`"\\ud83d"`:                    json.RawMessage(`"\\ud83d"`),
		"12345":                        big.NewInt(12345),
	} {
		b, err := value.Append([]byte("x"), v, limit)
		require.NoError(t, err, "%T %v", v, v)
		assert.Equal(t, "x"+want, string(b), "%T", v)
		assert.True(t, json.Valid(b[1:]))
		again, err := value.Append(nil, json.RawMessage(b[1:]), limit)
		require.NoError(t, err, "%s", b[1:])
		assert.JSONEq(t, want, string(again))
	}
	for _, nothing := range []any{(*string)(nil), (*time.Time)(nil), (*failing)(nil), map[string]any(nil), []string(nil), json.RawMessage(nil), sql.NullString{}, (*sql.NullString)(nil)} {
		b, err := value.Append(nil, nothing, limit)
		require.NoError(t, err)
		assert.Equal(t, "null", string(b), "%T", nothing)
	}
	_, err := value.Append(nil, within(32, 1), limit)
	assert.NoError(t, err, "32 deep")
}

func TestAppend_Rejected(t *testing.T) {
	cycle := map[string]any{}
	cycle["a"] = []any{cycle, cycle}
	var pointer any
	pointer = &pointer
	for rule, list := range map[string][]any{
		"UTF-8":                    {"a\xff", name("\xed\xa0\x80"), written("\"\xff\""), json.RawMessage("\"\xc0\xaf\"")},
		"NUL":                      {"a\x00", json.RawMessage(`"\u0000"`), sql.NullString{String: "\x00", Valid: true}},
		"2^53-1":                   {1 << 53, int64(-1 << 53), uint64(math.MaxUint64), uint64(1 << 53), json.Number("9007199254740992"), json.Number("123456789012345678901234567890"), new(big.Int).Lsh(big.NewInt(1), 60), json.RawMessage("653247040368672768")},
		"finite":                   {math.NaN(), math.Inf(-1), float32(math.Inf(1))},
		"float64":                  {json.Number("0.12345678901234567890"), json.Number("1e400"), json.Number("1e-400"), json.Number("9007199254740993.0"), json.Number("4e-324"), json.Number("2e-324"), json.Number("1.7976931348623159e308")},
		"in the form of JSON":      {json.Number(""), json.Number("abc"), json.Number("+1"), json.Number("0x10"), json.Number("01"), json.Number("1 "), json.Number("-")},
		"zero time":                {time.Time{}, &time.Time{}, wrapped{}, sql.NullTime{Valid: true}, pointerTo(wrapped{})},
		"0 to 9999":                {time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"bytes":                    {[]byte("pro"), blob("pro"), [16]byte{}, sql.RawBytes("pro"), []enumByte{1}},
		"Duration":                 {time.Second, pointerTo(time.Minute)},
		"one JSON value":           {silent{}, written(""), written("1 2"), written("{"), json.RawMessage("nil")},
		"surrogate":                {written(`"\ud83d"`), written(`"\ude00"`), written(`"\ud83d\ud83d\ude00"`), written(`"\\\ud83d"`), written(`{"\uDBFF":1}`)},
		"MarshalJSON":              {failing{}, failing{}},
		"MarshalText":              {level(1), netip.Addr{}},
		"Value method":             {failingValuer{}},
		"32 deep":                  {cycle, pointer, within(33, 1), endless{}, json.RawMessage(strings.Repeat("[", 33) + strings.Repeat("]", 33))},
		"struct":                   {struct{ A int }{1}, pointerTo(struct{}{})},
		"string keys":              {map[int]string{1: "a"}, map[any]any{}},
		"boolean, number":          {make(chan int), func() {}, complex(1, 2), pointerTo(make(chan int))},
		"key must be valid UTF-8":  {map[string]int{"\xff": 1}},
		"key must not contain NUL": {map[name]int{"\x00": 1}},
	} {
		for _, v := range list {
			b, err := value.Append([]byte("x"), v, limit)
			require.Error(t, err, "%T %v", v, rule)
			assert.ErrorContains(t, err, rule, "%T", v)
			assert.NotContains(t, err.Error(), "a secret")
			assert.Equal(t, "x", string(b))
			wrong, ok := errors.AsType[*value.Error](err)
			require.True(t, ok)
			assert.NotEmpty(t, wrong.Rule)
		}
	}
}

type enumByte byte

func TestAppend_ErrorPath(t *testing.T) {
	_, err := value.Append(nil, map[string]any{"a": []any{1, map[string]any{"b\u202e": math.NaN()}}}, limit)
	wrong, _ := errors.AsType[*value.Error](err)
	require.NotNil(t, wrong)
	assert.Equal(t, `["a"][1]["b\u202e"]`, wrong.Path)

	_, err = value.Append(nil, map[string]any{strings.Repeat("k", 1000): within(31, map[string]any{strings.Repeat("k", 1000): "\xff"})}, limit)
	assert.Less(t, len(err.Error()), 512)
	assert.True(t, utf8.ValidString(err.Error()))
}

func TestAppend_BoundsItsWork(t *testing.T) {
	var v any = "0123456789"
	for range 31 { // 2^31 strings
		v = []any{v, v}
	}
	_, err := value.Append(nil, v, 8192)
	assert.ErrorContains(t, err, "at most 8192 bytes")
	_, err = value.Append(nil, strings.Repeat("x", 100), 99)
	assert.ErrorContains(t, err, "at most 99 bytes")
	_, err = value.Append(nil, map[string]any{strings.Repeat("x", 100): 1}, 99)
	assert.ErrorContains(t, err, "at most 99 bytes")
	_, err = value.Append(make([]byte, 50), "12345678", 10)
	assert.NoError(t, err, "the limit counts what is appended")
	_, err = value.Append(nil, "123456789", 10)
	assert.Error(t, err)
	_, err = value.Append(nil, map[string]any{"a": "<<<<", "b": 1}, 20)
	assert.ErrorContains(t, err, `["a"] must be at most 20 bytes`, "the escapes count, and the path is where the limit is exceeded")
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		v    any
		want value.Resolved
	}{
		{"a<", value.Resolved{Kind: value.String, Text: "a<"}},
		{pointerTo("a"), value.Resolved{Kind: value.String, Text: "a"}},
		{name("n"), value.Resolved{Kind: value.String, Text: "n"}},
		{12, value.Resolved{Kind: value.Number, Text: "12"}},
		{-1.5, value.Resolved{Kind: value.Number, Text: "-1.5"}},
		{json.Number("1.50"), value.Resolved{Kind: value.Number, Text: "1.50"}},
		{true, value.Resolved{Kind: value.Boolean, Text: "true"}},
		{nil, value.Resolved{Kind: value.Null}},
		{sql.NullString{}, value.Resolved{Kind: value.Absent}},
		{[]int{1}, value.Resolved{Kind: value.List}},
		{map[string]int{}, value.Resolved{Kind: value.Object}},
		{json.RawMessage(`"é"`), value.Resolved{Kind: value.String, Text: "é"}},
	} {
		got, err := value.Of(c.v)
		require.NoError(t, err)
		assert.Equal(t, c.want.Kind, got.Kind)
		assert.Equal(t, c.want.Text, got.Text)
	}
	for _, v := range []any{"\xff", "\x00", math.NaN(), []byte("a")} {
		got, err := value.Of(v)
		assert.Error(t, err)
		assert.Equal(t, value.Invalid, got.Kind)
	}
}

// What a JavaScript reader, whose numbers are float64, gets is what was passed.
func FuzzAppend_ReadBack(f *testing.F) {
	f.Add(`{"a":[1,"b",null,true,{"c":1.5e3}]}`)
	f.Add(`["\ud83d\ude00","\u0000"]`)
	f.Add(`[1e400, 0.1000, 12345678901234567890, -0]`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := value.Append(nil, json.RawMessage(text), limit)
		if err != nil {
			return
		}
		require.False(t, strings.ContainsAny(string(b), "<>&\u2028\u2029\x00"))
		var want, got any
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, want, got)
		again, err := value.Append(nil, json.RawMessage(b), limit)
		require.NoError(t, err)
		require.Equal(t, string(b), string(again))
	})
}

// A number is accepted exactly if its shortest float64 form is the same number.
func FuzzOf_Number(f *testing.F) {
	for _, s := range []string{"1.5", "1e3", "0.1", "100e-2", "9007199254740993.0", "1e-400", "0.00", "-0.0", "123.456e7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 40 || strings.ContainsAny(s, "eE") && len(s) > 8 {
			return // a power of ten that big.Rat would take long to write out
		}
		_, err := value.Of(json.Number(s))
		var number float64
		if json.Unmarshal([]byte(s), &number) != nil || strings.Trim(s, "+-.0123456789eE") != "" {
			require.Error(t, err)
			return
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok {
			return
		}
		shortest, err2 := json.Marshal(number)
		require.NoError(t, err2)
		same, _ := new(big.Rat).SetString(string(shortest))
		if strings.ContainsAny(s, ".eE") {
			require.Equal(t, exact.Cmp(same) == 0, err == nil, s)
		} else {
			require.Equal(t, exact.Num().CmpAbs(big.NewInt(1<<53)) < 0, err == nil, s)
		}
	})
}

// AppendText writes what json.Marshal does, between the quotes.
func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "ada@example.com", "O'Brien \"x\" \\ </script>&", "\x00\b\f\n\r\t\x1f\x7f", "Zürich 日本", "a\u2028b\u2029c\u202a", "\ufffd", `\ufffd`, "a\xff", "\xe2\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := value.AppendText([]byte(`"`), s)
		require.Equal(t, value.Text(s) == "", err == nil)
		require.Equal(t, utf8.ValidString(s) && !strings.Contains(s, "\x00"), err == nil)
		if err != nil {
			return
		}
		want, err := json.Marshal(s)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got)+`"`)
	})
}
