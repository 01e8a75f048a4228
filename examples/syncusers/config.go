package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
)

// config holds the flags and the environment variables.
type config struct {
	dsn, query string // both empty: the demo table
	demo       string
	rows       int

	checkpoint string
	resume     bool
	failed     string

	apiKey string // empty: the fake
	agent  int64
}

// usageError is an error in the command line or the environment.
type usageError struct{ error }

func wrong(format string, values ...any) error { return usageError{fmt.Errorf(format, values...)} }

func parseConfig(args []string, getenv func(string) string, out io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("syncusers", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.dsn, "dsn", "", "SQLite `file`, or address such as postgres://user@host/database (default a demo table)")
	flags.StringVar(&c.query, "query", "", "`SELECT` of the customers of -dsn: a unique key, external_id, name, email, phonenumber, attr_*")
	flags.StringVar(&c.demo, "demo", "", "SQLite `file` of the demo table, which is created if it does not exist (default a temporary file)")
	flags.IntVar(&c.rows, "rows", 50_000, "`number` of customers in a new demo table")
	flags.StringVar(&c.checkpoint, "checkpoint", "syncusers.checkpoint", "`file` for the checkpoint, which is deleted when all rows are done")
	flags.BoolVar(&c.resume, "resume", false, "continue at the checkpoint of an earlier run")
	flags.StringVar(&c.failed, "failed", "", "`file` for all failed rows, one JSON object per line; -resume appends (default no file: 100 are printed)")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
		return c, err
	} else if err != nil {
		return c, usageError{err}
	}
	set := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if err := c.check(flags.Args(), set); err != nil {
		return c, err
	}
	return c, c.readKey(getenv)
}

func (c *config) check(rest []string, set map[string]bool) error {
	switch {
	case len(rest) > 0: // not printed: it may be the end of an address with a password
		return wrong("unexpected argument: quote the text of -query")
	case set["dsn"] != set["query"]:
		return wrong("-dsn and -query: set both, or neither")
	case set["dsn"] && (c.dsn == "" || c.query == ""):
		return wrong("-dsn and -query must not be empty")
	case set["dsn"] && (set["demo"] || set["rows"]):
		return wrong("-demo and -rows are for the demo table: omit them with -dsn")
	case c.rows < 1 || c.rows > 10_000_000:
		return wrong("-rows must be from 1 to 10000000")
	case c.checkpoint == "":
		return wrong("-checkpoint must not be empty")
	case c.checkpoint == c.failed:
		return wrong("-checkpoint and -failed must be different files")
	}
	return nil
}

// readKey reads the key of the real service. The demo customers are never sent there.
func (c *config) readKey(getenv func(string) string) (err error) {
	key, agent := getenv("BOOKBAG_API_KEY"), getenv("BOOKBAG_AGENT_ID")
	switch {
	case key == "" && agent == "":
		return nil
	case key == "" || agent == "":
		return wrong("BOOKBAG_API_KEY and BOOKBAG_AGENT_ID: set both, or neither")
	case c.dsn == "":
		return wrong("BOOKBAG_API_KEY is set, but the demo customers are not for the real service: set -dsn and -query, or unset it")
	}
	if c.agent, err = strconv.ParseInt(agent, 10, 64); err != nil {
		return wrong("BOOKBAG_AGENT_ID: %w", err)
	}
	c.apiKey = key
	return nil
}
