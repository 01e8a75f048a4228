package contacts

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// pace decides when the calls of a run may begin.
type pace struct {
	limiter   Limiter // of the caller; if non-nil, replaces window
	window    *window // of the client
	limit     int     // calls in any span
	maxOutage time.Duration

	mu       sync.Mutex
	failures int       // consecutive calls that failed
	since    time.Time // when the first of them failed
	next     time.Time // when the next call may begin
}

// begin waits until a call may begin. If it returns an error, which is that of ctx or
// wraps ErrLimiter, there must be no call. Otherwise, call end after the call.
func (p *pace) begin(ctx context.Context) error {
	if p.limiter != nil {
		if err := p.limiter.Wait(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: %w", ErrLimiter, err)
		}
	} else if !p.window.wait(ctx, p.limit) {
		return ctx.Err()
	}
	for wait := p.pause(); wait > 0 && bookbag.Sleep(ctx, wait); wait = p.pause() {
	}
	if ctx.Err() != nil {
		p.end(false)
	}
	return ctx.Err()
}

// end is called after a call, or with false if no call was made after begin.
func (p *pace) end(called bool) {
	if p.limiter == nil {
		p.window.release(called)
	}
}

// pause returns how long the next call must wait. After a failure, there is one call
// at a time until one succeeds.
func (p *pace) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if wait := p.next.Sub(now); wait > 0 {
		return wait
	}
	if p.failures > 0 {
		p.next = now.Add(p.backoff())
	}
	return 0
}

// backoff grows from half a second, so that maxFailures take about maxOutage.
func (p *pace) backoff() time.Duration {
	return min(250*time.Millisecond<<min(p.failures, 20), p.maxOutage/16)
}

// succeeded is called after a call that does not count as a failure.
func (p *pace) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = 0
}

// maxFailures is how many consecutive calls fail, over maxOutage or longer, before the
// service is down. One row that it cannot process causes 13: a batch of 1,000 is split
// 10 times, and the row is sent alone 3 times.
const maxFailures = 20

// failed is called after a call that failed, and delays the next ones. It returns
// whether the service is down, or requests a wait that is too long.
func (p *pace) failed(e *Error) (isDown bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.failures == 0 {
		p.since = now
	}
	p.failures++
	requested := e.RetryAfter
	if reset := e.RateLimit.Reset; requested == 0 && e.StatusCode == http.StatusTooManyRequests && !reset.IsZero() {
		requested = min(reset.Sub(now), p.maxOutage) // its unit is a guess
	}
	if next := now.Add(max(requested, p.backoff())); next.After(p.next) {
		p.next = next
	}
	return requested > p.maxOutage || p.failures >= maxFailures && now.Sub(p.since) >= p.maxOutage
}
