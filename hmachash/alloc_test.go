//go:build !race

package hmachash

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Not under the race detector, which empties pools at random.
func TestHash_Allocations(t *testing.T) {
	h := testHasher(t, "a secret that is long", nil)
	dst := make([]byte, 0, hashSize)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		var err error
		if dst, err = h.AppendHash(dst[:0], "user-123"); err != nil {
			t.Fatal(err)
		}
	}))
	assert.Equal(t, 1.0, testing.AllocsPerRun(1000, func() { _, _ = h.Hash("user-123") }))
}
