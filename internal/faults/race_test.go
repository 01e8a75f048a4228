//go:build race

package faults

// The race detector makes everything some ten times slower, and is of no use for
// measurements of memory: one kind of value, of 1 MB, shows that they still run.
const (
	hostileKinds = 1
	hostileSize  = 1 << 20
)
