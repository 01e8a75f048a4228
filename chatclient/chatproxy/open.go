package chatproxy

import (
	"slices"
	"time"

	"github.com/chatident/chatident/chatclient"
)

const (
	// maxAwait is the longest wait of a message for the first exchange of its chat. That may
	// be in another process, so Chats is read again after each awaitPause.
	maxAwait   = 30 * time.Second
	awaitPause = 250 * time.Millisecond
)

// open decides between a new turn and the service's retry, and makes the call.
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
		return nil, x.callFailed(err, retry)
	}
	return stream, nil
}

// resolve sets the conversation, stores in Chats that the message is being sent, and reports
// whether it becomes the service's retry.
func (x *exchange) resolve() (retry bool, e *httpError) {
	begun := time.Now()
	for swaps := 0; swaps < maxSwaps; {
		c, value := x.load(x.visitor.subject())
		if x.message.ticket == "" {
			if e := x.claimChat(&c, value); e != nil {
				if e == errConversationNotFound { // the next message begins a new conversation
					x.swap(value, &chat{})
				}
				return false, e
			}
		} else if x.conversation != x.idOf(&c) { // the ticket takes precedence
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
		x.addSent(&c, retry)
		x.sending.Store(true) // before other exchanges find the message in Chats
		if !x.usesChats || x.swap(value, &c) {
			x.setConversation(x.idOf(&c), x.usesChats && x.pending != 0)
			x.lost = x.lost || x.message.chat != "" && !x.usesChats && x.conversation == ""
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

// addSent adds the message to c, as the one that was sent last.
func (x *exchange) addSent(c *chat, retry bool) {
	if c.Conversation == "" {
		c.Begun, c.Pending = time.Now().UnixMilli(), true
		if x.usesChats {
			x.pending = c.Begun
		}
	}
	m := x.marks
	if sent := c.find(m.ID); sent != nil && m.Text == "" {
		m.Text = sent.Text
	}
	if retry { // the service issues new ids
		c.LastUser, m.State = "", arrived
	}
	c.Sent++
	c.Messages = slices.DeleteFunc(c.Messages, func(old sentMessage) bool { return old.ID == m.ID })
	c.Messages = append(c.Messages, m)
	c.Messages = c.Messages[max(0, len(c.Messages)-maxSent):]
}

// callFailed stores in Chats what is known of the message after its call has failed, and returns
// the response.
func (x *exchange) callFailed(err error, retry bool) *httpError {
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
