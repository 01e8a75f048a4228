package chatclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/value"
)

// Message is a message of a customer.
//
// Source: Bookbag, API v2, "Send a message".
type Message struct {
	// Text is required. It must be valid UTF-8 without NUL and contain more than white
	// space. The service documents no maximum length.
	Text string

	// UserID is the customer's id. Take it from your session, never from the browser.
	// It is empty for an anonymous visitor.
	UserID UserID

	// ConversationID is the conversation to continue. If it is empty, a new
	// conversation begins. The service does not document whether it checks that the
	// conversation belongs to UserID: check an id from a browser yourself.
	ConversationID ConversationID
}

// call returns the call that sends the message.
func (m *Message) call(stream bool) (bookbag.Call, error) {
	err := checkRule("Message.Text", value.Text(m.Text))
	if strings.TrimSpace(m.Text) == "" {
		err = &FieldError{"Message.Text", "must not be empty"}
	}
	if err == nil && m.UserID != "" {
		err = m.UserID.check("Message.UserID")
	}
	if err == nil && m.ConversationID != "" {
		err = m.ConversationID.check("Message.ConversationID")
	}
	return send(chatOperation, chatBody{m.Text, m.UserID, m.ConversationID, stream}), err
}

// chatBody is the body of the chat endpoint. The service streams by default.
type chatBody struct {
	Message        string         `json:"message,omitempty"`
	UserID         UserID         `json:"userId,omitempty"`
	ConversationID ConversationID `json:"conversationId,omitempty"`
	Stream         bool           `json:"stream"`
}

// Send sends a message and returns the whole reply. It does not repeat a message that
// may have arrived, because the service would add it twice.
//
// An invalid field is a *[FieldError]. Any other failure is an *[Error].
//
// Source: Bookbag, API v2, "Send a message".
func (c *Client) Send(ctx context.Context, m Message) (*Reply, error) {
	call, err := m.call(false)
	return c.reply(ctx, call, err)
}

// Stream sends a message and returns the reply as a stream. If the service rejects the
// message, Stream returns the error, and there are no events. The caller must read or
// close the stream. If the service responds with a whole reply as JSON, the stream
// contains its text, its tool calls and a finish event.
//
// An invalid field is a *[FieldError]. Any other failure is an *[Error].
//
// Source: Bookbag, API v2, "Streaming".
func (c *Client) Stream(ctx context.Context, m Message) (*Stream, error) {
	call, err := m.call(true)
	return c.open(ctx, call, err)
}

// Continue requests the rest of the reply after [Client.SubmitToolResult], and returns
// all of it. The errors are those of [Client.Send].
//
// Continue is a chat call without a message. Only Chatbase documents it.
func (c *Client) Continue(ctx context.Context, id ConversationID) (*Reply, error) {
	return c.reply(ctx, send(chatOperation, chatBody{ConversationID: id}), id.check("conversation"))
}

// ContinueStream is like [Client.Continue], but returns a stream.
func (c *Client) ContinueStream(ctx context.Context, id ConversationID) (*Stream, error) {
	return c.open(ctx, send(chatOperation, chatBody{ConversationID: id, Stream: true}), id.check("conversation"))
}

const chatOperation = "POST /agents/{agentId}/chat"

// retryBody is not documented by Bookbag, but by Chatbase.
type retryBody struct {
	MessageID string `json:"messageId,omitempty"`
	Stream    bool   `json:"stream"`
}

// Retry requests another reply to the last message of the customer, and returns the
// whole reply. If messageID is not empty, it names the message to run again.
//
// An invalid id is a *[FieldError]. Any other failure is an *[Error], for example with
// [CodeNoUserMessage] or [CodeRetryMessageNotFound].
//
// Source: Bookbag, API v2, "Retry".
func (c *Client) Retry(ctx context.Context, id ConversationID, messageID string) (*Reply, error) {
	call, err := retryCall(id, messageID, false)
	return c.reply(ctx, call, err)
}

// RetryStream is like [Client.Retry], but returns a stream.
func (c *Client) RetryStream(ctx context.Context, id ConversationID, messageID string) (*Stream, error) {
	call, err := retryCall(id, messageID, true)
	return c.open(ctx, call, err)
}

func retryCall(id ConversationID, messageID string, stream bool) (bookbag.Call, error) {
	err := id.check("conversation")
	if err == nil && messageID != "" {
		err = checkIssuedID("messageID", messageID)
	}
	return send("POST /agents/{agentId}/conversations/{conversationId}/retry", retryBody{messageID, stream}, string(id)), err
}

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
// after a stream, the service may not know the call yet. [CodeToolCallNotFound] is therefore
// returned only after three attempts, the second 300 and the third 900 milliseconds
// after the first.
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
	call := send("POST /agents/{agentId}/conversations/{conversationId}/tool-result", body, string(id))
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

// reply makes a call whose response is one reply, unless its arguments are bad.
func (c *Client) reply(ctx context.Context, call bookbag.Call, bad error) (*Reply, error) {
	if bad != nil {
		return nil, bad
	}
	res, err := c.service().Do(ctx, call)
	if err != nil {
		return nil, fail(err)
	}
	return decodeReply(res)
}

// decodeReply decodes the body of a response.
func decodeReply(res *bookbag.Response) (*Reply, error) {
	r := Reply{ResponseInfo: infoOf(res.ResponseInfo)}
	fields := struct { // an id is a string or a number
		*Reply
		ID *issuedID `json:"id"`
	}{&r, (*issuedID)(&r.ID)}
	err := res.Decode(func(body []byte) error { return bookbag.Object(bookbag.Members(body)["data"], &fields) })
	if err == nil && r.Metadata.FinishReason == FinishError {
		err = res.Failure(ErrStreamFailed)
	}
	if err != nil {
		return nil, fail(err)
	}
	return &r, nil
}
