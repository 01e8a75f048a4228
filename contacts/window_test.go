package contacts

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Wherever between its beginning and its response the service counts a call, no
// span has more calls than the limit, and each span is filled.
func TestWindow_AnySpan(t *testing.T) {
	for limit, calls := range map[int]int{1: 20, 7: 60, 80: 300} {
		synctest.Test(t, func(t *testing.T) {
			var w window
			var mu sync.Mutex
			var counted []time.Time
			var group sync.WaitGroup
			begun := time.Now()
			for i := range calls {
				random := rand.New(rand.NewPCG(uint64(limit), uint64(i)))
				group.Go(func() {
					assert.True(t, w.wait(t.Context(), limit))
					if random.IntN(10) == 0 {
						w.release(false)
						assert.True(t, w.wait(t.Context(), limit))
					}
					time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
					mu.Lock()
					counted = append(counted, time.Now())
					mu.Unlock()
					time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
					w.release(true)
				})
			}
			group.Wait()
			slices.SortFunc(counted, time.Time.Compare)
			for i, at := range counted[limit:] {
				assert.GreaterOrEqual(t, at.Sub(counted[i]), windowSpan)
			}
			assert.Less(t, time.Since(begun), time.Duration(calls/limit+1)*(windowSpan+2*time.Second))
		})
	}
}

func TestWindow_ContextEnds(t *testing.T) {
	var w window
	assert.True(t, w.wait(t.Context(), 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.False(t, w.wait(ctx, 1))
	w.release(false)
	assert.True(t, w.wait(ctx, 1), "there is room")
}
