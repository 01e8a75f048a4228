package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/chatident/chatident/contacts"
)

// source reads the rows of a query in the order of their key.
type source struct {
	name  string // without a password
	query string
	table
	close func()
}

// table is the result of the query, as a table.
type table struct {
	db      *sql.DB
	from    string // the query, as a table
	columns []column
	key     string // the name of the first column, for SQL
}

// newTable reads the columns of the query. The query is trusted, because it comes from the
// command line; all values are passed as parameters.
func newTable(ctx context.Context, db *sql.DB, query string, isSQLite bool) (table, error) {
	query = strings.TrimRight(query, "; \t\r\n")
	t := table{db: db, from: "(" + query + "\n) AS q"} // a comment may be at its end
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+t.from+" LIMIT 0")
	if err != nil {
		return t, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return t, err
	}
	if t.columns, err = parseColumns(types); err != nil {
		return t, usageError{err}
	}
	t.key = `q."` + strings.ReplaceAll(types[0].Name(), `"`, `""`) + `"`
	if isSQLite {
		t.key += " COLLATE BINARY" // otherwise NOCASE would treat two keys as one
	}
	return t, rows.Err()
}

// selectAfter selects from the rows after a cursor, or from all rows if it is empty. The
// database compares the keys, because its order of texts may differ from Go's.
func (t *table) selectAfter(ctx context.Context, cursor, what, order string) (*sql.Rows, error) {
	if cursor == "" {
		return t.db.QueryContext(ctx, "SELECT "+what+" FROM "+t.from+order)
	}
	key, err := parseKey(cursor)
	if err != nil {
		return nil, err
	}
	return t.db.QueryContext(ctx, "SELECT "+what+" FROM "+t.from+" WHERE "+t.key+" > $1"+order, key)
}

// count returns the number of rows after a cursor.
func (t *table) count(ctx context.Context, cursor string) (n int, err error) {
	rows, err := t.selectAfter(ctx, cursor, "count(*)", "")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// rows yields the rows after a cursor.
func (t *table) rows(ctx context.Context, cursor string) iter.Seq2[contacts.Row, error] {
	return func(yield func(contacts.Row, error) bool) {
		if err := t.read(ctx, cursor, func(row contacts.Row) bool { return yield(row, nil) }); err != nil {
			yield(contacts.Row{}, fmt.Errorf("reading the rows: %w", err))
		}
	}
}

// read returns nil if use returns false.
func (t *table) read(ctx context.Context, cursor string, use func(contacts.Row) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	rows, err := t.selectAfter(ctx, cursor, "*", " ORDER BY "+t.key)
	if err != nil {
		cancel()
		return err
	}
	defer rows.Close()
	defer cancel() // before Close, which would otherwise read the remaining rows
	values, targets := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for number := 1; rows.Next(); number++ {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		row := contacts.Row{Fields: input(t.columns, values)}
		key, err := formatKey(values[0])
		if err != nil {
			return err
		}
		if key == cursor {
			return fmt.Errorf("the key %s occurs twice: a run that continues after it would skip a row", printable(cursor))
		}
		cursor = key
		row.Cursor = formatCursor(number, key)
		if !use(row) {
			return nil
		}
	}
	return rows.Err()
}

// formatCursor returns a row's number in the order of the keys, followed by its key.
func formatCursor(number int, key string) string { return strconv.Itoa(number) + " " + key }

func parseCursor(cursor string) (number int, key string) {
	text, key, _ := strings.Cut(cursor, " ")
	number, _ = strconv.Atoi(text)
	return number, key
}

// formatKey encodes a key as JSON, which distinguishes 1 from "1", as SQLite does.
func formatKey(key any) (string, error) {
	if b, ok := key.([]byte); ok { // a driver may return text as bytes
		key = string(b)
	}
	switch key.(type) {
	case int64, string:
		b, err := json.Marshal(key)
		return string(b), err
	case nil:
		return "", errors.New("the key, which is the first column, is NULL in a row")
	}
	return "", errors.New("the key, which is the first column, must be a whole number or text: CAST it, or select another column first")
}

func parseKey(cursor string) (any, error) {
	var number int64
	if json.Unmarshal([]byte(cursor), &number) == nil {
		return number, nil
	}
	var text string
	if json.Unmarshal([]byte(cursor), &text) == nil {
		return text, nil
	}
	return nil, fmt.Errorf("the checkpoint has no key: %.100q", cursor)
}
