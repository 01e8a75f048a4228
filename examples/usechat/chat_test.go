package usechat

import (
	"bufio"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// step is an action of usechat.jsx. If Begin is set, do does not wait until it ends.
type step struct {
	Action   string `json:"action,omitempty"`
	Argument any    `json:"argument,omitempty"`
	Begin    bool   `json:"begin,omitempty"`
}

// state is that of a chat after a step.
type state struct {
	ID       string
	Status   string // "ready", "error", "submitted" or "streaming"
	Error    *struct{ Name, Code, Sentence string }
	Messages []message
}

type message struct {
	ID, Role, Text string
	Metadata       struct {
		Conversation, Message, UserMessage, Poll string
		ConversationLost                         bool
		Feedback                                 string // in the history
	}
	Labels []string // of tools that the server ran
	Tools  []tool   // that the page sees
}

// tool is a call as useChat has it.
type tool struct {
	Type, ToolCallID, State string
	Input                   json.RawMessage
}

func (s state) last() message {
	if len(s.Messages) == 0 {
		return message{}
	}
	return s.Messages[len(s.Messages)-1]
}

// code is the code of an error, "" for none.
func (s state) code() string {
	if s.Error == nil {
		return ""
	}
	return s.Error.Code
}

// chat is a visitor's page with useChat.
type chat interface {
	do(step) state
	offline(bool)
}

// send sends a message and waits for the end of its reply.
func send(c chat, text string) state { return c.do(step{Action: "send", Argument: text}) }

// waitFor waits until the chat is in a state, and fails the test at an error.
func waitFor(t *testing.T, c chat, ok func(state) bool) state {
	t.Helper()
	return waitForAny(t, c, func(s state) bool {
		if ok(s) {
			return true
		}
		require.NotEqual(t, "error", s.Status, s.code())
		return false
	})
}

// waitForAny waits until the chat is in a state.
func waitForAny(t *testing.T, c chat, ok func(state) bool) state {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		s := c.do(step{})
		if ok(s) {
			return s
		}
		require.True(t, time.Now().Before(deadline), "not within a minute: %+v", s)
	}
}

// node is a process in which the chats of a test run.
type node struct {
	input  io.Writer
	output *bufio.Reader
}

func startNode(t *testing.T, major string) *node {
	t.Helper()
	process := exec.CommandContext(t.Context(), "node", "node.mjs", filepath.Join(bundles(t), "v"+major+".js"))
	process.Dir = testenv.NodePackages(t, "examples/usechat")
	process.Stderr = os.Stderr
	input, err := process.StdinPipe()
	require.NoError(t, err)
	output, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = input.Close() // ends it
		_ = process.Wait()
	})
	return &node{input, bufio.NewReader(output)}
}

func (n *node) open(t *testing.T, s *site, body, visitor string) chat {
	t.Helper()
	c := nodeChat{t, n}
	c.line(map[string]string{"site": s.url, "body": body, "cookie": cookieName(strings.TrimPrefix(s.url, "http://")) + "=" + visitor})
	return c
}

// nodeChat is the latest chat of a process: an object of the class Chat.
type nodeChat struct {
	t *testing.T
	*node
}

func (c nodeChat) line(v any) (s state) {
	c.t.Helper()
	require.NoError(c.t, json.NewEncoder(c.input).Encode(v))
	line, err := c.output.ReadBytes('\n')
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(line, &s))
	return s
}

func (c nodeChat) do(s step) state { c.t.Helper(); return c.line(s) }
func (c nodeChat) offline(is bool) { c.t.Helper(); c.line(map[string]bool{"offline": is}) }

// browserChat is useChat in a tab of Chromium.
type browserChat struct {
	t *testing.T
	*browser.Browser
}

func openTab(t *testing.T, b *browser.Browser, s *site, major, body, visitor string) chat {
	t.Helper()
	c := browserChat{t, b.TabFor(t)}
	query := url.Values{"major": {major}, "body": {body}, "visitor": {visitor}}
	c.Do(chromedp.Navigate(s.url + "/?" + query.Encode()))
	c.WaitFor(`typeof run === "function" && document.querySelector("ol") !== null`)
	return c
}

func (c browserChat) do(s step) (after state) {
	c.t.Helper()
	encoded, err := json.Marshal(s)
	require.NoError(c.t, err)
	after, err = chromedp.Run(c.Context, chromedp.Evaluate[state](`run(`+string(encoded)+`)`, chromedp.EvalAwaitPromise))
	require.NoError(c.t, err)
	return after
}

func (c browserChat) offline(is bool) { c.t.Helper(); setOffline(c.t, c.Browser, is) }

// setOffline disconnects or reconnects a tab.
func setOffline(t *testing.T, b *browser.Browser, is bool) {
	t.Helper()
	_, err := chromedp.Call(b.Context, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}},
	})
	require.NoError(t, err)
}
