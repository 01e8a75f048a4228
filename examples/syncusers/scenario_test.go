package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
)

// database is one to read from, and its own connection to write with.
type database struct {
	dsn       string
	collation string // one that is not the order of bytes
	db        *sql.DB
}

func (d database) exec(t *testing.T, query string, values ...any) {
	t.Helper()
	_, err := d.db.ExecContext(t.Context(), query, values...)
	require.NoError(t, err)
}

func (d database) open(t *testing.T, query string) *source {
	t.Helper()
	s, err := open(t.Context(), config{dsn: d.dsn, query: query})
	require.NoError(t, err)
	t.Cleanup(s.close)
	return s
}

// inputs are the contacts of a query as JSON, and the types of its attributes.
func (d database) inputs(t *testing.T, query string) (inputs []string, types string) {
	t.Helper()
	s := d.open(t, query)
	for row, err := range s.rows(t.Context(), "") {
		require.NoError(t, err)
		b, err := json.Marshal(row.Fields)
		if err != nil {
			b = []byte(err.Error())
		}
		inputs = append(inputs, string(b))
	}
	var list []string
	for _, a := range s.attributes() {
		list = append(list, a.Name+":"+string(a.Type))
	}
	return inputs, strings.Join(list, " ")
}

// keys are those behind a cursor, in the order in which they are read.
func (d database) keys(t *testing.T, query, cursor string) (keys []string) {
	t.Helper()
	s := d.open(t, query)
	for row, err := range s.rows(t.Context(), cursor) {
		require.NoError(t, err)
		_, key := parseCursor(row.Cursor)
		keys = append(keys, key)
	}
	n, err := s.count(t.Context(), cursor)
	require.NoError(t, err)
	assert.Len(t, keys, n)
	return keys
}

// made of a table, as both databases understand it.
const (
	makeCustomers = `CREATE TABLE customer (id BIGINT PRIMARY KEY, login TEXT, email TEXT, since TEXT)`
	addCustomers  = `INSERT INTO customer
		WITH RECURSIVE n (id) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT id + 1 FROM n WHERE id < CAST($2 AS BIGINT))
		SELECT id, 'user_' || id, id || '@example.com', '2026-01-02' FROM n`
	selectCustomers = `SELECT id, login AS external_id, email, since AS "attr_since:date" FROM customer`
)

// runSync synchronizes a table with a fake, without a limit.
func runSync(t *testing.T, fake *contactstest.Fake, args ...string) (out string, err error) {
	t.Helper()
	return runSyncWith(t.Context(), t, fake, args...)
}

func runSyncWith(ctx context.Context, t *testing.T, fake *contactstest.Fake, args ...string) (string, error) {
	t.Helper()
	if fake == nil {
		var err error
		fake, err = contactstest.New(nil)
		require.NoError(t, err)
	}
	t.Cleanup(fake.Close)
	var out strings.Builder
	cfg, err := parseConfig(append([]string{"-checkpoint", filepath.Join(t.TempDir(), "checkpoint")}, args...), func(string) string { return "" }, &out)
	if err != nil {
		return out.String(), err
	}
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: contactstest.BaseURL, HTTPClient: fake.Client()})
	require.NoError(t, err)
	err = synchronize(ctx, ctx, cfg, service{client, "a fake", func() {}}, &out)
	return out.String(), err
}

// held is what the fake has, by external id.
func held(fake *contactstest.Fake) map[string]contactstest.Contact {
	all := map[string]contactstest.Contact{}
	for _, c := range fake.Contacts() {
		all[c.ExternalID] = c
	}
	return all
}

// counts are the numbers of the summary.
func counts(t *testing.T, out string) (numbers []int) {
	t.Helper()
	for _, match := range regexp.MustCompile(`(?m)^ *(\d+) [a-z]`).FindAllStringSubmatch(out, -1) {
		n, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		numbers = append(numbers, n)
	}
	require.Len(t, numbers, 5, out)
	return numbers
}

func testScenario(t *testing.T, d database) {
	d.exec(t, makeCustomers)
	d.exec(t, addCustomers, 1, 2500)
	d.exec(t, `UPDATE customer SET login = '' WHERE id = 7`)
	d.exec(t, `UPDATE customer SET since = 'soon' WHERE id = 1500`)
	fake, err := contactstest.New(nil)
	require.NoError(t, err)
	failed := filepath.Join(t.TempDir(), "failed.jsonl")
	args := []string{"-dsn", d.dsn, "-query", selectCustomers, "-failed", failed}

	out, err := runSync(t, fake, args...)
	require.ErrorIs(t, err, contacts.ErrRowsFailed)
	assert.Equal(t, 1, exitCode(err))
	_, out, _ = strings.Cut(out, "100%\n")
	assert.Equal(t, `    2500 rows read
    2498 saved
       2 rejected: not saved
       0 unknown: may be saved, send them again
       0 not attempted
key 7, external id "", rejected: row.Fields.ExternalID: must not be empty or consist only of slashes
key 1500, external id "user_1500", rejected: custom_attributes.since must be of type date
`, out)
	lines, err := os.ReadFile(failed)
	require.NoError(t, err)
	assert.Equal(t, `{"external_id":"","key":7,"outcome":"rejected","reason":"row.Fields.ExternalID: must not be empty or consist only of slashes"}
{"external_id":"user_1500","key":1500,"outcome":"rejected","reason":"custom_attributes.since must be of type date"}
`, string(lines))
	assert.Len(t, held(fake), 2498)

	d.exec(t, `UPDATE customer SET login = 'user_7' WHERE id = 7`)
	d.exec(t, `UPDATE customer SET since = NULL, email = NULL WHERE id = 1500`)
	d.exec(t, `UPDATE customer SET since = '2026-03-04', email = '' WHERE id = 1`)
	d.exec(t, `UPDATE customer SET email = NULL, since = NULL WHERE id = 2`)
	d.exec(t, `DELETE FROM customer WHERE id = 3`)
	d.exec(t, addCustomers, 3000, 3001)
	out, err = runSync(t, fake, args...)
	require.NoError(t, err, out)
	assert.Contains(t, out, "    2501 rows read\n    2501 saved\n")
	lines, err = os.ReadFile(failed)
	require.NoError(t, err)
	assert.Empty(t, lines, "a new run begins a new file")
	now := held(fake)
	assert.Contains(t, now, "user_7")
	assert.Contains(t, now, "user_3001")
	assert.Equal(t, `"2026-03-04"`, string(now["user_1"].CustomAttributes["since"]))
	if assert.NotNil(t, now["user_1"].Email, "an empty text does not clear") {
		assert.Equal(t, "1@example.com", *now["user_1"].Email)
	}
	assert.Nil(t, now["user_2"].Email, "NULL clears")
	assert.Empty(t, now["user_2"].CustomAttributes)
}

// testInterrupted stops a run after it has written a checkpoint, and changes the table before
// the next run continues.
func testInterrupted(t *testing.T, d database) {
	const rows = 20_000
	d.exec(t, makeCustomers)
	d.exec(t, addCustomers, 1, rows)
	d.exec(t, `DELETE FROM customer WHERE id = 5 OR id = 19999`)
	file := filepath.Join(t.TempDir(), "checkpoint")
	args := []string{"-dsn", d.dsn, "-query", selectCustomers, "-checkpoint", file}
	fake, err := contactstest.New(nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range rows / 1000 {
		fake.Script(func(normal http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := os.Stat(file); err == nil {
					cancel()
				}
				normal.ServeHTTP(w, r)
			})
		})
	}
	out, err := runSyncWith(ctx, t, fake, args...)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, exitCode(err))
	assert.Equal(t, "stopped\nTo continue at the last checkpoint, run it again with -resume.", err.Error())
	first := counts(t, out)
	assert.Equal(t, first[0], first[1]+first[2]+first[3]+first[4], out)
	assert.Less(t, first[1], rows-2)
	saved := held(fake)
	assert.GreaterOrEqual(t, len(saved), first[1], "what is acknowledged is held")
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotContains(t, string(b), "s3cret")
	var place struct{ After string }
	require.NoError(t, json.Unmarshal(b, &place))
	var after int
	require.NoError(t, json.Unmarshal([]byte(place.After), &after))

	d.exec(t, addCustomers, 5, 5)                                    // for the next run from the beginning
	d.exec(t, addCustomers, 19_999, 19_999)                          // for this one
	d.exec(t, addCustomers, rows+1, rows+10)                         // for this one too
	d.exec(t, `DELETE FROM customer WHERE id = $1 OR id = 1`, after) // the place itself
	out, err = runSync(t, fake, append(args, "-resume")...)
	require.NoError(t, err, out)
	assert.Contains(t, out, fmt.Sprintf("Continuing after the key %d.\n", after))
	assert.Equal(t, rows+10-after, counts(t, out)[1])
	assert.NoFileExists(t, file, "there is nothing left to do")
	now := held(fake)
	for id := 1; id <= rows+10; id++ {
		name := fmt.Sprint("user_", id)
		if _, ok := now[name]; ok == (id == 5) {
			t.Fatalf("%s: %v", name, ok)
		}
	}

	_, err = runSync(t, fake, append(args, "-resume")...)
	assert.ErrorContains(t, err, "there is no checkpoint in")
	assert.Equal(t, 2, exitCode(err))
}

func testKeys(t *testing.T, d database) {
	d.exec(t, `CREATE TABLE customer (id TEXT `+d.collation+` PRIMARY KEY, n DOUBLE PRECISION)`)
	d.exec(t, `INSERT INTO customer VALUES ('D', 1), ('a', 2), ('B', 3), ('c', 3), ('o''brien "', 4)`)
	query := `SELECT id AS "the ""key""", id AS external_id FROM customer ORDER BY n DESC -- by n`
	want := []string{`"a"`, `"B"`, `"c"`, `"D"`, `"o'brien \""`}
	if strings.Contains(d.collation, "NOCASE") { // SQLite compares bytes
		want = []string{`"B"`, `"D"`, `"a"`, `"c"`, `"o'brien \""`}
	}
	assert.Equal(t, want, d.keys(t, query, ""))
	assert.Equal(t, want[2:], d.keys(t, query, want[1]))
	assert.Empty(t, d.keys(t, query, want[4]))

	for query, want := range map[string]string{
		"SELECT n, id AS external_id FROM customer":                                        "must be a whole number or text",
		"SELECT CAST(round(n) AS INTEGER) AS n, id AS external_id FROM customer":           "the key 3 occurs twice",
		"SELECT CASE WHEN id = 'a' THEN NULL ELSE id END, id AS external_id FROM customer": "is NULL in a row",
	} {
		_, err := runSync(t, nil, "-dsn", d.dsn, "-query", query)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, 1, exitCode(err))
	}
	for query, want := range map[string]string{
		"SELECT id AS external_id, n FROM customer":                               `the column "n" must be external_id, `,
		"SELECT id, n AS attr_n FROM customer":                                    "there must be a column external_id",
		"SELECT id AS external_id, id AS external_id FROM customer":               `"external_id`,
		`SELECT id AS external_id, n AS attr_n, n AS "attr_n:text" FROM customer`: `there are two columns for "attr_n"`,
		`SELECT id AS external_id, n AS "attr_n:money" FROM customer`:             "must be text, number, boolean or date",
	} {
		_, err := runSync(t, nil, "-dsn", d.dsn, "-query", query)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, 2, exitCode(err), query)
	}
	_, err := runSync(t, nil, "-dsn", d.dsn, "-query", "SELECT id AS external_id FROM nosuch")
	assert.ErrorContains(t, err, "nosuch")
}

func TestRun_ServiceRejects(t *testing.T) {
	d := newSQLite(t)
	d.exec(t, makeCustomers)
	d.exec(t, addCustomers, 1, 30)
	for want, options := range map[string]*contactstest.Options{
		`defining the attributes: the attribute since has type "text", expected "date"`:               {Attributes: []contactstest.Attribute{{Name: "since"}}},
		"defining the attributes: the service rejects the API key: check BOOKBAG_API_KEY":             {APIKey: "oc_other"},
		"defining the attributes: the service has no such agent for this key: check BOOKBAG_AGENT_ID": {AgentID: 1},
	} {
		fake, err := contactstest.New(options)
		require.NoError(t, err)
		_, err = runSync(t, fake, "-dsn", d.dsn, "-query", selectCustomers)
		assert.EqualError(t, err, want)
		assert.Equal(t, 1, exitCode(err))
	}

	d.exec(t, `UPDATE customer SET since = 'soon'`)
	out, err := runSync(t, nil, "-dsn", d.dsn, "-query", selectCustomers)
	assert.EqualError(t, err, "too many rows were rejected for the same reason, as above\nThere is no checkpoint yet: run it again from the beginning.")
	assert.Contains(t, out, "must be of type date")
}
