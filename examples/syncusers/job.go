package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/chatident/chatident/contacts"
)

// job is one run of the synchronization.
type job struct {
	source     *source
	client     *contacts.Client
	checkpoint checkpoint
	failed     string // file; empty: none
	out        io.Writer
	resumes    bool
}

// run ends gracefully when reading ends, and at once when ctx ends.
func (j *job) run(ctx, reading context.Context) (err error) {
	if err := j.start(); err != nil {
		return err
	}
	schema, err := j.client.EnsureAttributes(ctx, j.source.attributes())
	if err != nil {
		return explain("defining the attributes", err)
	}
	total, err := j.source.count(ctx, j.checkpoint.After)
	if err != nil {
		return explain("counting the rows", err)
	}
	failures, err := openFailures(j.failed, j.checkpoint.Failed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, failures.close()) }()

	bar := newProgress(j.out, total)
	options := contacts.SyncOptions{
		Schema:     schema,
		OnProgress: func(_ context.Context, r contacts.Report) { bar.set(settled(r)) },
		OnCheckpoint: func(_ context.Context, cursor string) error {
			number, key := parseCursor(cursor)
			size, err := failures.upTo(number)
			if err != nil {
				return err
			}
			return j.checkpoint.save(key, size)
		},
	}
	if failures.file != nil { // otherwise an unknown row ends the run and is sent again
		options.OnFailure = failures.add
	}
	report, err := j.client.Sync(ctx, j.source.rows(reading, j.checkpoint.After), &options)
	bar.end()
	summarize(j.out, report)
	return j.end(report, err)
}

// start loads the checkpoint, or deletes that of an earlier run. Otherwise, if this run died
// before its first checkpoint, the next run would continue at the earlier one.
func (j *job) start() error {
	if !j.resumes {
		return j.checkpoint.remove()
	}
	if err := j.checkpoint.load(); err != nil {
		return err
	}
	fmt.Fprintf(j.out, "Continuing after the key %s.\n", printable(j.checkpoint.After))
	return nil
}

// end keeps the checkpoint if rows are left for a later run.
func (j *job) end(report contacts.Report, err error) error {
	if report.Complete() {
		return errors.Join(explain("", err), j.checkpoint.remove())
	}
	again := "There is no checkpoint yet: run it again from the beginning."
	if j.checkpoint.After != "" {
		again = "To continue at the last checkpoint, run it again with -resume."
	}
	return fmt.Errorf("%w\n%s", explain("", err), again)
}

// explain adds to an error what to do about it. The error of a run wraps those of its calls,
// so it is checked first.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	attribute, isAttribute := errors.AsType[*contacts.AttributeError](err)
	switch {
	case isAttribute:
		message = attribute.Error()
	case errors.Is(err, contacts.ErrRowsFailed):
		message = "some rows failed, for the reasons above"
	case errors.Is(err, contacts.ErrUnknownRow):
		message = "it is unknown whether a row is saved, as above: with -failed, the run continues after such rows"
	case errors.Is(err, contacts.ErrSameRejection):
		message = "too many rows were rejected for the same reason, as above"
	case errors.Is(err, context.Canceled):
		message = "stopped"
	case errors.Is(err, contacts.ErrUnauthorized):
		message = "the service rejects the API key: check BOOKBAG_API_KEY"
	case errors.Is(err, contacts.ErrForbidden), errors.Is(err, contacts.ErrNotFound):
		message = "the service has no such agent for this key: check BOOKBAG_AGENT_ID"
	}
	if doing != "" {
		message = doing + ": " + message
	}
	return explained{message, err}
}

// explained is an error with an explanation.
type explained struct {
	message string
	error
}

func (e explained) Error() string { return e.message }
func (e explained) Unwrap() error { return e.error }

// settled counts the rows that have an outcome.
func settled(r contacts.Report) int {
	return r.Acknowledged + r.Rejected + r.Unknown + r.Withdrawn + r.NotAttempted
}
