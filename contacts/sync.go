package contacts

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"time"
)

// Row is a customer of your table.
type Row struct {
	// Input is what is written of the contact. It must have an external id.
	Input Input

	// Cursor is where a later run goes on when this row and all before it are
	// done: the row's key, in a table that is read in the order of a unique key.
	// An empty one is no place to go on from. Each row has one of its own: where
	// several have one key, as a join gives them, it is empty for all but the
	// last of these, since a run that begins behind it leaves all of them out.
	Cursor string
}

// SyncOptions of [Client.Sync]. Zero fields mean the defaults.
//
// The functions are called one at a time, on the goroutine that called Sync,
// and not after it has returned. Their context does not end with that of Sync,
// so that what is to be written down can be written down even then.
type SyncOptions struct {
	// BatchSize is how many rows one call has, at most 1,000. Default: 1,000.
	BatchSize int

	// BatchBytes is how long the rows of one call are as JSON, in bytes, at
	// most; a row that is longer is sent alone. Where the service finds a call
	// too large (413), the later ones are shorter. Default: 512 KB.
	BatchBytes int

	// Workers is how many calls there are at a time, at most 64. Options.Limiter
	// bounds how often there is one. Default: 4.
	Workers int

	// ClearEmpty sends null for a name, e-mail address, phone number or
	// attribute that is set and empty, so that the contact loses it. Default:
	// such a field is left out, and the contact keeps what it has. (An attribute
	// only if the service merges them in an upsert: if it replaces them, what is
	// left out is dropped. Which it does is not documented.)
	//
	// An attribute counts as empty only if its value is of type string itself.
	// Values and Stripe accounts that are set and have no element are sent as they
	// are, in any case.
	ClearEmpty bool

	// MaxRefusedAlike is how many rows may be refused one after the other with
	// one message before the run ends with [ErrSystemic]. Default: 20. Negative:
	// it never ends so, which gets it past a bad stretch of the table.
	MaxRefusedAlike int

	// Schema looks at each row before it is sent, as [Schema.Check] does: a row
	// with an attribute that the service would refuse or drop is refused. Default:
	// none is looked at.
	Schema *Schema

	// OnFailure is told of each row that is refused or unknown, in the order in
	// which that turns out, which is not that of the rows. If it returns an
	// error, which is that of Sync then, the run ends, and the row is not behind
	// a checkpoint. Default: nobody is told; the Report has the first 100.
	OnFailure func(context.Context, Failure) error

	// OnCheckpoint is given the cursor of a row when it and each row before it
	// are acknowledged or refused, for a later run to begin behind it: in the
	// end, and in between when another BatchSize of rows are done. If it returns
	// an error, which is that of Sync then, the run ends, and there is no further
	// one. Default: the cursor is in the Report only.
	//
	// A checkpoint does not pass a row that is unknown or not attempted, for the
	// rest of the run, since a later one is to send it again. And it passes
	// refused rows only with an acknowledged one behind them, or when the source
	// and the run go to their end: it might end with [ErrSystemic], and a later
	// one is to send them when their common reason is gone.
	OnCheckpoint func(ctx context.Context, cursor string) error

	// OnProgress is given the report so far: in the end, and in between when
	// another BatchSize of rows have an outcome. Default: nobody is.
	OnProgress func(context.Context, Report)
}

const (
	defaultBatchBytes = 512 << 10
	minBatchBytes     = 4 << 10 // of what 413 leads to
	defaultWorkers    = 4
	maxWorkers        = 64
	maxBatchBytes     = 16 << 20

	defaultRefusedAlike = 20
)

// Sync upserts the rows of a table of any size and accounts for each one: it is
// acknowledged, refused, unknown or not attempted, and the [Report] counts them.
// The Report is true in any case, and no goroutine is left. The options may be
// nil; a bad one is a *[FieldError], before anything is read.
//
// # The source
//
// Have the source read the table in the order of a key that does not change,
// beginning behind the cursor (WHERE id > $1 ORDER BY id): then rows may come and
// go meanwhile. A later run that begins behind Report.Cursor completes the
// job, as upserting a row twice is the same as doing it once. Rows that appear
// before the cursor are for the next run from the beginning, and contacts of rows
// that are gone stay: [Client.DeleteAll] deletes them.
//
// The source runs on the goroutine that called Sync, and must see for itself that
// it ends with the context. While it waits for something, calls that are under
// way go on, and nothing else does: no answer is looked at, no further call is
// made, and no checkpoint given. It must not change a map or slice that it has
// given away: rows are kept until they have an outcome, and in Failures.
//
// # The calls
//
// Rows are sent in batches, by several workers at once, those of one external id
// one after the other and in their order. A call is repeated as that of
// [Client.Upsert] is. (A call that was not answered in time may still be at work in
// the service when the next one is sent, and what it has of a customer may land
// last: set a long Options.Timeout.) Options.Limiter and Options.OnAttempt are
// called by several workers at once.
//
// A batch that fails is narrowed, by the issues of the refusal where there are
// some, else by halves, so that a row fails only for what is wrong with itself.
// Rows are refused together only when there are issues of all, each about
// a field of the row, or with a message of its own.
//
// Calls that fail in a row have pauses of up to 8 seconds between them, and from
// the third one on, or after 429, there is one call at a time until one does not
// fail, however many workers there are. What the service asks to wait
// (Retry-After, or for 429 its X-RateLimit-Reset, up to 30 seconds) holds for
// all workers. A service that is down is given up after half a minute with many
// workers, and after two or three with few.
//
// Memory does not grow with the number of rows: at most 4 × Workers × BatchSize
// rows are in hand at a time (16,000 by default), of at most 4 × Workers ×
// BatchBytes of JSON, and for each worker an answer.
//
// # Errors
//
// The error is nil only if every row is acknowledged. Rows that failed do not
// end the run: the error is [ErrRowsFailed] then. The run ends early with
//
//   - the error of the source, as it came; what was read before is sent
//   - the error of OnFailure or OnCheckpoint
//   - an *[Error] with ctx.Err() in it, when the context ends before each row is
//     acknowledged or refused
//   - an *[Error] with [ErrSystemic] in it, when 20 rows (MaxRefusedAlike) have
//     been refused singly, or as a whole batch, with one message, and none was
//     acknowledged in between; rows that are refused without being sent do not
//     count, and those that the service picked out of a batch do so only when
//     the rest of it has been heard as well
//   - an *[Error] of a call that no row is to blame for: status 401, 402, 403,
//     404, 405 or 407 in the service's own form, any of 3xx, a bad certificate, a
//     limiter that fails, or a Retry-After of more than 30 seconds
//   - the *[Error] of the last of 20 calls or more in a row, over half a minute
//     or more, to which there was no answer but 429, a status from 500 on, or
//     one that acknowledges nothing
//
// Source: Bookbag, API v1, "Contacts".
func (c *Client) Sync(ctx context.Context, rows iter.Seq2[Row, error], options *SyncOptions) (Report, error) {
	var o SyncOptions
	if options != nil {
		o = *options
	}
	if rows == nil {
		return Report{}, &FieldError{"rows", "must not be nil"}
	}
	if err := o.complete(); err != nil {
		return Report{}, err
	}
	s := newSyncing(ctx, c, o)
	defer s.close()
	s.read(rows)
	s.drain()
	s.leave()
	if s.whole && s.ended && s.report.Acknowledged+s.report.Refused == s.report.Read {
		s.err = nil // the context ended when there was nothing left to do
	}
	s.tell(true)
	return s.report, s.result()
}

// complete checks the options and puts in the defaults.
func (o *SyncOptions) complete() error {
	for _, f := range []struct {
		name           string
		value          *int
		otherwise, max int
	}{
		{"BatchSize", &o.BatchSize, MaxUpsert, MaxUpsert},
		{"BatchBytes", &o.BatchBytes, defaultBatchBytes, maxBatchBytes},
		{"Workers", &o.Workers, defaultWorkers, maxWorkers},
	} {
		if *f.value < 0 || *f.value > f.max {
			return &FieldError{"SyncOptions." + f.name, fmt.Sprintf("must be from 1 to %d, or 0 for the default", f.max)}
		}
		if *f.value == 0 {
			*f.value = f.otherwise
		}
	}
	if o.MaxRefusedAlike == 0 {
		o.MaxRefusedAlike = defaultRefusedAlike
	}
	return nil
}

// syncing is a run. All of it is the business of the goroutine that called Sync,
// except for the calls.
type syncing struct {
	client  *Client
	ctx     context.Context
	options SyncOptions
	limits  limits

	lanes   []*lane
	filling int              // the lane that new external ids go to
	homes   map[string]*home // by the external ids of rows that are in a lane

	calls    context.Context // ends when the caller's does, or Sync panics
	cancel   context.CancelFunc
	pauses   context.Context // ends when the run does
	wake     context.CancelFunc
	underWay int
	replies  chan reply

	window  window
	report  Report
	settled int  // rows that have an outcome
	told    int  // of them, when the caller was told last
	unsaved bool // OnCheckpoint has failed

	inARow  int       // calls that failed since one did not
	since   time.Time // when the first of these did
	careful bool      // one call at a time, until one does not fail
	gate    gate      // for as long as the service asks to wait

	source error // of the source
	whole  bool  // it came to its end, before the context did
	err    error // why the run ended early
	ended  bool  // that is the context
}

func newSyncing(ctx context.Context, c *Client, o SyncOptions) *syncing {
	s := &syncing{
		client:  c,
		ctx:     ctx,
		options: o,
		limits:  limits{o.BatchSize, o.BatchBytes},
		homes:   map[string]*home{},
		replies: make(chan reply, o.Workers),
		window:  newWindow(4 * o.Workers * o.BatchSize),
	}
	s.calls, s.cancel = context.WithCancel(ctx)
	s.pauses, s.wake = context.WithCancel(s.calls)
	for i := range o.Workers {
		s.lanes = append(s.lanes, newLane(&s.limits, i))
	}
	return s
}

// close leaves no call behind: after a panic of the caller's functions there may
// be some.
func (s *syncing) close() {
	s.cancel()
	for ; s.underWay > 0; s.underWay-- {
		<-s.replies
	}
}

// stop ends the run. Calls that are under way are waited for, as their outcome
// would be unknown otherwise.
func (s *syncing) stop(err error) {
	if s.err == nil {
		s.err = err
		s.wake()
	}
}

func (s *syncing) stopped() bool {
	if s.err == nil && s.ctx.Err() != nil {
		s.stop(contextEnded(s.ctx))
		s.ended = true
	}
	return s.err != nil
}

func (s *syncing) result() error {
	switch {
	case s.source != nil:
		return s.source
	case s.err != nil:
		return s.err
	case len(s.report.Failures) > 0:
		return rowsFailed(s.report.Failures[0].Err)
	}
	return nil
}

func (s *syncing) read(rows iter.Seq2[Row, error]) {
	for row, err := range rows {
		if err != nil {
			s.source = err
			return
		}
		s.accept(row)
		s.collect()
		if s.stopped() {
			return
		}
	}
	s.whole = s.ctx.Err() == nil // else it may have left some out
}

// accept takes a row in hand, and waits until there is room for it.
func (s *syncing) accept(row Row) {
	s.report.Read++
	for s.window.full() && !s.stopped() {
		s.makeRoom()
	}
	if s.stopped() {
		s.report.NotAttempted++
		return
	}
	it := &item{row: row, place: s.window.add(row.Cursor)}
	if it.err = s.prepare(it); it.err != nil {
		s.refuse(it)
		s.tell(false)
		return
	}
	for !s.put(it) {
		if s.stopped() {
			s.abandon(it)
			return
		}
		s.makeRoom()
	}
}

// prepare makes the JSON of a row, or says why it is not sent.
func (s *syncing) prepare(it *item) (err error) {
	in := it.row.Input
	if !s.options.ClearEmpty {
		in = in.withoutEmpty(absent)
	} else {
		in = in.withoutEmpty(null)
	}
	if in.ExternalID.IsZero() {
		return &FieldError{"row.Input.ExternalID", "must be set"}
	}
	if s.options.Schema != nil {
		if err := s.options.Schema.Check(in); err != nil {
			return err
		}
	}
	it.id, _ = in.ExternalID.Get()
	it.json, err = s.client.encode("row.Input", &in)
	return err
}

// withoutEmpty returns the input with another state in the place of what is set
// and empty.
func (in Input) withoutEmpty(state optionalState) Input {
	for _, field := range []*Optional[string]{&in.Name, &in.Email, &in.PhoneNumber} {
		if *field == Set("") {
			field.state = state
		}
	}
	values, _ := in.CustomAttributes.Get()
	if !values.hasEmpty() {
		return in
	}
	kept := maps.Clone(values) // the caller's stay as they are
	for name, value := range values {
		switch {
		case value != "":
		case state == null:
			kept[name] = nil
		default:
			delete(kept, name)
		}
	}
	in.CustomAttributes = Set(kept)
	if len(kept) == 0 { // an empty set might drop all that there are
		in.CustomAttributes = Optional[Values]{}
	}
	return in
}

// drain sends what is in hand, and waits for all answers.
func (s *syncing) drain() {
	for {
		s.startAll()
		if s.underWay == 0 {
			return
		}
		s.wait()
	}
}

// leave accounts for the rows that were not sent, since the run ended early, or
// not sent again.
func (s *syncing) leave() {
	for _, l := range s.lanes {
		for _, it := range l.rest() {
			s.release(it)
			s.abandon(it)
		}
	}
}
