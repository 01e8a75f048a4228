// Command chat is a chat with a Bookbag agent in the terminal.
//
//	go run ./examples/chat
//
// It needs no account: it calls a fake of the service. With BOOKBAG_API_KEY and
// BOOKBAG_AGENT_ID set, it calls the real one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/chatident/chatident/chatclient"
)

func main() {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	switch err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, interrupts); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// run chats until the end of the input, or an interrupt while no reply is in progress.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out io.Writer, interrupts <-chan os.Signal) error {
	flags := flag.NewFlagSet("chat", flag.ContinueOnError)
	flags.SetOutput(out)
	userText := flags.String("user", "user_8821", "`id` of the customer who chats")
	if err := flags.Parse(args); err != nil {
		return err
	}
	user, err := chatclient.ParseUserID(*userText)
	if err != nil {
		return fmt.Errorf("-user: %w", err)
	}
	bot, where, closeBot, err := connect(getenv)
	if err != nil {
		return err
	}
	defer closeBot()

	fmt.Fprintf(out, "You are %s, and chat with %s.\n", user, where)
	fmt.Fprintln(out, "Ctrl-C stops a reply, and at the prompt the program. /help lists the commands.")
	c := &chat{bot: bot, user: user, out: out, interrupts: interrupts}
	return c.loop(ctx, in)
}
