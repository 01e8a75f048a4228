package chatproxy

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"github.com/chatident/chatident/chatclient"
)

type textPart struct {
	Type string `json:"type"`
	Text string `json:"text"`
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
	next, omitted := p.tickets.cursor(r.subject(), "", page.NextCursor)
	list := []object{}
	for _, c := range page.Items {
		ticket := p.tickets.conversation(r.subject(), c.ID)
		switch {
		case !o.owns(c.UserID, ""):
			omitted = ErrForeignConversation
		case ticket == "":
			omitted = cmp.Or(omitted, ErrUnusableID)
		default:
			list = append(list, object{
				"conversation": ticket, "title": orNull(c.Title), "createdAt": c.CreatedAt, "updatedAt": c.UpdatedAt,
				"status": c.Status, "poll": p.pollOf(r.subject(), c.ID, c.Status),
			})
		}
	}
	return p.respond(w, r, object{"conversations": list, "cursor": next}, omitted)
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
	messages, omitted := p.messages(r, id, page.Items)
	next, unusable := p.tickets.cursor(r.subject(), string(id), page.NextCursor)
	messages["status"], messages["poll"], messages["cursor"] = orNull(status), p.pollOf(r.subject(), id, status), next
	return p.respond(w, r, messages, cmp.Or(omitted, unusable))
}

// messagesPage returns a page of messages and, for the first one, the conversation's status.
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

// messages returns what the browser may see of messages, and an error if some are omitted.
func (p *Proxy) messages(r request, id chatclient.ConversationID, stored []chatclient.StoredMessage) (seen object, omitted error) {
	o, in := owner{r.UserID, id}, p.tickets.conversation(r.subject(), id)
	messages := []object{}
	for _, m := range stored {
		parts, ticket := p.visible(m.Parts), p.tickets.message(r.subject(), id, m.ID)
		switch {
		case !o.owns(m.Metadata.UserID, m.Metadata.ConversationID):
			omitted = ErrForeignConversation
		case len(parts) == 0 || m.Role != "user" && m.Role != "assistant":
		case ticket == "":
			omitted = cmp.Or(omitted, ErrUnusableID)
		default:
			messages = append(messages, object{
				"id": ticket, "role": m.Role, "parts": parts,
				"metadata": object{"conversation": in, "message": ticket, "createdAt": m.CreatedAt, "feedback": known(m.Feedback)},
			})
		}
	}
	return object{"conversation": in, "messages": messages}, omitted
}

// pageRequest returns the page that the query requests. list is the conversation whose messages
// it lists, "" for the list of conversations.
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
		wanted.Cursor = cmp.Or(p.tickets.openCursor(r.subject(), list, ticket), p.tickets.openCursor(r.earlier(), list, ticket))
		if wanted.Cursor == "" {
			return wanted, errCursor
		}
	}
	return wanted, nil
}

var errCursor = invalid("cursor must be one of an earlier response.")

// listError returns the response for an error of a list. A 400 for a request with a cursor means
// that the cursor is not valid any more: the rest of the request is the Proxy's.
func listError(err error, wanted chatclient.PageRequest, hasTicket bool) *httpError {
	if wanted.Cursor != "" && errors.Is(err, chatclient.ErrBadRequest) {
		return errCursor
	}
	return upstream(err, hasTicket)
}

// visible returns the parts that the browser may see: text and, with PassTools, the others
// unchanged.
func (p *Proxy) visible(parts []chatclient.Part) (seen []any) {
	for _, part := range parts {
		switch {
		case part.Type == chatclient.PartText:
			seen = append(seen, textPart{part.Type, part.Text})
		case p.options.PassTools && part.Type != "":
			seen = append(seen, part.Raw)
		}
	}
	return seen
}

// setFeedback sets or removes the feedback on a reply.
func (p *Proxy) setFeedback(w http.ResponseWriter, r request) *httpError {
	id, e := p.openConversation(r.Context(), r.Visitor, r.segments[1], p.tickets.openConversation)
	if e != nil {
		return e
	}
	messageID := p.openMessage(r.Visitor, id, r.segments[3])
	if messageID == "" {
		return errMessageNotFound
	}
	rated, err := p.bot.SetFeedback(r.Context(), id, messageID, r.message.feedback)
	if err == nil && !(owner{r.UserID, id}).owns(rated.Metadata.UserID, rated.Metadata.ConversationID) {
		err = ErrForeignConversation
	}
	if err != nil {
		return upstream(err, true)
	}
	return p.respond(w, r, object{"message": p.tickets.message(r.subject(), id, messageID), "feedback": known(r.message.feedback)}, nil)
}

func decodeFeedback(body []byte) (message, *httpError) {
	f, e := only(body, "feedback")
	text, badText := f.text("feedback")
	feedback := chatclient.Feedback(text)
	if badText != nil || known(feedback) == nil && string(f["feedback"]) != "null" {
		e = cmp.Or(e, invalid(`feedback must be "positive", "negative" or null.`))
	}
	return message{feedback: feedback}, e
}

// known returns nil for no feedback and for an unknown one.
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
