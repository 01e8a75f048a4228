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
	marks  sentMessage // of the message
	key    string      // of the chat in Chats
	isKept bool        // there is a chat, and Chats works
	out    *eventWriter
	kept   *keptReply // nil for one that ends with its request
	slot   *slot

	ctx       context.Context // of the calls to the service, not of the browser
	cancel    context.CancelCauseFunc
	stopTimer context.CancelFunc // of ctx

	lost     bool                // an earlier conversation of the chat
	pending  int64               // when the chat began, while it is pending for this exchange, else 0
	sending  atomic.Bool         // the message, for other exchanges of the chat
	opened   atomic.Bool         // its reply has begun
	failures []error             // to be reported after the response
	metadata chatclient.Metadata // of the reply, at its end
	rounds   int                 // of tools
	resolved map[string]bool     // calls of the stream that the service made

	mu           sync.Mutex
	conversation chatclient.ConversationID // "" before it is known; other goroutines need mu
	awaits       bool                      // the conversation: the stream is worth reading when the page has left
	left         bool
	read         int // bytes since then
}

// errLeft is the cause when a page has left, or wants no more of a reply.
var errLeft = errors.New("chatproxy: the page has left")

// newExchange begins an exchange, if the visitor may have one more.
func (p *Proxy) newExchange(w http.ResponseWriter, r *http.Request, v Visitor, m message, encoder replyEncoder) (*exchange, *httpError) {
	who := v.subject()
	x := &exchange{p: p, r: r, visitor: v, message: m, resolved: map[string]bool{}}
	if m.id != "" || m.chat != "" {
		x.marks = sentMessage{ID: p.tickets.mark("id", who, m.id), Text: p.textMark(who, m.text), State: unknown}
	}
	var e *httpError
	if m.ticket != "" {
		if x.conversation, e = p.openConversation(r.Context(), v, m.ticket, p.tickets.openConversation); e != nil {
			return nil, e
		}
		x.message.ticket = p.tickets.conversation(who, x.conversation)
	}
	if !canFlush(w) {
		return nil, internal(ErrCannotFlush)
	}
	if x.slot, e = p.takeSlot(r, v); e != nil {
		return nil, e
	}
	x.failures = []error{p.checkDeadline(w, r)}
	x.ctx, x.stopTimer = context.WithTimeoutCause(context.WithoutCancel(r.Context()), maxStream, ErrReplyTooLong)
	x.ctx, x.cancel = context.WithCancelCause(x.ctx)
	if m.chat != "" && p.options.KeepReplies {
		x.kept = p.kept.begin(size(r, &m), x.cancel)
	}
	if x.kept != nil {
		w, x.r = x.kept, withoutBody(r)
		x.slot.holders.Add(1)
	}
	x.out = newEventWriter(w, encoder, x.leave)
	if m.chat != "" {
		x.key, x.isKept = p.tickets.chatKey(who, m.chat), true
		p.running.Store(x, true)
	}
	return x, nil
}

// respond opens and relays the reply. It returns the response if there is no reply.
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

// close ends what the exchange has begun.
func (x *exchange) close() {
	defer x.slot.release(x.fault)
	defer x.p.running.Delete(x)
	defer x.stopTimer()
	defer x.cancel(errLeft)
	defer x.out.close()
	if x.pending != 0 { // without a conversation, or Chats has failed: it may work again
		x.isKept = true
		x.settle(func(*chat) {})
	}
}

// leave ends the calls to the service as the page leaves, unless the conversation is not
// known yet.
func (x *exchange) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch err := x.r.Context().Err(); {
	case errors.Is(err, context.DeadlineExceeded): // the page is still there
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

// setConversation sets the conversation, and whether the stream is worth reading without a
// page until it is known.
func (x *exchange) setConversation(id chatclient.ConversationID, awaits bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conversation, x.awaits = id, awaits
	if x.left && !awaits {
		x.cancel(errLeft)
	}
}

// knownConversation is for other goroutines.
func (x *exchange) knownConversation() chatclient.ConversationID {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.conversation
}

// hasLeft reports whether the page has left, after which n more bytes were read.
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

// stop ends the reply for its page.
func (x *exchange) stop() {
	x.out.stop()
	x.leave()
}

// fault records an error. Once the page has left, it ignores errors other than panics and
// those of Chats: they only follow from the closed connection.
func (x *exchange) fault(err error) {
	_, panicked := errors.AsType[*PanicError](err)
	if err != nil && (panicked || errors.Is(err, ErrChats) || !x.hasLeft(0)) {
		x.failures = append(x.failures, err)
	}
}

// tickets returns those of the reply. Its ids are of no known conversation if it names none.
func (x *exchange) tickets() replyTickets {
	t, who := x.p.tickets, x.visitor.subject()
	known := replyTickets{Conversation: t.conversation(who, x.conversation), ConversationLost: x.lost}
	if x.metadata.ConversationID != "" {
		known.Message = t.message(who, x.conversation, x.metadata.MessageID)
		known.UserMessage = t.message(who, x.conversation, x.metadata.UserMessageID)
	}
	return known
}

// fail responds with an error: with a frame if the stream has begun, else it returns the
// response. The cause is reported with the other failures.
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

// report reports what went wrong, after the response.
func (x *exchange) report() {
	x.p.reportWrite(x.r, x.out.failed)
	for _, err := range x.failures {
		x.p.report(x.r, err)
	}
}

// reportWrite reports an error of a write, unless the visitor reads nothing or has left:
// net/http notices that a moment later, and takes each write that it failed for that.
func (p *Proxy) reportWrite(r *http.Request, failed error) {
	if failed == nil || failed == errSlow {
		return
	}
	if !errors.Is(failed, os.ErrDeadlineExceeded) {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
	p.report(r, p.once(ErrWriteFailed, failed))
}

// stop ends the replies of a chat.
func (p *Proxy) stop(w http.ResponseWriter, r request) *httpError {
	key, e := p.chatKey(r, r.message.chat)
	if e != nil {
		return e
	}
	stopped := false
	for other := range p.running.Range {
		if x := other.(*exchange); x.key == key {
			x.stop()
			stopped = true
		}
	}
	return p.respond(w, r, object{"stopped": stopped}, nil)
}

func decodeStop(body []byte) (message, *httpError) {
	m, _, e := decodeNative(body, "chat")
	return m, e
}

// chatKey returns the key of a chat that a request must name.
func (p *Proxy) chatKey(r request, chat string) (string, *httpError) {
	if chat == "" || !isName(chat, maxChat) {
		return "", invalid("chat must be 1 to 128 visible ASCII characters.")
	}
	return p.tickets.chatKey(r.subject(), chat), nil
}
