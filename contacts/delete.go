package contacts

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/chatident/chatident/internal/bookbag"
)

// Delete deletes the contact of an external id, and that alone: the customer's
// conversations stay, and the service documents no call that deletes them.
//
// It is repeated when it may have arrived. Where the repetition then finds no
// contact, it has been deleted, and Delete returns no error. A contact that was
// not there from the beginning is [ErrNotFound].
//
// A bad id is a *[FieldError], everything else that goes wrong an *[Error], of
// which [ErrUnexpectedResponse] means that the response does not have the contact.
//
// Source: Bookbag, API v1, "Contacts". A response of status 204, which Chatbase
// documented once, counts as well.
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

// isNotFound wants the service's own word: a proxy's page of that status says
// nothing about a contact.
func isNotFound(f *bookbag.Failure) bool {
	return f.Err == nil && f.StatusCode == http.StatusNotFound && f.Problem.IsService
}

// DeleteReport counts what became of the external ids that [Client.DeleteAll] read:
// Deleted, NotFound and Failed together are all of them.
type DeleteReport struct {
	// Deleted counts the contacts that are deleted: the service said so, or a
	// response was lost and the repetition did not find the contact.
	Deleted int

	// NotFound counts the ids that no contact had.
	NotFound int

	// Failed are the others: try these again.
	Failed []Deletion
}

// Deletion is what became of an external id.
type Deletion struct {
	ExternalID string
	Outcome    Outcome // OutcomeDeleted, OutcomeNotFound or OutcomeFailed

	// Err is nil unless the deletion failed: a *[FieldError] for a bad external
	// id, else an *[Error], with OutcomeUnknown if the contact may be deleted.
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
	// OnDeleted, if non-nil, is called with each id and its outcome, one after the
	// other. Its context does not end with that of DeleteAll. An error ends the
	// run. Default: nil.
	OnDeleted func(context.Context, Deletion) error
}

const maxFailuresInARow = 20

// DeleteAll deletes the contacts of customers who asked for it, one after the other,
// as [Client.Delete] does: their conversations stay. Commit the deletion in your own
// table first, and let SyncOptions.Withdrawn return these customers: docs/sync.md
// says when to delete again. The options may be nil.
//
// A failure does not keep it from the next id. The run ends early when the ids or
// OnDeleted return an error, the context ends, the service rejects the key (401 or
// 403), or 20 calls in a row fail. Before the first "not found" counts, DeleteAll
// reads a page of contacts: for an unknown agent, the service responds the same.
//
// The error is nil only if every contact is deleted or was not found. Otherwise it
// is what ended the run early, or that of the first deletion that failed. The
// DeleteReport is true in any case.
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
