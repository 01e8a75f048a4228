//go:build unix

package readme

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/examples/internal/postgres"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
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
		"wrong key": testWrongKey, "SIGTERM": testSIGTERM, "NULL": testNull, "one row is rejected": testRejectedRow,
		"return": testReturn, "another deletion meanwhile": testDeletionMeanwhile,
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, server)
			s.sync, s.forget = syncProgram, forgetProgram
			test(s)
		})
	}
	t.Run("e-mail addresses as ids", func(t *testing.T) {
		s := newShop(t, server)
		s.forget = forgetProgram
		s.sync = build(t, withDerivedIDs(t, programs[0].code))
		testDerivedIDs(s)
	})
	t.Run("numbers as ids", func(t *testing.T) {
		s := newShop(t, server)
		s.forget = forgetProgram
		s.sync = build(t, replaced(t, programs[0].code, `start = ""`, `start = "0"`))
		testNumericIDs(s)
	})
}

func replaced(t *testing.T, code, old, new string) string {
	require.Equal(t, 1, strings.Count(code, old), old)
	return strings.Replace(code, old, new, 1)
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
	for _, block := range sqlBlocks(t)[:3] {
		s.exec(block)
	}
	s.exec(`INSERT INTO customer (id, name) SELECT 'user_' || n, 'Customer ' || n FROM generate_series(1, 2500) n`)
	return s
}

// sqlBlocks returns the SQL of the guide: the table of customers, the state, the
// transaction numbers, the queue and its three statements, the deletion, the return.
func sqlBlocks(t *testing.T) (blocks []string) {
	for _, found := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(read(t, "docs/sync.md"), -1) {
		blocks = append(blocks, found[1])
	}
	require.Len(t, blocks, 9)
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
	b, err := s.command(program, arguments...).CombinedOutput()
	return string(b), err == nil
}

func (s *shop) command(program string, arguments ...string) *exec.Cmd {
	run := exec.Command(program, arguments...)
	run.Env = append(os.Environ(), "DATABASE_URL="+s.dsn, "BOOKBAG_URL="+s.service.URL, "BOOKBAG_API_KEY=oc_test_contactstest")
	return run
}

// contact returns the contact of an external id, or nil.
func (s *shop) contact(id string) *contactstest.Contact {
	for _, c := range s.fake.Contacts() {
		if c.ExternalID == id {
			return &c
		}
	}
	return nil
}

// saved returns the name of a contact, and whether there is one.
func (s *shop) saved(id string) (name string, ok bool) {
	c := s.contact(id)
	if c == nil {
		return "", false
	}
	return *c.Name, true
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
	s.exec(sqlBlocks(s.T)[7])
	require.Equal(s, []string{"user_3"}, s.texts("SELECT external_id FROM deleted_customer WHERE NOT done"))

	out, ok = s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0, failed 0")
	_, there := s.saved("user_3")
	assert.False(s, there)
	assert.Len(s, s.texts("SELECT external_id FROM deleted_customer WHERE NOT done"), 1, "it is deleted once more")

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
	assert.Empty(s, s.texts("SELECT external_id FROM deleted_customer WHERE NOT done"))
}

// A wrong key ends a run before it deletes the log.
func testWrongKey(s *shop) {
	s.exec(`INSERT INTO sync_failure (external_id, outcome, reason) VALUES ('user_1', 'rejected', 'yesterday')`)
	s.fake.Script(contactstest.Status(401, "no such key"))
	out, ok := s.run(s.sync, "nightly")
	assert.False(s, ok, out)
	assert.Contains(s, out, "check BOOKBAG_API_KEY")
	assert.Equal(s, []string{"yesterday"}, s.texts("SELECT reason FROM sync_failure"))
	out, ok = s.run(s.sync, "nightly")
	assert.True(s, ok, out)
	assert.Empty(s, s.texts("SELECT reason FROM sync_failure"))
}

// SIGTERM ends the reading, and the program prints its last line.
func testSIGTERM(s *shop) {
	lock, err := s.db.Begin()
	require.NoError(s, err)
	defer func() { _ = lock.Rollback() }()
	_, err = lock.Exec("LOCK TABLE customer")
	require.NoError(s, err)
	run := s.command(s.sync, "nightly")
	var out strings.Builder
	run.Stderr = &out
	require.NoError(s, run.Start())
	defer func() { _ = run.Process.Kill() }()
	require.Eventually(s, func() bool {
		return len(s.texts("SELECT pid::text FROM pg_locks WHERE NOT granted AND relation = 'customer'::regclass")) == 1
	}, time.Minute, 10*time.Millisecond)
	require.NoError(s, run.Process.Signal(syscall.SIGTERM))
	assert.Error(s, run.Wait())
	assert.Contains(s, out.String(), "read 0, saved 0, rejected 0, unknown 0, withdrawn 0, not attempted 0")
}

// NULL clears a field and an attribute.
func testNull(s *shop) {
	s.exec(`DELETE FROM customer WHERE id <> 'user_1'`)
	s.exec(`UPDATE customer SET email = 'ada@example.com', plan = 'pro', orders = 3`)
	for _, want := range []string{`{"orders":3,"plan":"pro"}`, `{"orders":3}`} {
		out, ok := s.run(s.sync, "nightly")
		require.True(s, ok, out)
		attributes, err := json.Marshal(s.contact("user_1").CustomAttributes)
		require.NoError(s, err)
		assert.JSONEq(s, want, string(attributes))
		s.exec(`UPDATE customer SET email = NULL, plan = NULL`)
	}
	assert.Nil(s, s.contact("user_1").Email)
}

func testRejectedRow(s *shop) {
	t := s.T
	fake, err := contactstest.New(&contactstest.Options{
		Attributes: []contactstest.Attribute{{Name: "plan", Type: "text"}, {Name: "orders", Type: "number"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	fake.Script(contactstest.Pass(), contactstest.Status(400, "invalid phone number")) // EnsureAttributes, the row
	s.service = httptest.NewServer(fake)
	t.Cleanup(s.service.Close)
	s.exec(`DELETE FROM customer WHERE id <> 'user_1'`)
	out, ok := s.run(s.sync, "nightly")
	assert.False(s, ok, out)
	assert.Contains(s, out, "read 1, saved 0, rejected 1")
	assert.Len(s, fake.Requests(), 2)
	assert.Equal(s, []string{"user_1 rejected invalid phone number"}, s.texts("SELECT external_id || ' ' || outcome || ' ' || reason FROM sync_failure"))
}

// A customer who returns gets a contact, and can be deleted again.
func testReturn(s *shop) {
	blocks := sqlBlocks(s.T)
	deletion, back := blocks[7], blocks[8]
	s.exec(`DELETE FROM customer WHERE id > 'user_4'`)
	for range 2 {
		s.exec(deletion)
		s.exec(`UPDATE deleted_customer SET at = at - interval '3 minutes'`)
		out, ok := s.run(s.forget)
		require.True(s, ok, out)
		assert.Equal(s, []string{"user_3 true"}, s.texts("SELECT external_id || ' ' || done FROM deleted_customer"))
		s.exec(back)
		assert.Empty(s, s.texts("SELECT external_id FROM deleted_customer"))
		out, ok = s.run(s.sync, "nightly")
		require.True(s, ok, out)
		name, _ := s.saved("user_3")
		assert.Equal(s, "Ada", name)
	}

	// A deletion where the record is still there begins anew.
	for range 2 {
		s.exec(deletion)
		assert.Equal(s, []string{"user_3 false"}, s.texts("SELECT external_id || ' ' || done FROM deleted_customer WHERE at > now() - interval '1 minute'"))
		s.exec(`UPDATE deleted_customer SET done = true, at = at - interval '3 minutes'`)
		s.exec(`INSERT INTO customer (id, name) VALUES ('user_3', 'Ada')`)
	}
}

// A customer who returns and is deleted again during a run is not done.
func testDeletionMeanwhile(s *shop) {
	s.exec(sqlBlocks(s.T)[7])
	s.exec(`UPDATE deleted_customer SET at = at - interval '3 minutes'`)
	s.fake.Script(func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := s.db.Exec(`UPDATE deleted_customer SET at = now() - interval '150 seconds'`)
			assert.NoError(s, err)
			normal.ServeHTTP(w, r)
		})
	})
	out, ok := s.run(s.forget)
	require.True(s, ok, out)
	assert.Equal(s, []string{"false"}, s.texts("SELECT done::text FROM deleted_customer"))
}

func externalID(email string) (string, error) {
	id, err := chatclient.DeriveUserID(os.Getenv("USER_ID_SECRET"), email)
	return string(id), err
}

func deleteCustomer(ctx context.Context, db *sql.DB, id string) error {
	userID, err := externalID(id)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `WITH gone AS (DELETE FROM customer WHERE id = $1 RETURNING id)
		INSERT INTO deleted_customer (external_id) SELECT $2 FROM gone
		ON CONFLICT (external_id) DO UPDATE SET at = now(), done = false`, id, userID)
	return err
}

// withDerivedIDs returns the program with the other externalID of the guide.
func withDerivedIDs(t *testing.T, code string) string {
	_, pieces := goBlocks(t, "docs/sync.md")
	derived := slices.IndexFunc(pieces, func(b block) bool { return strings.HasPrefix(b.code, "func externalID(") })
	require.NotEqual(t, -1, derived)
	code = replaced(t, code, "func externalID(id string) (string, error) { return id, nil }\n", pieces[derived].code)
	const imported = "\t\"github.com/chatident/chatident/contacts\"\n"
	return replaced(t, code, imported, "\t\"github.com/chatident/chatident/chatclient\"\n"+imported)
}

// The contact of an e-mail address has the derived id, and so has its deletion.
func testDerivedIDs(s *shop) {
	s.Setenv("USER_ID_SECRET", "0123456789abcdef0123456789abcdef")
	s.exec(`DELETE FROM customer`)
	s.exec(`INSERT INTO customer (id, name) VALUES ('ada@example.com', 'Ada'), ('bob@example.com', 'Bob')`)
	ada, err := externalID("ada@example.com")
	require.NoError(s, err)
	out, ok := s.run(s.sync, "nightly")
	require.True(s, ok, out)
	name, _ := s.saved(ada)
	assert.Equal(s, "Ada", name)

	for range 2 {
		require.NoError(s, deleteCustomer(s.Context(), s.db, "ada@example.com"))
		assert.Equal(s, []string{ada}, s.texts("SELECT external_id FROM deleted_customer WHERE NOT done"))
		s.exec(`INSERT INTO customer (id, name) VALUES ('ada@example.com', 'stale')`)
		out, ok = s.run(s.sync, "nightly")
		require.True(s, ok, out)
		assert.Contains(s, out, "saved 1, rejected 0, unknown 0, withdrawn 1")
	}
	out, ok = s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0")
	_, there := s.saved(ada)
	assert.False(s, there)
}

// A nightly run begins at the first number, and continues in the order of the numbers.
func testNumericIDs(s *shop) {
	s.exec(`DELETE FROM customer`)
	s.exec(`ALTER TABLE customer ALTER id TYPE bigint USING 0`)
	s.exec(`INSERT INTO customer (id, name) SELECT n, 'Customer ' || n FROM generate_series(1, 2500) n`)
	s.fake.Script(contactstest.Pass(), contactstest.Pass(), contactstest.Pass(), contactstest.Pass(), contactstest.Status(401, "no such key"))
	out, ok := s.run(s.sync, "nightly")
	assert.False(s, ok, out)
	out, ok = s.run(s.sync, "nightly")
	assert.True(s, ok, out)
	assert.Len(s, s.fake.Contacts(), 2500)
	assert.Equal(s, []string{"0"}, s.texts("SELECT cursor FROM sync_state WHERE job = 'nightly'"), "complete")
	s.exec(strings.ReplaceAll(sqlBlocks(s.T)[7], "'user_3'", "3"))
	out, ok = s.run(s.forget)
	assert.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0")
}

// The queue of changes, in SQLite: a change that is made during a run is in the next one.
func TestSyncGuide_Queue(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	defer db.Close()
	blocks := sqlBlocks(t)
	queue, take, changed, done := blocks[3], blocks[4], blocks[5], blocks[6]
	exec := func(query string) {
		t.Helper()
		_, err := db.Exec(query)
		require.NoError(t, err)
	}
	ids := func() (all []string) {
		rows, err := db.Query("SELECT id FROM (" + strings.TrimSuffix(strings.TrimSpace(changed), ";") + ")")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var id string
			require.NoError(t, rows.Scan(&id))
			all = append(all, id)
		}
		require.NoError(t, rows.Err())
		return all
	}
	exec(blocks[0])
	exec(queue)
	exec(`INSERT INTO customer (id) VALUES ('a'), ('b'), ('c')`)
	exec(take)
	assert.Equal(t, []string{"a", "b", "c"}, ids())
	exec(`UPDATE customer SET name = 'Bob' WHERE id = 'b'`)
	exec(done)
	assert.Empty(t, ids(), "not taken yet")
	exec(take)
	assert.Equal(t, []string{"b"}, ids())
	exec(`UPDATE customer SET name = 'Ada' WHERE id = 'a'`) // the run ends early
	exec(take)
	assert.Equal(t, []string{"a", "b"}, ids())
	exec(done)
	exec(take)
	assert.Empty(t, ids())
}

func strangers(
	ctx context.Context, client *contacts.Client, exists func(externalID string) (bool, error),
) iter.Seq2[string, error] {
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
	fake, stop := useFakeContacts()
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
