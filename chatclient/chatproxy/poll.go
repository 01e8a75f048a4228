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

// poll is what the latest call for a conversation returned.
type poll struct {
	at           time.Time
	done         chan struct{} // closed when the rest is set
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

// take returns the poll of a conversation, and whether the caller is to make its call.
func (ps *polls) take(id chatclient.ConversationID) (current *poll, isNew bool, e *httpError) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.released[id] {
		return nil, false, errNotHeld
	}
	for other, old := range ps.latest {
		if time.Since(old.at) >= pollPause {
			delete(ps.latest, other)
		}
	}
	if current = ps.latest[id]; current != nil {
		return current, false, nil
	}
	if retryAfter, ok := ps.calls.take(struct{}{}); !ok {
		return nil, false, tooManyRequests(retryAfter)
	}
	current = &poll{at: time.Now(), done: make(chan struct{})}
	ps.latest[id] = current
	return current, true, nil
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

// call makes the call of a poll, which others wait for: it does not end with its visitor.
func (p *Proxy) call(ctx context.Context, id chatclient.ConversationID, current *poll) {
	defer close(current.done)
	c, err := p.bot.Conversation(context.WithoutCancel(ctx), id)
	if err != nil {
		current.failure = upstream(err, true)
		return
	}
	current.conversation = c
	if !heldStatus(c.Status) {
		p.polls.release(id)
	}
}

type pollResponse struct {
	Version      int             `json:"version"`
	Conversation string          `json:"conversation"`
	Status       string          `json:"status"`
	Poll         *string         `json:"poll"`
	Messages     []storedMessage `json:"messages"`
}

// poll responds with the messages of a conversation that a person has.
func (p *Proxy) poll(w http.ResponseWriter, r request) *httpError {
	id, ok := p.tickets.openPoll(r.subject(), r.segments[1])
	if !ok {
		return errConversationNotFound
	}
	after := r.URL.Query().Get("after")
	if after != "" {
		if after, ok = p.tickets.openMessage(r.subject(), id, after); !ok {
			return errMessageNotFound
		}
	}
	current, isNew, e := p.polls.take(id)
	if e != nil {
		return e
	}
	if isNew {
		p.call(r.Context(), id, current)
	}
	select {
	case <-current.done:
	case <-r.Context().Done():
		return errBusy // nobody reads it
	}
	if current.failure != nil {
		return current.failure
	}
	c := current.conversation
	if !(owner{r.UserID, id}).owns(c.UserID, c.ID) {
		return upstream(ErrForeignConversation, true)
	}
	messages, odd := p.messages(r.Visitor, id, afterMessage(c.Messages, after))
	poll := ""
	if heldStatus(c.Status) {
		poll = r.segments[1]
	}
	respond(w, pollResponse{wireVersion, p.tickets.conversation(r.subject(), id), c.Status, orNull(poll), messages})
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
