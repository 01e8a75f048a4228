package chatclient

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// Conversation is a conversation of the agent. Fields that the response omits or sets
// to null are zero.
//
// Source: Bookbag, API v2, "Conversations". Only Chatbase documents the fields.
type Conversation struct {
	ID        ConversationID `json:"id"`
	Title     string         `json:"title"`
	CreatedAt Time           `json:"createdAt"`
	UpdatedAt Time           `json:"updatedAt"`
	UserID    UserID         `json:"userId"`
	Status    string         `json:"status"` // ongoing, ended or taken_over; others may come

	// Messages is set by [Client.Conversation] and [Client.Export], if the response
	// contains messages.
	Messages []StoredMessage `json:"messages,omitempty"`

	// MessagesCursor is the cursor of the page after Messages, for
	// [Client.MessagesPage]. Only [Client.Conversation] sets it and ResponseInfo.
	MessagesCursor string `json:"-"`
	ResponseInfo   `json:"-"`
}

// StoredMessage is a message of a conversation.
//
// Source: Bookbag, API v2, "Messages". Only Chatbase documents the fields other than
// the parts.
type StoredMessage struct {
	ID        string   `json:"id"`
	Role      string   `json:"role"` // user or assistant
	Parts     []Part   `json:"parts"`
	CreatedAt Time     `json:"createdAt"`
	Feedback  Feedback `json:"feedback"`
	Metadata  Metadata `json:"metadata"`

	ResponseInfo `json:"-"` // set by [Client.SetFeedback] only
}

// UnmarshalJSON accepts an id that is a string or a number.
func (m *StoredMessage) UnmarshalJSON(b []byte) error {
	type message StoredMessage
	fields := struct {
		*message
		ID *issuedID `json:"id"`
	}{(*message)(m), (*issuedID)(&m.ID)}
	return bookbag.Unmarshal(b, &fields)
}

// Text returns the text parts of the message, joined.
func (m *StoredMessage) Text() string { return textOf(m.Parts) }

// ToolCalls returns the parts of type tool-call.
func (m *StoredMessage) ToolCalls() []Part { return toolCallsOf(m.Parts) }

// Time is a time that the service encodes as Unix seconds. The zero Time means null or
// a value that is not a number.
type Time struct{ time.Time }

// UnmarshalJSON accepts a number, or a string that contains one.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = bookbag.ParseSeconds(b)
	return nil
}

// MarshalJSON returns Unix seconds, or null.
func (t Time) MarshalJSON() ([]byte, error) { return bookbag.FormatSeconds(t.Time), nil }

// ConversationsPage returns a page of the agent's conversations, the latest activity
// first.
//
// An invalid field is a *[FieldError]. Any other failure is an *[Error].
//
// Source: Bookbag, API v2, "Conversations".
func (c *Client) ConversationsPage(ctx context.Context, p PageRequest) (Page[Conversation], error) {
	return page[Conversation](ctx, c, p, "/agents/{agentId}/conversations")
}

// Conversations iterates over all conversations of the agent, the latest activity
// first. It requests one page at a time, and each loop begins at the first page. An
// error of [Client.ConversationsPage] ends the iteration.
func (c *Client) Conversations(ctx context.Context) iter.Seq2[Conversation, error] {
	return all(ctx, c.ConversationsPage)
}

// UserConversationsPage returns a page of one customer's conversations, the latest
// activity first.
//
// The service does not document whether it responds with an empty list or with 404
// ([CodeNotFound]) for an unknown customer. In both cases the page is empty. An agent
// that does not exist therefore has no conversations either: use [Client.Check] to detect
// it. An invalid user or field is a *[FieldError]. Any other failure is an *[Error].
//
// Source: Bookbag, API v2, "Conversations of a user".
func (c *Client) UserConversationsPage(ctx context.Context, user UserID, p PageRequest) (Page[Conversation], error) {
	if err := user.check("user"); err != nil {
		return Page[Conversation]{}, err
	}
	found, err := page[Conversation](ctx, c, p, "/agents/{agentId}/users/{userId}/conversations", string(user))
	e, ok := errors.AsType[*Error](err)
	if ok && p.Cursor == "" && e.StatusCode == http.StatusNotFound && e.Code == CodeNotFound {
		return Page[Conversation]{ResponseInfo: e.ResponseInfo}, nil
	}
	return found, err
}

// UserConversations iterates over all conversations of one customer, like
// [Client.Conversations]. An error of [Client.UserConversationsPage] ends the
// iteration.
func (c *Client) UserConversations(ctx context.Context, user UserID) iter.Seq2[Conversation, error] {
	return all(ctx, func(ctx context.Context, p PageRequest) (Page[Conversation], error) {
		return c.UserConversationsPage(ctx, user, p)
	})
}

// Conversation returns a conversation with a page of its messages.
//
// An invalid id is a *[FieldError]. Any other failure is an *[Error].
//
// Source: Bookbag, API v2, "Conversations". It does not document where the response
// contains the messages.
func (c *Client) Conversation(ctx context.Context, id ConversationID) (*Conversation, error) {
	if err := id.check("conversation"); err != nil {
		return nil, err
	}
	call := readCall("/agents/{agentId}/conversations/{conversationId}", string(id))
	var conversation Conversation
	var messages pagination
	info, err := c.do(ctx, call, func(body []byte) error {
		members := bookbag.Members(body)
		return cmp.Or(bookbag.Object(members["data"], &conversation), messages.read(members["pagination"]))
	})
	if err != nil {
		return nil, err
	}
	conversation.MessagesCursor, conversation.ResponseInfo = messages.cursor, info
	return &conversation, nil
}

// MessagesPage returns a page of a conversation's messages. The first page has the
// newest messages, and each further page has older ones, as Chatbase documents. Within
// a page, the messages are in chronological order.
//
// An invalid id or field is a *[FieldError]. Any other failure is an *[Error].
//
// Source: Bookbag, API v2, "Messages".
func (c *Client) MessagesPage(ctx context.Context, id ConversationID, p PageRequest) (Page[StoredMessage], error) {
	if err := id.check("conversation"); err != nil {
		return Page[StoredMessage]{}, err
	}
	return page[StoredMessage](ctx, c, p, "/agents/{agentId}/conversations/{conversationId}/messages", string(id))
}

// Messages iterates over all messages of a conversation: from the newest page to the
// oldest, and in chronological order within a page. It requests one page at a time,
// and each loop begins at the newest page. An error of [Client.MessagesPage] ends the
// iteration.
func (c *Client) Messages(ctx context.Context, id ConversationID) iter.Seq2[StoredMessage, error] {
	return all(ctx, func(ctx context.Context, p PageRequest) (Page[StoredMessage], error) {
		return c.MessagesPage(ctx, id, p)
	})
}

// Feedback is a thumbs up or a thumbs down.
type Feedback string

// Values of Feedback.
const (
	FeedbackPositive Feedback = "positive"
	FeedbackNegative Feedback = "negative"
	FeedbackNone     Feedback = "" // sent as null
)

// SetFeedback sets the feedback on a message of the assistant. It returns the fields
// of the message that the response contains.
//
// An invalid argument is a *[FieldError]. Any other failure is an *[Error], for
// example with [CodeMessageNotFound] or [CodeMessageNotAssistant].
//
// Source: Bookbag, API v2, "Feedback". Only Chatbase documents the body.
func (c *Client) SetFeedback(ctx context.Context, id ConversationID, messageID string, feedback Feedback) (*StoredMessage, error) {
	if err := id.check("conversation"); err != nil {
		return nil, err
	}
	if err := checkIssuedID("messageID", messageID); err != nil {
		return nil, err
	}
	var body struct {
		Feedback *Feedback `json:"feedback"`
	}
	switch feedback {
	case FeedbackPositive, FeedbackNegative:
		body.Feedback = &feedback
	case FeedbackNone:
	default:
		return nil, &FieldError{"feedback", "must be positive, negative or empty"}
	}
	call := writeCall("PATCH /agents/{agentId}/conversations/{conversationId}/messages/{messageId}/feedback", body, string(id), messageID)
	var message StoredMessage
	info, err := c.do(ctx, call, func(body []byte) error { return bookbag.Object(bookbag.Members(body)["data"], &message) })
	if err != nil {
		return nil, err
	}
	message.ResponseInfo = info
	return &message, nil
}
