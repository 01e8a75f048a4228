package chatclient

import (
	"context"

	"github.com/chatident/chatident/internal/bookbag"
)

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
	call := readCall("/health")
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
