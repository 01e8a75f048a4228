package contacts

// item is a row on its way.
type item struct {
	row   Row
	id    string // the external id
	json  []byte
	place int   // in the window
	home  *home // of its id
	first home  // that, if it is the first row of the id
	saved bool  // an answer has it
	maybe bool  // a call of which nothing is known may have saved it
	err   error // of the last call that failed
	named bool  // a refusal picked it out of those that it came with

	part  bool      // a call of several that was refused may have saved it
	told  complaint // what that one said
	mixed bool      // several such calls did not say the same
}

// complaint is what a refusal says, without what may be of one answer only.
type complaint struct {
	status  int
	message string
}

// joined is for a call of several that was refused. It is not documented whether
// such a one saves those that are good.
func (it *item) joined(c complaint) {
	it.mixed = it.mixed || it.part && it.told != c
	it.part, it.told = true, c
}

// limits of a call.
type limits struct{ rows, bytes int }

// batch collects rows for a call. None has an external id twice, as it is not
// documented which of the two would count: the second one stays for a later
// call.
type batch struct {
	limits *limits
	open   pile
	later  pile
	full   bool // it is not worth while to wait for more
}

// pile is rows, and how long they are as JSON.
type pile struct {
	items []*item
	bytes int
}

// takes reports whether there is room for a row. For one alone there always is.
func (l *limits) takes(p *pile, it *item) bool {
	return len(p.items) == 0 || len(p.items) < l.rows && p.bytes+len(it.json) <= l.bytes
}

func (p *pile) add(it *item) {
	it.home.collected++
	p.items = append(p.items, it)
	p.bytes += len(it.json) + 1 // the comma
}

// add is false when there is no room for the row, until some are taken.
func (b *batch) add(it *item) bool {
	p := &b.open
	if it.home.collected > 0 {
		p = &b.later
	}
	if !b.limits.takes(p, it) {
		b.full = true
		return false
	}
	p.add(it)
	b.full = b.full || len(b.open.items) == b.limits.rows
	return true
}

// take takes the rows of a call. What had to stay is collected anew.
func (b *batch) take() []*item {
	taken, later := b.open.items, b.later.items
	b.open, b.later, b.full = pile{}, pile{}, false
	for _, items := range [][]*item{taken, later} {
		for _, it := range items {
			it.home.collected--
		}
	}
	for _, it := range later {
		if !b.add(it) { // the limits were lowered: it stays, and so do those behind it
			b.later.add(it)
		}
	}
	return taken
}
