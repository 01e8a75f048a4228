package contacts

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// lane is the place of one call at a time. Rows of one external id are in one
// lane as long as any is in hand, and thus reach the service in their order.
type lane struct {
	batch
	number int
	pieces [][]*item // of a batch that failed: the last one is the next
	busy   bool
	from   time.Time // when the next call is due

	alike     tally // rows that were refused since one was acknowledged
	picked    tally // more of them, which say nothing about the rest of the batch in hand
	narrowing bool  // the batch in hand was refused, and part of it is still to be heard
}

// tally counts rows by the message with which they were refused.
type tally map[string]int

func newLane(l *limits, number int) *lane {
	return &lane{batch: batch{limits: l}, number: number, alike: tally{}, picked: tally{}}
}

// next takes what is to be sent next.
func (l *lane) next() []*item {
	if n := len(l.pieces); n > 0 {
		piece := l.pieces[n-1]
		l.pieces = l.pieces[:n-1]
		return piece
	}
	return l.take()
}

// rest takes everything.
func (l *lane) rest() (items []*item) {
	for piece := l.next(); len(piece) > 0; piece = l.next() {
		items = append(items, piece...)
	}
	return items
}

// home is where the rows of an external id are, and how many.
type home struct {
	lane      *lane
	rows      int
	collected int // of them, those in the lane's batch
}

// put puts a row into its lane. It is false when there is no room.
func (s *syncing) put(it *item) bool {
	it.home = s.homes[it.id]
	if it.home == nil {
		it.home = &it.first
	}
	l := s.laneFor(it)
	if l == nil {
		return false
	}
	if it.home.lane == nil {
		it.home.lane = l
		s.homes[it.id] = it.home
	}
	it.home.rows++
	if l.full {
		s.start(l)
	}
	return true
}

// laneFor returns the lane that took the row: that of its external id, or the
// one whose batch was begun, or one which has nothing to do, or one which will
// send it later.
func (s *syncing) laneFor(it *item) *lane {
	if it.home.lane != nil {
		return s.offer(it.home.lane, it)
	}
	if begun := s.lanes[s.filling]; len(begun.open.items) > 0 && begun.add(it) {
		return begun
	}
	for _, busy := range []bool{false, true} {
		for i := range s.lanes {
			n := (s.filling + i) % len(s.lanes)
			if s.lanes[n].busy == busy && s.offer(s.lanes[n], it) != nil {
				s.filling = n
				return s.lanes[n]
			}
		}
	}
	return nil
}

func (s *syncing) offer(l *lane, it *item) *lane {
	if l.add(it) || s.start(l) && l.add(it) {
		return l
	}
	return nil
}

func (s *syncing) release(it *item) {
	if it.home.rows--; it.home.rows == 0 {
		delete(s.homes, it.id)
	}
}

// makeRoom waits for an answer. When nothing is under way, what there is is sent
// first, however little.
func (s *syncing) makeRoom() {
	if s.underWay == 0 {
		s.startAll()
	}
	if s.underWay > 0 {
		s.wait()
	}
}

func (s *syncing) startAll() {
	for _, l := range s.lanes {
		s.start(l)
	}
}

// reply is what came of a call.
type reply struct {
	lane   *lane
	items  []*item
	err    error
	page   bool // it was refused, and not with the service's own words
	unsent bool
	panics any // of the caller's Limiter, OnAttempt or transport
}

// start sends what a lane has next, when it is due. It is false when the lane is
// busy or has nothing, or it is not its turn, or the run has ended.
func (s *syncing) start(l *lane) bool {
	if l.busy || s.careful && s.underWay > 0 || s.stopped() {
		return false
	}
	items := l.next()
	if len(items) == 0 {
		return false
	}
	l.busy = true
	s.underWay++
	from := l.from
	go func() {
		r := reply{lane: l, items: items, unsent: true}
		defer func() {
			r.panics = recover()
			s.replies <- r // there is room for one of each lane
		}()
		if sleep(s.pauses, time.Until(from)) && s.gate.wait(s.pauses) {
			r.unsent = false
			r.page, r.err = s.send(items)
		}
	}()
	return true
}

// send makes a call, and says whether it was refused with somebody's page.
func (s *syncing) send(items []*item) (page bool, err error) {
	rows := make([][]byte, len(items))
	for i, it := range items {
		rows[i] = it.json
	}
	call := s.client.upsertOf(rows, true) // each row has an external id
	res, err := s.client.api.Do(s.calls, call)
	if f, ok := errors.AsType[*bookbag.Failure](err); ok {
		return f.Err == nil && !f.Problem.IsService, asError(f)
	}
	var echoed []echo
	err = bookbag.Scan(res.Body, func(s *bookbag.Scanner) error { return bookbag.List(s, len(items), &echoed, nil) })
	if err != nil {
		return false, undecodable(call.Operation, res, err)
	}
	mark(items, echoed)
	return false, nil
}

// echo is what Sync needs of a record.
type echo struct {
	ExternalID string `json:"external_id"`
}

// mark marks the rows that an answer has, mostly in the order of the call.
func mark(items []*item, echoed []echo) {
	others := map[string]bool{}
	for i, e := range echoed {
		if i < len(items) && items[i].id == e.ExternalID {
			items[i].saved = true
		} else {
			others[e.ExternalID] = true
		}
	}
	for _, it := range items {
		it.saved = it.saved || others[it.id]
	}
}

// sleep is false when the context ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// wait waits for a reply.
func (s *syncing) wait() { s.finish(<-s.replies) }

// collect takes the replies that are there.
func (s *syncing) collect() {
	for s.underWay > 0 {
		select {
		case r := <-s.replies:
			s.finish(r)
		default:
			return
		}
	}
}

// finish draws the consequences of a call, and has its lane go on.
func (s *syncing) finish(r reply) {
	l := r.lane
	l.busy = false
	s.underWay--
	if r.panics != nil {
		panic(r.panics)
	}
	e, failed := errors.AsType[*Error](r.err)
	switch {
	case r.unsent:
		l.pieces = append(l.pieces, r.items)
	case failed:
		s.failed(l, r.items, e, r.page)
	default:
		s.answered(l, r.items)
	}
	l.narrowing = l.narrowing && len(l.pieces) > 0
	s.tell(false)
	for i := range s.lanes { // also those that could not go on before; this one first
		next := s.lanes[(l.number+i)%len(s.lanes)]
		if len(next.pieces) > 0 || next.full {
			s.start(next)
		}
	}
}

// gate holds back the calls of all lanes.
type gate struct{ from atomic.Pointer[time.Time] }

// close keeps it closed until a time, at least.
func (g *gate) close(until time.Time) {
	if from := g.from.Load(); from == nil || from.Before(until) {
		g.from.Store(&until)
	}
}

// wait is false when the context ended before.
func (g *gate) wait(ctx context.Context) bool {
	for {
		from := g.from.Load()
		if from == nil || !time.Now().Before(*from) {
			return ctx.Err() == nil
		}
		if !sleep(ctx, time.Until(*from)) {
			return false
		}
	}
}
