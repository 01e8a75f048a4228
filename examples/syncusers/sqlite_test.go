package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSQLite(t *testing.T) {
	for name, test := range map[string]func(*testing.T, database){
		"scenario": testScenario, "interrupted": testInterrupted, "keys": testKeys, "types": testSQLiteTypes, "mixed keys": testMixedKeys, "case": testKeysInBothCases, "killed": testKilled,
	} {
		t.Run(name, func(t *testing.T) { test(t, newSQLite(t)) })
	}
}

func newSQLite(t *testing.T) database {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop 100%?.db")
	db, err := sqlite(file, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return database{file, "COLLATE NOCASE", db}
}

func testSQLiteTypes(t *testing.T, d database) {
	d.exec(t, `CREATE TABLE customer (id INTEGER PRIMARY KEY, login INTEGER, name BLOB, plan VARCHAR(10), big BIGINT, exact DECIMAL(10, 2),
			ratio REAL, active BOOLEAN, born DATE, seen DATETIME, untyped);
		INSERT INTO customer VALUES
			(1, 101, x'416461', 'pro', 9007199254740993, 12.5, 0.1, 1, '1815-12-10', '2026-01-02 03:04:05', 'x'),
			(2, 102, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
			(3, 103, '', '', 'many', '12 or so', 'x', 2, 'last summer', 1767322800, '2026-02-03')`)
	got, types := d.inputs(t, `SELECT id, login AS external_id, name, plan AS attr_plan, big AS attr_big, exact AS attr_exact, ratio AS attr_ratio,
		active AS attr_active, born AS attr_born, seen AS attr_seen, untyped AS "attr_untyped:date", big || '' AS "attr_digits:number"
		FROM (SELECT * FROM customer) ORDER BY login DESC -- the newest first
		;`)
	assert.Equal(t, "plan:text big:number exact:number ratio:number active:boolean born:date seen:date untyped:date digits:number", types)
	assert.Equal(t, []string{
		`{"external_id":"101","name":"Ada","custom_attributes":{"active":true,"big":9007199254740993,"born":"1815-12-10","digits":9007199254740993,"exact":12.5,"plan":"pro","ratio":0.1,"seen":"2026-01-02T03:04:05Z","untyped":"x"}}`,
		`{"external_id":"102","name":null,"custom_attributes":{"active":null,"big":null,"born":null,"digits":null,"exact":null,"plan":null,"ratio":null,"seen":null,"untyped":null}}`,
		`{"external_id":"103","name":"","custom_attributes":{"active":2,"big":"many","born":"last summer","digits":"many","exact":"12 or so","plan":"","ratio":"x","seen":1767322800,"untyped":"2026-02-03"}}`,
	}, got)
}

// In SQLite a number and the text of its digits are two keys, and texts come
// after numbers.
func testMixedKeys(t *testing.T, d database) {
	d.exec(t, `CREATE TABLE customer (id PRIMARY KEY); INSERT INTO customer VALUES (1), (2), ('1'), ('2'), (10)`)
	query := "SELECT id + 0, id AS external_id FROM customer WHERE typeof(id) = 'integer'"
	assert.Equal(t, []string{"1", "2", "10"}, d.keys(t, query, ""))
	assert.Equal(t, []string{"10"}, d.keys(t, query, "2"), "an expression is compared as what it is")
	query = "SELECT id, id AS external_id FROM customer"
	assert.Equal(t, []string{"10", `"1"`, `"2"`}, d.keys(t, query, "2"))
	assert.Equal(t, []string{`"2"`}, d.keys(t, query, `"1"`))
}

// Under NOCASE, a run that continued after "A" would pass "a" over.
func testKeysInBothCases(t *testing.T, d database) {
	d.exec(t, `CREATE TABLE customer (id TEXT COLLATE NOCASE); INSERT INTO customer VALUES ('b'), ('A'), ('a'), ('B')`)
	query := "SELECT id, id AS external_id FROM customer"
	all := d.keys(t, query, "")
	assert.Equal(t, []string{`"A"`, `"B"`, `"a"`, `"b"`}, all)
	for i, key := range all {
		assert.Equal(t, all[i+1:], append([]string{}, d.keys(t, query, key)...), "after %s", key)
	}
}
