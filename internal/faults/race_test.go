//go:build race

package faults

// The race detector makes the tests about ten times slower and distorts measurements of
// memory. One kind of value, of 1 MB, shows that the tests still run.
const (
	hostileKinds = 1
	hostileSize  = 1 << 20
)
