package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSpread(t *testing.T) {
	assert.Equal(t, spread{3, 1, 9}, spreadOf([]float64{9, 1, 3}))
	assert.Equal(t, spread{2.5, 1, 9}, spreadOf([]float64{9, 3, 1, 2}))
	assert.Equal(t, spread{4, 4, 4}, spreadOf([]float64{4}))
	assert.Equal(t, spread{}, spreadOf(nil))
	assert.Equal(t, spread{5.5, 2, 9}, spreadOf([]float64{1000, 9, 8, 7, 6, 5, 4, 3, 2, 1}), "without the tenth at each end")
}

// A slow round slows both down, and does not change the ratio.
func TestRatios_WithinOneRound(t *testing.T) {
	a := measured{{ns: 20}, {ns: 2000}, {ns: 30}}
	b := measured{{ns: 10}, {ns: 1000}, {ns: 10}}
	assert.Equal(t, spread{2, 2, 3}, ratios(a, b))
}

func TestMeasured_Medians(t *testing.T) {
	m := measured{{ns: 1, allocs: 7}, {ns: 3, allocs: 5}, {ns: 2, allocs: 6}}
	assert.Equal(t, 2.0, m.ns())
	assert.Equal(t, 6.0, m.allocs())
}
