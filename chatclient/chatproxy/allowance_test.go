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

func TestAllowance_Default(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance()
		v := Visitor{UserID: "ada"}
		for i := range 20 {
			_, ok := a.take(v.subject())
			assert.True(t, ok)
			if i < 10 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		retryAfter, ok := a.take(v.subject())
		assert.False(t, ok)
		assert.Equal(t, 9*time.Second, retryAfter)
		_, ok = a.take(Visitor{UserID: "grace"}.subject())
		assert.True(t, ok)
		_, ok = a.take(Visitor{Session: "ada"}.subject())
		assert.True(t, ok)

		time.Sleep(retryAfter - time.Nanosecond)
		_, ok = a.take(v.subject())
		assert.False(t, ok, "a rejection does not count, and brings nothing forward")
		time.Sleep(time.Nanosecond)
		_, ok = a.take(v.subject())
		assert.True(t, ok)
	})
}

func TestAllowance_RemovesOldKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance()
		for i := range 1000 {
			_, _ = a.take(Visitor{Session: fmt.Sprint(i)}.subject())
		}
		assert.Len(t, a.recent, 1000)
		time.Sleep(10 * time.Second)
		_, _ = a.take(Visitor{Session: "one"}.subject())
		assert.Len(t, a.recent, 1)
	})
}

func TestAllowance_KeepsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance()
		_, _ = a.take(Visitor{UserID: "grace"}.subject())
		time.Sleep(9 * time.Second)
		for range 20 {
			_, _ = a.take(Visitor{UserID: "ada"}.subject())
		}
		time.Sleep(2 * time.Second) // grace's request is forgotten now
		retryAfter, ok := a.take(Visitor{UserID: "ada"}.subject())
		assert.False(t, ok)
		assert.Equal(t, 8*time.Second, retryAfter)
		assert.Len(t, a.recent, 1)
	})
}

// In any window of 10 seconds, and from many goroutines, 20 and no more.
func TestAllowance_Concurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance()
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 100 {
					if _, ok := a.take(Visitor{UserID: "ada"}.subject()); ok {
						allowed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 20, allowed.Load())
	})
}
