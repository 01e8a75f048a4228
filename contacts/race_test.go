//go:build race

package contacts_test

// The race detector makes everything some ten times slower.
const (
	seeds    = 100
	loadRows = 100_000
)
