package contacts

import "slices"

// window is the rows from the first one that has no outcome yet to the last one
// that was read. Its size is what bounds how far the two are apart.
type window struct {
	slots       []slot // the row of place n is in slot n % len(slots)
	first, next int    // places

	cursor string // to go on behind: of the last row with one, up to one that is acknowledged
	passed string // the same, refused rows behind that one included
	stuck  bool   // on a row that a later run is to send again
}

type slot struct {
	cursor string
	state  state
}

type state byte

const (
	open  state = iota
	done        // acknowledged
	given       // given up: refused, and the caller was told
	again       // to be sent again by a later run
)

func newWindow(size int) window { return window{slots: make([]slot, size)} }

func (w *window) full() bool { return w.next-w.first == len(w.slots) }

func (w *window) slot(place int) *slot { return &w.slots[place%len(w.slots)] }

// add takes the next row, and returns its place.
func (w *window) add(cursor string) (place int) {
	*w.slot(w.next) = slot{cursor: cursor}
	w.next++
	return w.next - 1
}

func (w *window) settle(place int, state state) {
	w.slot(place).state = state
	for w.first < w.next && w.slot(w.first).state != open {
		w.pass(w.slot(w.first))
		w.first++
	}
}

// pass moves the cursor on with rows that are acknowledged, and not with those
// that are refused: it may be that all further ones are, for one reason.
func (w *window) pass(s *slot) {
	w.stuck = w.stuck || s.state == again
	if w.stuck {
		return
	}
	if s.cursor != "" {
		w.passed = s.cursor
	}
	if s.state == done {
		w.cursor = w.passed
	}
}

// tell gives the caller a checkpoint and the report, when a batch's worth of
// rows has an outcome since the last time, or in the end.
func (s *syncing) tell(end bool) {
	if !end && s.settled-s.told < s.options.BatchSize {
		return
	}
	s.told = s.settled
	cursor := s.window.cursor
	if end && s.err == nil && s.source == nil { // the refused rows had reasons of their own
		cursor = s.window.passed
	}
	if cursor != s.report.Cursor {
		s.report.Cursor = cursor
		if f := s.options.OnCheckpoint; f != nil && !s.unsaved {
			if err := f(s.lasting(), cursor); err != nil {
				s.unsaved = true
				s.stop(err)
			}
		}
	}
	if f := s.options.OnProgress; f != nil {
		report := s.report
		report.Failures = slices.Clip(report.Failures) // the caller may append
		f(s.lasting(), report)
	}
}
