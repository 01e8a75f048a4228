package placeholders

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type (
	named    string
	count    int
	stringer struct{ s string }
	both     struct{}
	failing  struct{}
	number   int
)

func (s stringer) String() string            { return s.s }
func (both) String() string                  { return "by String" }
func (both) MarshalText() ([]byte, error)    { return []byte("by MarshalText"), nil }
func (failing) MarshalText() ([]byte, error) { return nil, errors.New("the value is hunter2") }
func (number) String() string                { return "a number's name" }
func (bad) MarshalJSON() ([]byte, error)     { return nil, errors.New("the value is hunter2") }

type bad []int

func TestValues(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 30, 0, 5000, time.FixedZone("", 7200))
	for _, test := range []struct {
		v          any
		text, json string // an empty text: it is refused outside of JSON
	}{
		{"a\"b", `a"b`, `"a\"b"`},
		{named("x"), "x", `"x"`},
		{int8(-8), "-8", "-8"},
		{int16(-8), "-8", "-8"},
		{int32(-8), "-8", "-8"},
		{int64(math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{-8, "-8", "-8"},
		{uint8(8), "8", "8"},
		{uint16(8), "8", "8"},
		{uint32(8), "8", "8"},
		{uint64(math.MaxUint64), "18446744073709551615", "18446744073709551615"},
		{uint(8), "8", "8"},
		{uintptr(8), "8", "8"},
		{count(3), "3", "3"},
		{number(3), "a number's name", `"a number's name"`},
		{1.21, "1.21", "1.21"},
		{float32(0.1), "0.1", "0.1"},
		{100.0, "100", "100"},
		{1e21, "1e+21", "1e+21"},
		{1e-7, "1e-7", "1e-7"},
		{math.Copysign(0, -1), "-0", "-0"},
		{json.Number("12345678901234567890.50"), "12345678901234567890.50", "12345678901234567890.50"},
		{true, "true", "true"},
		{at, "2026-05-01T12:30:00.000005+02:00", `"2026-05-01T12:30:00.000005+02:00"`},
		{90 * time.Second, "1m30s", `"1m30s"`},
		{stringer{"x<"}, "x<", `"x\u003c"`},
		{&stringer{"x"}, "x", `"x"`},
		{both{}, "by MarshalText", `"by MarshalText"`},
		{netip.MustParseAddr("::1"), "::1", `"::1"`},
		{big.NewInt(12), "12", `"12"`},
		{nil, "", "null"},
		{(*url.URL)(nil), "", "null"},
		{(*time.Time)(nil), "", "null"},
		{map[string]any(nil), "", "null"},
		{[]string(nil), "", "null"},
		{map[string]any{"b": 1, "a": []any{nil, "<"}}, "", `{"a":[null,"\u003c"],"b":1}`},
		{[]int{1}, "", "[1]"},
		{[]struct{ A int }{{1}}, "", `[{"A":1}]`},
		{json.RawMessage(` {"a" : 1} `), "", `{"a":1}`},
	} {
		got, err := mustParse(t, "{{a}}", JSON).Render(Values{"a": test.v})
		require.NoError(t, err, "%T", test.v)
		assert.Equal(t, test.json, got, "%T", test.v)

		for _, place := range []struct {
			src     string
			context Context
		}{{"{{a}}", Text}, {`"{{a}}"`, JSON}, {"https://h.example/x?q={{a}}", URL}, {"q={{a}}", Form}, {"{{a}}", Header}} {
			got, err := mustParse(t, place.src, place.context).Render(Values{"a": test.v})
			if test.text == "" {
				requireValue(t, err, "a", "no form here")
				continue
			}
			require.NoError(t, err, "%T", test.v)
			if place.context == Text {
				assert.Equal(t, test.text, got, "%T", test.v)
			}
		}
	}
}

func TestValuesRefused(t *testing.T) {
	text := "x"
	for _, test := range []struct {
		v         any
		typ, rule string
	}{
		{struct{ A int }{1}, "struct { A int }", "must be text, a number, a boolean or a time"},
		{&text, "*string", "must be text, a number, a boolean or a time"},
		{[2]int{}, "[2]int", "must be text, a number, a boolean or a time"},
		{complex(1, 2), "complex128", "must be text, a number, a boolean or a time"},
		{make(chan int), "chan int", "must be text, a number, a boolean or a time"},
		{func() {}, "func()", "must be text, a number, a boolean or a time"},
		{math.NaN(), "float64", "must be a finite number"},
		{float32(math.Inf(1)), "float32", "must be a finite number"},
		{json.Number("0x10"), "json.Number", "must be a number"},
		{json.Number(""), "json.Number", "must be a number"},
		{json.Number("1,2"), "json.Number", "must be a number"},
		{json.Number(" 1"), "json.Number", "must be a number"},
		{json.Number("-"), "json.Number", "must be a number"},
		{json.Number(`"1"`), "json.Number", "must be a number"},
		{failing{}, "placeholders.failing", "must be a value whose MarshalText does not fail"},
		{"\xff", "string", "must be valid UTF-8"},
		{stringer{"\xff"}, "placeholders.stringer", "must be valid UTF-8"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "time.Time", "must be a value whose MarshalText does not fail"},
		{map[string]any{"a": math.NaN()}, "map[string]interface {}", "must be a value that JSON can carry"},
		{[]string{"\xff"}, "[]string", "must be valid UTF-8"},
		{json.RawMessage("{"), "json.RawMessage", "must be a value that JSON can carry"},
		{bad{1}, "placeholders.bad", "must be a value that JSON can carry"},
	} {
		_, err := mustParse(t, "{{a}}", JSON).Render(Values{"a": test.v})
		require.Equal(t, &ValueError{Name: "a", Type: test.typ, Rule: test.rule}, err)
		assert.NotContains(t, err.Error(), "hunter2")
		for c, src := range map[Context]string{Text: "{{a}}", JSON: `"{{a}}"`, URL: "https://h.example/x{{a}}", Form: "q={{a}}", Header: "{{a}}"} {
			_, err := mustParse(t, src, c).Render(Values{"a": test.v})
			var ve *ValueError
			require.ErrorAs(t, err, &ve, "%T", test.v)
		}
	}
	_, err := mustParse(t, "{{a}}", Text).Render(Values{"a": struct {
		LongNamesOfFieldsOfAStructThatNobodyNamed, LongNamesOfFieldsOfAStructThatNobodyNamed2, LongNamesOfFieldsOfAStructThatNobodyNamed3 int
	}{}})
	var ve *ValueError
	require.ErrorAs(t, err, &ve)
	assert.Len(t, ve.Type, 128)
	assert.Equal(t, "aü", cut("aüü", 4))
}

func TestFloatsAreThoseOfEncodingJSON(t *testing.T) {
	template := mustParse(t, "{{a}}", JSON)
	for e := -300; e <= 300; e += 3 {
		for _, v := range []any{1.25 * math.Pow10(e), -math.Pow10(e), float32(1.1 * math.Pow10(e/10))} {
			want, err := json.Marshal(v)
			require.NoError(t, err)
			got, err := template.Render(Values{"a": v})
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	_, err := mustParse(t, "{{a}}", Header).Render(Values{"a": strings.Repeat("\n", 1_000_000)})
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 200)
}
