package contacts

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

// sameAsMarshal compares the JSON of an input with that of encoding/json.
func sameAsMarshal(t *testing.T, in *Fields) {
	t.Helper()
	want, err := json.Marshal(in)
	require.NoError(t, err)
	got, fieldErr := in.appendJSON(nil)
	require.Nil(t, fieldErr)
	require.Equal(t, string(want), string(got))
}

func TestInput_SameAsEncodingJSON(t *testing.T) {
	for _, v := range []any{
		nil, "", "a\"\\\n<>&\u2028ü\ufffd", true, false, 0, -1, 1<<53 - 1, -1<<53 + 1, int64(7), uint8(7), 1.5, 1e300, float32(0.1),
		json.RawMessage(`{"a":1}`), time.Unix(1, 0).UTC(), []any{1, "a"}, map[string]any{"b": 1, "a": nil},
		json.Number("0"), json.Number("1.5"), new(string), AttributeType("text"),
	} {
		sameAsMarshal(t, &Fields{CustomAttributes: Set(Values{"value": v, "b": 2, "a\xff"[:1]: "3"})})
	}
	for _, in := range []Fields{
		{},
		{ExternalID: Set("")},
		{ExternalID: Null[string](), Name: Null[string](), Email: Null[string](), PhoneNumber: Null[string](), StripeAccounts: Null[[]StripeAccount](), CustomAttributes: Null[Values]()},
		{ExternalID: Set("user_1"), Name: Set("Ada <b>"), Email: Set("ada@example.com"), PhoneNumber: Set("+1"), StripeAccounts: Set([]StripeAccount{{Label: "a", StripeID: "b"}}), CustomAttributes: Set(Values{})},
		{StripeAccounts: Set([]StripeAccount{{}, {"a", "b", "c\""}})},
		{StripeAccounts: Set([]StripeAccount{}), Name: Set("é")},
	} {
		sameAsMarshal(t, &in)
	}
	names := Values{}
	for _, name := range []string{"", "b", "a", "ab", "B", "ü", "z\"", "a\x01"} {
		names[name] = name
	}
	sameAsMarshal(t, &Fields{CustomAttributes: Set(names)})
}

// A value that would arrive as another one is rejected, by its path.
func TestInput_ValuesThatJSONWouldChange(t *testing.T) {
	cyclic := map[string]any{}
	cyclic["a"] = cyclic
	for _, test := range []struct {
		value      any
		path, rule string
	}{
		{[]byte("pro"), "", "must not be bytes"},
		{time.Time{}, "", "must not be the zero time"},
		{new(time.Time), "", "must not be the zero time"},
		{time.Second, "", "must not be a time.Duration"},
		{"\xff", "", "must be valid UTF-8"},
		{"a\x00", "", "must not contain NUL"},
		{math.NaN(), "", "must be a finite number"},
		{1 << 53, "", "must be an integer from"},
		{-1 << 53, "", "must be an integer from"},
		{math.MaxInt, "", "must be an integer from"},
		{int64(math.MinInt64), "", "must be an integer from"},
		{json.Number("9007199254740993"), "", "must be an integer from"},
		{json.Number(""), "", "must be a number in the form of JSON"},
		{json.RawMessage("{"), "", "must be one JSON value"},
		{json.RawMessage(`"\ud800"`), "", "must not have half of a surrogate pair"},
		{make(chan int), "", "must be a string, boolean, number"},
		{struct{ A int }{}, "", "must not be a struct"},
		{map[string]any{"city": []any{"a", []byte("b")}}, `["city"][1]`, "must not be bytes"},
		{map[string]any{"a\xff": 1}, `["a\xff"]`, "its key must be valid UTF-8"},
		{cyclic, strings.Repeat(`["a"]`, 31), "must be at most 32 deep"}, // with the attributes themselves
		{sql.Null[any]{V: []byte("a"), Valid: true}, "", "must not be bytes"},
		{strings.Repeat("a", maxValuesBytes+1), "", ""},
	} {
		in := Fields{CustomAttributes: Set(Values{"a": 1, "plan": test.value})}
		_, err := in.appendJSON(nil)
		if test.rule == "" {
			assert.Nil(t, err, "a long text is the service's to judge")
			continue
		}
		require.NotNil(t, err, "%v", test)
		assert.Equal(t, `CustomAttributes["plan"]`+test.path, err.Field)
		assert.True(t, strings.HasPrefix(err.Rule, test.rule), err.Rule)
	}
	for field, in := range map[string]Fields{
		"Name":                          {Name: Set("a\x00")},
		"StripeAccounts[1].Label":       {StripeAccounts: Set([]StripeAccount{{}, {Label: "\xff"}})},
		"StripeAccounts[0].StripeID":    {StripeAccounts: Set([]StripeAccount{{StripeID: "\x00"}})},
		"StripeAccounts[0].StripeEmail": {StripeAccounts: Set([]StripeAccount{{StripeEmail: "\xff"}})},
		`CustomAttributes["a\xff"]`:     {CustomAttributes: Set(Values{"a\xff": 1})},
		`CustomAttributes["b"]`:         {CustomAttributes: Set(Values{"c": math.NaN(), "b": "\xff", "a": 1})},
		`CustomAttributes["` + strings.Repeat("x", 64) + `"]`: {CustomAttributes: Set(Values{strings.Repeat("x", 100): make(chan int)})},
	} {
		_, err := in.appendJSON(nil)
		require.NotNil(t, err, field)
		assert.Equal(t, field, err.Field)
	}
}

func TestInput_Valuers(t *testing.T) {
	for want, v := range map[string]any{
		`{"custom_attributes":{"a":1,"z":2}}`:           sql.NullString{},
		`{"custom_attributes":{"a":1,"v":"x","z":2}}`:   sql.NullString{String: "x", Valid: true},
		`{"custom_attributes":{"a":1,"v":7,"z":2}}`:     sql.NullInt64{Int64: 7, Valid: true},
		`{"custom_attributes":{"a":1,"v":false,"z":2}}`: sql.NullBool{Valid: true},
		`{"custom_attributes":{"a":1,"v":null,"z":2}}`:  (*string)(nil),
	} {
		got, err := (&Fields{CustomAttributes: Set(Values{"a": 1, "v": v, "z": 2})}).appendJSON(nil)
		require.Nil(t, err)
		assert.Equal(t, want, string(got))
	}
	got, err := (&Fields{CustomAttributes: Set(Values{"v": sql.NullString{}})}).appendJSON(nil)
	require.Nil(t, err)
	assert.Equal(t, `{"custom_attributes":{}}`, string(got))
}

func FuzzInput(f *testing.F) {
	f.Add("user_1", "Ada", byte(2), "plan", "pro", "orders", int64(7), 0.5)
	f.Add("\xff", "0", byte(2), "0", "A", "0", int64(7), 0.5)
	f.Fuzz(func(t *testing.T, id, name string, state byte, attribute, text, other string, n int64, x float64) {
		in := &Fields{
			ExternalID:       Set(id),
			Name:             Optional[string]{state: optionalState(state % 3), value: name},
			CustomAttributes: Set(Values{attribute: text, other: n, "x": x, "number": json.Number("1" + text)}),
		}
		if _, err := in.appendJSON(nil); err == nil {
			want, _ := json.Marshal(in)
			got, _ := in.appendJSON(nil)
			require.Equal(t, string(want), string(got))
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	in := &Fields{
		ExternalID: Set("user_8821"), Name: Set("Ada Lovelace"), Email: Set("ada@example.com"),
		CustomAttributes: Set(Values{"plan": "pro", "orders": 7}),
	}
	c, err := New(testKey, 123, nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.encode("row.Fields", in); err != nil {
			b.Fatal(err)
		}
	}
}
