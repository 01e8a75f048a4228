package contacts

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/chatident/chatident/internal/bookbag"
)

// row is a row that was read and is not settled yet.
type row struct {
	Row
	number   int    // from 1, in reading order
	id       string // the external id, folded
	json     []byte
	outcome  Outcome
	err      error  // of the last call that failed
	reason   string // of a rejection, the same for rows with the same rejection
	maybe    bool   // it may be saved: by a call that failed
	reported bool   // the goroutine that settles it has its outcome
	batch    *batch // that sends it
	round    int    // of the batch
}

// batch is rows that are upserted together.
type batch struct {
	rows    []*row
	rounds  [][]*row
	bytes   int             // of JSON
	settled int             // rows
	before  map[*batch]bool // batches with rows of the same external ids, which are sent first
	done    chan struct{}   // closed when each row has an outcome
}

func newBatch() *batch { return &batch{before: map[*batch]bool{}, done: make(chan struct{})} }

// add adds a row that is sent after last, the previous row with the same external id.
// A batch upserts its rows in rounds, with each external id once in a round.
func (b *batch) add(row, last *row) {
	row.batch = b
	if last != nil && last.batch == b {
		row.round = last.round + 1
	} else if last != nil {
		b.before[last.batch] = true
	}
	if row.round == len(b.rounds) {
		b.rounds = append(b.rounds, nil)
	}
	b.rounds[row.round] = append(b.rounds[row.round], row)
	b.bytes += len(row.json) + 1 // the comma
}

// upsertBatch gives each row of a batch an outcome. Rows with the same external id
// are never in two calls at once.
func (r *run) upsertBatch(b *batch) {
	defer func() {
		panicked := recover()
		close(b.done)
		r.events <- event{ended: true, panicked: panicked}
	}()
	for other := range b.before {
		<-other.done
	}
	b.before = nil
	for _, rows := range b.rounds {
		r.upsert(rows, true)
	}
}

// upsert sends rows until each has an outcome. If they are rejected, or it is unknown
// whether they are saved, it upserts two parts of them in the same way, so that a row
// fails only if it was sent alone. If hints is true, the issues of a rejection suggest
// where to split. It is false once they named valid rows.
func (r *run) upsert(rows []*row, hints bool) {
	res := r.send(rows)
	rows = res.rows
	var missing []*row // in the response
	switch {
	case res.verdict == stop:
		for _, row := range rows {
			row.outcome = OutcomeNotAttempted
			if row.maybe {
				row.outcome = OutcomeUnknown
			}
		}
	case res.verdict == saved:
		rows, missing = partition(rows, func(i int) bool { return rows[i].outcome == OutcomeAcknowledged })
	case len(rows) > 1:
		r.split(rows, res.err, hints)
		return
	case res.verdict == rejected:
		rows[0].fail(OutcomeRejected, res)
	default:
		rows[0].fail(OutcomeUnknown, res)
	}
	if len(rows) > 0 {
		r.events <- event{rows: rows}
	}
	if len(missing) > 0 {
		r.upsert(missing, hints)
	}
}

// split upserts the rows that the issues of e name and then the others, or the two
// halves of the rows.
func (r *run) split(rows []*row, e *Error, hints bool) {
	if hints {
		isNamed := e.items()
		named, others := partition(rows, func(i int) bool { return isNamed[i] })
		if len(named) > 0 && len(others) > 0 {
			r.upsert(named, true)
			r.upsert(others, slices.ContainsFunc(named, func(row *row) bool { return row.outcome == OutcomeRejected }))
			return
		}
	}
	half := len(rows) / 2
	r.upsert(rows[:half], hints)
	r.upsert(rows[half:], hints)
}

func partition(rows []*row, is func(i int) bool) (those, others []*row) {
	for i, row := range rows {
		if is(i) {
			those = append(those, row)
		} else {
			others = append(others, row)
		}
	}
	return those, others
}

// fail sets the outcome of a row that was sent alone: the last response decides. An
// earlier call that was rejected, or whose response was lost, may have saved a row
// that is rejected now.
func (row *row) fail(outcome Outcome, res response) {
	row.outcome, row.err = outcome, res.err
	row.reason = fmt.Sprint(res.err.StatusCode, " ", res.err.Message)
	if !res.err.isService { // the text of each page may differ
		row.reason = fmt.Sprint("a page of status ", res.err.StatusCode)
	}
	own := *res.err
	own.isOfRow = true
	if issues := own.Issues(); len(issues) > 0 {
		row.err, row.reason = &own, issues[0].text()
	}
}

// verdict is what the result of a call means for its rows.
type verdict int

const (
	saved    verdict = iota // those that the response has
	rejected                // at least one of them is bad
	lost                    // they may be saved
	later                   // they are not saved, and can be sent again
	stop                    // they are not saved, and no other row will be
)

// classify decides what a failed upsert means. A rejection that is not in the service's
// format may come from a firewall that one of the rows triggers.
func classify(e *Error) verdict {
	noRowIsToBlame := []int{
		http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
	}
	switch {
	case e.StatusCode == http.StatusTooManyRequests, bookbag.NeverDialed(e.err):
		return later
	case e.StatusCode == 0 && !e.OutcomeUnknown: // the context ended, or the certificate is invalid
		return stop
	case e.err != nil, e.StatusCode >= 500, e.StatusCode == http.StatusRequestTimeout:
		return lost
	case e.StatusCode < 400, e.isService && slices.Contains(noRowIsToBlame, e.StatusCode):
		return stop
	}
	return rejected
}

// response is the result of a call.
type response struct {
	rows    []*row // of the call, or those that were not sent because the run has ended
	verdict verdict
	err     *Error
}

// recordError stores the error of a failed call in its rows. A rejected call may have
// saved some of its rows, unless it was too large to be read.
func (r response) recordError() {
	if r.err == nil {
		return
	}
	maybe := r.verdict == lost || r.verdict == saved || r.verdict == rejected && r.err.StatusCode != http.StatusRequestEntityTooLarge
	for _, row := range r.rows {
		row.err, row.maybe = r.err, row.maybe || maybe
	}
}

// maxTries is how often a row is sent alone before isUp finds out whether the service or
// the row is the reason.
const maxTries = 3

// send sends the rows that are not withdrawn until a response settles them.
func (r *run) send(rows []*row) response {
	for tries := 1; ; tries++ {
		if !r.begin() {
			return response{rows: rows, verdict: stop}
		}
		if rows = r.withdraw(rows); len(rows) == 0 || r.waits.Err() != nil {
			r.pace.end(false)
			return response{rows: rows, verdict: stop}
		}
		res := r.call(rows)
		r.pace.end(true)
		r.note(res.verdict, res.err)
		res.recordError()
		isAlone := res.verdict == lost && len(rows) == 1
		if res.verdict == later || isAlone && (tries < maxTries || !r.isUp()) {
			continue
		}
		return res
	}
}

// withdraw removes the rows that must not be written any more. An error of the caller
// ends the run.
func (r *run) withdraw(rows []*row) (left []*row) {
	if r.options.Withdrawn == nil {
		return rows
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.Fields.ExternalID.value
	}
	withdrawn, err := r.options.Withdrawn(r.calls, ids)
	if err != nil {
		r.stop(err)
		return rows
	}
	isGone := map[string]bool{}
	for _, id := range withdrawn {
		isGone[foldID(id)] = true
	}
	gone, left := partition(rows, func(i int) bool { return isGone[rows[i].id] })
	for _, row := range gone {
		row.outcome = OutcomeWithdrawn
	}
	r.events <- event{rows: gone}
	return left
}

// call sends rows once, and marks those that the response contains.
func (r *run) call(rows []*row) response {
	bodies := make([][]byte, len(rows))
	for i, row := range rows {
		bodies[i] = row.json
	}
	call := upsertOf(bodies, true) // each row has an external id
	res, err := r.client.once.Do(r.calls, call)
	if f, ok := errors.AsType[*bookbag.Failure](err); ok {
		if f.StatusCode == http.StatusRequestEntityTooLarge {
			r.maxBytes.Store(min(r.maxBytes.Load(), max(int64(len(call.Body))/2, 4<<10)))
		}
		e := newError(f)
		return response{rows, classify(e), e}
	}
	var echoed []echo
	var reasons json.RawMessage
	err = res.Decode(func(body []byte) (err error) {
		members := bookbag.Members(body)
		if reasons = members["issues"]; reasons == nil {
			reasons = members["errors"]
		}
		echoed, err = bookbag.List[echo](members["data"], len(rows))
		return err
	})
	v, has := lost, 0
	if err == nil {
		has = acknowledge(rows, echoed)
	}
	if has == len(rows) {
		return response{rows: rows}
	}
	if has > 0 {
		v = saved
	}
	f, ok := errors.AsType[*bookbag.Failure](err)
	if !ok {
		f = res.Failure(errNotEchoed)
	}
	f.Details = res.Details(reasons)
	return response{rows, v, newError(f)}
}

// echo is the part of a contact in a response that Sync needs.
type echo struct {
	ExternalID string `json:"external_id"`
}

// acknowledge marks the rows that a response contains, and returns their number. The
// service may convert ids to lower case. No two ids of a call are equal then.
func acknowledge(rows []*row, echoed []echo) (n int) {
	isEchoed := make(map[string]bool, len(echoed))
	for _, e := range echoed {
		isEchoed[foldID(e.ExternalID)] = true
	}
	for _, row := range rows {
		if isEchoed[row.id] {
			row.outcome = OutcomeAcknowledged
			n++
		}
	}
	return n
}

// isUp reads a page of contacts, and reports whether the service responds.
func (r *run) isUp() bool {
	if !r.begin() {
		return false
	}
	_, err := r.client.Page(r.calls, PageRequest{PerPage: minPerPage})
	r.pace.end(true)
	e, failed := errors.AsType[*Error](err)
	if failed {
		r.note(lost, e)
	}
	return !failed
}

// begin waits until a call may begin. It returns false if the run has ended.
func (r *run) begin() bool {
	err := r.pace.begin(r.waits)
	if errors.Is(err, bookbag.ErrLimiter) {
		r.stop(&Error{Operation: upsertOperation, err: err})
	}
	return err == nil
}

// note adapts the pace to a response, or ends the run.
func (r *run) note(v verdict, e *Error) {
	if v == saved || v == rejected {
		r.pace.succeeded()
		return
	}
	isDown := r.pace.failed(e)
	if v == stop || isDown || r.ctx.Err() != nil && errors.Is(e, r.ctx.Err()) {
		r.stop(e)
	}
}
