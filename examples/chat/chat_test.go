package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// screen collects the output of the program.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Write(p) }
func (s *screen) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func (s *screen) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(s.String(), text) }, time.Minute, time.Millisecond, "%q", text)
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestChat(t *testing.T) {
	var out screen
	input := "Where is my order?\n/history\n/new\nAny refund?\n/history\n/open 456\n/open 999\n/nope\n/help\n\n"
	require.NoError(t, run(t.Context(), []string{"-user", "ada"}, env(), strings.NewReader(input), &out, nil))
	text := out.String()
	assert.Contains(t, text, "You are ada, and chat with a fake of Bookbag.")
	assert.Contains(t, text, "bot> Your order left our warehouse yesterday, and should be with you on Thursday.\n")
	assert.Contains(t, text, "bot> A refund takes three to five days")
	assert.Contains(t, text, "* 457")
	assert.Contains(t, text, "  456")
	assert.Contains(t, text, "you> Where is my order?\nbot> Your order left")
	assert.Contains(t, text, "You have no such conversation.")
	assert.Contains(t, text, "There is no such command.")
	assert.Contains(t, text, "/quit       end the program")
}

func TestChat_Quit(t *testing.T) {
	var out screen
	require.NoError(t, run(t.Context(), nil, env(), strings.NewReader("/history\n/quit\nhello\n"), &out, nil))
	assert.Contains(t, out.String(), "You have no conversations yet.")
	assert.NotContains(t, out.String(), "bot>")
}

// Ctrl-C stops the reply, a second one the program.
func TestChat_Interrupts(t *testing.T) {
	var out screen
	in, keyboard := io.Pipe()
	interrupts := make(chan os.Signal, 1)
	ended := make(chan error, 1)
	go func() { ended <- run(context.Background(), nil, env(), in, &out, interrupts) }()
	// The fake repeats what it does not know, word by word: this takes a while.
	_, _ = io.WriteString(keyboard, "Once "+strings.Repeat("more ", 300)+"the end\n")
	out.waitFor(t, "Once")
	interrupts <- os.Interrupt
	out.waitFor(t, "(stopped)")
	assert.NotContains(t, out.String(), "the end")
	_, _ = io.WriteString(keyboard, "/history\n")
	out.waitFor(t, "456")
	interrupts <- os.Interrupt
	require.NoError(t, <-ended)
}

// A call that does not end must not keep the program running.
func TestRun_SecondInterrupt(t *testing.T) {
	interrupts := make(chan os.Signal, 2)
	interrupts <- os.Interrupt
	interrupts <- os.Interrupt
	c := &chat{out: io.Discard, interrupts: interrupts}
	stuck := make(chan struct{})
	defer close(stuck)
	assert.False(t, c.interruptibly(t.Context(), func(context.Context) error { <-stuck; return nil }))
}

// The reply must not contain control sequences of the terminal.
func TestPrintable(t *testing.T) {
	assert.Equal(t, "a\tb\nc]0;owned[2Jü", printable("a\tb\nc\x1b]0;owned\a\x1b[2J\u009bü"))
}

func TestConnect_Settings(t *testing.T) {
	for want, test := range map[string]struct {
		env  []string
		args []string
	}{
		"set both, or neither": {[]string{"BOOKBAG_API_KEY", "oc_test_x"}, nil},
		"BOOKBAG_AGENT_ID:":    {[]string{"BOOKBAG_API_KEY", "oc_test_x", "BOOKBAG_AGENT_ID", "one"}, nil},
		"BOOKBAG_API_KEY:":     {[]string{"BOOKBAG_API_KEY", "oc_test\n", "BOOKBAG_AGENT_ID", "1"}, nil},
		"-user:":               {nil, []string{"-user", "ada@example.com"}},
		"not defined":          {nil, []string{"-nope"}},
	} {
		err := run(t.Context(), test.args, env(test.env...), strings.NewReader(""), io.Discard, nil)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "oc_test")
	}
	var out screen
	real := env("BOOKBAG_API_KEY", "oc_test_x", "BOOKBAG_AGENT_ID", "7")
	require.NoError(t, run(t.Context(), nil, real, strings.NewReader("/quit\n"), &out, nil))
	assert.Contains(t, out.String(), "agent 7 of Bookbag")
}

func TestChat_Errors(t *testing.T) {
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	server := fake.Start()
	defer server.Close()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: server.URL, MaxRetries: -1})
	require.NoError(t, err)
	for want, fault := range map[string]chattest.Fault{
		"Check BOOKBAG_API_KEY.":       chattest.Status(401, "AUTH_INVALID_API_KEY"),
		"Check BOOKBAG_AGENT_ID.":      chattest.Status(403, "AUTH_INSUFFICIENT_PERMISSIONS"),
		"are used up.":                 chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"),
		"Try again in 5m0s.":           chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(5 * time.Minute),
		"(the reply was cut off here;": chattest.Cut(1),
		"Try again in a minute.":       chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
		"That did not work:":           chattest.BadGateway(),
	} {
		fake.Script(fault)
		var out screen
		c := &chat{bot: bot, user: "ada", out: &out}
		require.NoError(t, c.loop(t.Context(), strings.NewReader("hello\n")))
		assert.Contains(t, out.String(), want)
	}
	assert.Contains(t, explain(errors.New("x")), "That did not work: x")
}
