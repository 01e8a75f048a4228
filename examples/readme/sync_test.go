//go:build unix

package readme

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/examples/internal/postgres"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The programs of docs/sync.md, with a table of customers in PostgreSQL and a fake
// of Bookbag.
func TestSyncGuide(t *testing.T) {
	server := postgres.Start(t)
	programs, _ := goBlocks(t, "docs/sync.md")
	require.Len(t, programs, 2)
	syncProgram, forgetProgram := build(t, programs[0].code), build(t, programs[1].code)
	for name, test := range map[string]func(*shop){
		"nightly": testNightly, "hourly, late commit": testHourlyLateCommit, "hourly, failure": testHourlyFailure, "deletion": testDeletion,
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, server)
			s.sync, s.forget = syncProgram, forgetProgram
			test(s)
		})
	}
}

type shop struct {
	*testing.T
	db           *sql.DB
	dsn          string
	fake         *contactstest.Fake
	service      *httptest.Server
	sync, forget string // executables
}

func newShop(t *testing.T, server *postgres.Server) *shop {
	fake, err := contactstest.New(nil)
	require.NoError(t, err)
	service := httptest.NewServer(fake)
	t.Cleanup(service.Close)
	s := &shop{T: t, fake: fake, service: service}
	s.dsn, s.db = server.Database(t)
	s.exec(`CREATE TABLE customer (id text PRIMARY KEY, name text, email text, plan text NOT NULL DEFAULT 'free', orders int NOT NULL DEFAULT 0)`)
	s.exec(`INSERT INTO customer (id, name) SELECT 'user_' || n, 'Customer ' || n FROM generate_series(1, 2500) n`)
	for _, block := range sqlBlocks(t)[:2] {
		s.exec(block)
	}
	return s
}

func sqlBlocks(t *testing.T) (blocks []string) {
	for _, found := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(read(t, "docs/sync.md"), -1) {
		blocks = append(blocks, found[1])
	}
	require.Len(t, blocks, 3)
	return blocks
}

func (s *shop) exec(query string, arguments ...any) {
	s.Helper()
	_, err := s.db.Exec(query, arguments...)
	require.NoError(s, err)
}

// run runs a program. It returns its output, and whether it succeeded.
func (s *shop) run(program string, arguments ...string) (out string, ok bool) {
	s.Helper()
	run := exec.Command(program, arguments...)
	run.Env = append(os.Environ(), "DATABASE_URL="+s.dsn, "BOOKBAG_URL="+s.service.URL, "BOOKBAG_API_KEY=oc_test_contactstest")
	b, err := run.CombinedOutput()
	return string(b), err == nil
}

// saved returns the name of a contact, and whether there is one.
func (s *shop) saved(id string) (name string, ok bool) {
	for _, c := range s.fake.Contacts() {
		if c.ExternalID == id {
			return *c.Name, true
		}
	}
	return "", false
}

func (s *shop) texts(query string) (all []string) {
	rows, err := s.db.Query(query)
	require.NoError(s, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		require.NoError(s, rows.Scan(&text))
		all = append(all, text)
	}
	require.NoError(s, rows.Err())
	return all
}

// rowsAfterCursor counts the customers that the next nightly run has to read.
func (s *shop) rowsAfterCursor() string {
	counts := s.texts(`SELECT count(*)::text FROM customer WHERE id > coalesce((SELECT cursor FROM sync_state WHERE job = 'nightly'), '')`)
	return "read " + counts[0] + ","
}

func testNightly(s *shop) {
	s.exec(`INSERT INTO customer (id, name) VALUES ('ada@example.com', 'Ada')`) // no legal userId

	// The service rejects the key after the attributes. The next run continues where
	// the cursor is.
	s.fake.Script(contactstest.Pass(), contactstest.Pass(), contactstest.Pass(), contactstest.Pass(), contactstest.Status(401, "no such key"))
	out, ok := s.run(s.sync, "nightly")
	assert.False(s, ok, out)
	rest := s.rowsAfterCursor()
	out, _ = s.run(s.sync, "nightly")
	assert.Contains(s, out, rest)
	assert.Len(s, s.fake.Contacts(), 2500)
	assert.Equal(s, []string{"ada@example.com rejected"}, s.texts("SELECT external_id || ' ' || outcome FROM sync_failure"))
	assert.Equal(s, []string{""}, s.texts("SELECT cursor FROM sync_state WHERE job = 'nightly'"), "complete")

	// A run that continues does not read what is before the cursor.
	s.exec(`UPDATE sync_state SET cursor = 'user_5' WHERE job = 'nightly'`)
	rest = s.rowsAfterCursor()
	out, ok = s.run(s.sync, "nightly")
	assert.True(s, ok, out)
	assert.Contains(s, out, rest)
	assert.NotContains(s, out, "read 2501,")

	// With the row gone, a run from the beginning has an empty log.
	s.exec(`DELETE FROM customer WHERE id = 'ada@example.com'`)
	out, ok = s.run(s.sync, "nightly")
	assert.True(s, ok, out)
	assert.Contains(s, out, "read 2500, saved 2500, rejected 0")
	assert.Empty(s, s.texts("SELECT external_id FROM sync_failure"))
}

// A transaction that was open while the hourly job ran commits afterwards: the
// next run sends its row, and a watermark by time would not.
func testHourlyLateCommit(s *shop) {
	out, ok := s.run(s.sync, "hourly")
	require.True(s, ok, out)
	require.Contains(s, out, "read 2500, saved 2500")
	out, ok = s.run(s.sync, "hourly")
	require.True(s, ok, out)
	require.Contains(s, out, "read 0,", "nothing has changed")

	late, err := s.db.Begin()
	require.NoError(s, err)
	_, err = late.Exec(`UPDATE customer SET name = 'Late' WHERE id = 'user_1'`)
	require.NoError(s, err)
	s.exec(`UPDATE customer SET name = 'Early' WHERE id = 'user_2'`) // begins later, commits first
	out, ok = s.run(s.sync, "hourly")
	require.True(s, ok, out)
	require.NoError(s, late.Commit())
	out, ok = s.run(s.sync, "hourly")
	require.True(s, ok, out)
	for id, want := range map[string]string{"user_1": "Late", "user_2": "Early"} {
		name, _ := s.saved(id)
		assert.Equal(s, want, name)
	}
	out, _ = s.run(s.sync, "hourly")
	assert.Contains(s, out, "read 0,")
}

// The watermark stays where it is while a run is not complete.
func testHourlyFailure(s *shop) {
	out, ok := s.run(s.sync, "hourly")
	require.True(s, ok, out)
	s.exec(`UPDATE customer SET name = 'Changed' WHERE id = 'user_1'`)
	s.fake.Script(contactstest.Pass(), contactstest.Status(401, "no such key"))
	out, ok = s.run(s.sync, "hourly")
	assert.False(s, ok, out)
	out, ok = s.run(s.sync, "hourly")
	assert.True(s, ok, out)
	name, _ := s.saved("user_1")
	assert.Equal(s, "Changed", name)
}

func testDeletion(s *shop) {
	out, ok := s.run(s.sync, "nightly")
	require.True(s, ok, out)
	s.exec(sqlBlocks(s.T)[2])
	require.Equal(s, []string{"user_3"}, s.texts("SELECT id FROM deleted_customer WHERE NOT done"))

	out, ok = s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0, failed 0")
	_, there := s.saved("user_3")
	assert.False(s, there)
	assert.Len(s, s.texts("SELECT id FROM deleted_customer WHERE NOT done"), 1, "it is deleted once more")

	// A run that read the row before does not write it back.
	s.exec(`INSERT INTO customer (id, name) VALUES ('user_3', 'stale')`)
	out, ok = s.run(s.sync, "nightly")
	assert.True(s, ok, out)
	assert.Contains(s, out, "withdrawn 1")
	_, there = s.saved("user_3")
	assert.False(s, there)

	s.exec(`UPDATE deleted_customer SET at = at - interval '3 minutes'`)
	out, ok = s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 0, not found 1, failed 0")
	assert.Empty(s, s.texts("SELECT id FROM deleted_customer WHERE NOT done"))
}

func strangers(ctx context.Context, client *contacts.Client, exists func(id string) (bool, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for contact, err := range client.All(ctx) {
			known := true
			if err == nil && contact.ExternalID != "" {
				known, err = exists(contact.ExternalID)
			}
			if (err != nil || !known) && !yield(contact.ExternalID, err) {
				return
			}
		}
	}
}

func Example_contacts() {
	ctx := context.Background()
	os.Setenv("BOOKBAG_API_KEY", "oc_test_contactstest")
	fake, stop := playContacts()
	defer stop()

	client, err := contacts.New(os.Getenv("BOOKBAG_API_KEY"), 123, &contacts.Options{RequireUserIDs: true})
	if err != nil {
		log.Fatal(err)
	}
	schema, err := client.EnsureAttributes(ctx, []contacts.Attribute{{Name: "orders", Type: contacts.TypeNumber}})
	if err != nil {
		log.Fatal(err) // perhaps an attribute of that name has another type
	}
	ada := contacts.Fields{
		ExternalID:       contacts.Set("user_8821"), // the UserID of the chat
		Name:             contacts.Set("Ada"),
		PhoneNumber:      contacts.Null[string](), // clears it; a field that is not set stays
		CustomAttributes: contacts.Set(contacts.Values{"orders": 3}),
	}
	if err := schema.Check(ada); err != nil {
		log.Fatal(err)
	}
	if _, err := client.Upsert(ctx, []contacts.Fields{ada}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(fake.Contacts()[0].ExternalID)

	if _, err := client.Upsert(ctx, []contacts.Fields{{ExternalID: contacts.Set("user_1")}}); err != nil {
		log.Fatal(err)
	}
	for id, err := range strangers(ctx, client, func(id string) (bool, error) { return id == "user_8821", nil }) {
		fmt.Println("without a customer:", id, err)
	}
	// Output:
	// user_8821
	// without a customer: user_1 <nil>
}

func Example_syncTest() {
	ctx := context.Background()

	// customersAfter is the customers "01" to "30" whose id comes after a cursor.
	customersAfter := func(cursor string) iter.Seq2[contacts.Row, error] {
		return func(yield func(contacts.Row, error) bool) {
			for n := range 30 {
				id := fmt.Sprintf("%02d", n+1)
				if id > cursor && !yield(contacts.Row{Fields: contacts.Fields{ExternalID: contacts.Set(id)}, Cursor: id}, nil) {
					return
				}
			}
		}
	}

	fake, err := contactstest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	defer server.Close()
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	fake.Script(contactstest.Pass(), contactstest.Status(401, "no such key")) // the second call ends the run
	first, err := client.Sync(ctx, customersAfter(""), &contacts.SyncOptions{BatchSize: 10, Workers: 1})
	fmt.Println(errors.Is(err, contacts.ErrUnauthorized), first.Acknowledged)
	second, err := client.Sync(ctx, customersAfter(first.Cursor), nil)
	fmt.Println(err, second.Acknowledged, len(fake.Contacts()))
	// Output:
	// true 10
	// <nil> 20 30
}
