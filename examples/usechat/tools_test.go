package usechat

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var toolCalls atomic.Int64

// reply calls the tools that a message names, and repeats their results.
func reply(turn chattest.Turn) []chattest.Part {
	results := ""
	for _, r := range turn.ToolResults {
		results += fmt.Sprintf("%s: %s;", r.ToolName, r.Output)
	}
	parts := []chattest.Part{}
	for _, name := range []string{"lookUpOrder", "showMap", "pickDate", "echo"} {
		if strings.Contains(turn.Message, name) {
			parts = append(parts, chattest.ToolCall(fmt.Sprint("call_", toolCalls.Add(1)), name, `{"order":"1001"}`))
		}
	}
	switch {
	case strings.Contains(results, "again"):
		return []chattest.Part{chattest.Text(results), chattest.ToolCall(fmt.Sprint("call_", toolCalls.Add(1)), "showMap", `{}`)}
	case results != "":
		return []chattest.Part{chattest.Text(results)}
	case len(parts) > 0:
		return append([]chattest.Part{chattest.Text("Let me see. ")}, parts...)
	}
	return []chattest.Part{chattest.Text("You said: " + turn.Message)}
}

func (s *site) lookUpOrder(ctx context.Context, call chatproxy.ToolCall) (any, error) {
	s.toolRuns.Add(1)
	if s.toolMayEnd != nil {
		select {
		case <-s.toolMayEnd:
		case <-ctx.Done():
		}
	}
	return "shipped_to_" + string(call.Visitor.UserID), nil
}

// The server runs the tool: useChat shows its label, and the reply goes on.
func TestUseChat_ToolOfTheServer(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		c := open(t, s, "all", customer)
		got := send(c, "lookUpOrder")
		require.Nil(t, got.Error)
		assert.Equal(t, `Let me see. lookUpOrder: "shipped_to_ada";`, got.last().Text)
		assert.Equal(t, []string{"Looking up your order"}, got.last().Labels)
		assert.Empty(t, got.last().Tools)
		assert.Len(t, got.Messages, 2, "one reply")
		require.Nil(t, send(c, "yes").Error, "with the parts of the reply before")
		if page, ok := c.(browserChat); ok {
			page.WaitFor(`document.querySelector("li em").textContent === "Looking up your order"`)
			page.RequireQuietConsole()
		}
		assert.Equal(t, [][]string{{"lookUpOrder", "yes"}}, s.said(t))
		assert.Len(t, s.doneTurns(), 3)
		assert.Empty(t, s.reported())
	})
}

// The page runs the tools, and useChat sends the results when it has all of them.
func TestUseChat_ToolsOfThePage(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, body := range []string{"all", "message", "id"} {
			t.Run(body, func(t *testing.T) {
				s := newSite(t)
				c := open(t, s, body, customer)
				got := send(c, "lookUpOrder showMap pickDate")
				require.Nil(t, got.Error)
				calls := got.last().Tools
				require.Len(t, calls, 2)
				assert.Equal(t, "tool-showMap", calls[0].Type)
				assert.Equal(t, "input-available", calls[0].State)
				assert.JSONEq(t, `{"order":"1001"}`, string(calls[0].Input))
				assert.Len(t, s.doneTurns(), 1)

				c.do(step{Action: "result", Argument: map[string]any{
					"method": "addToolResult", "tool": "showMap", "toolCallId": calls[0].ToolCallID, "output": map[string]any{"shown": true},
				}})
				assert.Len(t, s.doneTurns(), 1, "one result is still missing")
				c.do(step{Action: "result", Argument: map[string]any{
					"method": "addToolOutput", "tool": "pickDate", "toolCallId": calls[1].ToolCallID, "state": "output-error", "errorText": "closed",
				}})
				got = waitFor(t, c, func(s state) bool { return s.Status == "ready" && strings.Contains(s.last().Text, "pickDate") })
				assert.Equal(t, `Let me see. lookUpOrder: "shipped_to_ada";showMap: {"shown":true};pickDate: {"error":"closed"};`, got.last().Text)
				assert.Len(t, got.Messages, 2, "one reply")
				require.Nil(t, send(c, "yes").Error)
				assert.Len(t, s.doneTurns(), 3, "the results were sent once")
				assert.Equal(t, [][]string{{"lookUpOrder showMap pickDate", "yes"}}, s.said(t))
				assert.Empty(t, s.reported())
			})
		}
	})
}

// A reply that calls a tool of the page again, after its first result.
func TestUseChat_ToolsOfThePageAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		c := open(t, s, "all", anonymous)
		got := send(c, "showMap")
		for i, output := range []string{"again", "enough"} {
			require.Nil(t, got.Error)
			call := got.last().Tools[i]
			c.do(step{Action: "result", Argument: map[string]any{"method": "addToolOutput", "tool": "showMap", "toolCallId": call.ToolCallID, "output": output}})
			got = waitFor(t, c, func(s state) bool { return s.Status == "ready" && strings.Contains(s.last().Text, output) })
		}
		assert.Equal(t, `Let me see. showMap: "again";showMap: "enough";`, got.last().Text)
		assert.Len(t, got.Messages, 2, "one reply")
		assert.Len(t, s.doneTurns(), 3)
		assert.Empty(t, s.reported())
	})
}

// A tool that gives its result in onToolCall, while the reply still arrives.
func TestUseChat_ToolsOfThePageAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		c := open(t, s, "all", customer)
		send(c, "echo")
		got := waitFor(t, c, func(s state) bool { return s.Status == "ready" && strings.Contains(s.last().Text, "echo") })
		assert.Equal(t, `Let me see. echo: {"order":"1001"};`, got.last().Text)
		assert.Len(t, got.Messages, 2, "one reply")
		assert.Len(t, s.doneTurns(), 2)
		assert.Empty(t, s.reported())
	})
}
