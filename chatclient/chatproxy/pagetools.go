package chatproxy

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/value"
)

// callChunk returns the frame of a call for the page.
func callChunk(call chatclient.Part) uiChunk {
	return uiChunk{Type: chatclient.EventToolCall, ToolCallID: call.ToolCallID, ToolName: call.ToolName, Input: call.Input}
}

// openResults submits results of the page and continues the reply. There must be one for each open
// call of a page's tool, and each is accepted once.
func (x *exchange) openResults() (*chatclient.Stream, *httpError) {
	if x.conversation == "" {
		return nil, errConversationNotFound
	}
	open, err := x.storedCalls("")
	if err != nil {
		return nil, upstream(err, true)
	}
	open = slices.DeleteFunc(open, func(call chatclient.Part) bool { return !x.p.isPageTool(call.ToolName) })
	sent := map[string]bool{}
	for _, r := range x.results {
		isOpen := slices.ContainsFunc(open, func(call chatclient.Part) bool { return call.ToolCallID == r.ToolCallID })
		if !isOpen || sent[r.ToolCallID] {
			return nil, errToolCallNotFound
		}
		sent[r.ToolCallID] = true
	}
	if len(sent) < len(open) {
		return nil, invalid("The results of all calls of a reply must be sent together.")
	}
	for _, call := range open { // in the same order in all requests, so that one of two takes all
		if !x.takeCall(call.ToolCallID) {
			return nil, errToolCallNotFound
		}
	}
	x.sending.Store(true)
	x.out.setTickets(x.tickets())
	x.out.flush() // later errors are frames: the results were taken
	for _, r := range x.results {
		if e := x.submit(r, false); e != nil {
			return nil, e
		}
	}
	return x.continueReply()
}

func decodeToolResults(body []byte) (message, *httpError) {
	m, e := decodeNative(body, "conversation", "chat", "results")
	results := items(pick(body, "results")["results"], maxCalls)
	switch {
	case e != nil:
		return m, e
	case len(results) == 0 || len(results) > maxCalls:
		return m, invalid("results must be 1 to 10 objects.")
	}
	for _, result := range results {
		r, e := only(result, "toolCallId", "output")
		if e == nil {
			e = m.addResult(r)
		}
		if e != nil {
			return m, e
		}
	}
	return m, nil
}

// setResults sets the results in the last step of the last message of useChat.
func (m *message) setResults(message json.RawMessage) *httpError {
	parts := items(pick(message, "parts")["parts"], maxMessages)
	for _, part := range parts {
		p := pick(part, "type", "toolCallId", "state", "output", "errorText", "providerExecuted")
		kind, state := string(p["type"]), string(p["state"]) // with their quotes
		if kind == `"step-start"` {
			m.results = nil
		}
		if !strings.HasPrefix(kind, `"tool-`) || !strings.HasPrefix(state, `"output-`) || string(p["providerExecuted"]) == "true" {
			continue
		}
		if text, _ := p.text("errorText"); text != "" {
			p["output"], _ = json.Marshal(map[string]string{"error": text}) // of strings: there is no error
		}
		if e := m.addResult(p); e != nil {
			return e
		}
	}
	if len(m.results) == 0 || len(m.results) > maxCalls {
		return invalid("The last message must be the user's, or have 1 to 10 results of tools.")
	}
	return nil
}

// addResult adds a result, with the output null if there is none.
func (m *message) addResult(f fields) *httpError {
	id, e := f.text("toolCallId")
	if e != nil || id == "" {
		return invalid("toolCallId must be a string.")
	}
	output, err := value.Append(nil, f["output"], maxToolOutput)
	if err != nil {
		return invalid("output must be at most 64 KB of what a JavaScript program reads back unchanged.")
	}
	m.results = append(m.results, chatclient.ToolResult{ToolCallID: id, Output: json.RawMessage(output)})
	return nil
}
