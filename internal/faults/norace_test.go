//go:build !race

package faults

const (
	hostileKinds = 11
	hostileSize  = 16<<20 - 1<<10 // within Options.MaxBody
)
