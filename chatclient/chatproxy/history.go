package chatproxy

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/chatident/chatident/chatclient"
)

type conversation struct {
	Conversation string          `json:"conversation"`
	Title        *string         `json:"title"`
	CreatedAt    chatclient.Time `json:"createdAt"`
	UpdatedAt    chatclient.Time `json:"updatedAt"`
	Status       string          `json:"status"`
	Poll         *string         `json:"poll"`
}

type storedMessage struct {
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

// listConversations responds with a page of the visitor's own conversations.
func (p *Proxy) listConversations(w http.ResponseWriter, r request) *httpError {
	if r.anonymous() {
		return errSignIn
	}
	wanted, e := p.pageRequest(r, "")
	if e != nil {
		return e
	}
	page, err := p.bot.UserConversationsPage(r.Context(), r.UserID, wanted)
	if err != nil {
		return listError(err, wanted, false)
	}
	o := owner{user: r.UserID}
	next, odd := p.next(r.subject(), "", page.NextCursor)
	list := []conversation{}
	for _, c := range page.Items {
		ticket := p.tickets.conversation(r.subject(), c.ID)
		switch {
		case !o.owns(c.UserID, ""):
			odd = ErrForeignConversation
		case ticket == "":
			odd = cmp.Or(odd, ErrUnusableID)
		default:
			list = append(list, conversation{
				ticket, orNull(c.Title), c.CreatedAt, c.UpdatedAt, c.Status, p.pollOf(r.subject(), c.ID, c.Status),
			})
		}
	}
	respond(w, map[string]any{"conversations": list, "cursor": next})
	p.report(r.Request, odd)
	return nil
}

// pollOf returns the poll ticket of a conversation with this status, nil for none.
func (p *Proxy) pollOf(s subject, id chatclient.ConversationID, status string) *string {
	if !heldStatus(status) {
		return nil
	}
	return orNull(p.polls.ticket(p.tickets, s, id))
}

// listMessages responds with a page of the messages of a conversation.
func (p *Proxy) listMessages(w http.ResponseWriter, r request) *httpError {
	id, e := p.openConversation(r.Context(), r.Visitor, r.segments[1], p.tickets.openConversation)
	if e != nil {
		return e
	}
	wanted, e := p.pageRequest(r, string(id))
	if e != nil {
		return e
	}
	page, status, err := p.messagesPage(r, id, wanted)
	if err != nil {
		return listError(err, wanted, true)
	}
	if e := p.checkClaim(r.Context(), r.Visitor, id); e != nil { // since the call
		return e
	}
	messages, odd := p.messages(r.Visitor, id, page.Items)
	next, oddCursor := p.next(r.subject(), string(id), page.NextCursor)
	respond(w, map[string]any{
		"conversation": p.tickets.conversation(r.subject(), id), "messages": messages, "cursor": next, "status": orNull(status), "poll": p.pollOf(r.subject(), id, status),
	})
	p.report(r.Request, cmp.Or(odd, oddCursor))
	return nil
}

// messagesPage returns a page. The first one comes with the status of the conversation.
func (p *Proxy) messagesPage(r request, id chatclient.ConversationID, wanted chatclient.PageRequest) (page chatclient.Page[chatclient.StoredMessage], status string, err error) {
	if wanted == (chatclient.PageRequest{}) {
		c, err := p.bot.Conversation(r.Context(), id)
		if err != nil {
			return page, "", err
		}
		if !(owner{r.UserID, id}).owns(c.UserID, c.ID) {
			return page, "", ErrForeignConversation
		}
		if status = c.Status; c.Messages != nil {
			page.Items, page.NextCursor = c.Messages, c.MessagesCursor
			return page, status, nil
		}
	}
	page, err = p.bot.MessagesPage(r.Context(), id, wanted)
	return page, status, err
}

// messages returns what the browser may see of messages, and what was left out.
func (p *Proxy) messages(v Visitor, id chatclient.ConversationID, stored []chatclient.StoredMessage) (seen []storedMessage, odd error) {
	o, in := owner{v.UserID, id}, p.tickets.conversation(v.subject(), id)
	seen = []storedMessage{}
	for _, m := range stored {
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
		seen = append(seen, storedMessage{ticket, m.Role, parts, messageMetadata{in, ticket, m.CreatedAt, known(m.Feedback)}})
	}
	return seen, odd
}

// next returns the ticket of a list's cursor, nil at the end.
func (p *Proxy) next(s subject, list, cursor string) (*string, error) {
	if cursor == "" {
		return nil, nil
	}
	ticket := p.tickets.cursor(s, list, cursor)
	if ticket == "" {
		return nil, ErrUnusableID
	}
	return &ticket, nil
}

// pageRequest returns the page of a list that the visitor wants.
func (p *Proxy) pageRequest(r request, list string) (wanted chatclient.PageRequest, e *httpError) {
	query := r.URL.Query()
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > 100 {
			return wanted, invalid("limit must be from 1 to 100.")
		}
		wanted.Limit = n
	}
	if ticket := query.Get("cursor"); ticket != "" {
		var ok bool
		if wanted.Cursor, ok = p.tickets.openCursor(r.subject(), list, ticket); !ok {
			wanted.Cursor, ok = p.tickets.openCursor(r.earlier(), list, ticket)
		}
		if !ok {
			return wanted, errCursor
		}
	}
	return wanted, nil
}

var errCursor = invalid("cursor must be one of an earlier response.")

// listError takes what the service finds wrong with a list for a fault of the
// cursor, if the visitor sent one: all the rest is ours.
func listError(err error, wanted chatclient.PageRequest, hasTicket bool) *httpError {
	if wanted.Cursor != "" && errors.Is(err, chatclient.ErrBadRequest) {
		return errCursor
	}
	return upstream(err, hasTicket)
}

// visible returns the parts that the browser may see: text, and with PassTools the
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

// setFeedback sets or clears a thumb up or down.
func (p *Proxy) setFeedback(w http.ResponseWriter, r request) *httpError {
	feedback, e := decodeBody(p, w, r.Request, r.Visitor, decoder[chatclient.Feedback]{maxBody, decodeFeedback})
	if e != nil {
		return e
	}
	id, e := p.openConversation(r.Context(), r.Visitor, r.segments[1], p.tickets.openConversation)
	if e != nil {
		return e
	}
	messageID, ok := p.openMessage(r.Visitor, id, r.segments[3])
	if !ok {
		return errMessageNotFound
	}
	rated, err := p.bot.SetFeedback(r.Context(), id, messageID, feedback)
	if err == nil && !(owner{r.UserID, id}).owns(rated.Metadata.UserID, rated.Metadata.ConversationID) {
		err = ErrForeignConversation
	}
	if err != nil {
		return upstream(err, true)
	}
	respond(w, map[string]any{"message": p.tickets.message(r.subject(), id, messageID), "feedback": known(feedback)})
	return nil
}

func decodeFeedback(body []byte) (chatclient.Feedback, *httpError) {
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

// known returns nil for no feedback, and for one of an unknown kind.
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
