package chatproxy

import (
	"context"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/endpoint"
)

// relay writes a stream to the browser as it arrives. Events that can be read without waiting are
// written together. relay returns the next stream if the reply continues after tools, or the error
// response if the conversation was claimed before the reply began.
func (x *exchange) relay(stream *chatclient.Stream) (next *chatclient.Stream, failure *httpError) {
	if e := x.p.checkClaim(x.ctx, x.visitor, x.conversation); e != nil {
		_ = stream.Close()
		return nil, x.fail(e)
	}
	x.out.flush()
	o := owner{x.visitor.UserID, x.conversation}
	for event := range stream.Events() { // its error is returned by stream.Reply
		if err := o.checkEvent(event); err != nil {
			return nil, x.fail(interrupted(err))
		}
		if event.Metadata != nil {
			x.learn(o.conversation, *event.Metadata)
		}
		if event.Type == eventToolOutput { // the service itself made the call
			if id, _ := pick(event.Raw, "toolCallId").text("toolCallId"); len(id) <= maxMessageID && len(x.resolved) < maxResolved {
				x.resolved[id] = true
			}
		}
		if event.ToolCall == nil || !x.p.isPageTool(event.ToolCall.ToolName) { // else runTools passes it on
			x.out.event(&event, x.p.options.PassTools)
		}
		x.hasLeft(len(event.Raw))
		if !stream.Buffered() {
			x.out.flush()
		}
	}
	return x.end(stream)
}

// learn stores the ids in an event's metadata.
func (x *exchange) learn(conversation chatclient.ConversationID, m chatclient.Metadata) {
	isNew := x.conversation == "" && x.p.tickets.conversation(x.visitor.subject(), conversation) != ""
	hasArrived := bookbag.IssuedID(m.UserMessageID) == ""
	arrive := func(c *chat) {
		if sent := c.find(x.marks.ID); sent != nil && hasArrived {
			if sent.State = arrived; sent == c.lastForwarded() { // not if another tab has sent a later one
				c.LastUser = m.UserMessageID
			}
		}
	}
	switch {
	case isNew:
		x.setConversation(conversation, false)
		x.out.setTickets(x.tickets())
		x.settle(arrive)
	case hasArrived:
		x.update(arrive)
	}
}

// end ends the reply after its stream has ended, or returns the next stream after tools.
func (x *exchange) end(stream *chatclient.Stream) (next *chatclient.Stream, failure *httpError) {
	reply, err := stream.Reply()
	x.metadata = reply.Metadata
	defer x.reportReply()
	if err != nil {
		return nil, x.fail(interrupted(err))
	}
	reason, poll := finishReason(reply.Metadata.FinishReason), ""
	switch {
	case reason == chatclient.FinishToolCalls && len(x.p.tools) > 0 && x.ctx.Err() == nil:
		next, e := x.runTools(reply)
		if e != nil {
			return nil, x.fail(e)
		}
		if next != nil {
			return next, nil
		}
	case len(reply.Parts) == 0 && x.conversation != "":
		if poll = x.pollIfHeld(); poll != "" {
			reason = "held"
		}
	}
	t := x.tickets()
	t.Poll = poll
	x.out.finish(reason, t)
	return nil, nil
}

// reportReply calls OnReply, if the service has sent metadata.
func (x *exchange) reportReply() {
	if x.metadata == (chatclient.Metadata{}) {
		return
	}
	defer endpoint.Recover(func(p *endpoint.Panic) { x.fault((*PanicError)(p)) })
	x.p.options.OnReply(context.WithoutCancel(x.r.Context()), x.visitor, x.metadata)
}

func finishReason(reason string) string {
	switch reason {
	case chatclient.FinishStop, chatclient.FinishToolCalls:
		return reason
	}
	return "other"
}

// orHeld returns e, or conversation_held if the service rejects messages because a person has the
// conversation: its code is the same as for one that has ended.
func (x *exchange) orHeld(e *httpError) *httpError {
	if e == errEnded {
		if poll := x.pollIfHeld(); poll != "" {
			return held(poll)
		}
	}
	return e
}

// pollIfHeld returns the poll ticket of the conversation if a person has it, else "".
func (x *exchange) pollIfHeld() string {
	ctx, cancel := context.WithTimeout(x.ctx, 5*time.Second)
	defer cancel()
	c, err := x.p.bot.Conversation(ctx, x.conversation)
	if err != nil || !heldStatus(c.Status) {
		return ""
	}
	return x.p.polls.ticket(x.p.tickets, x.visitor.subject(), x.conversation)
}

// heldStatus reports whether a person has a conversation with this status.
func heldStatus(status string) bool { return status == "taken_over" || status == "paused" }
