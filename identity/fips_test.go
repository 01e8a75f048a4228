package identity

import (
	"crypto/fips140"
	"testing"

	"github.com/stretchr/testify/require"
)

// Under GODEBUG=fips140=only go-jose can neither seal nor open, and that shows
// at start-up. .ci/run runs this test in that mode too.
func TestFIPS(t *testing.T) {
	key := testKey(t)
	_, minterErr := NewMinter(key, nil)
	_, openerErr := NewOpener(key)
	if !fips140.Enforced() {
		require.NoError(t, minterErr)
		require.NoError(t, openerErr)
		return
	}
	const rule = "cannot be used under GODEBUG=fips140=only, since go-jose chooses its own nonces"
	requireField(t, minterErr, "key", rule)
	requireField(t, openerErr, "key", rule)
}
