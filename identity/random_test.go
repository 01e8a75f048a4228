package identity

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// values makes random values that Extra and Services accept, each beside what a
// reader of JSON must find.
type values struct{ *rand.Rand }

var letters = []rune("abcXYZ0123456789 _-@+/\\'\"<>&{}[]:,éßЖ日本語🙂\n\t\r\u0001\u007f\u0085\u2028\u2029\u200b\ufeff\ufffd\U0010ffff")

func (r values) text(least int) string {
	text := make([]rune, least+r.IntN(12))
	for i := range text {
		text[i] = letters[r.IntN(len(letters))]
	}
	return string(text)
}

// named is a text without white space at its edges.
func (r values) named() string { return "a" + r.text(0) + "z" }

func (r values) float() float64 {
	for {
		if f := math.Float64frombits(r.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
}

func (r values) value(depth int) (v, want any) {
	if depth > 0 && r.IntN(4) == 0 {
		return r.list(depth - 1)
	}
	if depth > 0 && r.IntN(4) == 0 {
		return r.object(depth - 1)
	}
	text, integer, float := r.text(0), r.Int64N(1<<54-1)-(1<<53-1), r.float()
	switch r.IntN(14) {
	case 0:
		return nil, nil
	case 1:
		return true, true
	case 2:
		return integer, float64(integer)
	case 3:
		return uint8(integer), float64(uint8(integer))
	case 4:
		return float, float
	case 5:
		f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(float32(integer)), 'g', -1, 32), 64)
		return float32(integer), f
	case 6:
		return json.Number(strconv.FormatFloat(float, 'g', -1, 64)), float
	case 7:
		return json.Number(strconv.FormatInt(integer, 10)), float64(integer)
	case 8:
		at := time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()
		return at, at.Format(time.RFC3339Nano)
	case 9:
		return sql.NullString{String: text, Valid: true}, text
	case 10:
		return &integer, float64(integer)
	case 11:
		raw, _ := json.Marshal(map[string]any{"a": text})
		return json.RawMessage(raw), map[string]any{"a": text}
	}
	return text, text
}

func (r values) list(depth int) (v, want any) {
	list, wants := []any{}, []any{}
	for range r.IntN(4) {
		v, want := r.value(depth)
		list, wants = append(list, v), append(wants, want)
	}
	return list, wants
}

func (r values) object(depth int) (v, want any) {
	object, wants := map[string]any{}, map[string]any{}
	for range r.IntN(4) {
		key := r.text(0)
		object[key], wants[key] = r.value(depth)
	}
	if r.IntN(8) == 0 {
		object["gone"] = sql.NullInt64{}
		delete(wants, "gone")
	}
	return object, wants
}

// payload returns a payload and its claims as a reader finds them.
func (r values) payload() (Payload, map[string]any) {
	p := Payload{
		User:         UserDetail{ID: r.named(), Email: r.named(), Name: r.named(), Plan: r.named(), Extra: map[string]any{}},
		Integrations: Integrations{StripeCustomerID: r.named(), Services: map[string]map[string]any{"crm": {"id": 1}}},
	}
	user := map[string]any{"id": p.User.ID, "email": p.User.Email, "name": p.User.Name, "fullName": p.User.Name, "plan": p.User.Plan}
	crm := map[string]any{"id": 1.0}
	for i := range r.IntN(5) {
		key := fmt.Sprint(i, r.text(1))
		p.User.Extra[key], user[key] = r.value(4)
		v, want := r.value(4)
		p.Integrations.Services["crm"][key] = v
		if want != nil && want != "" {
			crm[key] = want
		}
	}
	return p, map[string]any{
		"userDetail":   user,
		"integrations": map[string]any{"stripe": map[string]any{"customerId": p.Integrations.StripeCustomerID}, "crm": crm},
	}
}

func TestMint_JoseForNodeReadsRandomPayloads(t *testing.T) {
	const payloads = 10_000
	r := values{rand.New(rand.NewPCG(19, 1))}
	in := joseIn{Key: testKeyHex}
	var want []map[string]any
	m := newTestMinter(t, nil)
	for range payloads {
		p, claims := r.payload()
		token, err := m.Mint(p)
		require.NoError(t, err)
		in.Open = append(in.Open, joseOpen{token, time.Now().Unix()})
		want = append(want, claims)
	}
	var out joseOut
	testenv.Node(t, "jose.mjs", in, &out)
	require.Len(t, out.Opened, payloads)
	for i, got := range out.Opened {
		require.Empty(t, got.Code)
		delete(got.Payload, "iat")
		delete(got.Payload, "exp")
		if !assert.Equal(t, want[i], got.Payload) {
			return
		}
	}
}
