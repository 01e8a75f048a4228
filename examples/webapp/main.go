// Command webapp is a small shop with signed-in customers and three chat vendors. It
// identifies the customer to Megadesk with an encrypted token and to Ainisa with a user
// hash. With Bookbag, customers chat through the shop's server, which adds their id.
//
//	go run ./examples/webapp
//
// It needs no account: stand-ins for the vendors run in the same process, and the pages
// show what they receive and what they then know. Copy identify.go, chat.go, contact.go and
// action.go into your own site.
//
// A second page of the chat, built with React and the AI SDK, needs Node:
//
//	npm ci --prefix examples/webapp/usechat && npm run build --prefix examples/webapp/usechat
//	go run ./examples/webapp -usechat examples/webapp/usechat/dist
//
// For the real vendors, set MEGADESK_IDENTITY_SECRET and MEGADESK_PUBLIC_ID and start it
// with -real-megadesk, or set AINISA_SECRET_KEY and start it with -real-ainisa. With
// BOOKBAG_API_KEY and BOOKBAG_AGENT_ID it calls the real Bookbag. With CHATPROXY_SECRET,
// customers can continue their conversations after a restart.
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
	site.printWelcome(out)
	if err := site.serve(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "Stopped.")
	return nil
}
