// Package contacts is a client for Bookbag's contacts. It upserts, reads, updates and
// deletes them, and defines their custom attributes.
//
// Most programs create one client for an agent, and call Upsert when a profile changes,
// or Sync for a whole table:
//
//	client, err := contacts.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
//	_, err = client.Upsert(ctx, []contacts.Fields{{
//		ExternalID: contacts.Set("user_8821"),
//		Name:       contacts.Set("Ada"),
//		Email:      contacts.Null[string](),
//	}})
//	report, err := client.Sync(ctx, rows, &contacts.SyncOptions{OnCheckpoint: save})
//
// A field that is not set keeps its value, and [Null] clears one. Use the customer's
// UserID in chats as the external id, so that the service connects the contact with its
// conversations. Options.RequireUserIDs rejects other ids. If [Client.Sync] is
// interrupted, a later run continues at its last checkpoint.
//
// Package contactstest is a fake for tests.
//
// # Custom attributes
//
// An update replaces all custom attributes, and so removes those that it does not name.
// [Client.MergeAttributes] keeps them. Whether an upsert replaces or merges them is not
// documented, so send all. The service may drop undefined attributes: call
// [Client.EnsureAttributes] at the start of the program, and [Schema.Check] for each input.
//
// # The API key and personal data
//
// The key can read and delete every contact of the agent. Keep it on the server, in a
// secret manager or an environment variable, never in a page or a repository. This
// package never prints it. The text of an error contains no value of a field, but
// Error.Message and Error.Details may.
//
// [Client.DeleteAll] deletes contacts, and reports the outcome of each deletion. It does
// not delete conversations: the service documents no call for that.
//
// # Errors
//
// An invalid argument is a *[FieldError], returned before anything is sent. Every other
// error is an *[Error]:
//
//	var e *contacts.Error
//	switch {
//	case errors.Is(err, contacts.ErrNotFound):
//	case errors.Is(err, contacts.ErrConflict): // the external id or e-mail address is taken
//	case errors.Is(err, contacts.ErrRateLimited) && errors.As(err, &e): // wait for e.RetryAfter
//	case errors.As(err, &e) && e.OutcomeUnknown: // the call may have been carried out
//	}
//
// Calls are retried as in package chatclient. If a response is lost, only a call that is
// safe to repeat is retried: a read, a deletion, an upsert whose inputs all have an
// external id, or an update that does not change the external id.
//
// # Undocumented behavior
//
// Where Bookbag's documentation is silent, this package follows that of Chatbase, whose
// API Bookbag imitates, and the comments say so. A field of a response that has an
// unexpected type is zero.
package contacts
