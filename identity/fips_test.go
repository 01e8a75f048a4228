package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Under GODEBUG=fips140=only a Minter mints, and an Opener says at start-up that it
// cannot open. .ci/run runs this test in that mode too.
func TestMint_UnderFIPS(t *testing.T) {
	token, err := newTestMinter(t, nil).Mint(full())
	require.NoError(t, err)
	require.Contains(t, opensByTheStandardLibrary(t, token), `{"userDetail":{"id":"user-123",`)

	_, err = NewOpener(testKey(t))
	if !fips140.Enforced() {
		require.NoError(t, err)
		return
	}
	requireField(t, err, "key", "cannot open tokens under GODEBUG=fips140=only, since go-jose's use of AES-GCM is rejected there")
}

func opensByTheStandardLibrary(t *testing.T, token string) string {
	t.Helper()
	block, err := aes.NewCipher(testKey(t).reveal())
	require.NoError(t, err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	require.NoError(t, err)
	parts := strings.Split(token, ".")
	var sealed []byte
	for _, part := range parts[2:] {
		sealed, err = base64.RawURLEncoding.AppendDecode(sealed, []byte(part))
		require.NoError(t, err)
	}
	plaintext, err := aead.Open(nil, nil, sealed, []byte(parts[0]))
	require.NoError(t, err)
	return string(plaintext)
}
