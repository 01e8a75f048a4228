package identity

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func at(seconds int64) func() time.Time {
	return func() time.Time { return time.Unix(seconds, 999_999_999) }
}

func TestMinter_RejectsNilAndZero(t *testing.T) {
	key, err := ParseKey("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	for _, m := range []*Minter{nil, {}} {
		_, err := m.Mint(full())
		require.EqualError(t, err, "identity: Minter: must come from NewMinter (was its error ignored?)")
		require.EqualError(t, m.SetKey(key), "identity: Minter: must come from NewMinter (was its error ignored?)")
	}
}

func TestMint_DocumentedToken(t *testing.T) {
	token, err := newTestMinter(t, &Options{Clock: at(1700000000)}).Mint(full())
	require.NoError(t, err)

	assert.Equal(t, `{"alg":"dir","enc":"A128GCM"}`, headerOf(t, token))
	parts := strings.Split(token, ".")
	require.Len(t, parts, 5)
	assert.Empty(t, parts[1])
	assert.Len(t, parts[2], 16)
	assert.Len(t, parts[4], 22)
	assert.Equal(t, `{"userDetail":{"id":"user-123","email":"user@example.com","name":"Ada Lovelace","fullName":"Ada Lovelace","plan":"pro",`+
		`"address":{"a.b":1,"city":"London"},"nothing":null,"orders":3,"since":"2024-05-01","vip":true},`+
		`"integrations":{"stripe":{"customerId":"cus_123","subscriptionStatus":"active"},"hubspot":{"id":"h1"}},`+
		`"iat":1700000000,"exp":1700003600}`, claimsOf(t, token))
}

func TestMint_LeavesOutWhatIsEmpty(t *testing.T) {
	m := newTestMinter(t, &Options{Clock: at(1700000000), TTL: time.Minute})
	for want, p := range map[string]Payload{
		`{"userDetail":{"id":"1"},"integrations":{},`:                                         {User: UserDetail{ID: "1"}},
		`{"userDetail":{"email":"a@b.c"},"integrations":{},`:                                  {User: UserDetail{Email: "a@b.c", Extra: map[string]any{}}},
		`{"userDetail":{"id":"1"},"integrations":{"crm":{"a":1}},`:                            {User: UserDetail{ID: "1"}, Integrations: Integrations{Services: map[string]map[string]any{"crm": {"a": 1}, "none": nil}}},
		`{"userDetail":{"id":"1"},"integrations":{"stripe":{"subscriptionStatus":"unpaid"}},`: {User: UserDetail{ID: "1"}, Integrations: Integrations{StripeSubscriptionStatus: "unpaid"}},
	} {
		token, err := m.Mint(p)
		require.NoError(t, err)
		assert.Equal(t, want+`"iat":1700000000,"exp":1700000060}`, claimsOf(t, token))
	}
}

func TestMint_DoesNotChangeThePayload(t *testing.T) {
	p := full()
	_, err := newTestMinter(t, nil).Mint(p)
	require.NoError(t, err)
	require.Equal(t, full(), p)
}

func TestNewMinter_TTL(t *testing.T) {
	for _, ttl := range []time.Duration{-1, -time.Hour, time.Millisecond, time.Second - 1, 1500 * time.Millisecond, 24*time.Hour + 1, 24*time.Hour + time.Second, 25 * time.Hour} {
		_, err := NewMinter(testKey(t), &Options{TTL: ttl})
		requireField(t, err, "Options.TTL", "must be whole seconds, from 1 second to 24 hours")
	}
	for ttl, want := range map[time.Duration]int64{0: 3600, time.Second: 1, 24 * time.Hour: 86400} {
		token, err := newTestMinter(t, &Options{TTL: ttl}).Mint(Payload{User: UserDetail{ID: "1"}})
		require.NoError(t, err)
		opened, err := newTestOpener(t).Open(token)
		require.NoError(t, err)
		assert.Equal(t, want, opened.ExpiresAt.Unix()-opened.IssuedAt.Unix())
	}
}

func TestMint_NoncesDiffer(t *testing.T) {
	m := newTestMinter(t, nil)
	seen := map[string]bool{}
	for range 1000 {
		token, err := m.Mint(Payload{User: UserDetail{ID: "1"}})
		require.NoError(t, err)
		nonce := strings.Split(token, ".")[2]
		require.False(t, seen[nonce])
		seen[nonce] = true
	}
}

// Rotation at run time: many goroutines mint and open while the key changes.
func TestSetKey_Rotation(t *testing.T) {
	oldKey, newKey := testKey(t), mustKey(t, strings.Repeat("ab", 16))
	m, err := NewMinter(oldKey, nil)
	require.NoError(t, err)
	before, err := m.Mint(full())
	require.NoError(t, err)
	both, err := NewOpener(newKey, oldKey)
	require.NoError(t, err)

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				token, err := m.Mint(full())
				if !assert.NoError(t, err) {
					return
				}
				if _, err := both.Open(token); !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	require.NoError(t, m.SetKey(newKey))
	wg.Wait()

	after, err := m.Mint(full())
	require.NoError(t, err)
	onlyNew, err := NewOpener(newKey)
	require.NoError(t, err)
	_, err = onlyNew.Open(after)
	require.NoError(t, err)
	_, err = onlyNew.Open(before)
	require.ErrorIs(t, err, ErrInvalidToken)
	_, err = both.Open(before)
	require.NoError(t, err)
}
