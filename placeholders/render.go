package placeholders

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// template is a parsed template, ready to be rendered.
type template struct {
	kind      Kind
	field     string // of an action; empty from Parse
	parts     []placeholder
	tail      string // the literal text after the last placeholder
	defaults  map[string]any
	maxOutput int
	urlParts  *urlParts // of a URL
}

// maxSlots is how many outputs of placeholders are remembered. A placeholder with the name
// and position of an earlier one copies its output instead of escaping the value again.
const maxSlots = 15

// span is where something is in a text.
type span struct{ start, end int }

func newTemplate(s *scanned, kind Kind, u *urlParts, options Options) *template {
	t := &template{kind: kind, parts: s.placeholders, defaults: options.Defaults, maxOutput: options.MaxOutput, urlParts: u}
	literals := strings.Split(s.text, nul)
	var kept []placeholder
	for i := range t.parts {
		p := &t.parts[i]
		p.before = literals[i]
		p.slot = 1 + slices.IndexFunc(kept, func(k placeholder) bool { return k.name == p.name && k.position == p.position })
		if p.slot == 0 && p.pair == "" && len(kept) < maxSlots {
			kept = append(kept, *p)
			p.slot = len(kept)
		}
	}
	t.tail = literals[len(literals)-1]
	return t
}

// names returns the name of each placeholder once.
func (t *template) names() (names []string) {
	for _, p := range t.parts {
		if !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

func (t *template) append(dst []byte, values Values) ([]byte, error) {
	out, limit, rule, repeats := dst, len(dst)+t.maxOutput, "", false
	var slots [1 + maxSlots]span // the remembered outputs, as parts of out
	for i := range t.parts {
		p := &t.parts[i]
		out = append(out, p.before...)
		if s := slots[p.slot]; s.end > 0 && s.end-s.start <= limit-len(out) {
			out = append(out, out[s.start:s.end]...)
			continue
		}
		start := len(out)
		if s, ok := values[p.name].(string); ok && len(s) <= limit-len(out) { // as nearly always
			out, rule = p.position.appendText(out, s)
		} else if v, ok := t.lookUp(p.name, values); ok {
			out, rule = p.appendValue(out, v, limit)
		} else {
			rule = notNull // or missing: reject reports all of both
		}
		if rule != "" {
			return dst, t.reject(p.name, rule, values)
		}
		if p.slot > 0 {
			slots[p.slot] = span{start, len(out)}
		}
		repeats = repeats || p.pair != ""
	}
	out = append(out, t.tail...)
	if repeats {
		out = t.withoutEmptyPairs(out, len(dst))
	}
	if len(out) > limit {
		return dst, t.reject("", tooLong, values)
	}
	if name, rule := t.checkRendered(out[len(dst):]); rule != "" {
		return dst, t.reject(name, rule, values)
	}
	return out, nil
}

// withoutEmptyPairs removes the empty pairs that empty lists leave in a form or a query.
// The output of the template begins at start.
func (t *template) withoutEmptyPairs(out []byte, start int) []byte {
	if t.kind == URL {
		start += bytes.IndexByte(out[start:], '?') + 1
	}
	pairs := bytes.Split(out[start:], []byte("&"))
	pairs = slices.DeleteFunc(pairs, func(pair []byte) bool { return len(pair) == 0 })
	return append(out[:start], bytes.Join(pairs, []byte("&"))...)
}

// checkRendered looks at the whole output: values that are harmless one by one may
// not be so together.
func (t *template) checkRendered(rendered []byte) (name, rule string) {
	// A header of the template has no space at its edges: a value is there, or empty
	// values are between it and the template's own space.
	const edge = "must not make a header that begins or ends with white space"
	switch {
	case t.kind == URL:
		return t.urlParts.check(rendered)
	case t.kind == Header && bytes.HasPrefix(rendered, []byte(" ")):
		return t.parts[0].name, edge
	case t.kind == Header && bytes.HasSuffix(rendered, []byte(" ")):
		return t.parts[len(t.parts)-1].name, edge
	}
	return "", ""
}

// checkDefaults renders the defaults, with an x for the values that are not known
// yet.
func (t *template) checkDefaults() (name, rule string) {
	values := Values{}
	for _, p := range t.parts {
		if _, ok := t.defaults[p.name]; !ok {
			values[p.name] = "x"
		}
	}
	switch _, err := t.append(nil, values); err := err.(type) {
	case *ValueError:
		return err.Name, err.Rule
	case *MissingError:
		return err.Null[0], notNull
	}
	return "", ""
}

// lookUp returns a value, or its default if it is missing or null.
func (t *template) lookUp(name string, values Values) (v any, ok bool) {
	v, ok = values[name]
	kind := kindOf(v)
	if otherwise, found := t.defaults[name]; found && kind <= value.Null {
		return otherwise, true
	}
	return v, ok && kind != value.Absent
}

// reject returns the error about a value, unless values are missing: all those
// are reported first.
func (t *template) reject(name, rule string, values Values) error {
	if err := missing(values, t); err != nil {
		return err
	}
	if rule == tooLong {
		return &FieldError{cmp.Or(t.field, "output"), fmt.Sprintf("must be at most %d bytes", t.maxOutput)}
	}
	return &ValueError{t.field, name, rule}
}
