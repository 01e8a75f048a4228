package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/contacts"
)

// table says what became of each fault. It shows in the output of go test -v.
type table struct {
	rows   []*row
	memory atomic.Uint64 // the highest use of late
}

// row is a fault of an operation.
type row struct {
	fault      string
	goroutines int    // before
	before     uint64 // the memory
	operation  *operation
	table      *table
	outcomes   map[string]int
	memory     uint64 // more than before, of both ends together, at the most
	mostTime   time.Duration
}

func newTable(t *testing.T) *table {
	all := &table{}
	all.watch(t)
	t.Cleanup(func() { t.Log("\n" + all.String()) })
	return all
}

func (all *table) row(fault string, o *operation) *row {
	r := &row{fault: fault, goroutines: runtime.NumGoroutine(), operation: o, table: all, outcomes: map[string]int{}}
	runtime.GC()
	all.memory.Store(0)
	all.observe()
	r.before = all.memory.Load()
	all.rows = append(all.rows, r)
	return r
}

func (all *table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\toperation\tcalls\toutcome\tmemory\ttime")
	for _, r := range all.rows {
		calls, outcomes := 0, ""
		for _, name := range slices.Sorted(maps.Keys(r.outcomes)) {
			calls += r.outcomes[name]
			outcomes += fmt.Sprintf(", %d %s", r.outcomes[name], name)
		}
		if calls == 1 {
			outcomes = strings.Replace(outcomes, "1 ", "", 1)
		}
		if calls > 0 {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d KB\t%v\n", r.fault, r.operation.name, calls, outcomes[2:], r.memory>>10, r.mostTime.Round(time.Millisecond))
		}
	}
	_ = w.Flush()
	return b.String()
}

// call makes a call for somebody who waits for so long.
func (r *row) call(t *testing.T, patience time.Duration) (text, outcome string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	text, err := r.operation.call(ctx)
	r.mostTime = max(r.mostTime, time.Since(begun))
	r.table.observe()
	r.memory = max(r.memory, r.table.memory.Load()-r.before)
	outcome = outcomeOf(err)
	r.outcomes[outcome]++
	return text, outcome
}

// end wants the costs of the calls to be within bounds, and nothing to be left of
// them.
func (r *row) end(t *testing.T) {
	t.Helper()
	assert.Less(t, r.memory, uint64(mostMemory), "%s, %s", r.fault, r.operation.name)
	assert.Less(t, r.mostTime, mostTime, "%s, %s", r.fault, r.operation.name)
	end := time.Now().Add(mostTime)
	for (r.operation.proxy.open.Load() > 0 || runtime.NumGoroutine() > r.goroutines) && time.Now().Before(end) {
		time.Sleep(time.Millisecond)
	}
	require.Zero(t, r.operation.proxy.open.Load(), "%s, %s: connections are left", r.fault, r.operation.name)
	require.LessOrEqual(t, runtime.NumGoroutine(), r.goroutines, "%s, %s: goroutines are left", r.fault, r.operation.name)
}

// watch keeps the highest use of memory until the test ends.
func (all *table) watch(t *testing.T) {
	ticker := time.NewTicker(2 * time.Millisecond)
	ended := make(chan bool)
	go func() {
		for {
			select {
			case <-ticker.C:
				all.observe()
			case <-ended:
				return
			}
		}
	}()
	t.Cleanup(func() {
		ticker.Stop()
		close(ended)
	})
}

func (all *table) observe() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	for used := sample[0].Value.Uint64(); ; {
		highest := all.memory.Load()
		if used <= highest || all.memory.CompareAndSwap(highest, used) {
			return
		}
	}
}

// outcomeOf names what errors.Is finds in an error of the clients' own types.
func outcomeOf(err error) string {
	if err == nil {
		return "right"
	}
	status := 0
	if e, ok := errors.AsType[*chatclient.Error](err); ok {
		status = e.StatusCode
	} else if e, ok := errors.AsType[*contacts.Error](err); ok {
		status = e.StatusCode
	} else {
		return fmt.Sprintf("an error of type %T", err)
	}
	for _, known := range []struct {
		err  error
		name string
	}{
		{chatclient.ErrTimeout, "time-out"}, {contacts.ErrTimeout, "time-out"},
		{chatclient.ErrTooLong, "too long"}, {contacts.ErrTooLong, "too long"},
		{chatclient.ErrUnexpectedResponse, "unexpected response"}, {contacts.ErrUnexpectedResponse, "unexpected response"},
		{chatclient.ErrStreamCut, "stream cut"},
		{chatclient.ErrStreamIdle, "stream idle"},
		{chatclient.ErrStreamFailed, "stream failed"},
		{context.DeadlineExceeded, "the context's end"},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	switch {
	case status == 0:
		return "no response"
	case status/100 == 2:
		return "cut off"
	}
	return fmt.Sprint("status ", status)
}
