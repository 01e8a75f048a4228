// Package contacts is a client for Bookbag's contacts: it upserts, reads, changes and
// deletes them, and defines their custom attributes.
//
// Most programs make one client for an agent, and one of two calls: Upsert when a
// profile changes, and Sync for a whole table:
//
//	client, err := contacts.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
//	_, err = client.Upsert(ctx, []contacts.Fields{{
//		ExternalID: contacts.Set("user_8821"),
//		Name:       contacts.Set("Ada"),
//		Email:      contacts.Null[string](),
//	}})
//	report, err := client.Sync(ctx, rows, &contacts.SyncOptions{OnCheckpoint: save})
//
// A field that is not set stays as it is, and [Null] clears one. Use the customer's
// UserID in chats as the external id, so that the service lines the two up;
// Options.RequireUserIDs rejects others. [Client.Sync] may be interrupted at any time,
// and resumes at its last checkpoint.
//
// In tests, the package contactstest plays the service.
//
// # Custom attributes
//
// An update replaces the custom attributes as a whole, and drops those that it does not
// name: [Client.MergeAttributes] keeps them. Whether an upsert does is not documented:
// name all of them. The service may drop an attribute that is not defined: call
// [Client.EnsureAttributes] at the start of the program, and [Schema.Check] for each
// input.
//
// # The key, and customers who asked to be deleted
//
// The key reads and deletes every contact of the agent. Keep it on the server, in a
// secret manager or the environment, never in a page or a repository. It reads
// no environment, and prints the key nowhere. The text of an error holds no
// field's value; Error.Message and Error.Details may.
//
// [Client.DeleteAll] deletes contacts and accounts for each one. It does not delete
// conversations: the service documents no call for that.
//
// # Errors
//
// A bad argument is a *[FieldError], before anything is sent. All else is an
// *[Error]:
//
//	var e *contacts.Error
//	switch {
//	case errors.Is(err, contacts.ErrNotFound):
//	case errors.Is(err, contacts.ErrConflict): // the external id or e-mail address is taken
//	case errors.Is(err, contacts.ErrRateLimited) && errors.As(err, &e): // wait for e.RetryAfter
//	case errors.As(err, &e) && e.OutcomeUnknown: // it may have been done
//	}
//
// Calls are repeated as in package chatclient. After a lost response, only calls
// that can be done twice are: reading, deleting, an upsert in which each input has an
// external id, and an update that does not change it.
//
// # What is not documented
//
// Where Bookbag's documentation leaves something open, this package follows that of
// Chatbase, whose API Bookbag imitates, decodes tolerantly, and the comment says that it
// does. A field of another type than expected is zero.
package contacts
