package contacts

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Report counts the outcomes of the rows that [Client.Sync] read. Read is the sum of
// Acknowledged, Rejected, Unknown, Withdrawn and NotAttempted.
type Report struct {
	Read int // rows that the source yielded

	// Acknowledged is the number of saved rows: a response contains them.
	Acknowledged int

	// Rejected is the number of rows that the service rejected when they were sent
	// alone, or that were not sent because they break a rule. The service may have an
	// earlier version of such a row. It may also have this version, if it was saved
	// by a call with several rows.
	Rejected int

	// Unknown is the number of rows that may or may not be saved: a response was lost
	// or did not contain them, and no later response settled their outcome.
	Unknown int

	// Withdrawn is the number of rows that SyncOptions.Withdrawn returned. An earlier
	// call that failed may have saved such a row.
	Withdrawn int

	// NotAttempted is the number of rows that are not saved because the run ended
	// early.
	NotAttempted int

	// Failures are the first 100 rejected and unknown rows, in reading order.
	// SyncOptions.OnFailure is called with all of them.
	Failures []Failure

	// Cursor is the last checkpoint: a later run continues after it. If it is empty,
	// there was no checkpoint, and a later run starts where this one started.
	Cursor string

	complete bool
}

// Complete reports whether nothing is left for a later run: the source was read to
// its end, and each row is acknowledged, rejected, withdrawn, or unknown and accepted
// by SyncOptions.OnFailure.
func (r Report) Complete() bool { return r.complete }

const maxReported = 100

// Outcome is the outcome of a row of [Client.Sync], or of a deletion of
// [Client.DeleteAll].
type Outcome string

// The outcomes of rows. The fields of [Report] explain them.
const (
	OutcomeAcknowledged Outcome = "acknowledged"
	OutcomeRejected     Outcome = "rejected"
	OutcomeUnknown      Outcome = "unknown"
	OutcomeWithdrawn    Outcome = "withdrawn"
	OutcomeNotAttempted Outcome = "not attempted"
)

// Failure is a row that was rejected, or whose outcome is unknown. Correct a rejected
// row before you send it again. An unknown row may be sent again unchanged.
type Failure struct {
	Row     Row
	Outcome Outcome // OutcomeRejected or OutcomeUnknown

	// Err is a *FieldError if the row was not sent, otherwise the *Error of the last
	// failed call that contained it. The Issues of the error are about this row
	// alone.
	Err error
}

// Reason explains the failure: the rule that the row breaks, the service's
// explanation, or the text of the error. The service's explanation may contain a
// value of the row.
func (f Failure) Reason() string {
	if e, ok := errors.AsType[*FieldError](f.Err); ok {
		return e.Field + ": " + e.Rule
	}
	e, ok := errors.AsType[*Error](f.Err)
	switch {
	case !ok:
		return fmt.Sprint(f.Err)
	case len(e.Issues()) > 0 && (e.err == nil || e.err == errNotEchoed):
		return e.Issues()[0].text()
	case e.err == nil && e.Message != "":
		return e.Message
	}
	return e.Error()
}

var (
	// ErrRowsFailed means that a run reached its end, but some rows were rejected or
	// their outcome is unknown. The error of the first one is wrapped. Error.Operation
	// is "Sync".
	ErrRowsFailed = errors.New("some rows were not acknowledged")

	// ErrSameRejection means that a run ended because many rows were rejected for the
	// same reason, such as an undefined attribute. See SyncOptions.MaxSameRejections.
	ErrSameRejection = errors.New("too many rows were rejected for the same reason (see Report.Failures and SyncOptions.MaxSameRejections)")

	// ErrUnknownRow means that a run without SyncOptions.OnFailure ended because the
	// outcome of a row is unknown.
	ErrUnknownRow = errors.New("the outcome of a row is unknown")

	// errNotEchoed is for a row that a response does not contain.
	errNotEchoed = fmt.Errorf("%w: the response does not contain the contact", ErrUnexpectedResponse)
)

const upsertOperation = "POST " + contactsPath

// syncOperation is that of an error that no call returned.
const syncOperation = "Sync"

// ledger is the state of a run after the rows that are settled, in reading order.
type ledger struct {
	report    Report
	reached   string         // cursor of the last settled row, unless stuck
	confirmed string         // cursor of the last settled row up to an acknowledged one
	stuck     bool           // a row is left for a later run, or OnCheckpoint failed
	same      map[string]int // rejected rows by their reason, since one was acknowledged
	settled   int            // rows
	progress  int            // settled rows when progress was last reported
	whole     bool           // the source was read to its end
}

// settle counts a row and moves the cursors. A checkpoint before the end of the run is
// the confirmed cursor: if all rows after it are rejected for the same reason, a later
// run sends them again.
func (r *run) settle(row *row) {
	r.settled++
	passes := true
	switch row.outcome {
	case OutcomeAcknowledged:
		r.report.Acknowledged++
		clear(r.same)
	case OutcomeWithdrawn:
		r.report.Withdrawn++
	case OutcomeNotAttempted:
		r.report.NotAttempted++
		passes = false
	case OutcomeRejected:
		r.report.Rejected++
		passes = r.reportFailure(row)
		r.countSame(row)
	default:
		r.report.Unknown++
		passes = r.ended() == nil && r.options.OnFailure != nil // else a later run sends it again
		passes = r.reportFailure(row) && passes
		if r.options.OnFailure == nil {
			r.stop(stoppedBy(fmt.Errorf("%w: row %d of the source", ErrUnknownRow, row.number), row.err))
		}
	}
	r.stuck = r.stuck || !passes
	if !r.stuck && row.Cursor != "" {
		r.reached = row.Cursor
	}
	if !r.stuck && row.outcome == OutcomeAcknowledged {
		r.confirmed = r.reached
	}
}

// reportFailure returns false if the caller could not accept the failure.
func (r *run) reportFailure(row *row) bool {
	f := Failure{row.Row, row.outcome, row.err}
	if len(r.report.Failures) < maxReported {
		r.report.Failures = append(r.report.Failures, f)
	}
	if r.options.OnFailure == nil {
		return true
	}
	err := r.options.OnFailure(context.WithoutCancel(r.ctx), f)
	if err != nil {
		r.stop(err)
	}
	return err == nil
}

// countSame ends the run when too many rows were rejected for one reason.
func (r *run) countSame(row *row) {
	const maxReasons = 100
	if len(r.same) == maxReasons && r.same[row.reason] == 0 {
		clear(r.same) // to bound its memory; a frequent reason is soon counted again
	}
	r.same[row.reason]++
	if limit := r.options.MaxSameRejections; limit > 0 && r.same[row.reason] >= limit {
		r.stop(stoppedBy(ErrSameRejection, row.err))
	}
}

// stoppedBy returns the error of a run that the error of a row ended.
func stoppedBy(why, of error) *Error {
	e, ok := errors.AsType[*Error](of)
	if !ok {
		return &Error{Operation: syncOperation, err: why, cause: of}
	}
	stopped := *e
	stopped.err, stopped.cause = why, e.err
	return &stopped
}

// reportProgress calls OnCheckpoint and OnProgress, each time another BatchSize of rows
// is settled, and at the end.
func (r *run) reportProgress(atEnd bool) {
	if !atEnd && r.settled-r.progress < r.options.BatchSize {
		return
	}
	r.progress = r.settled
	cursor := r.confirmed
	if r.report.complete {
		cursor = r.reached
	}
	ctx := context.WithoutCancel(r.ctx)
	if cursor != r.report.Cursor {
		r.report.Cursor = cursor
		if f := r.options.OnCheckpoint; f != nil {
			if err := f(ctx, cursor); err != nil {
				r.stuck = true
				r.stop(err)
			}
		}
	}
	if f := r.options.OnProgress; f != nil {
		report := r.report
		report.Failures = slices.Clip(report.Failures) // the caller may append
		f(ctx, report)
	}
}
