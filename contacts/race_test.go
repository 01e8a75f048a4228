//go:build race

package contacts_test

// The race detector makes everything some ten times slower.
const (
	seeds    = 60
	loadRows = 250_000
)
