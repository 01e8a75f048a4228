package chattest

import (
	"encoding/json"
	"net/http"
	"slices"
)

func (f *Fake) toolResult(r *http.Request) (any, *rejection) {
	c, b, problem := f.open(r)
	if problem != nil {
		return nil, problem
	}
	id, sent := field[string](b, "toolCallId")
	b.require("toolCallId", sent, "is required")
	if problem := b.rejection(); problem != nil {
		return nil, problem
	}
	m, call := c.openCall(id)
	notReady := f.readings["tool-result-ready"] == "404-first" && !slices.Contains(c.submitted, id)
	c.submitted = append(c.submitted, id)
	if m == nil || notReady {
		return nil, &rejection{status: http.StatusNotFound, Code: "RESOURCE_TOOL_CALL_NOT_FOUND", Message: "There is no such open tool call"}
	}
	result := Part{Type: "tool-result", ToolCallID: id, ToolName: call.ToolName, Output: b.fields["output"]}
	if result.Output == nil {
		result.Output = json.RawMessage("null")
	}
	m.Parts = append(m.Parts, result)
	c.results = append(c.results, result)
	f.store.touch(c)
	return data{map[string]bool{"success": true}}, nil
}

// openCall returns a call that has no result yet, with its message. It searches
// from the newest message: after a retry the reply may use an id again.
func (c *conversation) openCall(id string) (*message, Part) {
	for _, m := range slices.Backward(c.messages) {
		for _, p := range slices.Backward(m.Parts) {
			switch {
			case p.ToolCallID != id:
			case p.Type == "tool-result":
				return nil, Part{}
			default:
				return m, p
			}
		}
	}
	return nil, Part{}
}

// awaitsReply reports whether a tool's result came since the last reply.
func (c *conversation) awaitsReply() bool { return len(c.results) > 0 }
