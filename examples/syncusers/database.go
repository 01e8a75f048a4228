package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go
)

// open returns the rows of -dsn and -query, or of the demo table.
func open(ctx context.Context, cfg config) (*source, error) {
	switch {
	case cfg.dsn == "":
		return openDemo(ctx, cfg.demo, cfg.rows)
	case isPostgres(cfg.dsn):
		return openPostgres(ctx, cfg.dsn, cfg.query)
	case strings.Contains(cfg.dsn, "host=") || strings.Contains(cfg.dsn, "password="):
		return nil, errAddress
	}
	return openSQLite(ctx, cfg.dsn, cfg.query)
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// errAddress contains neither the address nor the parser's error, because either may contain
// a password.
var errAddress = wrong("-dsn: an address of PostgreSQL must have the form postgres://user@host:5432/database, with any password percent-encoded")

func openPostgres(ctx context.Context, dsn, query string) (*source, error) {
	address, err := url.Parse(dsn)
	if err != nil {
		return nil, errAddress
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errAddress
	}
	shown := url.URL{Scheme: "postgres", Host: address.Host, Path: address.Path}
	if config.User != "" {
		shown.User = url.User(config.User)
	}
	return newSource(ctx, stdlib.OpenDB(*config), shown.String(), query, false)
}

// openSQLite opens an existing file for reading. It never creates one.
func openSQLite(ctx context.Context, file, query string) (*source, error) {
	db, err := sqlite(file, "mode=ro")
	if err != nil {
		return nil, err
	}
	return newSource(ctx, db, "the SQLite file "+file, query, true)
}

func sqlite(file, options string) (*sql.DB, error) {
	// Escaped, so that the name may contain any character.
	return sql.Open("sqlite", "file:"+url.PathEscape(file)+"?_pragma=busy_timeout(5000)&"+options)
}

// newSource closes the database with the source.
func newSource(ctx context.Context, db *sql.DB, name, query string, isSQLite bool) (*source, error) {
	t, err := reach(ctx, db, query, isSQLite)
	if err != nil {
		return nil, errors.Join(explain(name, err), db.Close())
	}
	return &source{name: name, query: query, table: t, close: func() { _ = db.Close() }}, nil
}

// reach connects to the database with a timeout, and reads the columns of the query.
func reach(ctx context.Context, db *sql.DB, query string, isSQLite bool) (table, error) {
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := db.PingContext(within); err != nil {
		return table{}, fmt.Errorf("connecting: %w", err)
	}
	return newTable(ctx, db, query, isSQLite)
}
