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
	// Text is required: valid UTF-8 without NUL that is more than white space. The
	// service documents no maximum.
	Text string

	// UserID is the customer's id. Take it from your own session, never from
	// the browser. Empty for an anonymous visitor.
	UserID UserID

	// ConversationID continues a conversation. Empty begins a new one. Whether
	// the service checks that it belongs to the UserID is not documented: check
	// it yourself before you pass on an id that came from a browser.
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

// Send sends a message and returns the whole reply. It is not repeated when it
// may have arrived, for that would make a second turn.
//
// A bad field is a *[FieldError], everything else that goes wrong an *[Error].
//
// Source: Bookbag, API v2, "Send a message".
func (c *Client) Send(ctx context.Context, m Message) (*Reply, error) {
	call, err := m.call(false)
	return c.reply(ctx, call, err)
}

// Stream sends a message and returns the reply as it comes. A rejection is
// returned here, before any event. The stream must be read or closed. If the service
// responds with a whole reply as JSON, the stream has its text, tool calls and a finish.
//
// A bad field is a *[FieldError], everything else that goes wrong an *[Error].
//
// Source: Bookbag, API v2, "Streaming".
func (c *Client) Stream(ctx context.Context, m Message) (*Stream, error) {
	call, err := m.call(true)
	return c.open(ctx, call, err)
}

// Continue lets the assistant go on after [Client.SubmitToolResult], and
// returns the whole reply. The errors are those of [Client.Send].
//
// It is a chat call without a message, which Bookbag does not document; Chatbase
// does.
func (c *Client) Continue(ctx context.Context, id ConversationID) (*Reply, error) {
	return c.reply(ctx, send(chatOperation, chatBody{ConversationID: id}), id.check("conversation"))
}

// ContinueStream is [Client.Continue] with the reply as it comes.
func (c *Client) ContinueStream(ctx context.Context, id ConversationID) (*Stream, error) {
	return c.open(ctx, send(chatOperation, chatBody{ConversationID: id, Stream: true}), id.check("conversation"))
}

const chatOperation = "POST /agents/{agentId}/chat"

// retryBody is not documented by Bookbag, but by Chatbase.
type retryBody struct {
	MessageID string `json:"messageId,omitempty"`
	Stream    bool   `json:"stream"`
}

// Retry runs the last user turn of a conversation again, and returns the whole
// reply. A messageID, which may be empty, names the message to run again.
//
// A bad id is a *[FieldError], everything else that goes wrong an *[Error]; of
// its codes, [CodeNoUserMessage] and [CodeRetryMessageNotFound] belong here.
//
// Source: Bookbag, API v2, "Retry".
func (c *Client) Retry(ctx context.Context, id ConversationID, messageID string) (*Reply, error) {
	call, err := retryCall(id, messageID, false)
	return c.reply(ctx, call, err)
}

// RetryStream is [Client.Retry] with the reply as it comes.
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

// ToolResult is what a tool on your side gave for a call.
type ToolResult struct {
	// ToolCallID is that of the [Part] of type tool-call.
	ToolCallID string

	// Output is what a JavaScript program reads back unchanged: nil, a string of
	// valid UTF-8 without NUL, a boolean, an integer of at most 2^53-1 in size, a
	// finite number, a time other than the zero time, a map with string keys or a
	// slice of these, at most 32 deep, or a pointer to one. A struct is passed as
	// the json.RawMessage that json.Marshal returns. Any other value is a
	// *[FieldError] that says what to pass instead. At most 16 MB of JSON.
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

// SubmitToolResult sends the result of a tool call of the assistant; [Client.Continue]
// then lets it go on. It is not repeated when it may have arrived. Right after a stream
// the service may not know the call yet: [CodeToolCallNotFound] is returned after three
// attempts, the second 300 and the third 900 milliseconds after the first.
//
// A bad field is a *[FieldError], everything else that goes wrong an *[Error]
// ([CodeToolCallNotFound]).
//
// Source: Bookbag, API v2, "Tool results"; that the result is named output is
// documented by Chatbase alone.
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
