package contacts

import (
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
// which [ErrUnexpectedAnswer] means that the answer does not have the contact.
//
// Source: Bookbag, API v1, "Contacts". An answer of status 204, which Chatbase
// documented once, counts as well.
func (c *Client) Delete(ctx context.Context, externalID string) (Meta, error) {
	meta, _, err := c.remove(ctx, externalID)
	return meta, err
}

// remove also says whether the service did not find the contact, which is no
// error where an earlier attempt may have deleted it.
func (c *Client) remove(ctx context.Context, externalID string) (meta Meta, notFound bool, err error) {
	if err := checkExternalID("externalID", externalID); err != nil {
		return Meta{}, false, err
	}
	call := c.call(http.MethodDelete, contactPath, "contacts", externalID)
	call.Repeatable = true
	res, err := c.api.Do(ctx, call)
	if f, ok := errors.AsType[*bookbag.Failure](err); ok {
		if notFound = isNotFound(f); notFound && f.MayBeDone {
			return metaOf(f.Meta), true, nil
		}
		return Meta{}, notFound, asError(f)
	}
	if res.StatusCode == http.StatusNoContent {
		return metaOf(res.Meta), false, nil
	}
	var deleted Contact
	err = bookbag.Scan(res.Body, func(s *bookbag.Scanner) error {
		return deleted.read(s, func(*Contact) bool { return deleted.isOf(externalID) })
	})
	if err != nil {
		return metaOf(res.Meta), false, undecodable(call.Operation, res, err)
	}
	return metaOf(res.Meta), false, nil
}

// isNotFound wants the service's own word: a proxy's page of that status says
// nothing about a contact.
func isNotFound(f *bookbag.Failure) bool {
	return f.Err == nil && f.StatusCode == http.StatusNotFound && f.Problem.IsService
}

// Deletions say what became of each external id that [Client.DeleteAll] was
// given: the three together are as many as it took.
type Deletions struct {
	// Deleted counts the contacts that are deleted: the service said so, or an
	// answer was lost and the repetition did not find the contact.
	Deleted int

	// Absent counts the ids that no contact had.
	Absent int

	// Failed are the others: try these again.
	Failed []FailedDeletion
}

// FailedDeletion is an external id whose contact is still there, for all that
// is known.
type FailedDeletion struct {
	ExternalID string

	// Err is a *[FieldError] for what is no external id, else an *[Error], whose
	// MayBeDone says that the contact may be deleted nevertheless.
	Err error
}

const maxFailuresInARow = 20

// DeleteAll deletes the contacts of customers who asked for it, one after the
// other, as [Client.Delete] does: their conversations stay. Take them out of
// your own table first, so that nothing writes them again.
//
// A failure does not keep it from the next id. It ends early when the ids
// themselves give an error, the context ends, the service refuses the key (401
// or 403), or 20 calls fail in a row. Before it first takes the service's word
// that there is no such contact, it asks for a page of contacts: of an agent
// that is not there, the service says the same.
//
// The error is nil only if every id that there was is deleted or absent. Otherwise
// it is what ended the run early (an error of the ids as it came), or else that of
// the first deletion that failed. The Deletions are true in any case.
func (c *Client) DeleteAll(ctx context.Context, externalIDs iter.Seq2[string, error]) (Deletions, error) {
	var d Deletions
	agentExists := false
	inARow := 0
	for id, err := range externalIDs {
		if err != nil {
			return d, err
		}
		_, notFound, err := c.remove(ctx, id)
		if notFound && !agentExists {
			if _, pageErr := c.Page(ctx, PageRequest{PerPage: minPerPage}); pageErr != nil {
				notFound, err = false, pageErr
			}
		}
		switch {
		case err == nil:
			d.Deleted++
		case notFound:
			d.Absent++
		default:
			d.Failed = append(d.Failed, FailedDeletion{id, err})
			if _, ok := errors.AsType[*Error](err); ok {
				inARow++
			}
			if inARow == maxFailuresInARow || ctx.Err() != nil || errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden) {
				return d, err
			}
			continue
		}
		agentExists = true
		inARow = 0
	}
	if len(d.Failed) > 0 {
		return d, d.Failed[0].Err
	}
	return d, nil
}
