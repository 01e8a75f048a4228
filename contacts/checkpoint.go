package contacts

// window is the rows from the first one that has no outcome yet to the last one
// that was read. Its size is what bounds how far the two are apart.
type window struct {
	slots       []slot // the row of place n is in slot n % len(slots)
	first, next int    // places
	cursor      string // of the last row to go on behind
	stuck       bool   // on a row that a later run is to send again
}

type slot struct {
	cursor  string
	settled bool
	again   bool
}

func newWindow(size int) window { return window{slots: make([]slot, size)} }

func (w *window) full() bool { return w.next-w.first == len(w.slots) }

func (w *window) slot(place int) *slot { return &w.slots[place%len(w.slots)] }

// add takes the next row, and returns its place.
func (w *window) add(cursor string) (place int) {
	*w.slot(w.next) = slot{cursor: cursor}
	w.next++
	return w.next - 1
}

// settle says that a row has its outcome, and whether it is to be sent again by
// a later run: then, the cursor stays before it.
func (w *window) settle(place int, again bool) {
	s := w.slot(place)
	s.settled, s.again = true, again
	for w.first < w.next && w.slot(w.first).settled {
		s := w.slot(w.first)
		w.stuck = w.stuck || s.again
		if !w.stuck && s.cursor != "" {
			w.cursor = s.cursor
		}
		w.first++
	}
}

// tell gives the caller a checkpoint and the report, when a batch's worth of
// rows has an outcome since the last time, or in the end.
func (s *syncing) tell(end bool) {
	if !s.inDoubt() || end && s.err == nil {
		s.safe = s.window.cursor
	}
	if !end && s.settled-s.told < s.options.BatchSize {
		return
	}
	s.told = s.settled
	if s.safe != s.report.Cursor {
		s.report.Cursor = s.safe
		if f := s.options.OnCheckpoint; f != nil {
			if err := f(s.lasting(), s.safe); err != nil {
				s.stop(err)
			}
		}
	}
	if f := s.options.OnProgress; f != nil {
		f(s.lasting(), s.report)
	}
}
