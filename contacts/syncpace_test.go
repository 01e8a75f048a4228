package contacts_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// distant is a service behind a network: a call takes a latency, give or take half
// of it, and the service sees it somewhere in between.
type distant struct {
	next    http.RoundTripper
	latency time.Duration

	mu      sync.Mutex
	seen    []time.Time
	calls   int
	atOnce  int
	highest int
}

func (d *distant) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	d.atOnce++
	d.highest = max(d.highest, d.atOnce)
	d.calls++
	number := d.calls
	d.mu.Unlock()
	takes := d.latency/2 + time.Duration(math.Mod(float64(number)*math.Phi, 1)*float64(d.latency))
	there := time.Duration(math.Mod(float64(number)*math.Sqrt2, 1) * float64(takes))
	time.Sleep(there)
	d.mu.Lock()
	d.seen = append(d.seen, time.Now())
	d.mu.Unlock()
	res, err := d.next.RoundTrip(r)
	time.Sleep(takes - there)
	d.mu.Lock()
	d.atOnce--
	d.mu.Unlock()
	return res, err
}

// mostInSpan is the most calls that the service saw in any 10 seconds.
func (d *distant) mostInSpan() (most int) {
	first := 0
	for i, at := range d.seen {
		for at.Sub(d.seen[first]) >= 10*time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// A run fills its share of the limit, whatever the latency, and never exceeds it. A
// table of 1,000,000 rows takes as many calls as the one of 100,000 here.
func TestSync_FillsItsShare(t *testing.T) {
	size := 100
	if strings.Contains(os.Getenv("CHATIDENT_REQUIRE"), "load") {
		size = 1000
	}
	for _, latency := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &distant{next: transportFunc(echoing), latency: latency}
				c := newServiceClient(t, &contacts.Options{}, func(o *contacts.Options) { o.Limiter, o.HTTPClient = nil, &http.Client{Transport: d} })
				begun := time.Now()
				report, err := c.Sync(t.Context(), func(yield func(contacts.Row, error) bool) {
					for i := range 1000 * size {
						if !yield(contacts.Row{Fields: newTestFields(fmt.Sprint("user_", i), "Ada")}, nil) {
							return
						}
					}
				}, &contacts.SyncOptions{BatchSize: size})
				require.NoError(t, err)
				assert.Equal(t, 1000*size, report.Acknowledged)
				assert.Len(t, d.seen, 1000)
				assert.LessOrEqual(t, time.Since(begun), 138*time.Second)
				assert.LessOrEqual(t, d.mostInSpan(), 80)
				assert.LessOrEqual(t, d.highest, 16)
				t.Logf("%d rows in %v, %d calls at once, %d in 10 s", 1000*size, time.Since(begun), d.highest, d.mostInSpan())
			})
		})
	}
}

// Runs of one client count together: one that begins right after another, and two at
// once.
func TestSync_RunsShareTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &distant{next: transportFunc(echoing), latency: 100 * time.Millisecond}
		c := newServiceClient(t, &contacts.Options{}, func(o *contacts.Options) { o.Limiter, o.HTTPClient = nil, &http.Client{Transport: d} })
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				for range 2 {
					_, err := c.Sync(t.Context(), source(newTestRows(90)), &contacts.SyncOptions{BatchSize: 1, Share: 0.29})
					assert.NoError(t, err)
				}
			})
		}
		group.Wait()
		assert.Equal(t, 29, d.mostInSpan())
	})
}

// Chats with the same key keep their part: 20 calls in any 10 seconds.
func TestSync_LeavesTheChatsTheirPart(t *testing.T) {
	for _, latency := range []time.Duration{50 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			chat, err := chattest.New(&chattest.Options{Window: true})
			require.NoError(t, err)
			fake, err := contactstest.New(&contactstest.Options{Window: true, CountRequest: chat.CountRequest})
			require.NoError(t, err)
			defer fake.Close()
			defer chat.Close()
			var rejected atomic.Int64
			c := newServiceClient(t, &contacts.Options{BaseURL: contactstest.BaseURL}, func(o *contacts.Options) {
				o.Limiter, o.HTTPClient = nil, &http.Client{Transport: &distant{next: fake.Client().Transport, latency: latency}}
				o.OnAttempt = func(_ context.Context, a contacts.Attempt) {
					if a.StatusCode != 200 {
						rejected.Add(1)
					}
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			chats := 0
			var group sync.WaitGroup
			group.Go(func() { // 20 at once, and then one every half second
				for ; ctx.Err() == nil; chats++ {
					if chat.CountRequest(http.Header{}) != 0 {
						rejected.Add(1)
					}
					if chats >= 20 {
						time.Sleep(500 * time.Millisecond)
					} else if chats == 19 {
						time.Sleep(10 * time.Second)
					}
				}
			})
			report, err := c.Sync(t.Context(), source(newTestRows(3000)), &contacts.SyncOptions{BatchSize: 10})
			cancel()
			group.Wait()
			require.NoError(t, err)
			assert.Equal(t, 3000, report.Acknowledged)
			assert.Zero(t, rejected.Load(), "no call of either gets 429")
			assert.Greater(t, chats, 60)
		})
	}
}

func TestSyncOptions_Share(t *testing.T) {
	c, _ := newLoopbackClient(t, nil, nil)
	for _, share := range []float64{-0.1, 1.01, math.NaN(), math.Inf(1)} {
		_, err := c.Sync(t.Context(), source(nil), &contacts.SyncOptions{Share: share})
		assert.EqualError(t, err, "contacts: SyncOptions.Share: must be above 0 and at most 1, or 0 for the default")
	}
	_, err := c.Sync(t.Context(), source(nil), &contacts.SyncOptions{MaxOutage: -1})
	assert.EqualError(t, err, "contacts: SyncOptions.MaxOutage: must not be negative")
	_, err = c.Sync(t.Context(), source(newTestRows(3)), &contacts.SyncOptions{Share: 1e-9})
	require.NoError(t, err, "one call at least")
}
