package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// fillDemo inserts the same customers each time, so that a later run can continue in a new
// table. SQLite accepts text in a column of numbers.
const fillDemo = `
CREATE TABLE customer (
	id           INTEGER PRIMARY KEY,
	login        TEXT,
	full_name    TEXT,
	email        TEXT,
	phone        TEXT,
	plan         TEXT,
	orders       INTEGER,
	newsletter   BOOLEAN,
	member_since DATE
);
WITH RECURSIVE n (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < $1)
INSERT INTO customer SELECT
	id,
	printf('user_%05d', id),
	'Customer ' || id,
	printf('customer%d@example.com', id),
	CASE WHEN id % 3 = 0 THEN NULL ELSE printf('+1555%07d', id) END,
	CASE id % 4 WHEN 0 THEN 'business' WHEN 1 THEN 'pro' ELSE 'free' END,
	id * 7 % 90,
	id % 2,
	date('2020-01-01', (id % 2000) || ' days')
FROM n;
UPDATE customer SET login = '' WHERE id = 17;
UPDATE customer SET login = '..' WHERE id = 404;
UPDATE customer SET orders = 'many' WHERE id = 1999;
UPDATE customer SET member_since = 'last summer' WHERE id = 31337;`

const demoQuery = `SELECT id, login AS external_id, full_name AS name, email, phone AS phonenumber,
	plan AS attr_plan, orders AS attr_orders, newsletter AS attr_newsletter, member_since AS attr_member_since
FROM customer`

// openDemo fills the table unless the file already has it. Without a file, it uses a
// temporary one.
func openDemo(ctx context.Context, file string, rows int) (*source, error) {
	name, remove := "the demo table in "+file, func() {}
	if file == "" {
		folder, err := os.MkdirTemp("", "syncusers")
		if err != nil {
			return nil, err
		}
		file, name, remove = filepath.Join(folder, "demo.db"), "a demo table", func() { _ = os.RemoveAll(folder) }
	}
	if err := makeDemo(ctx, file, rows); err != nil {
		remove()
		return nil, explain("-demo", err)
	}
	s, err := openSQLite(ctx, file, demoQuery)
	if err != nil {
		remove()
		return nil, err
	}
	closeDB := s.close
	s.name, s.close = name, func() { closeDB(); remove() }
	return s, nil
}

func makeDemo(ctx context.Context, file string, rows int) (err error) {
	db, err := sqlite(file, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after Commit
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'customer'").Scan(&tables); err != nil || tables > 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, fillDemo, rows); err != nil {
		return err
	}
	return tx.Commit()
}
