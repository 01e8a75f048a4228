package contacts

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxMessages   = 100 // that are told apart
	maxAskedPause = 30 * time.Second
	endurance     = 30 * time.Second
	maxAtOnce     = 3 // calls that fail in a row before there is one at a time
	maxPause      = 8 * time.Second
)

// answered is for a call that was carried out. What the answer does not have is
// sent once more, as long as that leads on.
func (s *syncing) answered(l *lane, items []*item) {
	var missing []*item
	for _, it := range items {
		if it.saved {
			s.release(it)
			s.acknowledge(it)
			continue
		}
		it.maybe, it.err = true, notEchoed()
		missing = append(missing, it)
	}
	if len(missing) < len(items) {
		s.works()
		s.trust()
		if len(missing) > 0 {
			l.pieces = append(l.pieces, missing)
		}
		return
	}
	s.loseAll(missing)
	s.pauseAfter(l, notEchoed())
}

func notEchoed() *Error {
	return &Error{Operation: upsertOperation, StatusCode: http.StatusOK, Attempts: 1, MayBeDone: true, err: errNotEchoed}
}

// failed is for a call that was refused, or of which nothing is known.
func (s *syncing) failed(l *lane, items []*item, e *Error, page bool) {
	for _, it := range items {
		it.err = e
		it.maybe = it.maybe || e.MayBeDone
	}
	if ended := s.ctx.Err(); ended != nil && errors.Is(e, ended) {
		s.stop(e) // which says more than the context alone
	}
	switch verdict := judge(e, page); {
	case s.stopped() && verdict != refused, verdict == hopeless:
		l.pieces = append(l.pieces, items)
		s.stop(e)
		return
	case verdict == refused:
		s.works()
		s.narrow(l, items, e, page)
		return
	case verdict == notHeard:
		l.pieces = append(l.pieces, items)
	case len(items) > 1:
		s.halve(l, items)
	default:
		s.loseAll(items)
	}
	s.pauseAfter(l, e)
}

func (s *syncing) loseAll(items []*item) {
	for _, it := range items {
		s.release(it)
		s.lose(it)
	}
}

// works is for an answer that is one.
func (s *syncing) works() { s.inARow, s.careful = 0, false }

// pauseAfter has the lane wait after a call that failed, longer each time, and
// all lanes where the service asks for it. It ends the run when that has
// happened too often in a row, for too long.
func (s *syncing) pauseAfter(l *lane, e *Error) {
	now := time.Now()
	if s.inARow == 0 {
		s.since = now
	}
	s.inARow++
	if s.inARow >= maxFailuresInARow && now.Sub(s.since) >= endurance {
		s.stop(e)
	}
	pause := min(250*time.Millisecond<<min(s.inARow, 10), maxPause)
	l.from = now.Add(pause)
	asked := askedPause(e)
	s.careful = s.careful || s.inARow >= maxAtOnce || asked > 0 || e.StatusCode == http.StatusTooManyRequests
	if s.careful {
		s.gate.close(now.Add(max(asked, pause)))
	}
}

// askedPause is how long the service asks to wait.
func askedPause(e *Error) time.Duration {
	if e.RetryAfter == 0 && e.StatusCode == http.StatusTooManyRequests && !e.RateLimit.Reset.IsZero() {
		return min(max(0, time.Until(e.RateLimit.Reset)), maxAskedPause) // its unit is a guess
	}
	return e.RetryAfter
}

// verdict is what a failure means for the rows of the call.
type verdict int

const (
	hopeless verdict = iota // it is not for them, and will stay so
	notHeard                // it is not for them, and will pass
	lost                    // they may be saved
	refused                 // at least one of them is not as it must be
)

func judge(e *Error, page bool) verdict {
	dial, ok := errors.AsType[*net.OpError](e.err)
	neverDialled := ok && dial.Op == "dial"
	switch {
	case e.RetryAfter > maxAskedPause:
		return hopeless
	case e.StatusCode == http.StatusTooManyRequests, neverDialled:
		return notHeard
	case e.StatusCode == 0 && !e.MayBeDone: // the limiter, or the certificate
		return hopeless
	case e.err != nil, e.StatusCode >= 500, e.StatusCode == http.StatusRequestTimeout:
		return lost
	}
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired:
		if page { // a firewall's perhaps, which does not like one of the rows
			return refused
		}
		return hopeless
	}
	if e.StatusCode < 400 {
		return hopeless
	}
	return refused
}

// narrow finds the rows for which a call was refused. A row is refused if it was
// sent alone, or if the issues name all rows of the call and say of each one
// what is wrong with it. Where they name some, these are sent apart from the
// others: the form of the names is not documented, and a wrong guess must not be
// a row's fault.
func (s *syncing) narrow(l *lane, items []*item, e *Error, page bool) {
	says := complaint{e.StatusCode, e.Message}
	if page { // which may have a number of its own each time
		says.message = "a page of status " + strconv.Itoa(e.StatusCode)
	}
	if e.StatusCode == http.StatusRequestEntityTooLarge && len(items) > 1 {
		s.limits.bytes = max(min(s.limits.bytes, length(items)/2), min(minBatchBytes, s.limits.bytes))
	}
	if e.StatusCode != http.StatusRequestEntityTooLarge && len(items) > 1 { // what is too large is not read
		for _, it := range items {
			it.joined(says)
		}
	}
	issues, named, others := byIssues(items, e)
	switch {
	case len(items) == 1, len(others) == 0 && areOfTheRows(items, issues):
		s.refuseAll(l, items, issues, e, says)
		if (len(items) == 1 || len(l.pieces) == 0) && s.isSystemic(l) {
			systemic := *e
			systemic.err = ErrSystemic
			s.stop(&systemic)
		}
	case len(named) > 0 && len(others) > 0 && !s.looksSystemic(l): // else halves find sooner whether there is a good one
		l.narrowing = true
		for _, it := range named {
			it.named = true
		}
		l.pieces = append(l.pieces, others, named)
	default:
		l.narrowing = true
		s.halve(l, items)
	}
}

// isItsOwn reports whether a row that is refused by now was the reason, or one
// of them, why the calls with others were refused as well, and thus was saved by
// none: the service says what is wrong with it, or says the same as before.
// Another refusal may be one of the moment, of a row that an earlier call saved.
func isItsOwn(it *item, e *Error, says complaint) bool {
	return len(e.Issues) > 0 || !it.mixed && it.told == says
}

func length(items []*item) (bytes int) {
	for _, it := range items {
		bytes += len(it.json) + 1
	}
	return bytes
}

func (s *syncing) halve(l *lane, items []*item) {
	half := len(items) / 2
	l.pieces = append(l.pieces, items[half:], items[:half])
}

// refuseAll gives each row the issues that are its own. Without any, those of
// the refusal are of the only row.
func (s *syncing) refuseAll(l *lane, items []*item, issues map[*item][]Issue, e *Error, says complaint) {
	for _, it := range items {
		message := says.message
		if own := issues[it]; len(own) > 0 {
			message = own[0].Message
			about := *e
			about.Issues = own
			it.err = &about
		}
		it.maybe = it.maybe || it.part && !isItsOwn(it, e, says)
		if it.named {
			l.picked.add(message, 1)
		} else {
			l.alike.add(message, 1)
		}
		s.release(it)
		s.refuse(it)
	}
	if len(l.pieces) == 0 { // the whole batch has been heard
		for message, n := range l.picked {
			l.alike.add(message, n)
		}
		clear(l.picked)
	}
}

// add begins anew when there are too many messages: one that counts is soon there
// again, and is not kept out by those that come once.
func (t tally) add(message string, n int) {
	if len(t) == maxMessages && t[message] == 0 {
		clear(t)
	}
	t[message] += n
}

// isSystemic reports whether there seems to be one reason for all refusals.
// Those of another lane do not count as long as it has a part of the same batch
// to send, which may be good. Nor do rows of this one's batch that were picked
// out, as a service that stops at the first bad row picks these one by one.
func (s *syncing) isSystemic(l *lane) bool { return s.countAlike(l, l.alike) }

// looksSystemic counts those as well: it is time to find out.
func (s *syncing) looksSystemic(l *lane) bool { return s.countAlike(l, l.alike, l.picked) }

// countAlike reports whether enough rows were refused with one message, those of
// the tallies and of the other lanes.
func (s *syncing) countAlike(l *lane, tallies ...tally) bool {
	for _, other := range s.lanes {
		if other != l && !other.narrowing {
			tallies = append(tallies, other.alike)
		}
	}
	alike := tally{}
	for _, t := range tallies {
		for message, n := range t {
			if alike[message] += n; s.options.MaxRefusedAlike > 0 && alike[message] >= s.options.MaxRefusedAlike {
				return true
			}
		}
	}
	return false
}

// trust forgets the refusals, as a row was acknowledged.
func (s *syncing) trust() {
	for _, l := range s.lanes {
		clear(l.alike)
		clear(l.picked)
	}
}

// areOfTheRows reports whether each row has an issue that is about a field of it,
// or that is about no other row. Else all of them may be named for one that is
// bad: "not processed".
func areOfTheRows(items []*item, issues map[*item][]Issue) bool {
	rows := map[string]int{} // that have a message
	for _, it := range items {
		said := map[string]bool{}
		for _, issue := range issues[it] {
			if !said[issue.Message] {
				rows[issue.Message]++
			}
			said[issue.Message] = true
		}
	}
	for _, it := range items {
		if !slices.ContainsFunc(issues[it], func(i Issue) bool { return hasPath(i.Field) || rows[i.Message] == 1 }) {
			return false
		}
	}
	return true
}

// byIssues parts the rows that the issues of a refusal name from the others.
func byIssues(items []*item, e *Error) (issues map[*item][]Issue, named, others []*item) {
	issues = map[*item][]Issue{}
	for _, issue := range e.Issues {
		if n, ok := itemNumber(issue.Field); ok && n < len(items) {
			issues[items[n]] = append(issues[items[n]], issue)
		}
	}
	for _, it := range items {
		if len(issues[it]) > 0 {
			named = append(named, it)
		} else {
			others = append(others, it)
		}
	}
	return issues, named, others
}

// itemNumber reads which item of an upsert a field is of: "users[3].email",
// "users.3.email", "/users/3/email" or "3.email".
func itemNumber(field string) (n int, ok bool) {
	number, _ := cutItem(field)
	parsed, err := strconv.ParseUint(number, 10, 16)
	return int(parsed), err == nil
}

// hasPath reports whether a field that is of an item is one within it, and not
// the item itself.
func hasPath(field string) bool {
	_, path := cutItem(field)
	return path != ""
}

func cutItem(field string) (number, path string) {
	const separators = "./[]$ "
	field = strings.TrimLeft(field, separators)
	field = strings.TrimPrefix(field, "users")
	field = strings.TrimLeft(field, separators)
	if end := strings.IndexAny(field, separators); end >= 0 {
		return field[:end], strings.TrimLeft(field[end:], separators)
	}
	return field, ""
}
