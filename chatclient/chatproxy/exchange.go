package chatproxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
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
	out      *reply
	slot     *slot

	ctx    context.Context // of the calls to the service, not of the browser
	cancel context.CancelCauseFunc
	stops  func() // what ends the calls early

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
	release, e := p.acquireStream(r, v)
	if e != nil {
		return nil, e
	}
	if !p.streams.take(who) {
		release()
		return nil, errTooManyStreams
	}
	x.slot = &slot{free: func() { p.streams.free(who); release() }}
	x.slot.holders.Store(2) // the exchange, and the handler that copies its reply
	if err := checkDeadline(w, r); err != nil {
		x.failures = append(x.failures, p.once(err, nil))
	}
	x.ctx, x.cancel = context.WithCancelCause(context.WithoutCancel(r.Context()))
	x.out = newReply(encoder, x.cancel)
	gone, leave := r.Context(), x.leave
	if m.chat != "" {
		x.key, x.isKept = p.tickets.chatKey(who, m.chat), true
		if p.kept.begin(x.out, size(r, &m)) {
			x.r, gone, leave = withoutBody(r), p.kept.dropped, x.drop
		}
	}
	timer := time.AfterFunc(maxStream, func() { x.cancel(ErrReplyTooLong) })
	stopWatch := context.AfterFunc(gone, leave)
	x.stops = func() { timer.Stop(); stopWatch() }
	if m.chat != "" {
		p.running.Store(x, true)
	}
	return x, nil
}

// respond opens the reply and relays it to its end.
func (x *exchange) respond() {
	defer x.out.close() // if http.ErrAbortHandler ends it
	if e := x.openAndRelay(); e != nil {
		x.reject(e)
	}
}

func (x *exchange) openAndRelay() (e *httpError) {
	defer x.close()
	defer endpoint.Recover(func(v *endpoint.Panic) { e = internal((*PanicError)(v)) })
	stream, e := x.open()
	x.opened.Store(e == nil)
	for stream != nil {
		stream = x.relay(stream)
	}
	return e
}

// close ends what the exchange has begun, and settles its chat.
func (x *exchange) close() {
	defer x.slot.release(func(err error) { x.failures = append(x.failures, err) })
	defer x.p.running.Delete(x)
	defer x.cancel(errLeft)
	defer x.stops()
	if x.pending != 0 { // without a conversation, or Chats has failed: it may work again
		x.isKept = true
		x.update(x.settle)
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

// fault records an error. Once the page has left, it ignores those that only follow from the
// closed connection.
func (x *exchange) fault(err error) {
	if err != nil && (isOwn(err) || !x.hasLeft(0)) {
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
func (x *exchange) reject(e *httpError) {
	t := x.tickets(chatclient.Metadata{})
	t.Poll = e.poll
	if e.code == errConversationNotFound.code || e.code == errEnded.code {
		t = replyTickets{}
	}
	response := *e
	response.cause = nil // which is reported after the response
	x.out.reject(&response, t)
	x.fault(e.cause)
}

// report reports what went wrong, after the response.
func (x *exchange) report() {
	for _, err := range x.failures {
		x.p.report(x.r, err)
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
