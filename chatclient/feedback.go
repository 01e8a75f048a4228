package chatclient

import (
	"context"

	"github.com/chatident/chatident/internal/bookbag"
)

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
