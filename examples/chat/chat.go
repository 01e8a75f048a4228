package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/chatident/chatident/chatclient"
)

// chat is the chat of a customer.
type chat struct {
	bot          *chatclient.Client
	user         chatclient.UserID
	conversation chatclient.ConversationID // empty before the first reply
	out          io.Writer
	interrupts   <-chan os.Signal
}

const help = `/history    your conversations
/open ID    continue one of them
/new        begin a new conversation
/quit       end the program`

// loop reads lines until the end of the input or an interrupt at the prompt.
func (c *chat) loop(ctx context.Context, in io.Reader) error {
	lines, failed := scan(in)
	for {
		fmt.Fprint(c.out, "\nyou> ")
		select {
		case line, ok := <-lines:
			if !ok {
				fmt.Fprintln(c.out)
				return <-failed
			}
			if line == "/quit" || !c.interruptibly(ctx, func(ctx context.Context) error { return c.do(ctx, line) }) {
				return nil
			}
		case <-c.interrupts:
			fmt.Fprintln(c.out)
			return nil
		}
	}
}

// scan reads lines on another goroutine, because a read cannot be interrupted.
func scan(in io.Reader) (<-chan string, <-chan error) {
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, 1<<20) // allows a pasted page
		for scanner.Scan() {
			lines <- strings.TrimSpace(scanner.Text())
		}
		failed <- scanner.Err()
		close(lines)
	}()
	return lines, failed
}

// interruptibly runs f, cancels its context on an interrupt, and prints its error. It returns
// false if a second interrupt arrives before f returns.
func (c *chat) interruptibly(ctx context.Context, f func(context.Context) error) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				fmt.Fprintln(c.out, explain(err))
			}
			return true
		case <-c.interrupts:
			if ctx.Err() != nil {
				return false
			}
			cancel()
		}
	}
}

func (c *chat) do(ctx context.Context, line string) error {
	command, argument, _ := strings.Cut(line, " ")
	switch {
	case line == "":
		return nil
	case command == "/help":
		fmt.Fprintln(c.out, help)
		return nil
	case command == "/history":
		return c.history(ctx)
	case command == "/open":
		return c.open(ctx, chatclient.ConversationID(strings.TrimSpace(argument)))
	case command == "/new":
		c.conversation = ""
		fmt.Fprintln(c.out, "A new conversation begins with your next message.")
		return nil
	case strings.HasPrefix(command, "/"):
		fmt.Fprintln(c.out, "There is no such command. /help lists them.")
		return nil
	}
	return c.say(ctx, line)
}

// say sends a message and prints the reply as it arrives.
func (c *chat) say(ctx context.Context, text string) error {
	stream, err := c.bot.Stream(ctx, chatclient.Message{Text: text, UserID: c.user, ConversationID: c.conversation})
	if err != nil {
		return err
	}
	fmt.Fprint(c.out, "bot> ")
	defer fmt.Fprintln(c.out)
	for piece, err := range stream.Text() {
		if err != nil {
			return err
		}
		fmt.Fprint(c.out, printable(piece))
	}
	reply, err := stream.Reply()
	if err != nil {
		return err
	}
	c.conversation = reply.Metadata.ConversationID
	for range reply.ToolCalls() {
		fmt.Fprint(c.out, "(the bot waits for a tool, and this program has none)")
	}
	return nil
}

// printable removes control characters, which could move the cursor: the text comes from a
// language model.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// history prints the ten conversations with the latest activity. It makes one request for
// the first words of each.
func (c *chat) history(ctx context.Context) error {
	page, err := c.bot.UserConversationsPage(ctx, c.user, chatclient.PageRequest{Limit: 10})
	if err != nil {
		return err
	}
	for _, conversation := range page.Items {
		first, err := c.firstWords(ctx, conversation.ID)
		if err != nil {
			return err
		}
		mark := " "
		if conversation.ID == c.conversation {
			mark = "*"
		}
		fmt.Fprintf(c.out, "%s %s  %s  %s\n", mark, conversation.ID, conversation.UpdatedAt.Format("2006-01-02 15:04"), first)
	}
	if len(page.Items) == 0 {
		fmt.Fprintln(c.out, "You have no conversations yet.")
	}
	return nil
}

// firstWords returns the first words of the oldest message on the newest page.
func (c *chat) firstWords(ctx context.Context, id chatclient.ConversationID) (string, error) {
	page, err := c.bot.MessagesPage(ctx, id, chatclient.PageRequest{})
	if err != nil || len(page.Items) == 0 {
		return "", err
	}
	words := []rune(strings.Join(strings.Fields(printable(page.Items[0].Text())), " "))
	return string(words[:min(len(words), 50)]), nil
}

// open continues a conversation if it belongs to this customer: the service does not
// document that it checks this.
func (c *chat) open(ctx context.Context, id chatclient.ConversationID) error {
	for conversation, err := range c.bot.UserConversations(ctx, c.user) {
		if err != nil {
			return err
		}
		if conversation.ID != id {
			continue
		}
		c.conversation = id
		page, err := c.bot.MessagesPage(ctx, id, chatclient.PageRequest{})
		if err != nil {
			return err
		}
		for _, message := range page.Items {
			speaker := map[string]string{"user": "you", "assistant": "bot"}[message.Role]
			fmt.Fprintf(c.out, "%s> %s\n", speaker, printable(message.Text()))
		}
		return nil
	}
	fmt.Fprintln(c.out, "You have no such conversation. /history lists them.")
	return nil
}

// explain returns a sentence about an error and what to do.
func explain(err error) string {
	var e *chatclient.Error
	errors.As(err, &e)
	switch {
	case errors.Is(err, context.Canceled):
		return "(stopped)"
	case errors.Is(err, chatclient.ErrUnauthorized):
		return "The service rejects this key. Check BOOKBAG_API_KEY."
	case errors.Is(err, chatclient.ErrForbidden), errors.Is(err, chatclient.ErrNotFound):
		return "The service has no such agent for this key. Check BOOKBAG_AGENT_ID."
	case errors.Is(err, chatclient.ErrCreditsExhausted):
		return "The credits of this account are used up."
	case errors.Is(err, chatclient.ErrRateLimited) && e.RetryAfter > 0:
		return fmt.Sprintf("The service is busy. Try again in %s.", e.RetryAfter)
	case errors.Is(err, chatclient.ErrRateLimited):
		return "The service is busy. Try again in a minute."
	case errors.Is(err, chatclient.ErrStreamCut), errors.Is(err, chatclient.ErrStreamIdle), errors.Is(err, chatclient.ErrStreamFailed):
		return "(the reply was cut off here; ask again)"
	}
	return "That did not work: " + err.Error()
}
