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

// maxLimit is how many items a page may have.
const maxLimit = 100

// PageRequest selects a page of a list.
type PageRequest struct {
	// Limit is the maximum number of items in the page, from 1 to 100. Default: 20.
	Limit int

	// Cursor is the NextCursor of the previous page. It is empty for the first page.
	Cursor string
}

// Page is a page of a list.
type Page[T any] struct {
	// Items are the items of the page, in the order of the list.
	Items []T

	// NextCursor is the cursor of the next page. It is empty on the last page.
	NextCursor string

	// Total is the number of items in the whole list, or 0 if the response does not
	// contain it.
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
// ([CodeNotFound]) for an unknown customer. In both cases the page
// is empty. An agent that
// does not exist therefore has no conversations either: use [Client.Check] to detect
// it. An invalid user or field is a *[FieldError]. Any other failure is an *[Error].
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
	call := send("PATCH /agents/{agentId}/conversations/{conversationId}/messages/{messageId}/feedback", body, string(id), messageID)
	var message StoredMessage
	info, err := c.do(ctx, call, func(body []byte) error { return bookbag.Object(bookbag.Members(body)["data"], &message) })
	if err != nil {
		return nil, err
	}
	message.ResponseInfo = info
	return &message, nil
}

// Health is the service's report on its health.
type Health struct {
	Status       string `json:"status"` // "ok"
	Timestamp    Time   `json:"timestamp"`
	ResponseInfo `json:"-"`
}

// Health requests the state of the service, without the key. A failure is an *[Error].
//
// Source: Bookbag, API v2, "Health". Only Chatbase documents the form of the response.
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

// Check returns nil if the key works for the agent. It sends a call that reads one
// conversation. Its *[Error] is [ErrUnauthorized] if the key is wrong, [ErrForbidden]
// if the key is for another agent, and [ErrNotFound] if the agent does not exist.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.ConversationsPage(ctx, PageRequest{Limit: 1})
	return err
}
