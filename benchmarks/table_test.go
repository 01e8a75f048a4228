package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func row(ns, allocs float64) measured { return measured{{ns, allocs}, {ns, allocs}} }

func TestWriteRows(t *testing.T) {
	g := &Group{
		Task: "greet", Ours: Item{Name: "chatident"}, Floor: Item{Name: "floor: by hand"},
		Peers: []Item{
			{Name: "slow", Slower: 3},
			{Name: "as slow", Slower: 3},
			{Name: "elsewhere", Elsewhere: true},
			{Name: "absent", Slower: 3, Missing: "it is not there"},
		},
		AtMost: 1.2, Allocs: floorPlus(1),
	}
	results := []measured{row(1000, 5), row(1100, 6), row(3300, 50), row(3200, 50), row(2e6, 0), nil}
	var b strings.Builder
	require.NoError(t, writeRows(&b, g, results))
	assert.Equal(t, `| greet | chatident | 1.10 µs | 1.10 (1.10-1.10) | 6 | <= 1.20 x floor, <= 6 allocations | yes |
|  | slow | 3.30 µs | 3.30 (3.30-3.30) | 50 | >= 3.00 x ours (is 3.00) | yes |
|  | as slow | 3.20 µs | 3.20 (3.20-3.20) | 50 | >= 3.00 x ours (is 2.91) | **no** |
|  | elsewhere | 2.00 ms | 2000 (2000-2000) | not known |  |  |
|  | absent | skipped: it is not there | |  |  |  |
|  | floor: by hand | 1.00 µs | 1.00 (1.00-1.00) | 5 |  |  |
`, b.String())
}

func TestGroup_MissedTargets(t *testing.T) {
	for name, test := range map[string]struct {
		ours measured
		want string
	}{
		"reached":              {row(1200, 1), "yes"},
		"too slow":             {row(1201, 1), "**no**"},
		"too many allocations": {row(1000, 2), "**no**"},
	} {
		g := &Group{AtMost: 1.2, Allocs: upTo(1)}
		_, reached := g.judge(row(1000, 5), test.ours)
		assert.Equal(t, test.want, reached, name)
	}
	target, reached := new(Group).judge(row(1, 0), row(9, 9))
	assert.Empty(t, target+reached, "no target is neither reached nor missed")
}
