package contacts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Report says what became of the rows that [Client.Sync] read. Each has one of
// four outcomes: in the end, Acknowledged, Refused, Unknown and NotAttempted
// together are Read.
type Report struct {
	// Read counts the rows that the source gave.
	Read int

	// Acknowledged counts those that the service has saved: its answer has them.
	Acknowledged int

	// Refused counts those that are not saved: the service refused them for
	// themselves, or there was something wrong that was seen before they were
	// sent.
	Refused int

	// Unknown counts those that may be saved or not: an answer was lost, or did
	// not have them. A row is also unknown when it was refused among others and
	// then alone, with another message and without an issue about it: whether a
	// refused call saves its good rows is not documented, so the first one may
	// have. A later run is to send them again.
	Unknown int

	// NotAttempted counts those that are not saved, for no reason of their own:
	// the run ended before it was their turn, or the calls that had them were
	// not carried out, as the key was refused, say. A later run is to send them.
	NotAttempted int

	// Failures are the first 100 of the refused and the unknown rows, in the
	// order in which that turned out; SyncOptions.OnFailure is told of all.
	Failures []Failure

	// Cursor is the last checkpoint: a later run begins behind it. It is empty
	// if there was none; begin where this run began then.
	Cursor string
}

const maxReported = 100

// Outcome of a row that failed.
type Outcome string

// Outcomes of rows that failed, as the fields of [Report] explain them.
const (
	OutcomeRefused Outcome = "refused"
	OutcomeUnknown Outcome = "unknown"
)

// Failure is a row that is refused or unknown. Of a row that is refused, a
// repetition would say the same: something is to be changed first. One that is
// unknown may be sent again as it is.
type Failure struct {
	Row     Row
	Outcome Outcome

	// Err is a *FieldError for a row that was not sent, else the *Error of the
	// last call that failed with it, whose Issues are about this row where the
	// service says so.
	Err error
}

// Reason says in words why the row failed: the rule that it broke, or the
// explanation of the service, which may repeat a value of the row, else the
// error's text.
func (f Failure) Reason() string {
	if e, ok := errors.AsType[*FieldError](f.Err); ok {
		return e.Field + " " + e.Rule
	}
	e, ok := errors.AsType[*Error](f.Err)
	switch {
	case !ok:
		return fmt.Sprint(f.Err)
	case e.err == nil && len(e.Issues) > 0:
		return strings.TrimSpace(e.Issues[0].Field + " " + e.Issues[0].Message)
	case e.err == nil && e.Message != "":
		return e.Message
	}
	return e.Error()
}

var (
	// ErrRowsFailed says that a run went to its end, and that some rows were
	// refused or are unknown. The error has that of the first one in it.
	ErrRowsFailed = errors.New("some rows were not acknowledged")

	// ErrSystemic says that a run was ended, as row after row was refused for
	// the same reason: an attribute that is not defined, perhaps.
	// SyncOptions.MaxRefusedAlike says after how many.
	ErrSystemic = errors.New("row after row was refused with the same message")

	// errNotEchoed is of a row that an answer does not have.
	errNotEchoed = fmt.Errorf("%w: it does not have the contact", ErrUnexpectedAnswer)
)

const upsertOperation = http.MethodPost + " " + contactsPath

func rowsFailed(first error) *Error {
	return &Error{Operation: upsertOperation, err: ErrRowsFailed, cause: first}
}

func contextEnded(ctx context.Context) *Error {
	e := &Error{Operation: upsertOperation, err: ctx.Err()}
	if cause := context.Cause(ctx); cause != e.err {
		e.cause = cause
	}
	return e
}

// lasting is the context of the caller's functions.
func (s *syncing) lasting() context.Context { return context.WithoutCancel(s.ctx) }

func (s *syncing) acknowledge(it *item) {
	s.report.Acknowledged++
	s.settle(it, done)
}

// refuse is for a row that the service refused alone, or that was not sent. It
// is unknown nevertheless if an earlier call may have saved it.
func (s *syncing) refuse(it *item) {
	if it.maybe {
		s.lose(it)
		return
	}
	s.report.Refused++
	if s.reported(it, OutcomeRefused) {
		s.settle(it, given)
	} else {
		s.settle(it, again)
	}
}

// lose is for a row that may be saved.
func (s *syncing) lose(it *item) {
	s.report.Unknown++
	s.reported(it, OutcomeUnknown)
	s.settle(it, again)
}

// abandon is for a row whose turn does not come any more.
func (s *syncing) abandon(it *item) {
	if it.maybe || it.part {
		s.lose(it)
		return
	}
	s.report.NotAttempted++
	s.settle(it, again)
}

func (s *syncing) settle(it *item, state state) {
	s.settled++
	s.window.settle(it.place, state)
}

// reported is false when the caller could not take note of the failure.
func (s *syncing) reported(it *item, outcome Outcome) bool {
	f := Failure{it.row, outcome, it.err}
	if len(s.report.Failures) < maxReported {
		s.report.Failures = append(s.report.Failures, f)
	}
	if s.options.OnFailure == nil {
		return true
	}
	err := s.options.OnFailure(s.lasting(), f)
	if err != nil {
		s.stop(err)
	}
	return err == nil
}
