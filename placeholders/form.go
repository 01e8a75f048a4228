package placeholders

import "strings"

// pairs follows name=value&name=value, in a form and in the query of a URL.
type pairs struct {
	place   place
	named   bool // a name has begun
	inValue bool
}

// literal takes the next byte of the template's own text, and returns the rule
// that it breaks.
func (q *pairs) literal(text string, i int) string {
	switch c := text[i]; {
	case c == '%' && !escaped(text, i):
		return "a % must be followed by two hexadecimal digits"
	case c == '&':
		if !q.named && !q.inValue {
			return "a name must not be empty"
		}
		*q = pairs{place: q.place}
	case c == '=' && !q.inValue:
		if !q.named {
			return "a name must not be empty"
		}
		q.inValue = true
	case !unreserved.has(c) && !strings.ContainsRune("!$'()*+,/:=?@%", rune(c)):
		return "must be percent-encoded: this character has no place here as itself"
	default:
		q.named = true
	}
	return ""
}

// placeholder returns the rule that a placeholder here breaks.
func (q *pairs) placeholder(piece *piece) string {
	piece.place = q.place
	if !q.inValue {
		q.named = true
		return "a placeholder must stand in the value of a parameter, behind its ="
	}
	return ""
}

// end returns the rule that an end here breaks.
func (q *pairs) end() string {
	if !q.named {
		return "a name must not be empty"
	}
	return ""
}

// form checks a form: it may be empty.
func (p *parser) form() {
	q := pairs{place: formValue}
	for i := range p.pieces {
		piece := &p.pieces[i]
		if piece.name != "" {
			if rule := q.placeholder(piece); rule != "" {
				p.fault(piece.offset, rule)
			}
			continue
		}
		for k := range len(piece.text) {
			if rule := q.literal(piece.text, k); rule != "" {
				p.fault(piece.offset+k, rule)
				return // one stray character is often followed by many
			}
		}
	}
	if rule := q.end(); rule != "" && p.src != "" {
		p.fault(len(p.src), rule)
	}
}
