// Command webapp is a small shop with signed-in customers, which tells three chat
// vendors who is signed in: Megadesk by an encrypted identity token, Ainisa by a
// user hash, and Bookbag from the shop's server, through which the customers chat.
//
//	go run ./examples/webapp
//
// It needs no account: stand-ins for the vendors run in the same process, and
// the pages show what they receive and what they then know. The parts that a
// shop of your own would copy are identify.go, chat.go, contact.go and action.go.
//
// A second page of the chat, made with React and the AI SDK, needs Node to build:
//
//	npm ci --prefix examples/webapp/usechat && npm run build --prefix examples/webapp/usechat
//	go run ./examples/webapp -usechat examples/webapp/usechat/dist
//
// With an account, set MEGADESK_IDENTITY_SECRET, MEGADESK_PUBLIC_ID and
// AINISA_SECRET_KEY, and start it with -real-megadesk or -real-ainisa. With
// BOOKBAG_API_KEY and BOOKBAG_AGENT_ID it talks to the real Bookbag.
// CHATPROXY_SECRET keeps its conversations open over a restart.
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
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	switch err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "webapp:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	cfg, err := parseConfig(args, getenv, out)
	if err != nil {
		return err
	}
	site, err := open(cfg)
	if err != nil {
		return err
	}
	defer site.close()
	site.greet(out)
	if err := site.serve(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "Stopped.")
	return nil
}
