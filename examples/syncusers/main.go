// Command syncusers brings a table of customers into step with the contacts of a
// Bookbag agent, and accounts for each row.
//
//	go run ./examples/syncusers
//
// It needs no account: it fills a demo table of 50,000 customers in SQLite, a few
// of them bad, and writes them to a fake of the service. Ctrl-C ends it after the rows
// that were read are sent, a second one at once; -resume continues at its last
// checkpoint.
//
// A table of your own is in a SQLite file or in PostgreSQL, and a SELECT says
// which of its columns are what:
//
//	go run ./examples/syncusers -dsn postgres://shop@localhost/shop -query '
//		SELECT id, login AS external_id, full_name AS name, email,
//			phone AS phonenumber, plan AS attr_plan, orders AS attr_orders
//		FROM customer'
//
// The first column is the key: whole numbers or texts, unique and never NULL. It
// is not sent, unless its name says so. The rows are read in its order, whatever
// order the SELECT has. The other columns are external_id, name, email,
// phonenumber, and attr_ with the name of a custom attribute, which is defined if
// it is not there yet. Its type is text, number, boolean or date as that of the
// column is; of an expression, for which SQLite knows no type, or to have another
// one, it is written behind the name: count(*) AS "attr_orders:number". NULL
// clears what the contact has, an empty text leaves it as it is.
//
// A time stamp without a zone is taken as UTC: in PostgreSQL, select
// local AT TIME ZONE 'Europe/Vienna' if it is not. JSON, arrays and other types become
// text as the database writes them, for example {"a": 1} and {a,b}; an attribute of
// another type that gets such a text is rejected by its definition. CHAR(10) is padded
// with spaces, which an external id must not have: select rtrim(login).
//
// SQLite compares text keys byte by byte, whatever collation the column has, so that
// keys which differ in case only are two keys. In PostgreSQL, the key must not have a
// nondeterministic collation.
//
// The password is better not in the address, where other users of the machine see
// it, but in PGPASSWORD or the file .pgpass. Nothing is written to the database.
// SQLite without WAL keeps writers waiting while the rows are read.
//
// With BOOKBAG_API_KEY and BOOKBAG_AGENT_ID set, the rows of -dsn go to the real
// service; without, to the fake, as a rehearsal. The exit status is 0 when each
// row is in step, 1 when some failed or the run did not come to its end, and 2
// when it could not begin because of a flag.
//
// What a program of your own would copy are job.go, and source.go with columns.go
// for a table that is read by such a SELECT.
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
		fmt.Fprintln(stderr, "syncusers: sending what was read; again to cut off")
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

// run brings the table into step, unless reading or ctx ends before.
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
	return bring(ctx, reading, cfg, service, out)
}

// bring opens the table, and brings it into step with the service.
func bring(ctx, reading context.Context, cfg config, service service, out io.Writer) error {
	source, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer source.close()
	fmt.Fprintf(out, "From %s to %s.\n", source.name, service.name)
	j := job{
		source:  source,
		client:  service.client,
		place:   checkpoint{file: cfg.checkpoint, Source: source.name, Query: source.query, Target: service.name},
		failed:  cfg.failed,
		out:     out,
		resumes: cfg.resume,
	}
	return j.run(ctx, reading)
}
