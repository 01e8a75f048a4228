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
		"return": testReturn, "another deletion meanwhile": testDeletionMeanwhile, "deletion, late commit": testDeletionLateCommit,
		"killed at the end": testKilledAtTheEnd, "many bad rows": testManyBadRows, "open transaction": testOpenTransaction,
		"deletion of the log": testDeletionOfTheLog,
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
	server       *postgres.Server
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
	s := &shop{T: t, server: server, fake: fake, service: service}
	s.dsn, s.db = server.Database(t)
	for _, block := range sqlBlocks(t)[:3] {
		s.exec(block)
	}
	s.exec(`INSERT INTO customer (id, name) SELECT 'user_' || n, 'Customer ' || n FROM generate_series(1, 2500) n`)
	return s
}

// sqlBlocks returns the SQL of the guide: the table of customers, the state, the
// transaction numbers, the queue, the deletion, the return.
func sqlBlocks(t *testing.T) (blocks []string) {
	for _, found := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(read(t, "docs/sync.md"), -1) {
		blocks = append(blocks, found[1])
	}
	require.Len(t, blocks, 6)
	return blocks
}

const (
	queueSQL    = 3
	deletionSQL = 4
	returnSQL   = 5
)

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

	// A run that ends early again keeps the cursor, and the log.
	s.exec(`UPDATE sync_state SET cursor = 'user_5' WHERE job = 'nightly'`)
	rest = s.rowsAfterCursor()
	s.fake.Script(contactstest.Pass(), contactstest.Status(401, "no such key"))
	out, ok = s.run(s.sync, "nightly")
	assert.False(s, ok, out)
	assert.Contains(s, out, rest)
	assert.NotContains(s, out, "read 2501,")
	assert.Equal(s, rest, s.rowsAfterCursor())
	assert.Len(s, s.texts("SELECT external_id FROM sync_failure"), 1)

	// Otherwise it goes on from the beginning.
	out, _ = s.run(s.sync, "nightly")
	assert.Regexp(s, "(?s)"+rest+".*read 2501, saved 2500, rejected 1", out)

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
	s.exec(sqlBlocks(s.T)[deletionSQL])
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
	assert.Contains(s, out, `not sent, because deleted_customer contains them: ["user_3"]`)
	_, there = s.saved("user_3")
	assert.False(s, there)

	s.exec(`UPDATE deleted_customer SET seen = now() - interval '3 minutes'`)
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
	deletion, back := blocks[deletionSQL], blocks[returnSQL]
	s.exec(`DELETE FROM customer WHERE id > 'user_4'`)
	for range 2 {
		s.exec(deletion)
		s.exec(`UPDATE deleted_customer SET seen = now() - interval '3 minutes'`)
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
		assert.Equal(s, []string{"user_3 false"}, s.texts("SELECT external_id || ' ' || done FROM deleted_customer WHERE seen IS NULL"))
		s.exec(`UPDATE deleted_customer SET done = true, seen = now() - interval '3 minutes'`)
		s.exec(`INSERT INTO customer (id, name) VALUES ('user_3', 'Ada')`)
	}
}

// A customer who returns and is deleted again during a run is not done.
func testDeletionMeanwhile(s *shop) {
	s.exec(sqlBlocks(s.T)[deletionSQL])
	s.exec(`UPDATE deleted_customer SET seen = now() - interval '3 minutes'`)
	s.fake.Script(func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := s.db.Exec(sqlBlocks(s.T)[deletionSQL])
			assert.NoError(s, err)
			normal.ServeHTTP(w, r)
		})
	})
	out, ok := s.run(s.forget)
	require.True(s, ok, out)
	assert.Equal(s, []string{"false"}, s.texts("SELECT done::text FROM deleted_customer"))
}

// A deletion whose transaction began three minutes before its commit is repeated: a
// call in progress may write the contact after the first pass.
func testDeletionLateCommit(s *shop) {
	late, err := s.db.Conn(s.Context())
	require.NoError(s, err)
	defer late.Close()
	for _, statement := range []string{
		`DROP TABLE sync_state, sync_failure, deleted_customer`,
		`CREATE FUNCTION public.now() RETURNS timestamptz STABLE LANGUAGE sql AS $$ SELECT pg_catalog.now() - interval '3 minutes' $$`,
		`SET search_path = public, pg_catalog`, // its now() is that of the transaction
		sqlBlocks(s.T)[1],
		sqlBlocks(s.T)[deletionSQL],
	} {
		_, err := late.ExecContext(s.Context(), statement)
		require.NoError(s, err, statement)
	}
	out, ok := s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 0, not found 1, failed 0")
	assert.Equal(s, []string{"false"}, s.texts("SELECT done::text FROM deleted_customer"))

	s.upsert("user_3") // the call in progress
	out, ok = s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0, failed 0")
	assert.Equal(s, []string{"false"}, s.texts("SELECT done::text FROM deleted_customer"), "seen less than two minutes ago")
	s.exec(`UPDATE deleted_customer SET seen = seen - interval '2 minutes'`)
	out, ok = s.run(s.forget)
	require.True(s, ok, out)
	assert.Equal(s, []string{"true"}, s.texts("SELECT done::text FROM deleted_customer"))
}

func (s *shop) upsert(id string) {
	s.Helper()
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: s.service.URL})
	require.NoError(s, err)
	_, err = client.Upsert(s.Context(), []contacts.Fields{{ExternalID: contacts.Set(id), Name: contacts.Set("written back")}})
	require.NoError(s, err)
}

// A process that is killed after its last checkpoint leaves nothing to read. The next
// run sends all customers nevertheless.
func testKilledAtTheEnd(s *shop) {
	s.exec(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
		CREATE TRIGGER wait BEFORE INSERT ON sync_state FOR EACH ROW WHEN (NEW.cursor = '') EXECUTE FUNCTION wait()`)
	lock, err := s.db.Begin()
	require.NoError(s, err)
	defer func() { _ = lock.Rollback() }()
	_, err = lock.Exec("SELECT pg_advisory_xact_lock(1)")
	require.NoError(s, err)
	run := s.command(s.sync, "nightly")
	require.NoError(s, run.Start())
	defer func() { _ = run.Process.Kill() }()
	waiting := func() []string {
		return s.texts("SELECT pid::text FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")
	}
	require.Eventually(s, func() bool { return len(waiting()) == 1 }, time.Minute, 10*time.Millisecond)
	require.NoError(s, run.Process.Kill())
	require.Error(s, run.Wait())
	s.exec("SELECT pg_terminate_backend($1)", waiting()[0])
	require.Eventually(s, func() bool { return len(waiting()) == 0 }, time.Minute, 10*time.Millisecond)
	s.exec("DROP TRIGGER wait ON sync_state")
	require.Equal(s, "read 0,", s.rowsAfterCursor())

	s.exec(`UPDATE customer SET name = 'Changed' WHERE id = 'user_1'`)
	out, ok := s.run(s.sync, "nightly")
	assert.True(s, ok, out)
	assert.Regexp(s, "(?s)read 0,.*read 2500, saved 2500,", out)
	name, _ := s.saved("user_1")
	assert.Equal(s, "Changed", name)
}

// Bad rows end each nightly run, also if the cursor is after them.
func testManyBadRows(s *shop) {
	s.exec(`DELETE FROM customer WHERE id > 'user_12'`)
	s.exec(`INSERT INTO customer (id, name) SELECT 'bad@' || n, 'Customer' FROM generate_series(101, 125) n`)
	all := s.rowsAfterCursor()
	for range 3 {
		out, ok := s.run(s.sync, "nightly")
		assert.False(s, ok, out)
		assert.Contains(s, out, "rejected for the same reason")
		assert.Contains(s, out, all)
		assert.Equal(s, "read 0,", s.rowsAfterCursor(), "good rows of the batch are saved")
	}
	s.exec(`DELETE FROM customer WHERE id LIKE 'bad@%'`)
	out, ok := s.run(s.sync, "nightly")
	assert.True(s, ok, out)
}

// A transaction in another database that is open and has written something delays the
// hourly job, and the log has the number of changes that wait.
func testOpenTransaction(s *shop) {
	out, ok := s.run(s.sync, "hourly")
	require.True(s, ok, out)
	_, other := s.server.Database(s.T)
	open, err := other.Begin()
	require.NoError(s, err)
	defer func() { _ = open.Rollback() }()
	_, err = open.Exec("CREATE TABLE something ()")
	require.NoError(s, err)
	s.exec(`UPDATE customer SET name = 'Changed' WHERE id IN ('user_1', 'user_2')`)
	const waiting = "changed customers that wait for the end of an open transaction: "
	out, ok = s.run(s.sync, "hourly")
	require.True(s, ok, out)
	assert.Contains(s, out, "read 0,")
	assert.Contains(s, out, waiting+"2\n")
	require.NoError(s, open.Commit())
	out, ok = s.run(s.sync, "hourly")
	require.True(s, ok, out)
	assert.Contains(s, out, "read 2,")
	assert.NotContains(s, out, waiting)
}

// The log does not keep the reasons of a deleted customer, also if a run in progress
// adds one after the deletion is done.
func testDeletionOfTheLog(s *shop) {
	s.exec(sqlBlocks(s.T)[deletionSQL])
	s.exec(`UPDATE deleted_customer SET seen = now() - interval '3 minutes'`)
	for range 2 {
		s.exec(`INSERT INTO sync_failure (external_id, outcome, reason)
			VALUES ('user_3', 'rejected', 'a reason'), ('user_4', 'rejected', 'another')`)
		out, ok := s.run(s.forget)
		require.True(s, ok, out)
		require.Equal(s, []string{"true"}, s.texts("SELECT done::text FROM deleted_customer"))
		assert.Equal(s, []string{"user_4"}, s.texts("SELECT external_id FROM sync_failure"))
		s.exec(`DELETE FROM sync_failure`)
	}
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
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, `INSERT INTO deleted_customer (external_id) VALUES ($1)
		ON CONFLICT (external_id) DO UPDATE SET seen = NULL, done = false`, userID)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM customer WHERE id = $1", id); err != nil {
		return err
	}
	return tx.Commit()
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
	s.exec(strings.ReplaceAll(sqlBlocks(s.T)[deletionSQL], "'user_3'", "3"))
	out, ok = s.run(s.forget)
	assert.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0")
}

// The programs with the changes for SQLite, and the SQL of the guide as it is.
func TestSyncGuide_SQLite(t *testing.T) {
	programs, _ := goBlocks(t, "docs/sync.md")
	require.Len(t, programs, 2)
	fake, err := contactstest.New(&contactstest.Options{
		Attributes: []contactstest.Attribute{{Name: "plan", Type: "text"}, {Name: "orders", Type: "number"}},
	})
	require.NoError(t, err)
	s := &shop{T: t, fake: fake, service: httptest.NewServer(fake)}
	t.Cleanup(s.service.Close)
	s.sync, s.forget = build(t, forSQLite(t, programs[0].code)), build(t, forSQLite(t, programs[1].code))
	options := regexp.MustCompile("`(\\?_pragma=[^`]+)`").FindStringSubmatch(read(t, "docs/sync.md"))
	require.NotNil(t, options)
	s.dsn = filepath.Join(t.TempDir(), "shop.db") + options[1]
	s.db, err = sql.Open("sqlite", s.dsn)
	require.NoError(t, err)
	defer s.db.Close()
	blocks := sqlBlocks(t)
	s.exec(blocks[0])
	s.exec(blocks[1])
	s.exec(blocks[queueSQL])
	s.exec(`INSERT INTO customer (id, name) WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < 2500)
		SELECT 'user_' || n, 'Customer' FROM series`)
	t.Run("nightly", func(t *testing.T) { s.T = t; testSQLiteNightly(s) })
	t.Run("hourly", func(t *testing.T) { s.T = t; testSQLiteHourly(s) })
	t.Run("deletion", func(t *testing.T) { s.T = t; testSQLiteDeletion(s, blocks[deletionSQL], blocks[returnSQL]) })
}

// forSQLite returns a program with the changes of the guide: the rows of the table, and
// the functions that replace those of the same name.
func forSQLite(t *testing.T, code string) string {
	guide := read(t, "docs/sync.md")
	_, table, found := strings.Cut(guide, "| PostgreSQL | SQLite |\n|---|---|\n")
	require.True(t, found)
	for line := range strings.Lines(table) {
		cells := regexp.MustCompile("^\\| `(.*)` \\| `(.*)` \\|\n$").FindStringSubmatch(line)
		if cells == nil {
			break
		}
		code = strings.ReplaceAll(code, cells[1], cells[2])
	}
	_, pieces := goBlocks(t, "docs/sync.md")
	for _, piece := range pieces {
		header := regexp.MustCompile(`(?m)^func \(s \*syncer\) \w+\(`).FindString(piece.code)
		start := strings.Index(code, header)
		if header == "" || start == -1 {
			continue
		}
		length := strings.Index(code[start:], "\n}\n") + len("\n}\n")
		code = code[:start] + piece.code + code[start+length:]
	}
	if strings.Contains(code, "json.") {
		code = replaced(t, code, "import (\n", "import (\n\t\"encoding/json\"\n")
	}
	return code
}

func testSQLiteNightly(s *shop) {
	s.exec(`INSERT INTO customer (id, name) VALUES ('ada@example.com', 'Ada')`)
	for range 2 { // the second time, the log has the row already
		out, ok := s.run(s.sync, "nightly")
		assert.False(s, ok, "a row is rejected")
		assert.Contains(s, out, "read 2501, saved 2500, rejected 1,")
		assert.Equal(s, []string{"ada@example.com rejected"}, s.texts("SELECT external_id || ' ' || outcome FROM sync_failure"))
	}
	s.exec(`DELETE FROM customer WHERE id = 'ada@example.com'`)
	out, ok := s.run(s.sync, "nightly")
	assert.True(s, ok, out)
}

// A change that is made during a run is in the next one, and so are the customers of a
// run that ended early.
func testSQLiteHourly(s *shop) {
	s.exec(`DELETE FROM customer_queue`)
	s.exec(`UPDATE customer SET name = 'Ada' WHERE id = 'user_1'`)
	s.fake.Script(contactstest.Pass(), contactstest.Status(401, "no such key"))
	out, ok := s.run(s.sync, "hourly")
	assert.False(s, ok, out)
	s.fake.Script(contactstest.Pass(), func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := s.db.Exec(`UPDATE customer SET name = 'Bob' WHERE id = 'user_2'`)
			assert.NoError(s, err)
			normal.ServeHTTP(w, r)
		})
	})
	for _, want := range []string{"read 1, saved 1,", "read 1, saved 1,", "read 0,"} {
		out, ok = s.run(s.sync, "hourly")
		require.True(s, ok, out)
		assert.Contains(s, out, want)
	}
	for id, want := range map[string]string{"user_1": "Ada", "user_2": "Bob"} {
		name, _ := s.saved(id)
		assert.Equal(s, want, name)
	}
}

func testSQLiteDeletion(s *shop, deletion, back string) {
	s.upsert("user_3")
	s.exec(`INSERT INTO sync_failure (external_id, outcome, reason) VALUES ('user_3', 'rejected', 'a reason')`)
	s.exec(deletion)
	out, ok := s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0, failed 0")
	assert.Equal(s, []string{"user_3"}, s.texts("SELECT external_id FROM deleted_customer WHERE NOT done"))
	assert.Empty(s, s.texts("SELECT external_id FROM sync_failure"))

	s.exec(`INSERT INTO customer (id, name) VALUES ('user_3', 'stale')`)
	out, ok = s.run(s.sync, "nightly")
	require.True(s, ok, out)
	assert.Contains(s, out, "withdrawn 1,")
	assert.Contains(s, out, `not sent, because deleted_customer contains them: ["user_3"]`)

	s.upsert("user_3")
	s.exec(`UPDATE deleted_customer SET seen = datetime(seen, '-2 minutes', '-1 second')`)
	out, ok = s.run(s.forget)
	require.True(s, ok, out)
	assert.Contains(s, out, "deleted 1, not found 0, failed 0")
	assert.Empty(s, s.texts("SELECT external_id FROM deleted_customer WHERE NOT done"))

	s.exec(deletion)
	assert.Len(s, s.texts("SELECT external_id FROM deleted_customer WHERE NOT done"), 1, "it begins anew")
	s.exec(back)
	out, ok = s.run(s.sync, "nightly")
	require.True(s, ok, out)
	name, _ := s.saved("user_3")
	assert.Equal(s, "Ada", name)
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
