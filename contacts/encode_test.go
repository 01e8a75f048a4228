package contacts

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/internal/exactjson"
)

// sameAsMarshal wants what encoding/json says, by way of exactjson. Of several
// errors it may be another one: blame looks for itself.
func sameAsMarshal(t *testing.T, in *Input) {
	t.Helper()
	want, wantErr := exactjson.Marshal(in)
	got, err := in.appendJSON(nil)
	require.Equal(t, wantErr != nil, err != nil)
	if err == nil {
		require.Equal(t, string(want), string(got))
	}
}

func TestAppendJSON(t *testing.T) {
	for _, value := range []any{
		nil, "", "a\"\\\n<>&\u2028ü\ufffd", true, false, 0, -1, math.MaxInt, int64(math.MinInt64), uint8(7), 1.5, 1e300, float32(0.1),
		json.Number("12345678901234567890"), json.RawMessage(` { "a" : 1 } `), time.Unix(1, 0).UTC(), []any{1, "a"}, map[string]any{"b": 1, "a": nil},
		json.Number("0"), math.NaN(), make(chan int), "\xff", json.RawMessage(`"\ufffd"`), json.RawMessage("{"), json.Number("x"), new(string), AttributeType("text"),
	} {
		sameAsMarshal(t, &Input{CustomAttributes: Set(Values{"value": value, "b": 2, "a\xff"[:1]: "3"})})
	}
	for _, in := range []Input{
		{},
		{ExternalID: Set("")},
		{ExternalID: Null[string](), Name: Null[string](), Email: Null[string](), PhoneNumber: Null[string](), StripeAccounts: Null[[]StripeAccount](), CustomAttributes: Null[Values]()},
		{ExternalID: Set("user_1"), Name: Set("Ada <b>"), Email: Set("ada@example.com"), PhoneNumber: Set("+1"), StripeAccounts: Set([]StripeAccount{{Label: "a", StripeID: "b"}}), CustomAttributes: Set(Values{})},
		{StripeAccounts: Set[[]StripeAccount](nil), CustomAttributes: Set[Values](nil)},
		{StripeAccounts: Set([]StripeAccount{}), Name: Set("\xff")},
		{CustomAttributes: Set(Values{"\xff": 1})},
	} {
		sameAsMarshal(t, &in)
	}
	names := Values{}
	for _, name := range []string{"", "b", "a", "ab", "B", "ü", "z\"", "a\x00"} {
		names[name] = name
	}
	sameAsMarshal(t, &Input{CustomAttributes: Set(names)})
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("user_1", "Ada", byte(2), "plan", "pro", "orders", int64(7), 0.5)
	f.Add("\xff", "0", byte(2), "0", "A", "0", int64(7), 0.5)
	f.Fuzz(func(t *testing.T, id, name string, state byte, attribute, text, other string, n int64, x float64) {
		sameAsMarshal(t, &Input{
			ExternalID:       Set(id),
			Name:             Optional[string]{state: optionalState(state % 3), value: name},
			CustomAttributes: Set(Values{attribute: text, other: n, "x": x, "number": json.Number("1" + text)}),
		})
	})
}

func BenchmarkEncode(b *testing.B) {
	in := &Input{
		ExternalID: Set("user_8821"), Name: Set("Ada Lovelace"), Email: Set("ada@example.com"),
		CustomAttributes: Set(Values{"plan": "pro", "orders": 7}),
	}
	c := &Client{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.encode("row.Input", in); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheFirstNameIsBlamed(t *testing.T) {
	values := Values{"c": json.Number(""), "b": json.Number(""), "a": json.Number("1"), "d": []any{}}
	name, ok := values.nameOf(json.Number(""))
	assert.True(t, ok)
	assert.Equal(t, "b", name)
	_, ok = values.nameOf("")
	assert.False(t, ok)
}
