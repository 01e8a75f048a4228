package contacts

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestItemNumber(t *testing.T) {
	for field, want := range map[string]int{
		"users[3].email": 3, "users.3.email": 3, "/users/3/email": 3, "3.email": 3, "[3].email": 3, "users[12]": 12, "$.users[0].email": 0, "0": 0,
		"": -1, "email": -1, "users": -1, "users[].email": -1, "users[-1].email": -1, "users[99999999999].email": -1,
		"custom_attributes.plan2": -1, "custom_attributes.3": -1, "users3": 3, "3rd": -1,
	} {
		n, ok := itemNumber(field)
		if !ok {
			n = -1
		}
		assert.Equal(t, want, n, field)
	}
}

func TestHasPath(t *testing.T) {
	for field, want := range map[string]bool{
		"users[3].email": true, "/users/3/email": true, "3.email": true, "[3].email": true, "users.3.custom_attributes.old": true,
		"users[3]": false, "users.3": false, "/users/3/": false, "3": false, "$.users[0]": false,
	} {
		assert.Equal(t, want, hasPath(field), field)
	}
}

// Whatever the service writes, each row is in one of the two parts.
func FuzzByIssues(f *testing.F) {
	f.Add("users[3].email", "/users/0/name", uint8(4))
	f.Add("", "99999999999999999999", uint8(1))
	f.Fuzz(func(t *testing.T, a, b string, n uint8) {
		items := make([]*item, n)
		for i := range items {
			items[i] = &item{place: i}
		}
		issues, named, others := byIssues(items, &Error{Issues: []Issue{{Field: a}, {Field: b}}})
		assert.Len(t, named, len(issues))
		assert.ElementsMatch(t, items, append(named, others...))
	})
}

// A row that had to stay twice, as the limits were lowered, is not overtaken.
func TestBatchKeepsTheOrder(t *testing.T) {
	l := &limits{10, 100}
	b := batch{limits: l}
	homes := map[string]*home{"a": {}, "b": {}}
	row := func(id string, bytes int) *item { return &item{home: homes[id], json: make([]byte, bytes)} }
	b2, b3 := row("b", 40), row("b", 1)
	for _, it := range []*item{row("a", 40), row("b", 40), row("a", 40), b2} {
		assert.True(t, b.add(it))
	}
	l.bytes = 60
	assert.Len(t, b.take(), 2)
	assert.True(t, b.add(b3))
	assert.Len(t, b.take(), 1)
	assert.Equal(t, []*item{b2}, b.take())
	assert.Equal(t, []*item{b3}, b.take())
}

// Whatever the order of external ids and lengths, a batch has none of them twice
// and keeps to its limits, all rows come out, and those of one id in their order.
func FuzzBatch(f *testing.F) {
	f.Add([]byte("aaabbbccc"), uint8(3), uint8(20))
	f.Add([]byte("abcaAbBca"), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, ids []byte, rows, bytes uint8) {
		l := &limits{int(rows%20) + 1, int(bytes)}
		b := batch{limits: l}
		homes := map[string]*home{}
		last := map[string]int{}
		out := 0
		take := func() {
			seen := map[string]bool{}
			items := b.take()
			assert.NotEmpty(t, items)
			for _, it := range items {
				assert.False(t, seen[it.id], "twice")
				assert.Greater(t, it.place, last[it.id]-1, "out of order")
				seen[it.id], last[it.id] = true, it.place+1
			}
			assert.LessOrEqual(t, len(items), l.rows)
			out += len(items)
		}
		for i, id := range ids {
			it := &item{id: fmt.Sprint(id % 8), place: i, json: make([]byte, id/8)}
			if homes[it.id] == nil {
				homes[it.id] = &home{}
			}
			it.home = homes[it.id]
			for !b.add(it) {
				take()
			}
			if id == 'B' {
				l.bytes /= 2 // as after 413
			}
		}
		for len(b.open.items) > 0 {
			take()
		}
		assert.Equal(t, len(ids), out)
		assert.Empty(t, b.later.items)
	})
}

// The cursor does not pass a row without an outcome, one to be sent again, or
// refused ones at the end.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{1, 2, 3, 1, 2}, uint64(7))
	f.Fuzz(func(t *testing.T, outcomes []byte, order uint64) {
		const size = 8
		w := newWindow(size)
		var states []state
		settled := map[int]bool{}
		settle := func(place int) {
			w.settle(place, states[place])
			settled[place] = true
			want := ""
			passed := ""
			for i, s := range states {
				if !settled[i] || s == again {
					break
				}
				passed = fmt.Sprint(i)
				if s == done {
					want = passed
				}
			}
			assert.Equal(t, want, w.cursor)
			assert.Equal(t, passed, w.passed)
		}
		for i, o := range outcomes {
			for w.full() {
				place := w.first + int(order>>(i%60))%size
				for settled[place] {
					place = w.first + (place-w.first+1)%size
				}
				settle(place)
			}
			states = append(states, done+state(o%3))
			assert.Equal(t, i, w.add(fmt.Sprint(i)))
		}
		for i := range states {
			if !settled[i] {
				settle(i)
			}
		}
		assert.Equal(t, w.first, w.next)
	})
}
