package contacts

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// Row is a customer of your table.
type Row struct {
	// Fields are the fields of the contact to write. The external id must be set.
	Fields Fields

	// Cursor is where a later run continues once this row and all rows before it are
	// settled: the key of the row, if the table is read in the order of a unique key.
	// If empty, no run continues after this row. If a join returns several rows with
	// one key, set the cursor of the last of them only.
	Cursor string
}

// SyncOptions configure [Client.Sync]. Zero fields mean the defaults.
//
// OnFailure, OnCheckpoint and OnProgress are called one at a time, on the goroutine
// that called Sync. Their context does not end with that of Sync, so that they can
// still store their arguments.
type SyncOptions struct {
	// BatchSize is the maximum number of rows in a call. Default and maximum: 1,000.
	BatchSize int

	// BatchBytes is the maximum length of the rows of a call in bytes of JSON. A
	// longer row is sent alone. After a response with status 413, later calls are
	// shorter. Default: 512 KB. Maximum: 16 MB.
	BatchBytes int

	// Workers is the maximum number of batches that are in progress at once.
	// Default: 16. Maximum: 64.
	Workers int

	// Share is the part of the service's limit, 100 calls in any 10 seconds, that
	// Sync uses. The rest is for chats with the same key. Options.Limiter, if
	// non-nil, replaces Share. Default: 0.8. A value above 1 or below 0 is an error.
	Share float64

	// MaxOutage is how long calls may keep failing, and how long the service may ask
	// to wait, before the run ends. Default: 30 seconds. A negative value is an
	// error.
	MaxOutage time.Duration

	// MaxSameRejections is how many rows may be rejected for the same reason, without
	// a saved row between them, before the run ends with [ErrSameRejection]. Default:
	// 20. Negative: no limit.
	MaxSameRejections int

	// ClearEmpty sends null for a name, e-mail address, phone number or attribute
	// that is "". Default: it is omitted, and the contact keeps its value. (Whether
	// it keeps an attribute is not documented.)
	ClearEmpty bool

	// Schema, if non-nil, checks each row before it is sent, as [Schema.Check] does.
	// Default: nil.
	Schema *Schema

	// Withdrawn, if non-nil, is called right before each call with the external ids
	// of its rows. It returns those that must not be written any more, because the
	// customer is being deleted. It may be called concurrently. An error ends the
	// run. Default: nil.
	Withdrawn func(ctx context.Context, ids []string) (withdrawn []string, err error)

	// OnFailure, if non-nil, is called with each row that was rejected or whose
	// outcome is unknown, in the order of the rows. An error ends the run, and no
	// checkpoint advances over the row. Default: nil, and the run ends at the first
	// unknown row.
	OnFailure func(context.Context, Failure) error

	// OnCheckpoint, if non-nil, is called with the cursor after which a later run
	// continues, each time another BatchSize of rows is settled, and at the end. An
	// error ends the run. Default: nil.
	OnCheckpoint func(ctx context.Context, cursor string) error

	// OnProgress, if non-nil, is called with the report so far, as often as
	// OnCheckpoint. Default: nil.
	OnProgress func(context.Context, Report)
}

// Sync upserts the rows of a table of any size. It reads a batch, upserts it, and
// settles its rows in the order in which they were read. Each row is acknowledged,
// rejected, unknown, withdrawn or not attempted, and the [Report] counts them. If a
// run ends early, a later one that starts after Report.Cursor completes its work.
//
// Read the table in the order of a unique key. To end a run gracefully, yield an
// error: rows that were read before are still sent.
//
// The error is nil if all rows are acknowledged or withdrawn. [ErrRowsFailed] means
// that the run reached its end, but rows were rejected or are unknown. Any other
// error ended the run early. The Report is valid in any case. An invalid option is a
// *[FieldError].
//
// docs/sync.md describes batches, pacing, checkpoints and errors.
//
// Source: Bookbag, API v1, "Contacts".
func (c *Client) Sync(ctx context.Context, rows iter.Seq2[Row, error], options *SyncOptions) (Report, error) {
	o := *cmp.Or(options, &SyncOptions{})
	switch {
	case c.service() == nil:
		return Report{}, fail(bookbag.ErrNoClient)
	case rows == nil:
		return Report{}, &FieldError{"rows", "must not be nil"}
	}
	if err := o.setDefaults(); err != nil {
		return Report{}, err
	}
	r, cancel := newRun(ctx, c, o)
	defer r.close(cancel)
	source := r.read(rows)
	for len(r.started) > 0 {
		r.receive(<-r.events)
	}
	return r.report, r.result(source)
}

// setDefaults checks the options and sets the defaults.
func (o *SyncOptions) setDefaults() error {
	for _, f := range []struct {
		name       string
		value      *int
		unset, max int
	}{
		{"BatchSize", &o.BatchSize, MaxUpsert, MaxUpsert},
		{"BatchBytes", &o.BatchBytes, 512 << 10, 16 << 20},
		{"Workers", &o.Workers, 16, 64},
	} {
		if *f.value < 0 || *f.value > f.max {
			return &FieldError{"SyncOptions." + f.name, fmt.Sprintf("must be from 1 to %d, or 0 for the default", f.max)}
		}
		*f.value = cmp.Or(*f.value, f.unset)
	}
	if !(o.Share >= 0 && o.Share <= 1) { // NaN is neither
		return &FieldError{"SyncOptions.Share", "must be above 0 and at most 1, or 0 for the default"}
	}
	if o.MaxOutage < 0 {
		return &FieldError{"SyncOptions.MaxOutage", "must not be negative"}
	}
	o.Share, o.MaxOutage = cmp.Or(o.Share, 0.8), cmp.Or(o.MaxOutage, 30*time.Second)
	o.MaxSameRejections = cmp.Or(o.MaxSameRejections, 20)
	return nil
}

// run is one call of Sync. Its goroutine reads and settles rows. Each batch has a
// goroutine that upserts it.
type run struct {
	ledger
	client   *Client
	ctx      context.Context
	calls    context.Context // ends with ctx, or after a panic
	waits    context.Context // ends with calls, or when the run does
	stop     func(error)     // ends the run after the calls in progress
	options  SyncOptions
	pace     pace
	maxBytes atomic.Int64 // of a batch; 413 lowers it

	open    *batch          // to which rows are added
	started []*batch        // in reading order, until their rows are settled
	where   map[string]*row // the last row with an external id, until it is settled
	running int             // batches that have a goroutine
	events  chan event
}

// event is a report of the goroutine of a batch: rows that have an outcome, or its
// end, possibly by a panic in a function of the caller.
type event struct {
	rows     []*row
	ended    bool
	panicked any
}

func newRun(ctx context.Context, c *Client, o SyncOptions) (r *run, cancel func()) {
	r = &run{client: c, ctx: ctx, options: o, open: newBatch(), where: map[string]*row{}, events: make(chan event, o.Workers)}
	r.same = map[string]int{}
	r.maxBytes.Store(int64(o.BatchBytes))
	r.pace.limiter, r.pace.window, r.pace.maxOutage = c.api.Limiter, &c.window, o.MaxOutage
	r.pace.limit = max(1, int(o.Share*windowLimit+1e-9)) // 0.29*100 is less than 29
	r.calls, cancel = context.WithCancel(ctx)
	r.waits, r.stop = context.WithCancelCause(r.calls)
	return r, cancel
}

// close waits for all goroutines, also after a panic in a function of the caller.
func (r *run) close(cancel func()) {
	cancel()
	for r.running > 0 {
		if e := <-r.events; e.ended {
			r.running--
		}
	}
}

// ended returns why the run ended early, or nil.
func (r *run) ended() error {
	if err := context.Cause(r.waits); err == nil || err != context.Cause(r.ctx) {
		return err
	}
	return newError((&bookbag.Failure{Operation: upsertOperation}).Because(r.ctx))
}

// read starts batches of the rows, and returns the source's error.
func (r *run) read(rows iter.Seq2[Row, error]) (err error) {
	for in, failed := range rows {
		if err = failed; err == nil {
			r.add(in)
		}
		if err != nil || r.ended() != nil {
			break
		}
	}
	r.whole = err == nil && r.ended() == nil // else the source may have left some out
	r.start()
	return err
}

// add adds a row to the open batch, and starts that when it is full.
func (r *run) add(in Row) {
	r.report.Read++
	row := &row{Row: in, number: r.report.Read}
	if row.err = r.prepare(row); row.err != nil {
		row.outcome, row.reason, row.reported = OutcomeRejected, digits.ReplaceAllString(row.err.Error(), ""), true
	}
	if len(r.open.rows) > 0 && r.open.bytes+len(row.json) > int(r.maxBytes.Load()) {
		r.start()
	}
	b := r.open
	b.rows = append(b.rows, row)
	if row.err == nil {
		b.add(row, r.where[row.id])
		r.where[row.id] = row
	}
	if len(b.rows) == r.options.BatchSize {
		r.start()
	}
	for len(r.events) > 0 { // only this goroutine receives
		r.receive(<-r.events)
	}
}

// digits are the positions and lengths in the texts of broken rules. Without them, the same rule
// is the same reason.
var digits = regexp.MustCompile("[0-9]+")

// prepare encodes a row, or returns why it cannot be sent.
func (r *run) prepare(row *row) (err error) {
	in := row.Fields.withoutEmpty(r.options.ClearEmpty)
	if in.ExternalID.IsZero() {
		return &FieldError{"row.Fields.ExternalID", "must be set"}
	}
	if r.options.Schema != nil {
		if err := r.options.Schema.Check(in); err != nil {
			return err
		}
	}
	row.id = foldID(in.ExternalID.value)
	row.json, err = r.client.encode("row.Fields", &in)
	return err
}

// start starts the open batch once fewer than Workers batches are in progress, and at
// most twice as many are in memory.
func (r *run) start() {
	if len(r.open.rows) == 0 {
		return
	}
	for r.running == r.options.Workers || len(r.started) == 2*r.options.Workers {
		r.receive(<-r.events)
	}
	r.started = append(r.started, r.open)
	r.running++
	go r.upsertBatch(r.open)
	r.open = newBatch()
}

// receive settles, in reading order, the rows that have an outcome.
func (r *run) receive(e event) {
	if e.ended {
		r.running--
	}
	if e.panicked != nil {
		panic(e.panicked)
	}
	for _, row := range e.rows {
		row.reported, row.json = true, nil
	}
	for len(r.started) > 0 && r.settleBatch(r.started[0]) {
		r.started = slices.Delete(r.started, 0, 1)
	}
}

// settleBatch returns false if a row has no outcome yet.
func (r *run) settleBatch(b *batch) bool {
	for ; b.settled < len(b.rows); b.settled++ {
		row := b.rows[b.settled]
		if !row.reported {
			return false
		}
		r.settle(row)
		if r.where[row.id] == row {
			delete(r.where, row.id)
		}
		b.rows[b.settled] = nil
		r.reportProgress(false)
	}
	return true
}

// result ends a run whose rows are all settled, and returns its error.
func (r *run) result(source error) error {
	err := r.ended()
	if context.Cause(r.ctx) != nil && r.whole && !r.stuck {
		err = nil // the context ended after the last row was settled
	}
	r.report.complete = r.whole && err == nil
	r.reportProgress(true)
	if r.report.complete && r.stuck { // OnCheckpoint failed
		r.report.complete, err = false, r.ended()
	}
	switch {
	case source != nil:
		return source
	case err == nil && len(r.report.Failures) > 0:
		failed := fmt.Errorf("%w: %d rejected, %d unknown (see Report.Failures)", ErrRowsFailed, r.report.Rejected, r.report.Unknown)
		return &Error{Operation: syncOperation, err: failed, cause: r.report.Failures[0].Err}
	}
	return err
}
