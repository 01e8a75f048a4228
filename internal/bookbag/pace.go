package bookbag

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Pace decides when the calls of one piece of work may begin. Set the exported
// fields before the first call.
type Pace struct {
	Limiter   Limiter       // of the caller; takes the place of Window
	Window    *Window       // of the client
	Limit     int           // of calls in any span
	MaxOutage time.Duration // how long calls may fail, and the service may ask to wait

	mu       sync.Mutex
	failures int       // calls that failed in a row
	since    time.Time // when the first of them failed
	next     time.Time // when the next call may begin
}

// Begin waits until a call may begin. Unless it returns an error, which is that of
// ctx or has ErrLimiter, End is called after the call.
func (p *Pace) Begin(ctx context.Context) error {
	if p.Limiter != nil {
		if err := p.Limiter.Wait(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: %w", ErrLimiter, err)
		}
	} else if !p.Window.Wait(ctx, p.Limit) {
		return ctx.Err()
	}
	for wait := p.pause(); wait > 0 && sleep(ctx, wait); wait = p.pause() {
	}
	if ctx.Err() != nil {
		p.End(false)
	}
	return ctx.Err()
}

// End is called after a call, or with false if none was made after Begin.
func (p *Pace) End(called bool) {
	if p.Limiter == nil {
		p.Window.Release(called)
	}
}

// pause returns how long the next call has to wait. After a failure there is one
// call at a time, until one does not fail.
func (p *Pace) pause() time.Duration {
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

// backoff grows from half a second, so that maxFailures take about MaxOutage.
func (p *Pace) backoff() time.Duration {
	return min(250*time.Millisecond<<min(p.failures, 20), p.MaxOutage/16)
}

// Succeeded is called after a call that does not count as a failure.
func (p *Pace) Succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = 0
}

// maxFailures is how many calls fail in a row, over MaxOutage or longer, before the
// service is down. To find one bad row of 1,000, a synchronization takes 14.
const maxFailures = 20

// Failed is called after a call that failed, and keeps back the next ones. It returns
// whether the service is down, or asks to wait for too long.
func (p *Pace) Failed(f ResponseInfo, isLimit bool) (isDown bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.failures == 0 {
		p.since = now
	}
	p.failures++
	asked := f.RetryAfter
	if reset := f.RateLimit.Reset; asked == 0 && isLimit && !reset.IsZero() {
		asked = min(reset.Sub(now), p.MaxOutage) // its unit is a guess
	}
	if next := now.Add(max(asked, p.backoff())); next.After(p.next) {
		p.next = next
	}
	return asked > p.MaxOutage || p.failures >= maxFailures && now.Sub(p.since) >= p.MaxOutage
}
