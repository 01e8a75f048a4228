// Command syncusers synchronizes a table of customers with the contacts of a Bookbag
// agent, and accounts for each row.
//
//	go run ./examples/syncusers
//
// It needs no account: it fills a demo table of 50,000 customers in SQLite, a few of them
// invalid, and sends them to a fake of the service. After the first Ctrl-C, it sends the rows
// that it has read, and ends. After a second one, it ends at once. -resume continues at the
// last checkpoint.
//
// For your own table, in a SQLite file or in PostgreSQL, write a SELECT of the columns:
//
//	go run ./examples/syncusers -dsn postgres://shop@localhost/shop -query '
//		SELECT id, login AS external_id, full_name AS name, email,
//			phone AS phonenumber, plan AS attr_plan, orders AS attr_orders
//		FROM customer'
//
// The first column is the key: whole numbers or texts, unique and never NULL. Rows are read
// in its order. The other columns are external_id, name, email, phonenumber, and attr_ with
// the name of a custom attribute, which is defined if it does not exist yet. The key is only
// sent if it has one of these names. An attribute has the type of its column: text, number,
// boolean or date. For an expression in SQLite, or for another type, write the type after the
// name: count(*) AS "attr_orders:number". NULL clears a field of the contact; an empty text
// leaves it unchanged.
//
// A time stamp without a zone counts as UTC; otherwise select, in PostgreSQL, local AT TIME
// ZONE 'Europe/Vienna'. JSON, arrays and other types become text as the database writes
// them: {"a": 1}, {a,b}. CHAR(10) is padded with spaces, which an external id must not
// have: select rtrim(login). SQLite compares text keys byte by byte, whatever collation the
// column has. In PostgreSQL, the key must not have a nondeterministic collation.
//
// Put the password into PGPASSWORD or the file .pgpass, not into the address, where other
// users of the machine can see it. The program does not write to the database.
//
// With BOOKBAG_API_KEY and BOOKBAG_AGENT_ID set, the rows of -dsn go to the real service, and
// otherwise to the fake. The exit status is 0 if each row is saved, 1 if some failed or the
// run ended early, and 2 for a bad flag.
//
// Copy job.go, and source.go with columns.go to read a table with such a SELECT. docs/sync.md
// has shorter programs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, reading := untilSignals(os.Stderr)
	err := run(ctx, reading, os.Args[1:], os.Getenv, os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "syncusers:", err)
	}
	os.Exit(exitCode(err))
}

// untilSignals returns a context that ends with the second signal, and one for reading,
// which ends with the first. A third signal ends the program.
func untilSignals(stderr io.Writer) (ctx, reading context.Context) {
	ctx, abort := context.WithCancel(context.Background())
	reading, stop := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		fmt.Fprintln(stderr, "syncusers: sending the rows that were read; interrupt again to stop at once")
		<-signals
		abort()
		signal.Stop(signals)
	}()
	return ctx, reading
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}

// run synchronizes the table, unless reading or ctx ends before.
func run(ctx, reading context.Context, args []string, getenv func(string) string, out io.Writer) error {
	cfg, err := parseConfig(args, getenv, out)
	if err != nil {
		return err
	}
	service, err := connect(cfg)
	if err != nil {
		return err
	}
	defer service.close()
	return synchronize(ctx, reading, cfg, service, out)
}

// synchronize opens the table and synchronizes it with the service.
func synchronize(ctx, reading context.Context, cfg config, service service, out io.Writer) error {
	source, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer source.close()
	fmt.Fprintf(out, "From %s to %s.\n", source.name, service.name)
	j := job{
		source:     source,
		client:     service.client,
		checkpoint: checkpoint{file: cfg.checkpoint, Source: source.name, Query: source.query, Target: service.name},
		failed:     cfg.failed,
		out:        out,
		resumes:    cfg.resume,
	}
	return j.run(ctx, reading)
}
