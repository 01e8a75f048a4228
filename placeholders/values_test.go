package placeholders

import (
	"database/sql"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type named string

func pointerTo[T any](v T) *T { return &v }

// The values that all packages of the module accept, in each kind.
func TestRender_Values(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 30, 0, 5000, time.FixedZone("", 7200))
	for _, test := range []struct {
		v          any
		text, json string // an empty text: it must be a whole JSON value
	}{
		{"a\"b", `a"b`, `"a\"b"`},
		{named("x"), "x", `"x"`},
		{pointerTo("x"), "x", `"x"`},
		{pointerTo(pointerTo(3)), "3", "3"},
		{sql.NullString{String: "x", Valid: true}, "x", `"x"`},
		{&sql.NullInt64{Int64: 5, Valid: true}, "5", "5"},
		{sql.Null[float64]{V: 1.5, Valid: true}, "1.5", "1.5"},
		{sql.NullTime{Time: at, Valid: true}, "2026-05-01T12:30:00.000005+02:00", `"2026-05-01T12:30:00.000005+02:00"`},
		{-8, "-8", "-8"},
		{uint64(9007199254740991), "9007199254740991", "9007199254740991"},
		{1.21, "1.21", "1.21"},
		{float32(0.1), "0.1", "0.1"},
		{1e21, "1e+21", "1e+21"},
		{json.Number("7.50"), "7.50", "7.50"},
		{pointerTo(json.Number("7")), "7", "7"},
		{true, "true", "true"},
		{at, "2026-05-01T12:30:00.000005+02:00", `"2026-05-01T12:30:00.000005+02:00"`},
		{json.RawMessage(`"x\u003c"`), "x<", `"x\u003c"`},
		{map[string]any{"b": 1, "a": []any{nil, "<"}, "c": sql.NullString{}}, "", `{"a":[null,"\u003c"],"b":1}`},
		{[]int{1}, "", "[1]"},
		{json.RawMessage(` {"a" : 1} `), "", `{"a":1}`},
	} {
		got, err := mustParse(t, "{{a}}", JSON).Render(Values{"a": test.v})
		require.NoError(t, err, "%T", test.v)
		assert.Equal(t, test.json, got, "%T", test.v)
		for _, other := range []struct {
			src  string
			kind Kind
		}{{"{{a}}", Text}, {`"{{a}}"`, JSON}, {"https://h.example/x?q={{a}}", URL}, {"q={{a}}", Form}, {"{{a}}", Header}} {
			got, err := mustParse(t, other.src, other.kind).Render(Values{"a": test.v})
			if test.text == "" {
				requireValue(t, err, "a", "must be a single value")
				continue
			}
			require.NoError(t, err, "%T", test.v)
			if other.kind == Text {
				assert.Equal(t, test.text, got, "%T", test.v)
			}
		}
	}
}

// null is a value of JSON only. The NULL of a database is no value.
func TestRender_Null(t *testing.T) {
	for _, v := range []any{nil, (*string)(nil), map[string]any(nil), []string(nil), json.RawMessage("null")} {
		assert.Equal(t, `{"a":null}`, render(t, `{"a":{{a}}}`, JSON, Values{"a": v}), "%T", v)
		for kind, src := range map[Kind]string{Text: "{{a}}", JSON: `"{{a}}"`, URL: "https://h.example/x{{a}}", Form: "q={{a}}", Header: "{{a}}"} {
			_, err := mustParse(t, src, kind).Render(Values{"a": v})
			assert.Equal(t, &MissingError{Null: []string{"a"}}, err, "%T", v)
		}
	}
	for _, v := range []any{sql.NullString{}, (*sql.NullString)(nil), sql.NullTime{}} {
		for kind, src := range map[Kind]string{Text: "{{a}}", JSON: "{{a}}"} {
			_, err := mustParse(t, src, kind).Render(Values{"a": v})
			assert.Equal(t, &MissingError{Names: []string{"a"}}, err, "%T", v)
		}
	}
	_, err := mustParse(t, `["{{a}}{{b}}{{c}}{{a}}"]`, JSON).Render(Values{"a": nil, "c": "x"})
	require.Equal(t, &MissingError{Names: []string{"b"}, Null: []string{"a"}}, err)
	assert.EqualError(t, err, `placeholders: 2 faults:
	b: has no value (pass one, or set a default)
	a: must not be null (for null in JSON, leave out the quotes around the placeholder; else set a default)`)
}

func TestRender_RejectsValues(t *testing.T) {
	for _, test := range []struct {
		v    any
		rule string
	}{
		{struct{ A int }{1}, "must not be a struct"},
		{func() {}, "got func()"},
		{math.NaN(), "must be a finite number"},
		{json.Number("1,2"), "must be a number"},
		{9007199254740993, "2^53-1"},
		{json.Number("12345678901234567890"), "2^53-1"},
		{"\xff", "must be valid UTF-8"},
		{"a\x00", "must not contain NUL"},
		{pointerTo("a\xff"), "must be valid UTF-8"},
		{sql.NullString{String: "\xff", Valid: true}, "must be valid UTF-8"},
		{time.Time{}, "must not be the zero time"},
		{90 * time.Second, "must not be a time.Duration"},
		{[]byte("x"), "must not be bytes"},
		{json.RawMessage("{"), "must be one JSON value"},
		{json.RawMessage(`"\ud800"`), "surrogate"},
	} {
		for kind, src := range map[Kind]string{Text: "{{a}}", JSON: `"{{a}}"`, URL: "https://h.example/x{{a}}", Form: "q={{a}}", Header: "{{a}}"} {
			_, err := mustParse(t, src, kind).Render(Values{"a": test.v})
			if s, ok := test.v.(string); kind == Header && ok && s != "" {
				requireValue(t, err, "a", "visible ASCII")
				continue
			}
			requireValue(t, err, "a", "must")
			if kind != Header {
				requireValue(t, err, "a", test.rule)
			}
		}
		_, err := mustParse(t, "{{a}}", JSON).Render(Values{"a": test.v})
		requireValue(t, err, "a", test.rule)
	}
	for _, v := range []any{map[string]any{"a": []any{math.NaN()}}, []string{"\xff"}} {
		_, err := mustParse(t, "{{a}}", JSON).Render(Values{"a": v})
		requireValue(t, err, "a", "must be")
	}
	_, err := mustParse(t, "{{a}}", JSON).Render(Values{"a": map[string]any{"b": []any{math.NaN()}}})
	assert.EqualError(t, err, `placeholders: the value of a ["b"][0] must be a finite number (leave it out, or pass nil)`)
}

// A list repeats a parameter, if the options say so.
func TestRender_Repeat(t *testing.T) {
	options := &Options{Repeat: []string{"tags", "unused"}}
	for _, test := range []struct {
		src  string
		kind Kind
		v    any
		want string
	}{
		{"https://h.example/x?tag={{tags}}", URL, []string{"a", "b&c"}, "https://h.example/x?tag=a&tag=b%26c"},
		{"https://h.example/x?a=1&tag={{tags}}&b=2", URL, []any{"a", 2, true}, "https://h.example/x?a=1&tag=a&tag=2&tag=true&b=2"},
		{"https://h.example/x?tag={{tags}}", URL, 7, "https://h.example/x?tag=7"},
		{"https://h.example/x?tag={{tags}}", URL, "one", "https://h.example/x?tag=one"},
		{"https://h.example/x?tag={{tags}}", URL, []string{"one"}, "https://h.example/x?tag=one"},
		{"https://h.example/x?tag={{tags}}&b=2", URL, []string{}, "https://h.example/x?b=2"},
		{"https://h.example/x?tag={{tags}}&u={{tags}}&b=2", URL, []string{}, "https://h.example/x?b=2"},
		{"https://h.example/x?a=1&tag={{tags}}&b=2", URL, []string{}, "https://h.example/x?a=1&b=2"},
		{"https://h.example/x?a=1&tag={{tags}}", URL, []string{}, "https://h.example/x?a=1"},
		{"tag%5B%5D={{tags}}", Form, []string{"a b", "c"}, "tag%5B%5D=a+b&tag%5B%5D=c"},
		{"tag={{tags}}&b=2", Form, [0]int{}, "b=2"},
		{"tag={{tags}}&u={{tags}}&b=2&c={{tags}}", Form, []int{}, "b=2"},
		{"a=1&tag={{tags}}&u={{tags}}", Form, []int{}, "a=1"},
		{"a=?&tag={{tags}}&u={{tags}}&b=2", Form, []int{}, "a=?&b=2"},
		{"tag={{tags}}", Form, []int{}, ""},
		{"https://h.example/x?tag={{tags}}", URL, []int{}, "https://h.example/x?"},
		{"tag={{tags}}&u={{tags}}", Form, pointerTo([]int{1, 2}), "tag=1&tag=2&u=1&u=2"},
		{`{"tags":{{tags}}}`, JSON, []string{"a"}, `{"tags":["a"]}`},
	} {
		template, err := Parse(test.src, test.kind, options)
		require.NoError(t, err)
		for _, before := range []string{"", "x", "x&", "x?"} {
			got, err := template.Append([]byte(before), Values{"tags": test.v})
			require.NoError(t, err, test.src)
			assert.Equal(t, before+test.want, string(got))
		}
	}
	template, err := Parse("a={{tags}}", Form, &Options{Repeat: []string{"tags"}, MaxOutput: 10})
	require.NoError(t, err)
	for _, v := range []any{[]any{"a", []any{}}, []any{nil}, []any{math.NaN()}, []string{"\xff"}} {
		_, err = template.Render(Values{"tags": v})
		requireValue(t, err, "tags", "must")
	}
	_, err = template.Render(Values{"tags": []string{"1", "2", "3"}})
	requireField(t, err, "output", "must be at most 10 bytes")
	_, err = template.Render(Values{"tags": []string{"1", "2345678901"}})
	requireField(t, err, "output", "must be at most 10 bytes")

	_, err = Parse("a=x{{tags}}", Form, options)
	requireSyntax(t, err, 3, "must be a whole value")
	_, err = mustParse(t, "a={{tags}}", Form).Render(Values{"tags": []string{"a"}})
	requireValue(t, err, "tags", "must be a single value")
}

func TestRender_BoundsErrors(t *testing.T) {
	_, err := mustParse(t, "{{a}}", Header).Render(Values{"a": strings.Repeat("\n", 1_000_000)})
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 200)
}
