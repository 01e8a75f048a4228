package chatproxy

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
)

const (
	chatsTimeout = 2 * time.Second
	maxSwaps     = 16

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
	x.out.setTickets(x.tickets(chatclient.Metadata{}))
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
	return x.own(stream)
}

// resolve sets the conversation, keeps the message in Chats, and reports whether it
// becomes the service's retry.
func (x *exchange) resolve() (retry bool, e *httpError) {
	begun := time.Now()
	for swaps := 0; swaps < maxSwaps; {
		c, value := x.load()
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
		if e == errReplyPending && time.Since(begun) < maxAwait && x.pause() {
			continue
		}
		if e != nil {
			return false, e
		}
		x.conversation = x.idOf(&c)
		x.keep(&c, retry)
		x.sending.Store(true) // before others see it in Chats
		if !x.isKept || x.swap(value, &c) {
			x.await(x.isKept && x.pending != 0)
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
	id, _ := x.p.tickets.openConversation(x.visitor.subject(), c.Conversation)
	return id
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

// keep keeps in c that the message is being forwarded.
func (x *exchange) keep(c *chat, retry bool) {
	if c.Conversation == "" {
		c.PendingUntil = time.Now().Add(maxStream + maxReadOn).UnixMilli()
		c.Begun = time.Now().Unix()
		if x.isKept {
			x.pending = c.PendingUntil
		}
	}
	if retry { // which issues new ids
		c.LastUser = ""
	}
	m := sentMessage{ID: x.idMark, Text: x.textMark, State: unknown}
	if sent := c.find(x.idMark); sent != nil && m.Text == "" {
		m.Text = sent.Text
	}
	if retry {
		m.State = arrived
	}
	c.keep(m)
}

// plan returns whether the message becomes the service's retry, else it is a new turn. It
// sets the conversation of c, if one is found.
func (x *exchange) plan(c *chat) (retry bool, e *httpError) {
	for {
		f := c.factsOf(x.message, x.idMark, x.textMark)
		current := x.idOf(c)
		var ticketID string
		ticketID, f.isTicket = x.p.openMessage(x.visitor, current, x.id)
		switch decide(f) {
		case awaitFirst:
			return false, errReplyPending
		case rejectEdit:
			return false, errEdit
		case findConversation:
			found, e := x.findConversation(c)
			if e != nil {
				return false, e
			}
			if found == "" {
				*c, x.lost = chat{}, true
			}
			c.Conversation = found
			continue
		case compareStored:
			if sent := c.find(x.idMark); sent != nil && sent.State == unknown && x.isOnItsWay() {
				return false, errReplyPending
			}
			return x.compare(c, current, ticketID)
		}
		return false, x.needText()
	}
}

// isOnItsWay reports whether another exchange of this process sends the same message: soon
// it is known whether that has arrived.
func (x *exchange) isOnItsWay() bool {
	for other := range x.p.running.Range {
		if o := other.(*exchange); o != x && o.key == x.key && o.idMark == x.idMark && o.sending.Load() {
			return true
		}
	}
	return false
}

// needText returns an error for a message that must be sent, but whose text is missing.
func (x *exchange) needText() *httpError {
	if x.text == "" {
		return errMessageNotFound
	}
	return nil
}

// compare reports whether the newest message of the stored conversation is this one: then
// it becomes the service's retry. ticketID is the service's id of this one, if the page
// has named it by its ticket.
func (x *exchange) compare(c *chat, in chatclient.ConversationID, ticketID string) (retry bool, e *httpError) {
	page, err := x.p.bot.MessagesPage(x.ctx, in, chatclient.PageRequest{})
	if err != nil {
		return false, upstream(err, true)
	}
	newest, sent := newestUser(page.Items), c.find(x.idMark)
	stored := x.p.textMark(x.visitor.subject(), newest.Text())
	id, isNewest := ticketID, false
	switch {
	case sent == nil || sent.State == rejected:
		isNewest = x.textMark != "" && x.textMark == stored
	case sent.State == arrived && c.LastUser != "":
		id = c.LastUser
	default:
		isNewest = sent.Text == stored && (newest.ID != c.LastUser || sent.State == arrived)
	}
	switch {
	case sent != nil && sent.State == unknown && !isNewest && x.arrivedAfter(page.Items, c.LastUser, sent.Text):
		return false, errEdit // another tab's message is after it
	case id != "" && newest.ID != id, ticketID != "" && x.textMark != "" && x.textMark != stored:
		return false, errEdit // there is a later one, of another chat, or the text was changed
	case id != "" || isNewest:
		return true, nil
	}
	return false, x.needText()
}

// arrivedAfter reports whether a message with this text is after the one with an id.
func (x *exchange) arrivedAfter(page []chatclient.StoredMessage, id, text string) bool {
	i := slices.IndexFunc(page, func(m chatclient.StoredMessage) bool { return m.ID == id })
	return i >= 0 && slices.ContainsFunc(page[i+1:], func(m chatclient.StoredMessage) bool {
		return m.Role == "user" && x.p.textMark(x.visitor.subject(), m.Text()) == text
	})
}

// findConversation returns the ticket of the conversation that a first exchange began
// before it failed, "" for none. It is the one that the service lists for the user who is
// signed in, has this message alone, and began when it was sent. Nothing says that it is not
// of another chat of the user that began with the same text at that time, so of two none is.
func (x *exchange) findConversation(c *chat) (string, *httpError) {
	if x.visitor.anonymous() || len(c.Messages) == 0 {
		return "", nil
	}
	list, err := x.p.bot.UserConversationsPage(x.ctx, x.visitor.UserID, chatclient.PageRequest{})
	if err != nil {
		return "", upstream(err, false)
	}
	found, candidates := "", 0
	for _, listed := range list.Items {
		ticket := x.p.tickets.conversation(x.visitor.subject(), listed.ID)
		age := listed.CreatedAt.Sub(time.Unix(c.Begun, 0)) // at the first exchange
		isOther := !listed.CreatedAt.IsZero() && (age < -maxSkew || age > maxSkew+maxArrival)
		if ticket == "" || isOther || listed.UserID != x.visitor.UserID {
			continue
		}
		if candidates++; candidates > maxCandidates {
			break
		}
		page, err := x.p.bot.MessagesPage(x.ctx, listed.ID, chatclient.PageRequest{})
		if err != nil {
			return "", upstream(err, true)
		}
		if x.beganWith(page, c.Messages[len(c.Messages)-1]) {
			if found != "" {
				return "", nil
			}
			found = ticket
		}
	}
	return found, nil
}

// beganWith reports whether a conversation consists of one message, and its reply.
func (x *exchange) beganWith(page chatclient.Page[chatclient.StoredMessage], sent sentMessage) bool {
	own := slices.DeleteFunc(page.Items, func(m chatclient.StoredMessage) bool { return m.Role != "user" })
	return page.NextCursor == "" && len(own) == 1 && x.p.textMark(x.visitor.subject(), own[0].Text()) == sent.Text
}

// failed keeps what is known of a message whose call has failed.
func (x *exchange) failed(err error, retry bool) *httpError {
	e := upstreamMessage(err, x.conversation != "")
	if e == errEnded {
		e = x.endedOrHeld()
	}
	isGone := e == errEnded || e == errConversationNotFound
	isStored := x.update(func(c *chat) {
		x.settle(c)
		if sent := c.find(x.idMark); sent != nil && !mayHaveArrived(err) && !retry {
			sent.State = rejected
		}
		if isGone && x.idOf(c) == x.conversation {
			*c = chat{}
		}
	})
	if isStored {
		x.pending = 0
	}
	return e
}

// load returns what Chats has of the chat, and the value.
func (x *exchange) load() (c chat, value []byte) {
	return x.loadChat(x.key, x.visitor.subject())
}

func (x *exchange) loadChat(key string, who subject) (c chat, value []byte) {
	if !x.isKept {
		return c, nil
	}
	ok := x.callChats(func(ctx context.Context) (err error) {
		value, err = x.p.chats.Load(ctx, key)
		return err
	})
	if !ok {
		return c, nil
	}
	c, ok = decodeChat(value, x.p.tickets, who)
	if !ok {
		x.failures = append(x.failures, fmt.Errorf("%w: the value is not of this visitor", ErrChats))
	}
	return c, value
}

// swap stores c in place of a value, and is false if another was stored.
func (x *exchange) swap(old []byte, c *chat) (swapped bool) {
	ok := x.callChats(func(ctx context.Context) (err error) {
		swapped, err = x.p.chats.CompareAndSwap(ctx, x.key, old, c.encode())
		return err
	})
	return swapped || !ok
}

// callChats calls a method of Chats. If that fails, the exchange goes on as without a chat.
func (x *exchange) callChats(method func(context.Context) error) (ok bool) {
	err := x.p.callChats(x.ctx, method)
	if err != nil {
		x.failures = append(x.failures, err)
		x.isKept = false
	}
	return err == nil
}

func (p *Proxy) callChats(ctx context.Context, method func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), chatsTimeout)
	defer cancel()
	defer endpoint.Recover(func(p *endpoint.Panic) { err = fmt.Errorf("%w: %w", ErrChats, (*PanicError)(p)) })
	if err = method(ctx); err != nil {
		err = fmt.Errorf("%w: %w", ErrChats, err)
	}
	return err
}

// update changes what Chats has of the chat, and reports whether it could.
func (x *exchange) update(change func(*chat)) bool {
	for range maxSwaps {
		c, value := x.load()
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

// settle ends that the chat is pending, if it is for this exchange or was forgotten, with the
// conversation if that is known.
func (x *exchange) settle(c *chat) {
	isForgotten := c.Conversation == "" && c.PendingUntil == 0 && len(c.Messages) == 0
	if x.pending != 0 && (c.PendingUntil == x.pending || isForgotten) {
		c.PendingUntil, c.Conversation = 0, x.p.tickets.conversation(x.visitor.subject(), x.conversation)
	}
}
