package readme

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"
)

// The README's advice for machines without Redis stays within Bookbag's 100 in
// any 10 seconds, with a reserve for calls that are late or early. The obvious
// limiter does not.
func TestRateLimiter_ForEachProcess(t *testing.T) {
	for n := 1; n <= 5; n++ {
		var limiters []*rate.Limiter
		for range n {
			limiters = append(limiters, rate.NewLimiter(rate.Limit(9/float64(n)), 1))
		}
		assert.LessOrEqual(t, mostInAWindow(limiters), 95, n)
	}
	assert.Equal(t, 199, mostInAWindow([]*rate.Limiter{rate.NewLimiter(10, 100)}))
}

// mostInAWindow has every limiter asked each millisecond for half a minute, and
// counts what they let through in any 10 seconds.
func mostInAWindow(limiters []*rate.Limiter) (most int) {
	begin := time.Now()
	var passed []time.Duration
	for at := time.Duration(0); at < 30*time.Second; at += time.Millisecond {
		for _, limiter := range limiters {
			if limiter.AllowN(begin.Add(at), 1) {
				passed = append(passed, at)
			}
		}
		for passed[0] <= at-10*time.Second {
			passed = passed[1:]
		}
		most = max(most, len(passed))
	}
	return most
}
