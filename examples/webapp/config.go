package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// config holds the flags and the environment variables.
type config struct {
	addr string
	db   string

	passwordCost int // of bcrypt; 0 for its default

	megadeskSecret   string
	megadeskPublicID string
	ainisaSecret     string
	ainisaActionKey  string

	bookbagKey   string // of the real Bookbag; empty for the stand-in
	bookbagAgent int64
	chatSecret   string

	realMegadesk, realAinisa bool

	useChat string // the folder with the built page that uses the AI SDK, or empty
}

func parseConfig(args []string, getenv func(string) string, out io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("webapp", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`address` to listen on")
	flags.StringVar(&c.db, "db", "", "SQLite `file` for customers and sessions (default in memory)")
	flags.BoolVar(&c.realMegadesk, "real-megadesk", false, "embed the real Megadesk instead of the stand-in")
	flags.BoolVar(&c.realAinisa, "real-ainisa", false, "embed the real Ainisa instead of the stand-in")
	flags.StringVar(&c.useChat, "usechat", "", "`folder` with the built page that uses the AI SDK, for /usechat (see examples/webapp/usechat)")
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
	if err := c.readBookbag(getenv); err != nil {
		return c, err
	}
	if c.useChat != "" {
		if _, err := os.Stat(filepath.Join(c.useChat, useChatScript)); err != nil {
			return c, fmt.Errorf("-usechat: %w (run npm ci and npm run build in examples/webapp/usechat)", err)
		}
	}
	c.megadeskSecret = cmp.Or(c.megadeskSecret, randomHex(16))
	c.ainisaSecret = cmp.Or(c.ainisaSecret, randomHex(32))
	c.ainisaActionKey = cmp.Or(getenv("AINISA_ACTION_KEY"), randomHex(16))
	c.chatSecret = cmp.Or(getenv("CHATPROXY_SECRET"), randomHex(32))
	return c, nil
}

func (c *config) readBookbag(getenv func(string) string) (err error) {
	key, agent := getenv("BOOKBAG_API_KEY"), getenv("BOOKBAG_AGENT_ID")
	switch {
	case key == "" && agent == "":
		return nil
	case key == "" || agent == "":
		return errors.New("BOOKBAG_API_KEY and BOOKBAG_AGENT_ID: set both, or neither for the stand-in")
	}
	c.bookbagKey = key
	if c.bookbagAgent, err = strconv.ParseInt(agent, 10, 64); err != nil {
		return fmt.Errorf("BOOKBAG_AGENT_ID: %w", err)
	}
	return nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
