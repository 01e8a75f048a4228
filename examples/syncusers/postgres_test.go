//go:build unix

package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/examples/internal/postgres"
)

func TestPostgres(t *testing.T) {
	server := postgres.Start(t)
	for name, test := range map[string]func(*testing.T, database){
		"scenario": testScenario, "interrupted": testInterrupted, "keys": testKeys, "killed": testKilled,
	} {
		t.Run(name, func(t *testing.T) { test(t, newPostgresDatabase(t, server)) })
	}
	t.Run("types", func(t *testing.T) { testPostgresTypes(t, newPostgresDatabase(t, server)) })
	t.Run("lost", func(t *testing.T) { testLost(t, newPostgresDatabase(t, server)) })
	t.Run("secrets", func(t *testing.T) { testPostgresSecrets(t, server) })
}

func newPostgresDatabase(t *testing.T, server *postgres.Server) database {
	t.Helper()
	dsn, db := server.Database(t)
	return database{dsn, `COLLATE "en-x-icu"`, db}
}

func testPostgresTypes(t *testing.T, d database) {
	d.exec(t, `CREATE TYPE plan AS ENUM ('free', 'pro');
		CREATE TABLE customer (id UUID PRIMARY KEY, login VARCHAR(20), phone BIGINT, plan plan, big BIGINT, exact NUMERIC(30, 5),
			part REAL, ratio DOUBLE PRECISION, active BOOLEAN, born DATE, seen TIMESTAMPTZ, local TIMESTAMP, about JSONB, span INTERVAL, tags TEXT[]);
		INSERT INTO customer VALUES
			('00000000-0000-0000-0000-00000000000a', 'ada', 15550001, 'pro', 9007199254740993, 1234567890123456789012345.67890,
				0.1, 0.1, true, '1815-12-10', '2026-01-02 03:04:05.678901+02', '2026-01-02 03:04:05', '{"a": 1}', '1 day', '{a,b}'),
			('00000000-0000-0000-0000-00000000000b', 'bob', NULL, NULL, NULL, 'NaN',
				NULL, 'infinity', NULL, 'infinity', NULL, NULL, NULL, NULL, NULL)`)
	got, types := d.inputs(t, `SELECT id, login AS external_id, phone AS phonenumber, plan AS attr_plan, big AS attr_big, exact AS attr_exact,
		part AS attr_part, ratio AS attr_ratio, active AS attr_active, born AS attr_born, seen AS attr_seen, local AS attr_local,
		about AS attr_about, span AS attr_span, tags AS attr_tags, count(*) OVER () AS "attr_all:text", 1::smallint AS attr_one FROM customer`)
	assert.Equal(t, "plan:text big:number exact:number part:number ratio:number active:boolean born:date seen:date local:date about:text span:text tags:text all:text one:number", types)
	require.Len(t, got, 2)
	assert.Equal(t, `{"external_id":"ada","phonenumber":"15550001","custom_attributes":{"about":"{\"a\": 1}","active":true,"all":"2","big":9007199254740993,`+
		`"born":"1815-12-10","exact":1234567890123456789012345.67890,"local":"2026-01-02T03:04:05Z","one":1,"part":0.1,"plan":"pro","ratio":0.1,`+
		`"seen":"2026-01-02T01:04:05.678901Z","span":"1 day","tags":"{a,b}"}}`, got[0])
	assert.Contains(t, got[1], "unsupported value: +Inf")
}

// testPostgresSecrets looks for the password in all output and errors.
func testPostgresSecrets(t *testing.T, server *postgres.Server) {
	good := server.DSN("postgres")
	for _, dsn := range []string{
		strings.Replace(good, "%2F", "%2Fwrong", 1),                 // wrong password
		strings.Replace(good, ":"+fmt.Sprint(server.Port), ":1", 1), // no server
		strings.Replace(good, "/postgres?", "/nosuch?", 1),
		strings.Replace(good, "127.0.0.1", "127.0.0.1 x", 1),
		strings.Replace(good, "%2F", "%zz", 1),
		strings.Replace(good, "%2F", "/", 1),
		strings.Replace(good, "sslmode=disable", "sslmode=s3cret", 1),
		"postgres://shop@127.0.0.1:1/shop?password=s3cret&sslmode=disable",
		"host=127.0.0.1 password=s3cret user=shop",
	} {
		out, err := runSync(t, nil, "-dsn", dsn, "-query", "SELECT 1 AS external_id")
		require.Error(t, err)
		for _, secret := range []string{"s3cret", "päss", "p%C3%A4ss"} {
			assert.NotContains(t, out+err.Error(), secret)
		}
		t.Log(err)
	}
	out, err := runSync(t, nil, "-dsn", good, "-query", "SELECT 'x'::text AS external_id")
	require.NoError(t, err)
	assert.Contains(t, out, fmt.Sprintf("From postgres://shop@127.0.0.1:%d/postgres to ", server.Port))
	assert.NotContains(t, out, "s3cret")
}

// testLost has the server cut the connection in the middle.
func testLost(t *testing.T, d database) {
	const rows = 10_000
	d.exec(t, makeCustomers)
	d.exec(t, addCustomers, 1, rows)
	args := []string{
		"-query", `SELECT id, login AS external_id, repeat('x', 2000) AS name FROM customer`,
		"-dsn", d.dsn, "-checkpoint", filepath.Join(t.TempDir(), "checkpoint"),
	}
	fake, err := contactstest.New(nil)
	require.NoError(t, err)
	var cut sync.Once
	fake.Script(contactstest.Pass()) // of the attributes
	fake.Script(slices.Repeat([]contactstest.Fault{func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cut.Do(func() {
				_, err := d.db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
				assert.NoError(t, err)
			})
			normal.ServeHTTP(w, r)
		})
	}}, rows)...)
	out, err := runSync(t, fake, args...)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "reading the rows: ")
	assert.Contains(t, err.Error(), "\nTo continue at the last checkpoint, run it again with -resume.")
	n := counts(t, out)
	assert.Equal(t, n[0], n[1], "what was read is saved")
	assert.Less(t, n[0], rows)
	out, err = runSync(t, fake, append(args, "-resume")...)
	require.NoError(t, err)
	assert.Equal(t, rows-n[0], counts(t, out)[1])
	assert.Len(t, held(fake), rows)
}
