package chatproxy

import (
	"context"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/endpoint"
)

// own returns a stream, unless its conversation was claimed since the call.
func (x *exchange) own(stream *chatclient.Stream) (*chatclient.Stream, *httpError) {
	if e := x.p.checkClaim(x.ctx, x.visitor, x.conversation); e != nil {
		_ = stream.Close()
		return nil, e
	}
	return stream, nil
}

// relay passes a reply on as it arrives, and returns its continuation after tools, nil at
// its end. What can be read without waiting is written together.
func (x *exchange) relay(stream *chatclient.Stream) (next *chatclient.Stream) {
	x.out.flush()
	o := owner{x.visitor.UserID, x.conversation}
	var err error
	for event := range stream.Events() { // what ended it, Reply returns
		if err = o.checkEvent(event); err != nil {
			break
		}
		if event.Metadata != nil {
			x.learn(o.conversation, *event.Metadata)
		}
		if event.Type == eventToolOutput { // the service has made the call
			if id, _ := pick(event.Raw, "toolCallId").text("toolCallId"); len(id) <= maxMessageID && len(x.resolved) < maxResolved {
				x.resolved[id] = true
			}
		}
		if event.ToolCall == nil || !x.p.isPageTool(event.ToolCall.ToolName) { // else runTools passes it on
			x.out.event(&event, x.p.passTools)
		}
		x.hasLeft(len(event.Raw))
		if !stream.Buffered() {
			x.out.flush()
		}
	}
	if err != nil { // foreign: no ticket, not even the one that was sent
		return x.fail(interrupted(err), replyTickets{})
	}
	return x.end(stream)
}

// learn keeps the ids that the service has sent.
func (x *exchange) learn(conversation chatclient.ConversationID, m chatclient.Metadata) {
	ticket := x.p.tickets.conversation(x.visitor.subject(), conversation)
	isNew := ticket != "" && x.conversation == ""
	if isNew {
		x.conversation = conversation
	}
	arrival := bookbag.IssuedID(m.UserMessageID) == ""
	if x.isKept && (isNew || arrival) {
		isStored := x.update(func(c *chat) {
			if isNew {
				x.settle(c)
			}
			if sent := c.find(x.idMark); sent != nil && arrival {
				if sent.State = arrived; c.isLastForwarded(x.idMark) { // else it is not the last one's
					c.LastUser = m.UserMessageID
				}
			}
		})
		if isNew && isStored {
			x.pending = 0
		}
	}
	if isNew {
		x.out.setTickets(x.tickets(chatclient.Metadata{}))
		x.await(false)
	}
}

// end ends the reply as the service's stream has ended, or returns the next stream.
func (x *exchange) end(stream *chatclient.Stream) (next *chatclient.Stream) {
	reply, err := stream.Reply()
	m := reply.Metadata
	t := x.tickets(m)
	if m.ConversationID == "" { // the ids are of no known conversation
		t.Message, t.UserMessage = "", ""
	}
	defer x.reportReply(m)
	if err != nil {
		return x.fail(interrupted(err), t)
	}
	reason := finishReason(m.FinishReason)
	switch {
	case reason == chatclient.FinishToolCalls && len(x.p.tools) > 0 && x.ctx.Err() == nil:
		next, e := x.runTools(reply)
		if e != nil {
			return x.fail(e, t)
		}
		if next != nil {
			return next
		}
	case len(reply.Parts) == 0 && x.conversation != "":
		if held, _ := x.p.isHeld(x.ctx, x.conversation); held {
			reason, t.Poll = "held", x.p.polls.ticket(x.p.tickets, x.visitor.subject(), x.conversation)
		}
	}
	x.out.finish(reason, t)
	return nil
}

// fail ends the reply with an error, and returns that there is no next stream.
func (x *exchange) fail(e *httpError, t replyTickets) *chatclient.Stream {
	t.Message, t.Poll = "", e.poll
	x.out.fail(e, t)
	x.fault(e.cause)
	return nil
}

// reportReply calls OnReply, if the service has sent metadata.
func (x *exchange) reportReply(m chatclient.Metadata) {
	if m == (chatclient.Metadata{}) {
		return
	}
	defer endpoint.Recover(func(p *endpoint.Panic) { x.failures = append(x.failures, (*PanicError)(p)) })
	x.p.onReply(context.WithoutCancel(x.r.Context()), x.visitor, m)
}

func finishReason(reason string) string {
	switch reason {
	case chatclient.FinishStop, chatclient.FinishToolCalls:
		return reason
	}
	return "other"
}

// endedOrHeld returns why a conversation takes no message.
func (x *exchange) endedOrHeld() *httpError {
	if isHeld, err := x.p.isHeld(x.ctx, x.conversation); err != nil || !isHeld {
		return errEnded
	}
	return held(x.p.polls.ticket(x.p.tickets, x.visitor.subject(), x.conversation))
}

// isHeld reports whether a person has a conversation.
func (p *Proxy) isHeld(ctx context.Context, id chatclient.ConversationID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := p.bot.Conversation(ctx, id)
	return err == nil && heldStatus(c.Status), err
}

// heldStatus reports whether a status says that a person has the conversation.
func heldStatus(status string) bool { return status == "taken_over" || status == "paused" }
