//go:build !race

package faults

const hostileKinds = 11
