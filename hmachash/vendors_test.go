package hmachash

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The rows of docs/other-vendors.md, as far as something outside of this repository
// holds them.
func TestHasher_VectorsOfOtherVendors(t *testing.T) {
	rows, err := os.ReadFile("../docs/other-vendors.md")
	require.NoError(t, err)
	decoded, err := hex.DecodeString("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	rule := func(key, message string) string { // of a verifier in the vendor's code
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(message))
		return fmt.Sprintf("%x", mac.Sum(nil))
	}
	for _, v := range []struct{ vendor, key, message, want string }{
		{"Intercom", "abc123", "1", "f02877f24c9dd37542268a28627ebaf2e07d0d114d9482abcdc20f60874b40b3"},
		{"Intercom", "bar", "baz", "c8acc43edc084edb8207a50320ba4ec5d113686cf8050274a305480c98512e45"},
		{"LaunchDarkly", "secret", "Message", "aa747c502a898200f9e4fa21bac68136f886a0e27aec70ba06daf2e2a5cb5597"},
		{"Chatwoot", "a hmac_token of an inbox", "user-1", rule("a hmac_token of an inbox", "user-1")},
		{"Pylon", string(decoded), "ada@example.com", rule(string(decoded), "ada@example.com")},
	} {
		hash, err := testHasher(t, v.key, nil).Hash(v.message)
		require.NoError(t, err)
		assert.Equal(t, v.want, hash, v.vendor)
		assert.Equal(t, strings.ToLower(hash), hash)
		assert.Contains(t, string(rows), "| "+v.vendor)
	}
}
