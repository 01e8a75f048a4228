package identity

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// Whatever the string, Open neither panics nor succeeds on what was not minted
// with the key. The seeds stand around one token with a fixed nonce.
func FuzzOpen(f *testing.F) {
	parts := strings.Split(contractToken, ".")
	f.Add(contractToken[:len(contractToken)-1])
	f.Add(contractToken + ".")
	f.Add(strings.Join([]string{parts[0], "AAAA", parts[2], parts[3], parts[4]}, "."))
	f.Add(parts[0] + "....")
	f.Add("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIiwiemlwIjoiREVGIn0.." + strings.Join(parts[2:], "."))
	o := newTestOpener(f)
	f.Fuzz(func(t *testing.T, token string) {
		want := ErrInvalidToken
		if token == contractToken {
			want = ErrExpired
		}
		_, err := o.Open(token)
		require.Equal(t, want, err)
	})
}

// Whatever the claims, parseClaims neither panics nor accepts what could not
// have been minted: what it accepts makes the same claims again.
func FuzzParseClaims(f *testing.F) {
	for _, claims := range []string{
		`{"userDetail":{"id":"1","name":"a","fullName":"a","x":[1,{"y":null}]},"integrations":{"stripe":{"customerId":"c"},"crm":{"a":1e3}},"iat":1,"exp":2}`,
		`{"userDetail":{"email":"a"},"integrations":null,"iat":1,"exp":2}`,
		`{"userDetail":{"id":"1"},"integrations":{"stripe":{"customerId":"1"},"00":{}},"iat":0,"exp":0}`,
	} {
		f.Add([]byte(claims))
	}
	f.Fuzz(func(t *testing.T, claims []byte) {
		first, err := parseClaims(claims)
		if err != nil {
			var fe *FieldError
			require.ErrorAs(t, err, &fe)
			require.Less(t, len(fe.Error()), 1000)
			return
		}
		again, err := first.Payload.claims(first.IssuedAt, first.ExpiresAt)
		var fe *FieldError
		if errors.As(err, &fe) && strings.HasPrefix(fe.Rule, "must be at most 8192 bytes of JSON") {
			return // longer than 8,192 bytes
		}
		require.NoError(t, err)
		second, err := parseClaims(again)
		require.NoError(t, err)
		require.Equal(t, withoutEmptyServices(first), withoutEmptyServices(second))
	})
}

func withoutEmptyServices(o Opened) Opened {
	o.Payload.Integrations.Services = o.Payload.Integrations.services()
	if len(o.Payload.Integrations.Services) == 0 {
		o.Payload.Integrations.Services = nil
	}
	return o
}

// Whatever the claims, go-jose opens what is sealed, and writes the same token
// again: nothing in its form is a matter of taste.
func FuzzSeal(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(`{"userDetail":{"id":"1"},"integrations":{},"iat":1,"exp":2}`))
	f.Add(make([]byte, maxClaims))
	key := testKey(f)
	seal, err := newSealer(key)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, claims []byte) {
		token := seal(slices.Clone(claims)) // which is used up
		require.Equal(t, len(claims) <= 9155, wellFormed(token), "only the length may be wrong")
		jwe, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A128GCM})
		require.NoError(t, err)
		plaintext, err := jwe.Decrypt(key.reveal())
		require.NoError(t, err)
		require.Equal(t, string(claims), string(plaintext))
		again, err := jwe.CompactSerialize()
		require.NoError(t, err)
		require.Equal(t, again, token)
	})
}

// A payload of any strings is rejected with a typed error, or comes back.
func FuzzRoundTrip(f *testing.F) {
	f.Add("1", "a@example.com", "Ada", "key", "value", `{"n":1}`)
	f.Add("", "", "\xff", "a.b", "\ufffd", "null")
	f.Add("1", "", "", "k", "v", "\"\xff\"")
	m, o := newTestMinter(f, nil), newTestOpener(f)
	f.Fuzz(func(t *testing.T, id, email, name, key, value, raw string) {
		p := Payload{
			User:         UserDetail{ID: id, Email: email, Name: name, Extra: map[string]any{key: value}},
			Integrations: Integrations{StripeCustomerID: value, Services: map[string]map[string]any{"s": {key: value, "raw": json.RawMessage(raw)}}},
		}
		token, err := m.Mint(p)
		if err != nil {
			var fe *FieldError
			require.ErrorAs(t, err, &fe)
			require.Less(t, len(fe.Error()), 1000)
			return
		}
		opened, err := o.Open(token)
		require.NoError(t, err)
		require.Equal(t, p.User, opened.Payload.User)
		require.Equal(t, value, opened.Payload.Integrations.StripeCustomerID)
		if got, ok := opened.Payload.Lookup("integrations.s." + key); key != "raw" && value != "" {
			require.True(t, ok)
			require.Equal(t, value, got)
		}
	})
}
