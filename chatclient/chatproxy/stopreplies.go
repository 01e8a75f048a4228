package chatproxy

import (
	"maps"
	"sync"
	"time"
)

// StopReplies ends all replies of a visitor in this process: of all chats and devices, with
// and without Options.KeepReplies. Their pages get the end of a stopped reply. No tool begins
// afterwards, and the context of one that runs, or begins at that moment, has ended.
//
// Call it in the handler of the sign-out, after the session has ended, with the [Visitor] from
// before, also its EarlierSession. Only a request whose session was read before it ended, but
// which reaches the handler after this call, can still begin a reply.
//
// The first reply of a chat is read for up to 60 seconds more if its conversation is unknown,
// and no tool runs. For another process, send it the visitor, for example with PUBLISH of Redis
// or NOTIFY of PostgreSQL, and call StopReplies there.
func (p *Proxy) StopReplies(v Visitor) {
	p.stops.add(v.subject()) // before the loop: see serveMessage
	if earlier := v.earlier(); earlier != (subject{}) {
		p.stops.add(earlier)
	}
	for other := range p.running.Range {
		x := other.(*exchange)
		if who := x.visitor.subject(); who == v.subject() || who == v.earlier() {
			x.stop()
		}
	}
}

// maxStart is longer than a request takes until its reply is running.
const maxStart = 10 * time.Minute

// stops holds the times of the calls of StopReplies in the last maxStart, because a request
// that began before must not begin a reply.
type stops struct {
	mu    sync.Mutex
	times map[subject]time.Time
}

func (s *stops) add(who subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.times, func(_ subject, t time.Time) bool { return now.Sub(t) > maxStart })
	s.times[who] = now
}

// since reports whether StopReplies was called for a visitor at a time or later.
func (s *stops) since(who subject, begun time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stopped, ok := s.times[who]
	return ok && !stopped.Before(begun)
}
