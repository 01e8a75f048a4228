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
	maxReleased = 10_000 // conversations that are known not to be held any more
)

// polls shares the calls of all polls: one per conversation in 5 seconds, and 20 in any
// 10 seconds, a fifth of what the service allows for a key.
type polls struct {
	calls *allowance // under the zero subject

	mu       sync.Mutex
	latest   map[chatclient.ConversationID]poll
	released map[chatclient.ConversationID]bool
}

// poll is the latest call for a conversation, which is made once.
type poll struct {
	at   time.Time
	call func() (*chatclient.Conversation, *httpError)
}

func newPolls() polls {
	return polls{calls: newAllowance(), latest: map[chatclient.ConversationID]poll{}, released: map[chatclient.ConversationID]bool{}}
}

// ticket returns the ticket of a conversation that a person is now known to have.
func (ps *polls) ticket(t *tickets, s subject, id chatclient.ConversationID) string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.released, id)
	return t.poll(s, id)
}

// take returns the latest poll of a conversation, a new one if that was some time ago.
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

// release keeps that no person has a conversation any more.
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
	messages, odd := p.messages(r, id, c.Messages[last+1:])
	messages["status"], messages["poll"] = c.Status, p.pollOf(r.subject(), id, c.Status)
	return p.respond(w, r, messages, odd)
}

// heldConversation calls the service, for other tabs too: so the call does not end with its
// visitor, and a panic is an error.
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
