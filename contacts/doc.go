// Package contacts keeps Bookbag's contacts in step with your customers: it
// upserts, reads, changes and deletes them, and defines their custom attributes.
//
// Most programs need one client for an agent, made once, and [Client.Upsert]
// when a profile changes:
//
//	client, err := contacts.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
//	_, err = client.Upsert(ctx, []contacts.Fields{{
//		ExternalID: contacts.Set("user_8821"),
//		Name:       contacts.Set("Ada"),
//		Email:      contacts.Null[string](),
//	}})
//
// A field that is not set stays as it is, and [Null] clears one. Give a contact
// the external id that is the customer's UserID in chats, so that the service
// lines the two up; Options.RequireUserIDs refuses others.
//
// [Client.Sync] upserts a whole table, however large, and reports what became of each
// row. It may be cut off at any time, and continues at its last checkpoint:
//
//	report, err := client.Sync(ctx, rows, &contacts.SyncOptions{OnCheckpoint: save})
//
// In tests, the package contactstest plays the service.
//
// # What gets lost easily
//
// An update replaces the custom attributes as a whole, and so drops those that
// it does not name: [Client.MergeAttributes] keeps them. An attribute that is
// not defined may be dropped without a word: call [Client.EnsureAttributes] at
// the start of the program, and have [Schema.Check] look at each input. What an
// upsert does to the attributes that it does not name is not documented: let it
// name all.
//
// # The key, and customers who asked to be deleted
//
// The key reads and deletes every contact of the agent. It belongs on the
// server: in a secret manager or the environment, never in a page or a
// repository. The package reads no environment itself, and nothing of it prints
// the key. Its errors hold no field's value; where the service repeats one in a
// message, it is in Error.Message and Error.Issues, not in the error's text.
//
// [Client.DeleteAll] deletes contacts and accounts for each one. It does not
// delete what these customers said: the service documents no call for that.
//
// # Failures
//
// A bad argument is a *[FieldError], before anything is sent. Everything else
// is an *[Error], to be looked into with errors.Is and errors.As:
//
//	var e *contacts.Error
//	switch {
//	case errors.Is(err, contacts.ErrNotFound):
//	case errors.Is(err, contacts.ErrConflict): // the external id or e-mail address is taken
//	case errors.Is(err, contacts.ErrRateLimited) && errors.As(err, &e): // wait for e.RetryAfter, where the service says it
//	case errors.As(err, &e) && e.MayBeDone: // and perhaps it was not
//	}
//
// A call is repeated by itself, twice at most, when it was refused with 429 or
// the connection could not be made. After a broken connection, a time-out or a
// status 500, 502, 503 or 504, a call is repeated only if doing it twice is the
// same as doing it once: reading, deleting, an upsert in which each input has
// an external id, and an update that does not change it. Between attempts it
// waits as long as Retry-After says, else up to half a second, doubled each
// time; never past the context's deadline, and never for more than Options.MaxWait
// in all: then the rejection is returned at once.
//
// # What is promised and what is not
//
// Where Bookbag's documentation leaves something open, this package follows
// that of Chatbase, whose API Bookbag imitates, decodes tolerantly, and says so
// in the comment: the form of lists and definitions, the fields of a Stripe
// account, and the issues of an error. A field of another type than expected is
// zero.
//
// Webhooks, leads, and version 1 of chat and conversations are not covered.
package contacts
