package readings

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatident/chatident/internal/fake"
)

// pairs returns combinations of readings in which every pair of tokens of two
// points occurs. It is deterministic: each row is the best of as many candidates
// as there are points, which differ in the point that they begin with.
func pairs(points map[string][]string) (rows []map[string]string) {
	ids := slices.Sorted(maps.Keys(points))
	open := openPairs(ids, points)
	for len(open) > 0 {
		var row map[string]string
		most := 0
		for i := range ids {
			candidate := map[string]string{}
			for _, id := range slices.Concat(ids[i:], ids[:i]) {
				candidate[id] = bestToken(candidate, id, points[id], open)
			}
			if n := count(candidate, open); n > most {
				row, most = candidate, n
			}
		}
		maps.DeleteFunc(open, func(p pair, _ bool) bool { return p.occursIn(row) })
		rows = append(rows, row)
	}
	return rows
}

// count returns how many open pairs occur in a row.
func count(row map[string]string, open map[pair]bool) (n int) {
	for p := range open {
		if p.occursIn(row) {
			n++
		}
	}
	return n
}

// bestToken returns the token that forms most open pairs with the row so far, and
// with what may follow.
func bestToken(row map[string]string, id string, tokens []string, open map[pair]bool) string {
	best, most := "", -1
	for _, token := range tokens {
		n := 0
		for p := range open {
			other, otherToken, ok := p.otherThan(id, token)
			switch {
			case !ok:
			case row[other] == otherToken:
				n += 1000
			case row[other] == "":
				n++
			}
		}
		if n > most {
			best, most = token, n
		}
	}
	return best
}

// pair is two tokens of two points, that with the lesser id first.
type pair struct{ id1, token1, id2, token2 string }

func newPair(id1, token1, id2, token2 string) pair {
	if id1 > id2 {
		id1, token1, id2, token2 = id2, token2, id1, token1
	}
	return pair{id1, token1, id2, token2}
}

func (p pair) occursIn(row map[string]string) bool {
	return row[p.id1] == p.token1 && row[p.id2] == p.token2
}

// otherThan returns the other half of a pair.
func (p pair) otherThan(id, token string) (otherID, otherToken string, ok bool) {
	switch {
	case p.id1 == id && p.token1 == token:
		return p.id2, p.token2, true
	case p.id2 == id && p.token2 == token:
		return p.id1, p.token1, true
	}
	return "", "", false
}

func openPairs(ids []string, points map[string][]string) map[pair]bool {
	open := map[pair]bool{}
	for i, id1 := range ids {
		for _, id2 := range ids[:i] {
			for _, token1 := range points[id1] {
				for _, token2 := range points[id2] {
					open[newPair(id1, token1, id2, token2)] = true
				}
			}
		}
	}
	return open
}

func TestPairs_EachOccurs(t *testing.T) {
	points := tokens()
	rows := pairs(points)
	assert.Equal(t, rows, pairs(points), "deterministic")
	assert.LessOrEqual(t, len(rows), 20)
	for p := range openPairs(slices.Sorted(maps.Keys(points)), points) {
		assert.True(t, slices.ContainsFunc(rows, p.occursIn), fmt.Sprint(p))
	}
	for _, row := range rows {
		assert.Len(t, row, len(points))
		_, err := fake.Choose(row)
		assert.NoError(t, err)
	}
}
