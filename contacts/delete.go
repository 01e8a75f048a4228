package contacts

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/chatident/chatident/internal/bookbag"
)

// Delete deletes the contact with an external id. The customer's conversations
// remain: the service documents no call that deletes them.
//
// If the response is lost, the call is retried. If the retry finds no contact, the
// first attempt has deleted it, and Delete returns no error. A contact that did not
// exist before is [ErrNotFound].
//
// An invalid id is a *[FieldError]. Every other error is an *[Error], such as
// [ErrUnexpectedResponse] if the response does not have the deleted contact.
//
// Source: Bookbag, API v1, "Contacts". A response with status 204, which Chatbase
// once documented, is accepted too.
func (c *Client) Delete(ctx context.Context, externalID string) (ResponseInfo, error) {
	info, _, err := c.remove(ctx, externalID)
	return info, err
}

// remove also returns whether the service did not find the contact, which is not an
// error if an earlier attempt may have deleted it.
func (c *Client) remove(ctx context.Context, externalID string) (info ResponseInfo, notFound bool, err error) {
	if err := checkExternalID(externalID); err != nil {
		return ResponseInfo{}, false, err
	}
	call := bookbag.Call{Operation: "DELETE " + contactPath, IDs: []string{externalID}, Repeatable: true}
	res, err := c.service().Do(ctx, call)
	if f, ok := errors.AsType[*bookbag.Failure](err); ok {
		notFound = isNotFound(f)
		if notFound && f.OutcomeUnknown {
			return infoOf(f.ResponseInfo), true, nil
		}
	}
	if err != nil {
		return ResponseInfo{}, notFound, fail(err)
	}
	if res.StatusCode != http.StatusNoContent {
		var deleted Contact
		err = res.Decode(func(body []byte) error {
			return deleted.read(body, func(*Contact) bool { return deleted.isOf(externalID) })
		})
	}
	return infoOf(res.ResponseInfo), false, fail(err)
}

// isNotFound requires a response in the service's format. A proxy's 404 page says
// nothing about a contact.
func isNotFound(f *bookbag.Failure) bool {
	return f.Err == nil && f.StatusCode == http.StatusNotFound && f.Problem.IsService
}

// DeleteReport counts the outcomes of the external ids that [Client.DeleteAll] read.
// Their number is the sum of Deleted, NotFound and the length of Failed.
type DeleteReport struct {
	// Deleted is the number of deleted contacts: a response confirmed the deletion,
	// or a response was lost and the retry did not find the contact.
	Deleted int

	// NotFound is the number of ids without a contact.
	NotFound int

	// Failed are the deletions that failed. Try them again.
	Failed []Deletion
}

// Deletion is the outcome of one external id.
type Deletion struct {
	ExternalID string
	Outcome    Outcome // OutcomeDeleted, OutcomeNotFound or OutcomeFailed

	// Err is nil unless the deletion failed. It is a *[FieldError] for an invalid
	// external id, otherwise an *[Error], whose OutcomeUnknown reports whether the
	// contact may be deleted.
	Err error
}

// The outcomes of deletions.
const (
	OutcomeDeleted  Outcome = "deleted"
	OutcomeNotFound Outcome = "not found"
	OutcomeFailed   Outcome = "failed"
)

// DeleteOptions configure [Client.DeleteAll].
type DeleteOptions struct {
	// OnDeleted, if non-nil, is called with the outcome of each id, one at a time.
	// Its context does not end with that of DeleteAll. An error ends the run.
	// Default: nil.
	OnDeleted func(context.Context, Deletion) error
}

const maxFailuresInARow = 20

// DeleteAll deletes the contacts of customers who left or asked for it, one at a
// time, as [Client.Delete] does. Their conversations remain. First commit the
// deletion in your own table, and let SyncOptions.Withdrawn return these customers.
// docs/sync.md says when to delete again. The options may be nil.
//
// After a failure, DeleteAll continues with the next id. The run ends early if the
// ids or OnDeleted return an error, the context ends, the service rejects the key
// (401 or 403), or 20 consecutive calls fail. Before the first "not found" counts,
// DeleteAll reads a page of contacts, because the response for an unknown agent is
// the same.
//
// The error is nil only if each contact was deleted or not found. Otherwise it is the
// error that ended the run, or that of the first failed deletion. The DeleteReport is
// valid in any case.
func (c *Client) DeleteAll(ctx context.Context, externalIDs iter.Seq2[string, error], options *DeleteOptions) (DeleteReport, error) {
	o := *cmp.Or(options, &DeleteOptions{})
	if externalIDs == nil {
		return DeleteReport{}, &FieldError{"externalIDs", "must not be nil"}
	}
	var report DeleteReport
	agentExists := false
	failedInARow := 0
	for id, err := range externalIDs {
		if err != nil {
			return report, err
		}
		d := c.deleteOne(ctx, id, agentExists)
		if err := report.add(ctx, d, o.OnDeleted); err != nil {
			return report, err
		}
		if d.Outcome != OutcomeFailed {
			agentExists, failedInARow = true, 0
			continue
		}
		if _, ok := errors.AsType[*Error](d.Err); ok {
			failedInARow++
		}
		if failedInARow == maxFailuresInARow || ctx.Err() != nil || errors.Is(d.Err, ErrUnauthorized) || errors.Is(d.Err, ErrForbidden) {
			return report, d.Err
		}
	}
	if len(report.Failed) > 0 {
		return report, report.Failed[0].Err
	}
	return report, nil
}

func (c *Client) deleteOne(ctx context.Context, id string, agentExists bool) Deletion {
	_, notFound, err := c.remove(ctx, id)
	if notFound && !agentExists {
		if _, pageErr := c.Page(ctx, PageRequest{PerPage: minPerPage}); pageErr != nil {
			notFound, err = false, pageErr
		}
	}
	switch {
	case err == nil:
		return Deletion{id, OutcomeDeleted, nil}
	case notFound:
		return Deletion{id, OutcomeNotFound, nil}
	}
	return Deletion{id, OutcomeFailed, err}
}

// add counts a deletion, and reports it to the caller.
func (r *DeleteReport) add(ctx context.Context, d Deletion, onDeleted func(context.Context, Deletion) error) error {
	switch d.Outcome {
	case OutcomeDeleted:
		r.Deleted++
	case OutcomeNotFound:
		r.NotFound++
	default:
		r.Failed = append(r.Failed, d)
	}
	if onDeleted == nil {
		return nil
	}
	return onDeleted(context.WithoutCancel(ctx), d)
}
