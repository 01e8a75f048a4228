// Package contactstest is a fake of Bookbag's contacts and custom attributes,
// version 1 of its API, for the tests of programs that talk to it. It needs no
// account, no network and nothing beyond the standard library.
//
// Most tests need two functions: [New] makes a fake, and [Fake.Start] puts it
// on a loopback port.
//
//	fake := contactstest.New(nil)
//	server := fake.Start()
//	defer server.Close()
//	// Point the client at server.URL, with the key "oc_test_contactstest" and agent 123.
//
// [Fake.Client] in the place of Start stays in memory, so that in a
// testing/synctest bubble a time-out of a minute takes no time. [Fake.Script]
// makes the next requests fail in chosen ways, [Fake.Requests] shows what
// arrived, and [Fake.Contacts] what the fake holds. A Fake is an [http.Handler]
// too, for a demo to mount.
//
// # What is like the service, and what is a guess
//
// Documented by Bookbag, and done here in the same way: paths, the key, the
// fields of a contact, upserts by external id and their limits of 1 and 1,000,
// the messages "Invalid request data", "Maximum 1000 contacts per request" and
// "Resource not found", the clamping of per_page to 10 to 1,000, updates bare
// or in data, which replace custom attributes and Stripe accounts whole, 409
// for an external id or e-mail address that is taken, the record in the answer
// to a deletion, and the rules of a definition.
//
// Documented only by Chatbase, whose API Bookbag's imitates: total and pages in
// a list, issues, that values of unknown attributes are dropped without a word,
// and that those of archived attributes and of another type are refused.
//
// Documented nowhere, so do not let a program depend on it: what an upsert does
// to attributes that it does not name (Options.Replace) and to the rest of a
// refused batch (Options.Partial); whether there is a limit of 100 requests in
// 10 seconds (Options.Window) and its headers; that a record stands in data;
// that a null removes an attribute's value; that a date is a number or begins
// as 2006-01-02; that an e-mail address is looked at in updates alone; that an
// external id cannot be null; that only what an update of a definition has is
// changed, and another name or type in it ignored; that contacts are listed in
// the order in which they were made; the generated external ids, "generated_1"
// and so on; the names of fields in issues, such as
// "users[0].custom_attributes.plan"; that a request which the limit refuses does
// not count; and every other wording.
//
// Source: Bookbag, "API v1"; Chatbase, "Contacts", "Custom attributes".
package contactstest
