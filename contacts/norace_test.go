//go:build !race

package contacts_test

const (
	seeds    = 500
	loadRows = 1_000_000
)
