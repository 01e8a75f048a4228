package chatproxy

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/chatclient"
)

const (
	maxStream = 10 * time.Minute

	// A stream whose page has left is read on within these bounds, until its
	// conversation is known.
	maxReadOn      = 60 * time.Second
	maxReadOnBytes = 1 << 20
)

// exchange is a message on its way and its reply.
type exchange struct {
	p       *Proxy
	r       *http.Request
	visitor Visitor
	message
	key      string // of the chat in Chats
	isKept   bool   // there is a chat, and Chats works
	idMark   string
	textMark string // "" without a text
	out      *eventWriter
	kept     *keptReply // nil for one that ends with its request

	ctx     context.Context // of the calls to the service, not of the browser
	cancel  context.CancelCauseFunc
	cleanup []func()
	slot    *slot

	conversation chatclient.ConversationID // "" before it is known
	lost         bool                      // an earlier conversation of the chat
	pending      int64                     // the PendingUntil of the chat, while it is this exchange's, else 0
	sending      atomic.Bool               // the message, for other exchanges of the chat
	opened       atomic.Bool               // its reply has begun
	failures     []error                   // to be reported after the response
	rounds       int                       // of tools
	resolved     map[string]bool           // calls of the stream that the service made

	mu     sync.Mutex
	awaits bool // the conversation: the stream is worth reading when the page has left
	left   bool
	read   int                       // bytes since then
	known  chatclient.ConversationID // conversation, for other goroutines
}

// errLeft is the cause when a page has left, or wants no more of a reply.
var errLeft = errors.New("chatproxy: the page has left")

// newExchange begins an exchange, if the visitor may have one more.
func (p *Proxy) newExchange(w http.ResponseWriter, r *http.Request, v Visitor, m message, encoder replyEncoder) (*exchange, *httpError) {
	who := v.subject()
	x := &exchange{p: p, r: r, visitor: v, message: m, resolved: map[string]bool{}}
	if m.id != "" || m.chat != "" {
		x.idMark, x.textMark = p.tickets.mark("id", who, m.id), p.textMark(who, m.text)
	}
	if m.ticket != "" {
		var e *httpError
		if x.conversation, e = p.openConversation(r.Context(), v, m.ticket, p.tickets.openConversation); e != nil {
			return nil, e
		}
		x.message.ticket, x.known = p.tickets.conversation(who, x.conversation), x.conversation
	}
	if !canFlush(w) {
		return nil, internal(ErrCannotFlush)
	}
	var e *httpError
	if x.slot, e = p.takeSlot(r, v); e != nil {
		return nil, e
	}
	ctx, stopTimer := context.WithTimeoutCause(context.WithoutCancel(r.Context()), maxStream, ErrReplyTooLong)
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	if err := checkDeadline(w, r); err != nil {
		x.failures = append(x.failures, p.once(err, nil))
	}
	gone, leave := r.Context(), x.leave
	if m.chat != "" && p.keepReplies {
		x.kept = p.kept.begin(size(r, &m))
	}
	if x.kept != nil {
		w, x.r = x.kept, withoutBody(r)
		gone, leave = p.kept.dropped, x.drop
		x.slot.holders.Add(1)
	}
	x.out = newEventWriter(w, encoder, x.leave)
	stopWatch := context.AfterFunc(gone, leave)
	x.cleanup = []func(){x.endComments, func() { stopWatch() }, func() { x.cancel(errLeft) }, stopTimer}
	if m.chat != "" {
		x.key, x.isKept = p.tickets.chatKey(who, m.chat), true
		p.running.Store(x, true)
		x.cleanup = append(x.cleanup, func() { p.running.Delete(x) })
	}
	x.cleanup = append(x.cleanup, func() { x.slot.release(func(err error) { x.failures = append(x.failures, err) }) })
	return x, nil
}

// close ends what the exchange has begun. It may be called again.
func (x *exchange) close() {
	defer x.cleanUp()
	if x.pending != 0 { // without a conversation, or Chats has failed: it may work again
		x.isKept = true
		x.update(x.settle)
		x.pending = 0
	}
}

func (x *exchange) cleanUp() {
	for len(x.cleanup) > 0 { // also the rest after a panic, when close is called again
		f := x.cleanup[0]
		x.cleanup = x.cleanup[1:]
		f()
	}
}

func (x *exchange) endComments() {
	x.out.mu.Lock()
	defer x.out.mu.Unlock()
	x.out.close()
}

// leave ends the calls to the service as the page leaves, unless the conversation is not
// known yet.
func (x *exchange) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch err := x.r.Context().Err(); {
	case errors.Is(err, context.DeadlineExceeded): // the page is still there
		x.cancel(err)
	case x.left:
	case x.awaits:
		timer := time.AfterFunc(maxReadOn, func() { x.cancel(errLeft) })
		context.AfterFunc(x.ctx, func() { timer.Stop() })
		x.left = true
	default:
		x.cancel(errLeft)
		x.left = true
	}
}

// await sets whether the stream is worth reading without a page.
func (x *exchange) await(conversation bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.awaits, x.known = conversation, x.conversation
	if x.left && !conversation {
		x.cancel(errLeft)
	}
}

// drop ends the calls to the service at once.
func (x *exchange) drop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.left = true
	x.cancel(errLeft)
}

func (x *exchange) knownConversation() chatclient.ConversationID {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.known
}

// hasLeft reports whether the page has left, after which n more bytes were read.
func (x *exchange) hasLeft(n int) bool {
	if x.kept != nil && x.kept.isFull() {
		x.cancel(ErrReplyTooLong)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.left {
		if x.read += n; x.read > maxReadOnBytes {
			x.cancel(errLeft)
		}
	}
	return x.left
}

// stop ends the reply for its page.
func (x *exchange) stop() {
	x.out.stop()
	x.leave()
}

// fault records an error. Once the page has left, it ignores errors other than panics: they
// only follow from the closed connection.
func (x *exchange) fault(err error) {
	_, panicked := errors.AsType[*PanicError](err)
	if err != nil && (panicked || !x.hasLeft(0)) {
		x.failures = append(x.failures, err)
	}
}

// tickets returns those of the reply.
func (x *exchange) tickets(m chatclient.Metadata) replyTickets {
	t, who := x.p.tickets, x.visitor.subject()
	return replyTickets{
		Conversation:     t.conversation(who, x.conversation),
		Message:          t.message(who, x.conversation, m.MessageID),
		UserMessage:      t.message(who, x.conversation, m.UserMessageID),
		ConversationLost: x.lost,
	}
}

// reject responds with an error: as a frame if the stream has begun.
func (x *exchange) reject(e *httpError) *httpError {
	t := x.tickets(chatclient.Metadata{})
	t.Poll = e.poll
	if e.code == errConversationNotFound.code || e.code == errEnded.code {
		t = replyTickets{}
	}
	begun := x.out.reject(e, t)
	x.close()
	switch {
	case begun:
		x.fault(e.cause)
		e = nil
	case x.kept != nil: // serveKept reports it
		x.fault(e.cause)
		response := *e
		response.cause = nil
		return &response
	}
	x.report()
	return e
}

// report reports what went wrong, after the response.
func (x *exchange) report() {
	if x.out.failed != nil && isAlive(x.r, x.out.failed) {
		x.failures = append(x.failures, x.p.once(ErrWriteFailed, x.out.failed))
	}
	for _, err := range x.failures {
		x.p.report(x.r, err)
	}
}

// isAlive reports whether the visitor was still there when a write failed: net/http
// notices that one has left a moment later, and takes each write that it failed for that.
func isAlive(r *http.Request, failed error) bool {
	if errors.Is(failed, os.ErrDeadlineExceeded) {
		return true
	}
	select {
	case <-r.Context().Done():
		return false
	case <-time.After(time.Second):
		return true
	}
}

// stop ends the replies of a chat.
func (p *Proxy) stop(w http.ResponseWriter, r request) *httpError {
	name, e := decodeBody(p, w, r.Request, r.Visitor, decoder[string]{maxBody, decodeStop})
	if e != nil {
		return e
	}
	key, stopped := p.tickets.chatKey(r.subject(), name), false
	for other := range p.running.Range {
		if x := other.(*exchange); x.key == key {
			x.stop()
			stopped = true
		}
	}
	respond(w, map[string]any{"stopped": stopped})
	return nil
}

func decodeStop(body []byte) (string, *httpError) {
	f, e := only(body, "chat")
	if e != nil {
		return "", e
	}
	chat, e := f.name("chat", maxChat)
	if e == nil && chat == "" {
		e = invalid("chat must be sent.")
	}
	return chat, e
}
