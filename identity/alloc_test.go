//go:build !race

package identity

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Not under the race detector, which allocates for itself.
func TestMint_Allocations(t *testing.T) {
	m := newTestMinter(t, nil)
	p := Payload{
		User:         UserDetail{ID: "user-123", Email: "user@example.com", Name: "Ada Lovelace", Plan: "pro"},
		Integrations: Integrations{StripeCustomerID: "cus_123"},
	}
	assert.Equal(t, 2.0, testing.AllocsPerRun(1000, func() { _, _ = m.Mint(p) }))
}
