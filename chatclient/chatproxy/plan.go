package chatproxy

import (
	"slices"
	"time"

	"github.com/chatident/chatident/chatclient"
)

const (
	maxCandidates = 3           // conversations that findConversation reads
	maxSkew       = time.Minute // between the clocks
	maxArrival    = time.Minute // of a message at the service
)

// plan implements the table in docs/wire.md, "How a request is handled": it reports whether the
// message becomes the service's retry. If not, it is a new turn. plan sets the conversation of c
// if it finds that of a failed first exchange.
func (x *exchange) plan(c *chat) (retry bool, e *httpError) {
	in, sent, last := x.idOf(c), c.find(x.marks.ID), c.lastForwarded()
	isForwarded := sent != nil && sent.State != rejected && x.id != ""
	ticketID := x.p.openMessage(x.visitor, in, x.id)
	switch {
	case c.isPending():
		return false, errReplyPending
	case x.later, isForwarded && sent != last, isForwarded && x.marks.Text != "" && x.marks.Text != sent.Text:
		return false, errEdit
	case in == "" && last != nil: // the first exchange failed, and may have begun a conversation
		if c.Conversation, e = x.findConversation(c.Begun, last); e != nil {
			return false, e
		}
		if c.Conversation == "" {
			*c, x.lost = chat{}, true
		}
		return x.plan(c)
	case in != "" && isForwarded && sent.State == unknown && x.isOnItsWay():
		return false, errReplyPending
	case in != "" && (isForwarded || ticketID != "" || x.again && len(c.Messages) == 0):
		return x.compare(c, in, ticketID)
	}
	return false, nil
}

// isOnItsWay reports whether another exchange of this process is sending the same message.
func (x *exchange) isOnItsWay() bool {
	for other := range x.p.running.Range {
		if o := other.(*exchange); o != x && o.key == x.key && o.marks.ID == x.marks.ID && o.sending.Load() {
			return true
		}
	}
	return false
}

// compare reports whether this message is the visitor's newest in the stored conversation, so
// that it becomes the service's retry. ticketID is the service's id of this message if the page
// sent its ticket as the id, else "".
func (x *exchange) compare(c *chat, in chatclient.ConversationID, ticketID string) (retry bool, e *httpError) {
	page, err := x.p.bot.MessagesPage(x.ctx, in, chatclient.PageRequest{})
	if err != nil {
		return false, upstream(err, true)
	}
	own, newest, sent := byVisitor(page.Items), chatclient.StoredMessage{}, c.find(x.marks.ID)
	if len(own) > 0 {
		newest = own[len(own)-1]
	}
	stored := x.p.textMark(x.visitor.subject(), newest.Text())
	id, isNewest := ticketID, false
	switch {
	case sent == nil || sent.State == rejected:
		isNewest = x.marks.Text != "" && x.marks.Text == stored
	case sent.State == arrived && c.LastUser != "":
		id = c.LastUser
	default:
		isNewest = sent.Text == stored && newest.ID != c.LastUser
	}
	switch {
	case sent != nil && sent.State == unknown && !isNewest && x.arrivedAfter(own, c.LastUser, sent.Text):
		return false, errEdit // another tab's message is after it
	case id != "" && newest.ID != id, ticketID != "" && x.marks.Text != "" && x.marks.Text != stored:
		return false, errEdit // there is a later one, of another chat, or the text was changed
	case id != "" || isNewest:
		return true, nil
	}
	return false, nil
}

// arrivedAfter reports whether a message with this text is after the one with an id.
func (x *exchange) arrivedAfter(own []chatclient.StoredMessage, id, text string) bool {
	i := slices.IndexFunc(own, func(m chatclient.StoredMessage) bool { return m.ID == id })
	return i >= 0 && slices.ContainsFunc(own[i+1:], func(m chatclient.StoredMessage) bool {
		return x.p.textMark(x.visitor.subject(), m.Text()) == text
	})
}

// findConversation returns the ticket of the conversation that a failed first exchange began, ""
// if it is not found. The service must list it for the user who is signed in, and it must have
// begun with this message at that time and have no other. If there are two, another chat may
// have begun with the same text, and neither is returned.
func (x *exchange) findConversation(begun int64, sent *sentMessage) (found string, e *httpError) {
	if x.visitor.anonymous() {
		return "", nil
	}
	list, err := x.p.bot.UserConversationsPage(x.ctx, x.visitor.UserID, chatclient.PageRequest{})
	if err != nil {
		return "", upstream(err, false)
	}
	candidates := slices.DeleteFunc(list.Items, func(c chatclient.Conversation) bool {
		age := c.CreatedAt.Sub(time.UnixMilli(begun))
		isOther := !c.CreatedAt.IsZero() && (age < -maxSkew || age > maxSkew+maxArrival)
		return isOther || c.UserID != x.visitor.UserID || x.p.tickets.conversation(x.visitor.subject(), c.ID) == ""
	})
	for _, c := range candidates[:min(len(candidates), maxCandidates)] {
		page, err := x.p.bot.MessagesPage(x.ctx, c.ID, chatclient.PageRequest{})
		switch {
		case err != nil:
			return "", upstream(err, true)
		case !x.beganWith(page, sent):
			continue
		case found != "":
			return "", nil
		}
		found = x.p.tickets.conversation(x.visitor.subject(), c.ID)
	}
	return found, nil
}

// beganWith reports whether a conversation consists of this message and its reply.
func (x *exchange) beganWith(page chatclient.Page[chatclient.StoredMessage], sent *sentMessage) bool {
	own := byVisitor(page.Items)
	return page.NextCursor == "" && len(own) == 1 && x.p.textMark(x.visitor.subject(), own[0].Text()) == sent.Text
}

// byVisitor returns the messages of the visitor in a page.
func byVisitor(page []chatclient.StoredMessage) []chatclient.StoredMessage {
	return slices.DeleteFunc(page, func(m chatclient.StoredMessage) bool { return m.Role != "user" })
}
