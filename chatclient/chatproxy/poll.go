package chatproxy

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/chatident/chatident/chatclient"
)

const (
	pollPause   = 5 * time.Second
	maxReleased = 10_000 // conversations that are known not to be held any more
)

// polls shares the calls of all polls: one per conversation in 5 seconds, and 20 in any
// 10 seconds, a fifth of what the service allows for a key.
type polls struct {
	calls *allowance[struct{}]

	mu       sync.Mutex
	latest   map[chatclient.ConversationID]*poll
	released map[chatclient.ConversationID]bool
}

// poll is the latest call for a conversation, and what it returned.
type poll struct {
	at           time.Time
	once         sync.Once
	conversation *chatclient.Conversation
	failure      *httpError
}

func newPolls() polls {
	return polls{
		calls:    newAllowance[struct{}](),
		latest:   map[chatclient.ConversationID]*poll{},
		released: map[chatclient.ConversationID]bool{},
	}
}

// ticket returns the ticket of a conversation that a person is now known to have.
func (ps *polls) ticket(t *tickets, s subject, id chatclient.ConversationID) string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.released, id)
	return t.poll(s, id)
}

// take returns the poll of a conversation, whose call may be made once.
func (ps *polls) take(id chatclient.ConversationID) (*poll, *httpError) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.released[id] {
		return nil, errNotHeld
	}
	for other, old := range ps.latest {
		if time.Since(old.at) >= pollPause {
			delete(ps.latest, other)
		}
	}
	if ps.latest[id] == nil {
		if retryAfter, ok := ps.calls.take(struct{}{}); !ok {
			return nil, tooManyRequests(retryAfter)
		}
		ps.latest[id] = &poll{at: time.Now()}
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
		var ok bool
		if after, ok = p.openMessage(r.Visitor, id, after); !ok {
			return errMessageNotFound
		}
	}
	current, e := p.polls.take(id)
	if e != nil {
		return e
	}
	current.once.Do(func() { // it is for other tabs too, so it does not end with this visitor
		current.failure = internal(nil) // after a panic
		c, err := p.bot.Conversation(context.WithoutCancel(r.Context()), id)
		if current.conversation, current.failure = c, nil; err != nil {
			current.failure = upstream(err, true)
		} else if !heldStatus(c.Status) {
			p.polls.release(id)
		}
	})
	if current.failure != nil {
		return current.failure
	}
	c := current.conversation
	if !(owner{r.UserID, id}).owns(c.UserID, c.ID) {
		return upstream(ErrForeignConversation, true)
	}
	if e := p.checkClaim(r.Context(), r.Visitor, id); e != nil { // since the call
		return e
	}
	messages, odd := p.messages(r.Visitor, id, afterMessage(c.Messages, after))
	respond(w, map[string]any{
		"conversation": p.tickets.conversation(r.subject(), id), "status": c.Status, "poll": p.pollOf(r.subject(), id, c.Status), "messages": messages,
	})
	p.report(r.Request, odd)
	return nil
}

// afterMessage returns the messages after one, all if it is not among them.
func afterMessage(messages []chatclient.StoredMessage, id string) []chatclient.StoredMessage {
	for i, m := range messages {
		if m.ID == id {
			return messages[i+1:]
		}
	}
	return messages
}
