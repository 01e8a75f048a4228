package identity

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type (
	joseSeal struct {
		Payload  json.RawMessage `json:"payload"`
		IAT, EXP int64
	}
	joseOpen struct {
		Token string `json:"token"`
		Now   int64  `json:"now"`
	}
	joseIn struct {
		Key  string     `json:"key"`
		Seal []joseSeal `json:"seal,omitempty"`
		Open []joseOpen `json:"open,omitempty"`
	}
	joseOut struct {
		Sealed []string
		Opened []struct {
			Payload map[string]any
			Header  map[string]string
			Code    string
		}
	}
)

func (s joseSeal) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"payload": s.Payload, "iat": s.IAT, "exp": s.EXP})
}

func interopPayloads(t testing.TB) map[string]Payload {
	return map[string]Payload{
		"documented": {
			User:         UserDetail{ID: "user-123", Email: "user@example.com", Name: "Ada Lovelace", Plan: "pro"},
			Integrations: Integrations{StripeCustomerID: "cus_123"},
		},
		"everything": full(),
		"unicode": {User: UserDetail{
			ID: "Zoë-\u2028\u2029-日本-👩‍👩‍👧", Name: "O'Brien \\ \" </script> \x01\x1f\ufffd\ufeff.",
			Extra: map[string]any{"schlüssel 🔑": "wert\n"},
		}},
		"empty integrations": {User: UserDetail{ID: "1"}},
		"8,192 bytes":        payloadOfClaims(t, 8192),
	}
}

func TestMint_JoseForNodeOpensTheTokens(t *testing.T) {
	in := joseIn{Key: testKeyHex}
	var want []string
	m := newTestMinter(t, nil)
	for _, p := range interopPayloads(t) {
		token, err := m.Mint(p)
		require.NoError(t, err)
		in.Open = append(in.Open, joseOpen{token, time.Now().Unix()})
		want = append(want, claimsOf(t, token))
	}
	var out joseOut
	testenv.Node(t, "jose.mjs", in, &out)
	require.Len(t, out.Opened, len(want))
	for i, got := range out.Opened {
		require.Empty(t, got.Code)
		payload, err := json.Marshal(got.Payload)
		require.NoError(t, err)
		assert.JSONEq(t, want[i], string(payload))
		assert.Equal(t, map[string]string{"alg": "dir", "enc": "A128GCM"}, got.Header)
	}
}

func TestOpen_TokensOfJoseForNode(t *testing.T) {
	in := joseIn{Key: testKeyHex}
	var want []Opened
	now := time.Now().Truncate(time.Second)
	for _, p := range interopPayloads(t) {
		claims, err := p.claims(now, now.Add(time.Hour))
		require.NoError(t, err)
		opened, err := parseClaims(claims)
		require.NoError(t, err)
		want = append(want, opened)
		in.Seal = append(in.Seal, joseSeal{payloadOf(t, claims), now.Unix(), now.Unix() + 3600})
	}
	var out joseOut
	testenv.Node(t, "jose.mjs", in, &out)
	require.Len(t, out.Sealed, len(want))
	for i, token := range out.Sealed {
		got, err := newTestOpener(t).Open(token)
		require.NoError(t, err)
		assert.Equal(t, want[i], got)
		assert.Equal(t, `{"alg":"dir","enc":"A128GCM"}`, headerOf(t, token))
	}
}

// payloadOf takes iat and exp out again: jose for Node sets them itself.
func payloadOf(t testing.TB, claims []byte) json.RawMessage {
	t.Helper()
	head, _, found := strings.Cut(string(claims), `,"iat":`)
	require.True(t, found)
	return json.RawMessage(head + "}")
}

// The same token, judged by both libraries at exp-1, exp and exp+1.
func TestOpen_JudgesExpiryAsJoseForNode(t *testing.T) {
	var in joseIn
	var ours []bool
	synctest.Test(t, func(t *testing.T) {
		m, o := newTestMinter(t, &Options{TTL: time.Hour}), newTestOpener(t)
		token, err := m.Mint(full())
		require.NoError(t, err)
		exp := time.Now().Add(time.Hour)
		in.Key = testKeyHex
		for _, now := range []time.Time{exp.Add(-time.Second), exp, exp.Add(time.Second)} {
			time.Sleep(time.Until(now))
			_, err := o.Open(token)
			ours = append(ours, err == nil)
			in.Open = append(in.Open, joseOpen{token, now.Unix()})
		}
	})
	require.Equal(t, []bool{true, false, false}, ours)

	var out joseOut
	testenv.Node(t, "jose.mjs", in, &out)
	for i, got := range out.Opened {
		if ours[i] {
			assert.Empty(t, got.Code)
		} else {
			assert.Equal(t, "ERR_JWT_EXPIRED", got.Code)
		}
	}
}
