package placeholders

import (
	"fmt"
	"slices"
	"strings"
)

// program is what a template is rendered from.
type program struct {
	parts     []part
	tail      string // literal behind the last placeholder
	names     []string
	defaults  map[string]any
	maxOutput int
	size      int    // about that of what is rendered, to begin with
	shape     *shape // of a URL
	trimmed   bool   // no white space at the edges of what is rendered
}

// part is a placeholder, and the literal text before it.
type part struct {
	before string
	name   string
	place  place
	offset int
	shared int // number of those with the same name and place, 0 for one alone
}

// maxShared bounds how many values are kept that stand in several places.
const maxShared = 15

// span is where something stands in what is rendered.
type span struct{ start, end int }

// valueSize is what Render expects of a value, in bytes.
const valueSize = 32

func newProgram(pieces []piece, l limits) *program {
	t := &program{defaults: l.defaults, maxOutput: l.output}
	known := map[string]bool{}
	var literal strings.Builder
	for _, piece := range pieces {
		if piece.name == "" {
			literal.WriteString(piece.text)
			continue
		}
		t.size += literal.Len() + valueSize
		t.parts = append(t.parts, part{literal.String(), piece.name, piece.place, piece.offset, 0})
		literal.Reset()
		if !known[piece.name] {
			known[piece.name] = true
			t.names = append(t.names, piece.name)
		}
	}
	t.share()
	t.tail = literal.String()
	t.size = min(t.size+len(t.tail), t.maxOutput)
	return t
}

// share numbers the placeholders that stand more than once, so that the value of
// one is looked up and escaped once.
func (t *program) share() {
	type key struct {
		name  string
		place place
	}
	first := map[key]*part{}
	count := 0
	for i := range t.parts {
		part := &t.parts[i]
		k := key{part.name, part.place}
		if first[k] == nil {
			first[k] = part
			continue
		}
		if first[k].shared == 0 && count < maxShared {
			count++
			first[k].shared = count
		}
		part.shared = first[k].shared
	}
}

// checkDefaults renders each default where it would stand, with an x for the
// values that are not known yet.
func (t *program) checkDefaults() error {
	var whole []byte
	for i := range t.parts {
		part := &t.parts[i]
		whole = append(whole, part.before...)
		v, ok := t.defaults[part.name]
		if !ok {
			v = "x"
		}
		var rule string
		if whole, rule = part.append(whole, v, len(whole)+t.maxOutput); ok && rule != "" {
			return &FieldError{member("Options.Defaults", part.name), rule}
		}
	}
	if name, rule := t.misshapen(append(whole, t.tail...)); rule != "" {
		return &FieldError{member("Options.Defaults", name), rule}
	}
	return nil
}

func (t *program) append(dst []byte, values Values) ([]byte, error) {
	out, limit := dst, len(dst)+t.maxOutput
	var shared [1 + maxShared]span
	for i := range t.parts {
		part := &t.parts[i]
		out = append(out, part.before...)
		if s := shared[part.shared]; s.end > 0 && len(out)+s.end-s.start <= limit {
			out = append(out, out[s.start:s.end]...)
			continue
		}
		v, ok := values[part.name]
		if !ok {
			if v, ok = t.defaults[part.name]; !ok {
				return dst, t.missing(values)
			}
		}
		start := len(out)
		var rule string
		if out, rule = part.append(out, v, limit); rule != "" {
			return dst, t.refuse(part.name, v, rule, values)
		}
		if part.shared > 0 {
			shared[part.shared] = span{start, len(out)}
		}
	}
	out = append(out, t.tail...)
	if len(out) > limit {
		return dst, t.refuse("", nil, tooLong, values)
	}
	if name, rule := t.misshapen(out[len(dst):]); rule != "" {
		return dst, t.refuse(name, t.value(name, values), rule, values)
	}
	return out, nil
}

// append appends the value as its place wants it, or returns the rule that it
// breaks. limit is for the length of what it returns.
func (p *part) append(dst []byte, v any, limit int) ([]byte, string) {
	s, ok := v.(string)
	if !ok || p.place == jsonValue {
		return p.place.appendAny(dst, v, limit)
	}
	if len(s) > limit-len(dst) { // before it is escaped
		return dst, tooLong
	}
	return p.place.appendText(dst, s)
}

// misshapen looks at the whole: values that are harmless one by one can be
// something else together.
func (t *program) misshapen(rendered []byte) (name, rule string) {
	switch {
	case t.shape != nil:
		return t.shape.check(rendered)
	case t.trimmed && len(rendered) > 0 && len(t.parts) > 0:
		// The template's own text has no white space at its edges, so that at
		// an edge there is a value, or there is nothing between it and an edge.
		switch {
		case rendered[0] == ' ':
			return t.parts[0].name, untrimmed
		case rendered[len(rendered)-1] == ' ':
			return t.parts[len(t.parts)-1].name, untrimmed
		}
	}
	return "", ""
}

func (t *program) value(name string, values Values) any {
	if v, ok := values[name]; ok {
		return v
	}
	return t.defaults[name]
}

// refuse makes the error about a value, unless values are missing: those are
// told first, all together.
func (t *program) refuse(name string, v any, rule string, values Values) error {
	if err := t.missing(values); err != nil {
		return err
	}
	switch {
	case rule == tooLong:
		return &FieldError{"output", fmt.Sprintf("must be at most %d bytes", t.maxOutput)}
	case name == "":
		return &FieldError{"output", rule}
	}
	return newValueError(name, v, rule)
}

func (t *program) missing(values Values) error {
	return missing(t.names, values, t.defaults)
}

func missing(names []string, values Values, defaults map[string]any) error {
	absent := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		if _, ok := values[name]; ok {
			return true
		}
		_, ok := defaults[name]
		return ok
	})
	if len(absent) == 0 {
		return nil
	}
	return &MissingError{Names: absent}
}
