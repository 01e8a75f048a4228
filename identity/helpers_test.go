package identity

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

const testKeyHex = "000102030405060708090a0b0c0d0e0f"

func testKey(t testing.TB) Key {
	t.Helper()
	return mustKey(t, testKeyHex)
}

func mustKey(t testing.TB, text string) Key {
	t.Helper()
	key, err := ParseKey(text)
	require.NoError(t, err)
	return key
}

func newTestMinter(t testing.TB, o *Options) *Minter {
	t.Helper()
	m, err := NewMinter(testKey(t), o)
	require.NoError(t, err)
	return m
}

func newTestOpener(t testing.TB) *Opener {
	t.Helper()
	o, err := NewOpener(testKey(t))
	require.NoError(t, err)
	return o
}

// sealRaw makes a token with any plaintext and header, by go-jose alone.
func sealRaw(t testing.TB, plaintext string, o *jose.EncrypterOptions) string {
	t.Helper()
	key, err := hex.DecodeString(testKeyHex)
	require.NoError(t, err)
	e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, o)
	require.NoError(t, err)
	jwe, err := e.Encrypt([]byte(plaintext))
	require.NoError(t, err)
	token, err := jwe.CompactSerialize()
	require.NoError(t, err)
	return token
}

// claimsOf decrypts a token with nothing but its documented layout.
func claimsOf(t testing.TB, token string) string {
	t.Helper()
	plaintext, err := newTestOpener(t).plaintext(token)
	require.NoError(t, err)
	return string(plaintext)
}

func headerOf(t testing.TB, token string) string {
	t.Helper()
	header, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(header)
	require.NoError(t, err)
	return string(b)
}

func requireField(t testing.TB, err error, field, rule string) {
	t.Helper()
	var fe *FieldError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, FieldError{field, rule}, *fe)
}
