// Command syncusers brings a table of customers into step with the contacts of a
// Bookbag agent, and accounts for each row.
//
//	go run ./examples/syncusers
//
// It needs no account: it fills a demo table of 50,000 customers in SQLite, a few
// of them bad, and writes them to a fake of the service. Stopped with Ctrl-C, it
// goes on from its last checkpoint with -resume.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "syncusers:", err)
	}
	os.Exit(exitCode(err))
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

// run brings the table into step, unless ctx ends before.
func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	cfg, err := parseConfig(args, getenv, out)
	if err != nil {
		return err
	}
	service, err := connect(cfg)
	if err != nil {
		return err
	}
	defer service.close()
	return bring(ctx, cfg, service, out)
}

// bring opens the table, and brings it into step with the service.
func bring(ctx context.Context, cfg config, service service, out io.Writer) error {
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
	return j.run(ctx)
}
