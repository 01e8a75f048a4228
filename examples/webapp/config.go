package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
)

// config is what the command line and the environment say.
type config struct {
	addr string
	db   string

	megadeskSecret   string
	megadeskPublicID string
	ainisaSecret     string

	realMegadesk, realAinisa bool
}

func parseConfig(args []string, getenv func(string) string, out io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("webapp", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`address` to listen on")
	flags.StringVar(&c.db, "db", "", "SQLite `file` for customers and sessions (default in memory)")
	flags.BoolVar(&c.realMegadesk, "real-megadesk", false, "put Megadesk's own embed into the page, instead of the stand-in")
	flags.BoolVar(&c.realAinisa, "real-ainisa", false, "put Ainisa's own widget into the page, instead of the stand-in")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
		return c, err
	} else if err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	c.megadeskSecret = getenv("MEGADESK_IDENTITY_SECRET")
	c.megadeskPublicID = getenv("MEGADESK_PUBLIC_ID")
	c.ainisaSecret = getenv("AINISA_SECRET_KEY")
	if c.realMegadesk && (c.megadeskSecret == "" || c.megadeskPublicID == "") {
		return c, errors.New("-real-megadesk needs MEGADESK_IDENTITY_SECRET and MEGADESK_PUBLIC_ID, from Megadesk's dashboard")
	}
	if c.megadeskPublicID != "" && !regexp.MustCompile(`^[0-9a-f]{24}$`).MatchString(c.megadeskPublicID) {
		return c, errors.New("MEGADESK_PUBLIC_ID must be 24 hexadecimal digits, as in data-pub of the embed")
	}
	if c.realAinisa && c.ainisaSecret == "" {
		return c, errors.New("-real-ainisa needs AINISA_SECRET_KEY, from Ainisa's dashboard")
	}
	if c.megadeskSecret == "" {
		c.megadeskSecret = randomHex(16)
	}
	if c.ainisaSecret == "" {
		c.ainisaSecret = randomHex(32)
	}
	return c, nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // it never fails, by its documentation
	return hex.EncodeToString(b)
}
