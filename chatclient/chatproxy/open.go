package chatproxy

import (
	"bytes"
	"slices"
	"time"

	"github.com/chatident/chatident/chatclient"
)

const (
	maxSwaps = 16

	// maxAwait is the longest wait of a message for the first exchange of its chat,
	// which may be in another process, so that Chats is read again and again.
	maxAwait   = 30 * time.Second
	awaitPause = 250 * time.Millisecond

	// maxCandidates is how many conversations are compared with a first exchange that
	// failed, maxSkew how far the clocks may differ, and maxArrival how long a message may
	// take to the service.
	maxCandidates = 3
	maxSkew       = time.Minute
	maxArrival    = time.Minute
)

// open finds out what the message becomes, and makes the call.
func (x *exchange) open() (*chatclient.Stream, *httpError) {
	if x.results != nil {
		return x.openResults()
	}
	retry, e := x.resolve()
	if e != nil {
		return nil, e
	}
	x.out.setTickets(x.tickets())
	var stream *chatclient.Stream
	var err error
	if retry {
		begun := time.Now()
		if stream, err = x.p.bot.RetryStream(x.ctx, x.conversation, ""); err == nil {
			x.endReplaced(begun)
		}
	} else {
		stream, err = x.p.bot.Stream(x.ctx, chatclient.Message{Text: x.text, UserID: x.visitor.UserID, ConversationID: x.conversation})
	}
	if err != nil {
		return nil, x.failed(err, retry)
	}
	return stream, nil
}

// resolve sets the conversation, keeps the message in Chats, and reports whether it
// becomes the service's retry.
func (x *exchange) resolve() (retry bool, e *httpError) {
	begun := time.Now()
	for swaps := 0; swaps < maxSwaps; {
		c, value := x.load(x.visitor.subject())
		if x.message.ticket == "" {
			if e := x.claimChat(&c, value); e != nil {
				if e == errConversationNotFound { // the chat may begin anew
					x.swap(value, &chat{})
				}
				return false, e
			}
		} else if x.conversation != x.idOf(&c) { // it wins
			c = chat{Conversation: x.message.ticket}
		}
		retry, e = x.plan(&c)
		if e == nil && !retry && x.text == "" {
			e = errMessageNotFound
		}
		if e == errReplyPending && time.Since(begun) < maxAwait && x.pause() {
			continue
		}
		if e != nil {
			return false, e
		}
		x.keep(&c, retry)
		x.sending.Store(true) // before others see it in Chats
		if !x.isKept || x.swap(value, &c) {
			x.setConversation(x.idOf(&c), x.isKept && x.pending != 0)
			x.lost = x.lost || x.message.chat != "" && !x.isKept && x.conversation == ""
			return retry, nil
		}
		x.sending.Store(false)
		x.pending = 0
		swaps++
	}
	return false, errBusy
}

// idOf returns the conversation of a chat, "" for none.
func (x *exchange) idOf(c *chat) chatclient.ConversationID {
	return x.p.tickets.openConversation(x.visitor.subject(), c.Conversation)
}

// pause waits before Chats is read again, and reports whether it may be.
func (x *exchange) pause() bool {
	select {
	case <-x.ctx.Done():
		return false
	case <-time.After(awaitPause):
		return true
	}
}

// keep keeps in c that the message is being forwarded, as its last one.
func (x *exchange) keep(c *chat, retry bool) {
	if c.Conversation == "" {
		c.Begun, c.Pending = time.Now().UnixMilli(), true
		if x.isKept {
			x.pending = c.Begun
		}
	}
	m := x.marks
	if sent := c.find(m.ID); sent != nil && m.Text == "" {
		m.Text = sent.Text
	}
	if retry { // which issues new ids
		c.LastUser, m.State = "", arrived
	}
	c.Sent++
	c.Messages = slices.DeleteFunc(c.Messages, func(old sentMessage) bool { return old.ID == m.ID })
	c.Messages = append(c.Messages, m)
	c.Messages = c.Messages[max(0, len(c.Messages)-maxKept):]
}

// plan returns whether the message becomes the service's retry, else it is a new turn, by the
// table in docs/wire.md. It sets the conversation of c, if one is found.
func (x *exchange) plan(c *chat) (retry bool, e *httpError) {
	in, sent, last := x.idOf(c), c.find(x.marks.ID), c.lastForwarded()
	isForwarded := sent != nil && sent.State != rejected && x.id != ""
	ticketID := x.p.openMessage(x.visitor, in, x.id)
	switch {
	case c.isPending():
		return false, errReplyPending
	case x.later, isForwarded && sent != last, isForwarded && x.marks.Text != "" && x.marks.Text != sent.Text:
		return false, errEdit
	case in == "" && last != nil: // the first exchange failed and may have begun a conversation
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

// isOnItsWay reports whether another exchange of this process sends the same message: soon
// it is known whether that has arrived.
func (x *exchange) isOnItsWay() bool {
	for other := range x.p.running.Range {
		if o := other.(*exchange); o != x && o.key == x.key && o.marks.ID == x.marks.ID && o.sending.Load() {
			return true
		}
	}
	return false
}

// compare reports whether the newest message of the stored conversation is this one: then
// it becomes the service's retry. ticketID is the service's id of this one, if the page
// has named it by its ticket.
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

// findConversation returns the ticket of the conversation that a first exchange began
// before it failed, "" for none. It is the one that the service lists for the user who is
// signed in, has this message alone, and began when it was sent. Nothing says that it is not
// of another chat of the user that began with the same text at that time, so of two none is.
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

// beganWith reports whether a conversation consists of one message, and its reply.
func (x *exchange) beganWith(page chatclient.Page[chatclient.StoredMessage], sent *sentMessage) bool {
	own := byVisitor(page.Items)
	return page.NextCursor == "" && len(own) == 1 && x.p.textMark(x.visitor.subject(), own[0].Text()) == sent.Text
}

// failed keeps what is known of a message whose call has failed.
func (x *exchange) failed(err error, retry bool) *httpError {
	e := x.orHeld(upstreamMessage(err, x.conversation != ""))
	isGone := e == errEnded || e == errConversationNotFound
	x.settle(func(c *chat) {
		if sent := c.find(x.marks.ID); sent != nil && !mayHaveArrived(err) && !retry {
			sent.State = rejected
		}
		if isGone && x.idOf(c) == x.conversation {
			*c = chat{}
		}
	})
	return e
}

// load returns what Chats has of the chat, and the value. If Chats fails, the exchange goes
// on as without a chat.
func (x *exchange) load(who subject) (c chat, value []byte) {
	if !x.isKept {
		return c, nil
	}
	value, err := x.p.loadValue(x.ctx, x.p.tickets.chatKey(who, x.chat))
	if x.isKept = err == nil; x.isKept {
		c, err = decodeChat(value, x.p.tickets, who)
	}
	x.fault(err)
	return c, value
}

// swap stores c in place of a value, and is false if another was stored.
func (x *exchange) swap(old []byte, c *chat) bool {
	swapped, err := x.p.swapValue(x.ctx, x.key, old, c.encode())
	if err != nil {
		x.isKept = false
		x.fault(err)
	}
	return swapped || err != nil
}

// update changes what Chats has of the chat, and reports whether it could.
func (x *exchange) update(change func(*chat)) bool {
	for range maxSwaps {
		c, value := x.load(x.visitor.subject())
		if !x.isKept {
			return false
		}
		before := c.encode()
		if change(&c); bytes.Equal(before, c.encode()) || x.swap(value, &c) {
			return x.isKept
		}
	}
	return false
}

// settle changes what Chats has of the chat, which is pending no more if it is for this
// exchange or was forgotten, and gets the conversation if that is known.
func (x *exchange) settle(change func(*chat)) {
	isStored := x.update(func(c *chat) {
		isForgotten := c.Conversation == "" && !c.Pending && len(c.Messages) == 0
		if x.pending != 0 && (c.Pending && c.Begun == x.pending || isForgotten) {
			c.Pending, c.Conversation = false, x.p.tickets.conversation(x.visitor.subject(), x.conversation)
		}
		change(c)
	})
	if isStored {
		x.pending = 0
	}
}
