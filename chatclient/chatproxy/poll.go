package chatproxy

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
)

const (
	pollPause   = 5 * time.Second
	maxReleased = 10_000 // conversations in polls.released
)

// polls bounds the calls for polls: one in 5 seconds for a conversation, whose response all its
// tabs share, and 20 in any 10 seconds in all, a fifth of the key's limit.
type polls struct {
	calls *allowance // of the zero subject

	mu       sync.Mutex
	latest   map[chatclient.ConversationID]poll
	released map[chatclient.ConversationID]bool // no person has these any more
}

// poll is the latest call for a conversation. call makes it once, and returns the same again.
type poll struct {
	at   time.Time
	call func() (*chatclient.Conversation, *httpError)
}

func newPolls() polls {
	return polls{calls: newAllowance(), latest: map[chatclient.ConversationID]poll{}, released: map[chatclient.ConversationID]bool{}}
}

// ticket returns the poll ticket of a conversation that a person has.
func (ps *polls) ticket(t *tickets, s subject, id chatclient.ConversationID) string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.released, id)
	return t.poll(s, id)
}

// take returns the latest poll of a conversation, or a new one after pollPause.
func (ps *polls) take(id chatclient.ConversationID, call func() (*chatclient.Conversation, *httpError)) (poll, *httpError) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.released[id] {
		return poll{}, errNotHeld
	}
	maps.DeleteFunc(ps.latest, func(_ chatclient.ConversationID, old poll) bool { return time.Since(old.at) >= pollPause })
	if _, isRecent := ps.latest[id]; !isRecent {
		if retryAfter, ok := ps.calls.take(subject{}); !ok {
			return poll{}, tooManyRequests(retryAfter)
		}
		ps.latest[id] = poll{time.Now(), sync.OnceValues(call)}
	}
	return ps.latest[id], nil
}

// release records that no person has a conversation any more.
func (ps *polls) release(id chatclient.ConversationID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(ps.released) == maxReleased {
		clear(ps.released)
	}
	ps.released[id] = true
}

// poll responds with the messages of a conversation that a person has.
func (p *Proxy) poll(w http.ResponseWriter, r request) *httpError {
	id, e := p.openConversation(r.Context(), r.Visitor, r.segments[1], p.tickets.openPoll)
	if e != nil {
		return e
	}
	after := r.URL.Query().Get("after")
	if after != "" {
		if after = p.openMessage(r.Visitor, id, after); after == "" {
			return errMessageNotFound
		}
	}
	latest, e := p.polls.take(id, func() (*chatclient.Conversation, *httpError) { return p.heldConversation(r.Context(), id) })
	if e != nil {
		return e
	}
	c, e := latest.call()
	if e != nil {
		return e
	}
	if !(owner{r.UserID, id}).owns(c.UserID, c.ID) {
		return upstream(ErrForeignConversation, true)
	}
	if e := p.checkClaim(r.Context(), r.Visitor, id); e != nil { // since the call
		return e
	}
	last := slices.IndexFunc(c.Messages, func(m chatclient.StoredMessage) bool { return m.ID == after }) // -1 if it is not among them
	messages, omitted := p.messages(r, id, c.Messages[last+1:])
	messages["status"], messages["poll"] = c.Status, p.pollOf(r.subject(), id, c.Status)
	return p.respond(w, r, messages, omitted)
}

// heldConversation requests a conversation. The response is for all tabs, so the call does not end
// with the request, and a panic becomes an error.
func (p *Proxy) heldConversation(ctx context.Context, id chatclient.ConversationID) (c *chatclient.Conversation, e *httpError) {
	defer endpoint.Recover(func(v *endpoint.Panic) { e = internal((*PanicError)(v)) })
	c, err := p.bot.Conversation(context.WithoutCancel(ctx), id)
	if err != nil {
		return nil, upstream(err, true)
	}
	if !heldStatus(c.Status) {
		p.polls.release(id)
	}
	return c, nil
}
