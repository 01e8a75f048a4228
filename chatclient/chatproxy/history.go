package chatproxy

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/chatident/chatident/chatclient"
)

type conversationsAnswer struct {
	Version       int            `json:"version"`
	Conversations []conversation `json:"conversations"`
	Cursor        *string        `json:"cursor"`
}

type conversation struct {
	Conversation string          `json:"conversation"`
	Title        *string         `json:"title"`
	CreatedAt    chatclient.Time `json:"createdAt"`
	UpdatedAt    chatclient.Time `json:"updatedAt"`
	Status       string          `json:"status"`
}

type messagesAnswer struct {
	Version      int       `json:"version"`
	Conversation string    `json:"conversation"`
	Messages     []message `json:"messages"`
	Cursor       *string   `json:"cursor"`
}

type message struct {
	ID       string            `json:"id"`
	Role     string            `json:"role"`
	Parts    []json.RawMessage `json:"parts"`
	Metadata messageMetadata   `json:"metadata"`
}

type textPart struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type messageMetadata struct {
	Conversation string               `json:"conversation"`
	Message      string               `json:"message"`
	CreatedAt    chatclient.Time      `json:"createdAt"`
	Feedback     *chatclient.Feedback `json:"feedback"`
}

type feedbackAnswer struct {
	Version  int                  `json:"version"`
	Message  string               `json:"message"`
	Feedback *chatclient.Feedback `json:"feedback"`
}

// listConversations gives a page of the visitor's own conversations.
func (p *Proxy) listConversations(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	request, e := p.reading(r, v, "")
	if e != nil {
		return e
	}
	page, err := p.bot.UserConversationsPage(r.Context(), v.UserID, request)
	if err != nil {
		return listRefusal(err, request, false)
	}
	o := owner{user: v.UserID}
	next, odd := p.next(v, "", page.NextCursor)
	list := conversationsAnswer{wireVersion, []conversation{}, next}
	for _, c := range page.Items {
		ticket := p.tickets.conversation(v.subject(), c.ID)
		switch {
		case !o.owns(c.UserID, ""):
			odd = ErrForeignConversation
		case ticket == "":
			odd = cmp.Or(odd, ErrUnusableID)
		default:
			list.Conversations = append(list.Conversations, conversation{ticket, orNull(c.Title), c.CreatedAt, c.UpdatedAt, c.Status})
		}
	}
	answer(w, http.StatusOK, list)
	p.report(r, odd)
	return nil
}

// listMessages gives a page of the messages of a conversation.
func (p *Proxy) listMessages(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	id, ok := p.tickets.openConversation(v.subject(), v.segments[1])
	if !ok {
		return errConversationNotFound
	}
	request, e := p.reading(r, v, string(id))
	if e != nil {
		return e
	}
	page, err := p.bot.MessagesPage(r.Context(), id, request)
	if err != nil {
		return listRefusal(err, request, true)
	}
	o := owner{v.UserID, id}
	next, odd := p.next(v, string(id), page.NextCursor)
	list := messagesAnswer{wireVersion, v.segments[1], []message{}, next}
	for _, m := range page.Items {
		if !o.owns(m.Metadata.UserID, m.Metadata.ConversationID) {
			odd = ErrForeignConversation
			continue
		}
		parts := p.visible(m.Parts)
		if len(parts) == 0 || m.Role != "user" && m.Role != "assistant" {
			continue
		}
		ticket := p.tickets.message(v.subject(), id, m.ID)
		if ticket == "" {
			odd = cmp.Or(odd, ErrUnusableID)
			continue
		}
		metadata := messageMetadata{list.Conversation, ticket, m.CreatedAt, known(m.Feedback)}
		list.Messages = append(list.Messages, message{ticket, m.Role, parts, metadata})
	}
	answer(w, http.StatusOK, list)
	p.report(r, odd)
	return nil
}

// next is the ticket of a list's cursor, nil at the end.
func (p *Proxy) next(v visit, list, cursor string) (*string, error) {
	if cursor == "" {
		return nil, nil
	}
	ticket := p.tickets.cursor(v.subject(), list, cursor)
	if ticket == "" {
		return nil, ErrUnusableID
	}
	return &ticket, nil
}

// reading is what the two lists have in common: an anonymous visitor has none.
func (p *Proxy) reading(r *http.Request, v visit, list string) (request chatclient.PageRequest, e *refusal) {
	if v.anonymous() {
		return request, errSignIn
	}
	query := r.URL.Query()
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > 100 {
			return request, invalid("limit must be from 1 to 100.")
		}
		request.Limit = n
	}
	if ticket := query.Get("cursor"); ticket != "" {
		var ok bool
		if request.Cursor, ok = p.tickets.openCursor(v.subject(), list, ticket); !ok {
			return request, errCursor
		}
	}
	return request, nil
}

var errCursor = invalid("cursor must be one of an earlier answer.")

// listRefusal takes what the service finds wrong with a list for a fault of the
// cursor, if the visitor sent one: all the rest is ours.
func listRefusal(err error, request chatclient.PageRequest, hasTicket bool) *refusal {
	if request.Cursor != "" && errors.Is(err, chatclient.ErrBadRequest) {
		return errCursor
	}
	return upstream(err, hasTicket)
}

// visible are the parts that the browser may see: text, and with PassTools the
// others as they came.
func (p *Proxy) visible(parts []chatclient.Part) []json.RawMessage {
	var seen []json.RawMessage
	for _, part := range parts {
		switch {
		case part.Type == chatclient.PartText:
			b, _ := json.Marshal(textPart{part.Type, part.Text}) // of strings: there is no error
			seen = append(seen, b)
		case p.passTools && part.Type != "":
			seen = append(seen, part.Raw)
		}
	}
	return seen
}

// setFeedback sets or takes back a thumb up or down.
func (p *Proxy) setFeedback(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	var feedback chatclient.Feedback
	e := p.withBody(w, r, v, maxBody, func(body []byte) (e *refusal) {
		feedback, e = decodeFeedback(body)
		return e
	})
	if e != nil {
		return e
	}
	id, ok := p.tickets.openConversation(v.subject(), v.segments[1])
	if !ok {
		return errConversationNotFound
	}
	messageID, ok := p.tickets.openMessage(v.subject(), id, v.segments[3])
	if !ok {
		return errMessageNotFound
	}
	rated, err := p.bot.SetFeedback(r.Context(), id, messageID, feedback)
	if err == nil && !(owner{v.UserID, id}).owns(rated.Metadata.UserID, rated.Metadata.ConversationID) {
		err = ErrForeignConversation
	}
	if err != nil {
		return upstream(err, true)
	}
	answer(w, http.StatusOK, feedbackAnswer{wireVersion, v.segments[3], known(feedback)})
	return nil
}

func decodeFeedback(body []byte) (chatclient.Feedback, *refusal) {
	f, e := only(body, "feedback")
	if e != nil {
		return "", e
	}
	feedback, ok := map[string]chatclient.Feedback{
		`"positive"`: chatclient.FeedbackPositive,
		`"negative"`: chatclient.FeedbackNegative,
		"null":       chatclient.FeedbackNone,
	}[string(f["feedback"])]
	if !ok {
		return "", invalid(`feedback must be "positive", "negative" or null.`)
	}
	return feedback, nil
}

// known is nil for no feedback, and for one of an unknown kind.
func known(f chatclient.Feedback) *chatclient.Feedback {
	if f != chatclient.FeedbackPositive && f != chatclient.FeedbackNegative {
		return nil
	}
	return &f
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
