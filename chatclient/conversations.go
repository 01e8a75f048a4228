package chatclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// Conversation is a conversation of the agent. What a response does not have, or
// has as null, is zero.
//
// Source: Bookbag, API v2, "Conversations"; the fields are documented by
// Chatbase alone.
type Conversation struct {
	ID        ConversationID `json:"id"`
	Title     string         `json:"title"`
	CreatedAt Time           `json:"createdAt"`
	UpdatedAt Time           `json:"updatedAt"`
	UserID    UserID         `json:"userId"`
	Status    string         `json:"status"` // ongoing, ended or taken_over; others may come

	// Messages are there from [Client.Conversation] and [Client.Export], as far
	// as the response has them.
	Messages []StoredMessage `json:"messages,omitempty"`

	// MessagesCursor names the page after Messages for [Client.MessagesPage],
	// and ResponseInfo is the response's, both from [Client.Conversation] alone.
	MessagesCursor string `json:"-"`
	ResponseInfo   `json:"-"`
}

// StoredMessage is a message of a conversation.
//
// Source: Bookbag, API v2, "Messages"; the fields beside the parts are
// documented by Chatbase alone.
type StoredMessage struct {
	ID        string   `json:"id"`
	Role      string   `json:"role"` // user or assistant
	Parts     []Part   `json:"parts"`
	CreatedAt Time     `json:"createdAt"`
	Feedback  Feedback `json:"feedback"`
	Metadata  Metadata `json:"metadata"`

	ResponseInfo `json:"-"` // from [Client.SetFeedback] alone
}

// UnmarshalJSON reads an id that is a string or a number.
func (m *StoredMessage) UnmarshalJSON(b []byte) error {
	type message StoredMessage
	fields := struct {
		*message
		ID *issuedID `json:"id"`
	}{(*message)(m), (*issuedID)(&m.ID)}
	return bookbag.Unmarshal(b, &fields)
}

// Text returns the message's text parts, joined.
func (m *StoredMessage) Text() string { return textOf(m.Parts) }

// ToolCalls returns the message's parts of type tool-call.
func (m *StoredMessage) ToolCalls() []Part { return toolCallsOf(m.Parts) }

// Time is a time that the service sends as Unix seconds. The zero Time is null,
// or anything that is not a number.
type Time struct{ time.Time }

// UnmarshalJSON takes a number, also one in a string.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = bookbag.ParseSeconds(b)
	return nil
}

// MarshalJSON returns Unix seconds, or null.
func (t Time) MarshalJSON() ([]byte, error) { return bookbag.FormatSeconds(t.Time), nil }

// maxLimit is how many items a page may have.
const maxLimit = 100

// PageRequest names a page of a list.
type PageRequest struct {
	// Limit is how many items a page has, 1 to 100. Default: 20.
	Limit int

	// Cursor is Page.NextCursor of the page before. Empty for the first.
	Cursor string
}

// Page is a page of a list.
type Page[T any] struct {
	// Items are those of the page, in the order of the list.
	Items []T

	// NextCursor names the next page. It is empty at the end.
	NextCursor string

	// Total counts the items of the whole list, 0 if the response does not say.
	Total int

	ResponseInfo

	operation string
}

func (p PageRequest) query() (url.Values, error) {
	if p.Limit < 0 || p.Limit > maxLimit {
		return nil, &FieldError{"PageRequest.Limit", "must be from 1 to 100, or 0 for the default"}
	}
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		q.Set("cursor", p.Cursor)
	}
	return q, nil
}

// pagination is the member of a list that says where it continues.
type pagination struct {
	cursor string // of the next page, empty at the end
	total  int
}

// read reads the member pagination of a response, if it has that. If there is more
// and no cursor, that is an error: to take it for the end of the list would lose the
// rest.
func (p *pagination) read(text json.RawMessage) error {
	if text == nil {
		return nil
	}
	var fields struct {
		Cursor  json.RawMessage `json:"cursor"`
		HasMore bool            `json:"hasMore"`
		Total   json.RawMessage `json:"total"`
	}
	if json.Unmarshal(text, &fields) != nil {
		return bookbag.ErrFormat
	}
	_ = json.Unmarshal(fields.Total, &p.total) // of another type: unknown
	cursor := cmp.Or(string(fields.Cursor), "null")
	_ = (*issuedID)(&p.cursor).UnmarshalJSON([]byte(cursor))
	if isEnd := cursor == "null" || cursor == `""`; p.cursor == "" && (!isEnd || fields.HasMore) {
		return bookbag.ErrFormat
	}
	return nil
}

// ConversationsPage returns a page of the agent's conversations, those with the
// newest activity first. A bad field is a *[FieldError], everything else that
// goes wrong an *[Error].
//
// Source: Bookbag, API v2, "Conversations".
func (c *Client) ConversationsPage(ctx context.Context, p PageRequest) (Page[Conversation], error) {
	return page[Conversation](ctx, c, p, "/agents/{agentId}/conversations")
}

// Conversations returns all conversations of the agent, those with the newest
// activity first, one page at a time. Each time it is
// ranged over, it begins at the first page. An error, as of [Client.ConversationsPage], is the last
// thing it returns.
func (c *Client) Conversations(ctx context.Context) iter.Seq2[Conversation, error] {
	return all(ctx, c.ConversationsPage)
}

// UserConversationsPage returns a page of one customer's conversations. A
// customer that the service does not know has none: whether it responds with
// an empty list or 404 ([CodeNotFound]) is not documented, and both are taken for that. So an
// agent that does not exist has none either; [Client.Check] tells. A bad user or
// field is a *[FieldError], everything else that goes wrong an *[Error].
//
// Source: Bookbag, API v2, "Conversations of a user".
func (c *Client) UserConversationsPage(ctx context.Context, user UserID, p PageRequest) (Page[Conversation], error) {
	if err := user.check("user"); err != nil {
		return Page[Conversation]{}, err
	}
	found, err := page[Conversation](ctx, c, p, "/agents/{agentId}/users/{userId}/conversations", string(user))
	if e, ok := errors.AsType[*Error](err); ok && p.Cursor == "" && e.StatusCode == http.StatusNotFound && e.Code == CodeNotFound {
		return Page[Conversation]{ResponseInfo: e.ResponseInfo}, nil
	}
	return found, err
}

// UserConversations returns all conversations of one customer, in the way of
// [Client.Conversations]. Its errors are those of [Client.UserConversationsPage].
func (c *Client) UserConversations(ctx context.Context, user UserID) iter.Seq2[Conversation, error] {
	return all(ctx, func(ctx context.Context, p PageRequest) (Page[Conversation], error) {
		return c.UserConversationsPage(ctx, user, p)
	})
}

// Conversation returns one conversation, with a page of its messages. A bad id is
// a *[FieldError], everything else that goes wrong an *[Error].
//
// Source: Bookbag, API v2, "Conversations". Where the messages are in
// the response is not documented.
func (c *Client) Conversation(ctx context.Context, id ConversationID) (*Conversation, error) {
	if err := id.check("conversation"); err != nil {
		return nil, err
	}
	call := get("/agents/{agentId}/conversations/{conversationId}", string(id))
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

// MessagesPage returns a page of a conversation's messages. Within a page they
// are in chronological order; the pages go back in time from the
// newest, as Chatbase documents it. A bad id or field is a *[FieldError],
// everything else that goes wrong an *[Error].
//
// Source: Bookbag, API v2, "Messages".
func (c *Client) MessagesPage(ctx context.Context, id ConversationID, p PageRequest) (Page[StoredMessage], error) {
	if err := id.check("conversation"); err != nil {
		return Page[StoredMessage]{}, err
	}
	return page[StoredMessage](ctx, c, p, "/agents/{agentId}/conversations/{conversationId}/messages", string(id))
}

// Messages returns all messages of a conversation, one page at a
// time: the newest page first, each in chronological order. Each time it is ranged
// over, it begins at the newest page. An error, as of [Client.MessagesPage],
// is the last thing it returns.
func (c *Client) Messages(ctx context.Context, id ConversationID) iter.Seq2[StoredMessage, error] {
	return all(ctx, func(ctx context.Context, p PageRequest) (Page[StoredMessage], error) {
		return c.MessagesPage(ctx, id, p)
	})
}

func page[T any](ctx context.Context, c *Client, p PageRequest, operation string, ids ...string) (found Page[T], err error) {
	call := get(operation, ids...)
	if call.Query, err = p.query(); err != nil {
		return found, err
	}
	var next pagination
	info, err := c.do(ctx, call, func(body []byte) (err error) {
		members := bookbag.Members(body)
		found.Items, err = bookbag.List[T](members["data"], cmp.Or(p.Limit, maxLimit))
		return cmp.Or(err, next.read(members["pagination"]))
	})
	if err != nil {
		return Page[T]{}, err
	}
	found.NextCursor, found.Total, found.ResponseInfo, found.operation = next.cursor, next.total, info, call.Operation
	return found, nil
}

// all walks the pages of a list.
func all[T any](ctx context.Context, next func(context.Context, PageRequest) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		seen := map[string]bool{}
		for p := (PageRequest{Limit: maxLimit}); ; {
			found, err := next(ctx, p)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range found.Items {
				if !yield(item, nil) {
					return
				}
			}
			p.Cursor = found.NextCursor
			if p.Cursor == "" {
				return
			}
			if seen[p.Cursor] {
				yield(zero, &Error{ResponseInfo: found.ResponseInfo, Operation: found.operation, StatusCode: http.StatusOK, Attempts: 1, err: ErrRepeatedPage})
				return
			}
			seen[p.Cursor] = true
		}
	}
}

// Feedback is a thumb up or down.
type Feedback string

// Values of Feedback.
const (
	FeedbackPositive Feedback = "positive"
	FeedbackNegative Feedback = "negative"
	FeedbackNone     Feedback = "" // sent as null
)

// SetFeedback sets the feedback on a message of the assistant, and returns the
// message as far as the response has it.
//
// A bad argument is a *[FieldError], everything else that goes wrong an *[Error]
// ([CodeMessageNotFound], [CodeMessageNotAssistant]).
//
// Source: Bookbag, API v2, "Feedback"; the body is documented by Chatbase alone.
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
	call := send("PATCH /agents/{agentId}/conversations/{conversationId}/messages/{messageId}/feedback", body, string(id), messageID)
	var message StoredMessage
	info, err := c.do(ctx, call, func(body []byte) error { return bookbag.Object(bookbag.Members(body)["data"], &message) })
	if err != nil {
		return nil, err
	}
	message.ResponseInfo = info
	return &message, nil
}

// Health is the service's own word on its health.
type Health struct {
	Status       string `json:"status"` // "ok"
	Timestamp    Time   `json:"timestamp"`
	ResponseInfo `json:"-"`
}

// Health asks whether the service is up, without the key. What goes wrong is an
// *[Error]. The form of the response is documented by Chatbase alone.
//
// Source: Bookbag, API v2, "Health".
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	call := get("/health")
	call.NoKey = true
	info, err := c.do(ctx, call, func(body []byte) error {
		if err := bookbag.Object(body, &h); err != nil || h.Status == "" {
			return bookbag.ErrFormat
		}
		return nil
	})
	h.ResponseInfo = info
	return h, err
}

// Check reports whether the key works for the agent, with a call that reads one
// conversation: nil, or an *[Error] of which [ErrUnauthorized] means the
// key, [ErrForbidden] a key of another agent, and [ErrNotFound] the agent.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.ConversationsPage(ctx, PageRequest{Limit: 1})
	return err
}
