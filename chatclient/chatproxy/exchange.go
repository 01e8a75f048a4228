package chatproxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/chatclient"
)

const (
	maxStream = 10 * time.Minute

	// After the page has left, a stream is read until its conversation is known, at most
	// this long and this many bytes.
	maxReadOn      = 60 * time.Second
	maxReadOnBytes = 1 << 20
)

// exchange is a message and its reply.
type exchange struct {
	p       *Proxy
	r       *http.Request
	visitor Visitor
	message
	marks     sentMessage // of the message
	key       string      // of the chat in Chats, "" without a chat
	usesChats bool        // the message names a chat, and Chats has not failed
	out       *eventWriter
	kept      *keptReply // nil if the reply ends with its request
	slot      *slot

	ctx       context.Context // of the calls to the service; does not end with the request
	cancel    context.CancelCauseFunc
	stopTimer context.CancelFunc // of ctx

	lost     bool                // an earlier conversation of the chat cannot be found
	pending  int64               // chat.Begun while the chat is pending for this exchange, else 0
	sending  atomic.Bool         // the message was or is being sent
	opened   atomic.Bool         // the reply has begun
	failures []error             // reported after the response
	metadata chatclient.Metadata // of the reply, at its end
	rounds   int                 // of tools
	resolved map[string]bool     // ids of calls whose results the stream has

	mu           sync.Mutex
	conversation chatclient.ConversationID // "" if unknown; other goroutines need mu
	awaits       bool                      // the stream is read without a page, for its conversation
	left         bool                      // the page has left, or has stopped the reply
	read         int                       // bytes of the stream since then
}

// errLeft is the cause of the end of ctx after the page has left or stopped the reply.
var errLeft = errors.New("chatproxy: the page has left")

// serveMessage responds to a message with its reply. A kept reply has its own goroutine, and
// the request copies it.
func (p *Proxy) serveMessage(w http.ResponseWriter, r request, encoder replyEncoder) *httpError {
	x, e := p.newExchange(w, r, encoder)
	if e != nil {
		return e
	}
	if p.stops.since(r.subject(), r.begun) { // later calls of StopReplies find x
		x.stop()
	}
	if x.kept == nil {
		x.serve(w)
		return nil
	}
	defer x.slot.release(func(err error) { p.report(r.Request, err) })
	go x.serveKept()
	return p.copyReply(x.kept, w, r.Request)
}

// serve responds, then reports errors.
func (x *exchange) serve(w http.ResponseWriter) {
	if e := x.respond(); e != nil {
		x.p.respondError(w, x.r, e)
	}
	x.report()
}

// newExchange begins an exchange, unless the visitor has too many or the ticket is invalid.
func (p *Proxy) newExchange(w http.ResponseWriter, r request, encoder replyEncoder) (*exchange, *httpError) {
	m, who := r.message, r.subject()
	x := &exchange{p: p, r: r.Request, visitor: r.Visitor, message: m, resolved: map[string]bool{}}
	x.marks = sentMessage{ID: p.tickets.mark("id", who, m.id), Text: p.textMark(who, m.text), State: unknown}
	var e *httpError
	if m.ticket != "" {
		if x.conversation, e = p.openConversation(r.Context(), r.Visitor, m.ticket, p.tickets.openConversation); e != nil {
			return nil, e
		}
		x.message.ticket = p.tickets.conversation(who, x.conversation)
	}
	if !canFlush(w) {
		return nil, internal(ErrCannotFlush)
	}
	if x.slot, e = p.takeSlot(r); e != nil {
		return nil, e
	}
	x.failures = []error{p.checkDeadline(w, r.Request)}
	x.ctx, x.stopTimer = context.WithTimeoutCause(context.WithoutCancel(r.Context()), maxStream, ErrReplyTooLong)
	x.ctx, x.cancel = context.WithCancelCause(x.ctx)
	if m.chat != "" && p.options.KeepReplies {
		x.kept = p.kept.begin(r.size(), x.cancel)
	}
	if x.kept != nil {
		w, x.r = x.kept, withoutBody(r.Request)
		x.slot.holders.Add(1)
	}
	x.out = newEventWriter(w, encoder, x.leave)
	if m.chat != "" {
		x.key, x.usesChats = p.tickets.chatKey(who, m.chat), true
	}
	p.running.Store(x, true)
	return x, nil
}

// respond opens and relays the reply. It returns the error response if no reply has begun.
func (x *exchange) respond() *httpError {
	defer x.close()
	gone, leave := x.r.Context(), x.leave
	if x.kept != nil {
		gone, leave = x.p.kept.dropped, x.drop
	}
	defer context.AfterFunc(gone, leave)()
	stream, e := x.open()
	if e != nil {
		return x.fail(e)
	}
	x.opened.Store(true)
	for stream != nil {
		stream, e = x.relay(stream)
	}
	return e
}

// close frees what newExchange took. A chat that is still pending gets the conversation, or
// none: Chats may work again.
func (x *exchange) close() {
	defer x.slot.release(x.fault)
	defer x.p.running.Delete(x)
	defer x.stopTimer()
	defer x.cancel(errLeft)
	defer x.out.close()
	if x.pending != 0 {
		x.usesChats = true
		x.settle(func(*chat) {})
	}
}

// leave ends the calls to the service when the page leaves. If the stream is read for its
// conversation, they end after maxReadOn.
func (x *exchange) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch err := x.r.Context().Err(); {
	case errors.Is(err, context.DeadlineExceeded): // of a middleware: the page has not left
		x.cancel(err)
		return
	case !x.awaits:
		x.cancel(errLeft)
	case !x.left:
		timer := time.AfterFunc(maxReadOn, func() { x.cancel(errLeft) })
		context.AfterFunc(x.ctx, func() { timer.Stop() })
	}
	x.left = true
}

// drop ends the calls to the service at once.
func (x *exchange) drop() {
	x.leave()
	x.cancel(errLeft)
}

// setConversation sets the conversation, and whether the stream is read without a page until
// it is known.
func (x *exchange) setConversation(id chatclient.ConversationID, awaits bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conversation, x.awaits = id, awaits
	if x.left && !awaits {
		x.cancel(errLeft)
	}
}

// knownConversation returns the conversation to other goroutines.
func (x *exchange) knownConversation() chatclient.ConversationID {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.conversation
}

// hasLeft counts n bytes of the stream, and reports whether the page has left. After more than
// maxReadOnBytes without a page, the stream ends.
func (x *exchange) hasLeft(n int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.left {
		if x.read += n; x.read > maxReadOnBytes {
			x.cancel(errLeft)
		}
	}
	return x.left
}

// stop ends the reply because the page wants no more of it.
func (x *exchange) stop() {
	x.out.stop()
	x.leave()
}

// fault records an error to report. After the page has left, it ignores errors other than panics
// and those of Chats, because they follow from the end of the calls.
func (x *exchange) fault(err error) {
	_, panicked := errors.AsType[*PanicError](err)
	if err != nil && (panicked || errors.Is(err, ErrChats) || !x.hasLeft(0)) {
		x.failures = append(x.failures, err)
	}
}

// tickets returns the tickets of the reply. Its messages have tickets only if its metadata
// names the conversation.
func (x *exchange) tickets() replyTickets {
	t, who := x.p.tickets, x.visitor.subject()
	known := replyTickets{Conversation: t.conversation(who, x.conversation), ConversationLost: x.lost}
	if x.metadata.ConversationID != "" {
		known.Message = t.message(who, x.conversation, x.metadata.MessageID)
		known.UserMessage = t.message(who, x.conversation, x.metadata.UserMessageID)
	}
	return known
}

// fail ends the reply with an error frame, or returns the error response if the stream has not
// begun. The cause is reported with the other failures.
func (x *exchange) fail(e *httpError) *httpError {
	t := x.tickets()
	t.Message, t.Poll = "", e.poll
	if e.code == errConversationNotFound.code || e.code == errEnded.code || e.cause == ErrForeignConversation {
		t = replyTickets{}
	}
	x.fault(e.cause)
	if x.out.fail(e, t) {
		return nil
	}
	response := *e
	response.cause = nil
	return &response
}

// report reports the errors of the exchange, after the response.
func (x *exchange) report() {
	x.p.reportWrite(x.r, x.out.failed)
	for _, err := range x.failures {
		x.p.report(x.r, err)
	}
}
