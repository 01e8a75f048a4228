package contacts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// version is a row as the service sees it: a row's name is its place in the
// table, so that no two are the same.
type version struct{ id, name string }

func versionOf(r contacts.Row) version {
	id, _ := r.Fields.ExternalID.Get()
	name, _ := r.Fields.Name.Get()
	return version{id, name}
}

// witness sees the responses before the client does, and so knows which rows were
// acknowledged.
type witness struct {
	t    *testing.T
	next http.RoundTripper

	mu       sync.Mutex
	echoed   map[version]bool
	unclear  map[version]bool // a call that failed, and may have saved it, had it
	underWay map[string]bool  // external ids in lower case
}

func newWitness(t *testing.T, next http.RoundTripper) *witness {
	return &witness{t: t, next: next, echoed: map[version]bool{}, unclear: map[version]bool{}, underWay: map[string]bool{}}
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == "GET" {
		return w.next.RoundTrip(r)
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	var sent struct {
		Users []struct {
			ExternalID string `json:"external_id"`
			Name       string `json:"name"`
		} `json:"users"`
	}
	if err := json.NewDecoder(body).Decode(&sent); err != nil {
		return nil, err
	}
	w.mu.Lock()
	for _, u := range sent.Users {
		id := strings.ToLower(u.ExternalID)
		assert.False(w.t, w.underWay[id], "an external id is in two calls, or in one twice")
		w.underWay[id] = true
	}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, u := range sent.Users {
			delete(w.underWay, strings.ToLower(u.ExternalID))
		}
	}()
	res, err := w.next.RoundTrip(r)
	if err != nil || res.StatusCode != 200 {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, u := range sent.Users {
			if err != nil || res.StatusCode >= 500 || len(sent.Users) > 1 {
				w.unclear[version{u.ExternalID, u.Name}] = true
			}
		}
		return res, err
	}
	response, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(response))
	var echo struct {
		Data []struct {
			ExternalID string `json:"external_id"`
		} `json:"data"`
	}
	if err != nil || json.Unmarshal(response, &echo) != nil {
		return res, err
	}
	has := map[string]bool{}
	for _, c := range echo.Data {
		has[c.ExternalID] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range sent.Users {
		v := version{u.ExternalID, u.Name}
		w.unclear[v] = true // until it is clear
		if has[u.ExternalID] || has[strings.ToLower(u.ExternalID)] {
			w.echoed[v] = true
		}
	}
	return res, nil
}

func (w *witness) saw(v version) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.echoed[v]
}

// rowsOf is a source. It fails before a row when it has an error.
func rowsOf(rows []contacts.Row, failAt int, err error) iter.Seq2[contacts.Row, error] {
	return func(yield func(contacts.Row, error) bool) {
		for i, row := range rows {
			if i == failAt && err != nil {
				yield(contacts.Row{}, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// randomRows has good rows, some of one external id, some that the service
// rejects and some that are not sent.
func randomRows(rng *rand.Rand, n int) []contacts.Row {
	rows := make([]contacts.Row, n)
	for i := range rows {
		id := fmt.Sprintf("user_%d", i)
		if rng.IntN(6) == 0 {
			id = fmt.Sprintf("user_%d", rng.IntN(i+1))
		}
		in := newTestFields(id, strconv.Itoa(i))
		switch rng.IntN(12) {
		case 0:
			in.CustomAttributes = contacts.Set(contacts.Values{"seats": "not a number"})
		case 1:
			in.CustomAttributes = contacts.Set(contacts.Values{"plan": "pro"})
		case 2:
			in.ExternalID = contacts.Optional[string]{}
		}
		rows[i] = contacts.Row{Fields: in, Cursor: strconv.Itoa(i)}
	}
	return rows
}

func randomFaults(rng *rand.Rand) []contactstest.Fault {
	faults := make([]contactstest.Fault, rng.IntN(120))
	often := 1 + rng.IntN(9)
	for i := range faults {
		faults[i] = contactstest.Pass()
		if rng.IntN(10) >= often {
			continue
		}
		switch rng.IntN(10) {
		case 0:
			faults[i] = contactstest.Drop()
		case 1:
			faults[i] = contactstest.DropAfter()
		case 2:
			faults[i] = contactstest.FailAfter()
		case 3:
			faults[i] = contactstest.TooLarge(1 + rng.IntN(4))
		case 4:
			faults[i] = contactstest.BadGateway()
		case 5, 6:
			faults[i] = contactstest.Echo(rng.IntN(4))
		case 7:
			faults[i] = contactstest.Status(429, "Slow down").RetryAfter(time.Duration(rng.IntN(40)) * time.Second)
		case 8:
			faults[i] = contactstest.Slow(time.Duration(rng.IntN(90)) * time.Second)
		case 9:
			faults[i] = contactstest.Status([]int{503, 401, 400, 422, 409}[rng.IntN(5)], "Something")
		}
	}
	return faults
}

// run is one Sync with a witness, and what it said about each row.
type run struct {
	report      contacts.Report
	err         error
	rejected    map[version]bool
	unknown     map[version]bool
	checkpoints []string
}

func syncOnce(t *testing.T, ctx context.Context, c *contacts.Client, w *witness, rows []contacts.Row, source iter.Seq2[contacts.Row, error], o contacts.SyncOptions) run {
	r := run{rejected: map[version]bool{}, unknown: map[version]bool{}}
	o.OnFailure = func(_ context.Context, f contacts.Failure) error {
		v, set := versionOf(f.Row), r.rejected
		if f.Outcome == contacts.OutcomeUnknown {
			set = r.unknown
		}
		assert.False(t, r.rejected[v] || r.unknown[v], "%v is reported twice", v)
		assert.Error(t, f.Err)
		assert.NotEmpty(t, f.Reason())
		set[v] = true
		return nil
	}
	passed := 0
	o.OnCheckpoint = func(_ context.Context, cursor string) error {
		last, err := strconv.Atoi(cursor)
		assert.NoError(t, err)
		for ; passed < len(rows); passed++ {
			if place, _ := strconv.Atoi(rows[passed].Cursor); place > last {
				break
			}
			v := versionOf(rows[passed])
			assert.True(t, w.saw(v) || r.rejected[v] || r.unknown[v], "the checkpoint %s passed %v", cursor, v)
		}
		r.checkpoints = append(r.checkpoints, cursor)
		return nil
	}
	r.report, r.err = c.Sync(ctx, source, &o)
	return r
}

// check holds the report against what the witness and the service know.
func (r *run) check(t *testing.T, rows []contacts.Row, w *witness, fake *contactstest.Fake, before map[string]version) {
	t.Helper()
	p := r.report
	assert.Equal(t, p.Read, p.Acknowledged+p.Rejected+p.Unknown+p.NotAttempted)
	assert.Len(t, r.rejected, p.Rejected)
	assert.Len(t, r.unknown, p.Unknown)
	assert.Len(t, p.Failures, min(100, p.Rejected+p.Unknown))
	acknowledged := map[version]bool{}
	last := map[string]int{} // the last acknowledged row of an external id
	for i, row := range rows[:p.Read] {
		if v := versionOf(row); w.saw(v) {
			acknowledged[v] = true
			last[v.id] = i
			assert.False(t, r.rejected[v] || r.unknown[v], v)
		}
	}
	assert.Len(t, acknowledged, p.Acknowledged)
	now := held(fake)
	for id, v := range now {
		assert.True(t, before[id] == v || acknowledged[v] || r.unknown[v] || r.rejected[v] && w.unclear[v], "%v is held and not accounted for", v)
	}
	for id, place := range last {
		at := slices.IndexFunc(rows, func(row contacts.Row) bool { return versionOf(row) == now[id] })
		assert.GreaterOrEqual(t, at, place, "%s is acknowledged, and an earlier row or none is held", id)
	}
	if len(r.checkpoints) > 0 {
		assert.Equal(t, p.Cursor, r.checkpoints[len(r.checkpoints)-1])
	} else {
		assert.Empty(t, p.Cursor)
	}
	assert.Equal(t, p.Complete(), r.err == nil || errors.Is(r.err, contacts.ErrRowsFailed))
	if p.Complete() {
		assert.Equal(t, len(rows), p.Read)
		assert.Zero(t, p.NotAttempted)
	}
	if p.Acknowledged == p.Read && p.Complete() {
		assert.NoError(t, r.err)
	} else {
		assert.Error(t, r.err)
	}
}

var errSource = errors.New("the table is gone")

// Whatever happens on the way, the report is true. And over any number of runs,
// each from the last checkpoint, every row is in the service in its last version or
// was given to OnFailure.
func TestSync_AccountsForEveryRow(t *testing.T) {
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			options := &contactstest.Options{Attributes: attributes, Readings: map[string]string{
				"upsert-batch": []string{"partial", "atomic"}[seed%2],
			}}
			fake, err := contactstest.New(options)
			require.NoError(t, err)
			defer fake.Close()
			w := newWitness(t, fake.Client().Transport)
			c := newServiceClient(t, &contacts.Options{BaseURL: contactstest.BaseURL, HTTPClient: &http.Client{Transport: w}}, nil)
			rows := randomRows(rng, 1+rng.IntN(120))
			o := contacts.SyncOptions{
				BatchSize: 1 + rng.IntN(15), Workers: 1 + rng.IntN(4), BatchBytes: []int{0, 60, 400}[rng.IntN(3)],
				MaxSameRejections: []int{0, -1}[rng.IntN(2)],
			}
			failed := map[version]bool{}
			left := rows
			for number := 0; ; number++ {
				r := oneRun(t, rng, number > 8, c, w, left, fake, o)
				for _, row := range left[:r.report.Read] {
					v := versionOf(row)
					failed[v] = r.rejected[v] || r.unknown[v]
				}
				if t.Failed() {
					t.Fatalf("seed %d, run %d: %v, %v", seed, number, r.err, r.report)
				}
				if r.report.Complete() {
					break
				}
				if errors.Is(r.err, contacts.ErrSameRejection) {
					o.MaxSameRejections = -1
				}
				left = after(t, left, r.report.Cursor)
			}
			assertHeld(t, rows, fake, failed)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
			synctest.Wait()
		})
	}
}

// oneRun is a run with what may happen to one, or a quiet one.
func oneRun(t *testing.T, rng *rand.Rand, quiet bool, c *contacts.Client, w *witness, rows []contacts.Row, fake *contactstest.Fake, o contacts.SyncOptions) run {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source, failAt := error(nil), 0
	if !quiet {
		switch rng.IntN(4) {
		case 0:
			source, failAt = errSource, rng.IntN(len(rows)+1)
		case 1:
			timer := time.AfterFunc(time.Duration(rng.IntN(60_000))*time.Millisecond, cancel)
			defer timer.Stop()
		}
		fake.Script(randomFaults(rng)...)
	}
	w.mu.Lock()
	w.echoed, w.unclear = map[version]bool{}, map[version]bool{}
	w.mu.Unlock()
	before := held(fake)
	r := syncOnce(t, ctx, c, w, rows, rowsOf(rows, failAt, source), o)
	synctest.Wait() // the service may still save what a call that was left has sent
	r.check(t, rows, w, fake, before)
	return r
}

func held(fake *contactstest.Fake) map[string]version {
	all := map[string]version{}
	for _, c := range fake.Contacts() {
		all[c.ExternalID] = version{c.ExternalID, *c.Name}
	}
	return all
}

// after returns the rows after a cursor, as a query returns
// them by their key.
func after(t *testing.T, rows []contacts.Row, cursor string) []contacts.Row {
	if cursor == "" {
		return rows
	}
	if len(rows) == 0 {
		return nil
	}
	for i, row := range rows {
		if row.Cursor == cursor {
			return rows[i+1:]
		}
	}
	t.Fatalf("there is no cursor %q", cursor)
	return nil
}

// assertHeld wants of each external id the last row that did not fail, or one that
// failed after it.
func assertHeld(t *testing.T, rows []contacts.Row, fake *contactstest.Fake, failed map[version]bool) {
	holds := held(fake)
	want := map[string]version{}
	for _, row := range rows {
		v := versionOf(row)
		if !failed[v] || holds[v.id] == v {
			want[v.id] = v
		}
	}
	assert.Equal(t, want, holds)
}
