package chatclient

import (
	"context"
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
	return writeCall(chatOperation, chatBody{m.Text, m.UserID, m.ConversationID, stream}), err
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
	return c.reply(ctx, writeCall(chatOperation, chatBody{ConversationID: id}), id.check("conversation"))
}

// ContinueStream is like [Client.Continue], but returns a stream.
func (c *Client) ContinueStream(ctx context.Context, id ConversationID) (*Stream, error) {
	return c.open(ctx, writeCall(chatOperation, chatBody{ConversationID: id, Stream: true}), id.check("conversation"))
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
	return writeCall("POST /agents/{agentId}/conversations/{conversationId}/retry", retryBody{messageID, stream}, string(id)), err
}
