package chatclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/value"
)

// ToolResult is the result of a tool call.
type ToolResult struct {
	// ToolCallID is the ToolCallID of the [Part] of type tool-call.
	ToolCallID string

	// Output is a value that JavaScript reads unchanged: nil, a string of valid UTF-8
	// without NUL, a boolean, an integer from -(2^53-1) to 2^53-1, a finite number, a
	// non-zero time, a map with string keys or a slice of these, at most 32 deep, or a
	// pointer to one. Pass a struct as the json.RawMessage that json.Marshal returns.
	// Any other value is a *[FieldError] that says what to pass instead. At most 16 MB
	// of JSON.
	Output any
}

type toolResultBody struct {
	ToolCallID string          `json:"toolCallId"`
	Output     json.RawMessage `json:"output"`
}

func (r *ToolResult) body() (toolResultBody, error) {
	if r.ToolCallID == "" {
		return toolResultBody{}, &FieldError{"ToolResult.ToolCallID", "must not be empty"}
	}
	if err := checkRule("ToolResult.ToolCallID", value.Text(r.ToolCallID)); err != nil {
		return toolResultBody{}, err
	}
	output, err := value.Append(nil, r.Output, maxToolOutput)
	if e, ok := errors.AsType[*value.Error](err); ok {
		return toolResultBody{}, &FieldError{"ToolResult.Output" + e.Path, e.Rule}
	}
	return toolResultBody{r.ToolCallID, output}, nil
}

// SubmitToolResult sends the result of a tool call. Call [Client.Continue] after it
// for the rest of the reply. A result that may have arrived is not sent again. Right
// after a stream, the service may not know the call yet: [CodeToolCallNotFound] is returned
// only after three attempts, the second 300 and the third 900 milliseconds after the first.
//
// An invalid field is a *[FieldError]. Any other failure is an *[Error].
//
// Source: Bookbag, API v2, "Tool results". Only Chatbase documents the name of the
// field output.
func (c *Client) SubmitToolResult(ctx context.Context, id ConversationID, result ToolResult) (ResponseInfo, error) {
	if err := id.check("conversation"); err != nil {
		return ResponseInfo{}, err
	}
	body, err := result.body()
	if err != nil {
		return ResponseInfo{}, err
	}
	call := writeCall("POST /agents/{agentId}/conversations/{conversationId}/tool-result", body, string(id))
	call.NotReady = CodeToolCallNotFound
	return c.do(ctx, call, func(body []byte) error {
		data := struct {
			Success bool `json:"success"`
		}{true}
		members := bookbag.Members(body)
		result := cmp.Or(string(members["data"]), "{}")
		if members == nil || bookbag.Unmarshal([]byte(result), &data) != nil || !data.Success {
			return bookbag.ErrFormat
		}
		return nil
	})
}
