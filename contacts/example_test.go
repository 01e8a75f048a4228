package contacts_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
)

// exampleClient returns a client of a fake, in place of
//
//	contacts.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
func exampleClient() (client *contacts.Client, fake *contactstest.Fake, stop func()) {
	fake, err := contactstest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	client, err = contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	return client, fake, server.Close
}

// One customer, whose profile has changed.
func Example() {
	client, _, stop := exampleClient()
	defer stop()

	upserted, err := client.Upsert(context.Background(), []contacts.Fields{{
		ExternalID: contacts.Set("user_8821"),
		Name:       contacts.Set("Ada"),
		Email:      contacts.Set("ada@example.com"),
	}})
	if err != nil {
		log.Fatal(err)
	}
	for _, contact := range upserted.Contacts {
		fmt.Println(contact.ID, contact.ExternalID, contact.Name, contact.Email)
	}
	// Output: contact_1 user_8821 Ada ada@example.com
}

// upsertAda is what the examples below begin with.
func upsertAda(client *contacts.Client) {
	ctx := context.Background()
	_, err := client.EnsureAttributes(ctx, []contacts.Attribute{{Name: "plan"}, {Name: "seats", Type: contacts.TypeNumber}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Upsert(ctx, []contacts.Fields{{
		ExternalID:       contacts.Set("user_8821"),
		Name:             contacts.Set("Ada"),
		PhoneNumber:      contacts.Set("+49 30 1234"),
		CustomAttributes: contacts.Set(contacts.Values{"plan": "free", "seats": 3}),
	}})
	if err != nil {
		log.Fatal(err)
	}
}

// The phone number is cleared. What is not set stays as it is.
func ExampleClient_Update() {
	client, _, stop := exampleClient()
	defer stop()
	upsertAda(client)

	contact, err := client.Update(context.Background(), "user_8821", contacts.Fields{PhoneNumber: contacts.Null[string]()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q %q\n", contact.Name, contact.PhoneNumber)
	// Output: "Ada" ""
}

// One attribute is changed. An update with it would drop the other one.
func ExampleClient_MergeAttributes() {
	client, _, stop := exampleClient()
	defer stop()
	upsertAda(client)

	contact, err := client.MergeAttributes(context.Background(), "user_8821", contacts.Values{"plan": "pro"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(contact.CustomAttributes["plan"], contact.CustomAttributes["seats"])
	// Output: pro 3
}

// The definitions are made once, and each input is looked at before it is sent.
func ExampleClient_EnsureAttributes() {
	client, _, stop := exampleClient()
	defer stop()

	schema, err := client.EnsureAttributes(context.Background(), []contacts.Attribute{
		{Name: "plan", Label: "Plan"},
		{Name: "seats", Type: contacts.TypeNumber},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, values := range []contacts.Values{{"plan": "pro", "seats": 3}, {"seats": "three"}, {"Plan": "pro"}} {
		fmt.Println(schema.Check(contacts.Fields{CustomAttributes: contacts.Set(values)}))
	}
	// Output:
	// <nil>
	// contacts: input.CustomAttributes["seats"]: expected number, got text
	// contacts: input.CustomAttributes["Plan"]: is not defined (see EnsureAttributes)
}

// Customers asked to be deleted. Their ids come from a table, which could fail.
func ExampleClient_DeleteAll() {
	client, fake, stop := exampleClient()
	defer stop()
	upsertAda(client)

	asked := func(yield func(string, error) bool) {
		for _, id := range []string{"user_8821", "user_2"} {
			if !yield(id, nil) {
				return
			}
		}
	}
	deletions, err := client.DeleteAll(context.Background(), asked, nil)
	if err != nil {
		log.Fatal(err, deletions.Failed) // try these again
	}
	fmt.Println("deleted:", deletions.Deleted, "not found:", deletions.NotFound, "left:", len(fake.Contacts()))
	// Output: deleted: 1 not found: 1 left: 0
}

// customers is what a program reads from its table, WHERE id > after ORDER BY id.
func customers(after string) iter.Seq2[contacts.Row, error] {
	table := []struct{ id, name, plan string }{
		{"user_1", "Ada", "pro"}, {"user_2", "Bob", "free"}, {"user_3", "Eve", "old"}, {"", "nobody", "free"}, {"user_5", "Zoe", "pro"},
	}
	return func(yield func(contacts.Row, error) bool) {
		for i, c := range table {
			in := contacts.Fields{Name: contacts.Set(c.name), CustomAttributes: contacts.Set(contacts.Values{"plan": c.plan})}
			if c.plan == "old" {
				in.CustomAttributes = contacts.Set(contacts.Values{"Plan": "pro"})
			}
			if c.id != "" {
				in.ExternalID = contacts.Set(c.id)
			}
			if key := fmt.Sprint(i + 1); key > after && !yield(contacts.Row{Fields: in, Cursor: key}, nil) {
				return
			}
		}
	}
}

// A table is synchronized. Rows that are rejected do not keep the others
// from being saved, and each one is reported, with the reason.
func ExampleClient_Sync() {
	client, fake, stop := exampleClient()
	defer stop()
	ctx := context.Background()
	schema, err := client.EnsureAttributes(ctx, []contacts.Attribute{{Name: "plan"}})
	if err != nil {
		log.Fatal(err)
	}

	report, err := client.Sync(ctx, customers(""), &contacts.SyncOptions{
		Schema: schema,
		OnFailure: func(_ context.Context, f contacts.Failure) error {
			fmt.Printf("row %s is %s: %s\n", f.Row.Cursor, f.Outcome, f.Reason())
			return nil
		},
	})
	if err != nil && !errors.Is(err, contacts.ErrRowsFailed) {
		log.Print("ended early: ", err) // a later run goes on behind report.Cursor
	}
	fmt.Println("acknowledged:", report.Acknowledged, "of", report.Read)
	fmt.Println("contacts:", len(fake.Contacts()))
	// Output:
	// row 3 is rejected: input.CustomAttributes["Plan"]: is not defined (see EnsureAttributes)
	// row 4 is rejected: row.Fields.ExternalID: must be set
	// acknowledged: 3 of 5
	// contacts: 3
}

// The service goes down in the middle. A later run begins after the last
// checkpoint, which the program has written down.
func ExampleClient_Sync_resume() {
	client, fake, stop := exampleClient()
	defer stop()
	fake.Script(contactstest.Pass(), contactstest.Status(401, "The key was revoked"))

	checkpoint := "" // in a file, or a table
	options := &contacts.SyncOptions{
		BatchSize: 1,
		Workers:   1,
		OnCheckpoint: func(_ context.Context, cursor string) error {
			checkpoint = cursor
			return nil
		},
	}
	for range 2 {
		report, err := client.Sync(context.Background(), customers(checkpoint), options)
		fmt.Println("acknowledged:", report.Acknowledged, "checkpoint:", checkpoint)
		fmt.Println("ended early:", !errors.Is(err, contacts.ErrRowsFailed))
	}
	// Output:
	// acknowledged: 1 checkpoint: 1
	// ended early: true
	// acknowledged: 3 checkpoint: 5
	// ended early: false
}

// All contacts, one page at a time.
func ExampleClient_All() {
	client, _, stop := exampleClient()
	defer stop()
	upsertAda(client)

	for contact, err := range client.All(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(contact.ExternalID, contact.Name)
	}
	// Output: user_8821 Ada
}

// A test of your own program: the fake plays the service, also its faults.
func Example_testing() {
	fake, err := contactstest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	defer server.Close()
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: server.URL, MaxRetries: -1})
	if err != nil {
		log.Fatal(err)
	}

	fake.Script(contactstest.DropAfter()) // it is saved, and the response is lost
	_, err = client.Upsert(context.Background(), []contacts.Fields{{ExternalID: contacts.Set("user_8821")}})
	var e *contacts.Error
	if errors.As(err, &e) {
		fmt.Println("outcome unknown:", e.OutcomeUnknown)
	}
	fmt.Println("contacts:", len(fake.Contacts()))
	fmt.Println(string(fake.Requests()[0].Body))
	// Output:
	// outcome unknown: true
	// contacts: 1
	// {"users":[{"external_id":"user_8821"}]}
}
