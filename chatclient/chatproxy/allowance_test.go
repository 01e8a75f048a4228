package chatproxy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDefaultAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &allowance{requests: map[subject][]time.Time{}}
		v := Visitor{UserID: "ada"}
		for i := range 20 {
			_, ok := a.allow(t.Context(), v)
			assert.True(t, ok)
			if i < 10 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		retryAfter, ok := a.allow(t.Context(), v)
		assert.False(t, ok)
		assert.Equal(t, 9*time.Second, retryAfter)
		_, ok = a.allow(t.Context(), Visitor{UserID: "grace"})
		assert.True(t, ok)
		_, ok = a.allow(t.Context(), Visitor{Session: "ada"})
		assert.True(t, ok)

		time.Sleep(retryAfter - time.Nanosecond)
		_, ok = a.allow(t.Context(), v)
		assert.False(t, ok, "a refusal does not count, and brings nothing forward")
		time.Sleep(time.Nanosecond)
		_, ok = a.allow(t.Context(), v)
		assert.True(t, ok)
	})
}

func TestTheAllowanceForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &allowance{requests: map[subject][]time.Time{}}
		for i := range 1000 {
			_, _ = a.allow(t.Context(), Visitor{Session: fmt.Sprint(i)})
		}
		assert.Len(t, a.requests, 1000)
		time.Sleep(10 * time.Second)
		_, _ = a.allow(t.Context(), Visitor{Session: "one"})
		assert.Len(t, a.requests, 1)
	})
}

func TestAllowance_RemembersWhatIsInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &allowance{requests: map[subject][]time.Time{}}
		_, _ = a.allow(t.Context(), Visitor{UserID: "grace"})
		time.Sleep(9 * time.Second)
		for range 20 {
			_, _ = a.allow(t.Context(), Visitor{UserID: "ada"})
		}
		time.Sleep(2 * time.Second) // grace's request is forgotten now
		retryAfter, ok := a.allow(t.Context(), Visitor{UserID: "ada"})
		assert.False(t, ok)
		assert.Equal(t, 8*time.Second, retryAfter)
		assert.Len(t, a.requests, 1)
	})
}

// In any window of 10 seconds, and from many goroutines, 20 and no more.
func TestTheAllowanceInEveryWindow(t *testing.T) {
	a := &allowance{requests: map[subject][]time.Time{}}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				if _, ok := a.allow(t.Context(), Visitor{UserID: "ada"}); ok {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 20, allowed.Load())
}
