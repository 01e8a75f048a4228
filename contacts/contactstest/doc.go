// Package contactstest is a fake of Bookbag's contacts and custom attributes,
// version 1 of its API, for the tests of programs that call it. It needs no
// account, no network and only the standard library.
//
//	fake, err := contactstest.New(nil)
//	server := fake.Start() // on a loopback port
//	defer server.Close()
//	// Point the client at server.URL, with the key "oc_test_contactstest" and agent 123.
//
// [Fake.Client] in place of Start stays in memory, so that in a testing/synctest
// bubble a timeout of a minute takes no time. [Fake.Script] makes the next
// requests fail, [Fake.Requests] returns what arrived, and [Fake.Contacts] what
// the fake holds. A Fake is an [http.Handler] too.
//
// Options.Readings decides how to read what Bookbag's documentation leaves open:
// what an upsert does to attributes that it does not name, to the rest of a
// rejected batch, to values of unknown attributes and to the case of external
// ids, among others. docs/readings.md has the table.
//
// # What is documented, and what is a guess
//
// Documented by Bookbag: paths, the key, the fields of a contact, upserts by
// external id and their limits of 1 and 1,000, the messages "Invalid request
// data", "Maximum 1000 contacts per request" and "Resource not found", updates
// bare or in data, which replace custom attributes and Stripe accounts whole, 409
// for an external id or email that is taken, the record in the response to a
// deletion, and the rules of a definition.
//
// Documented only by Chatbase, whose API Bookbag's imitates: total and pages in a
// list, issues, and that values of archived attributes and of a wrong type are
// rejected.
//
// Documented nowhere, so that no program should depend on it: the status of a
// batch that is saved in part; that a null removes an attribute's value; that a
// date is a number or begins as 2006-01-02; that only updates compare email
// addresses; that an external id cannot be null; that an update of a definition
// ignores another name or type; the order of lists, which is that of creation;
// the generated external ids, "generated_1" and so on; the names of fields in
// issues, such as "users[0].custom_attributes.plan"; that rejected requests do
// not count; and every other wording.
//
// Source: Bookbag, "API v1"; Chatbase, "Contacts", "Custom attributes".
package contactstest
