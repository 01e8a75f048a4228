package placeholders

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// template is a parsed template, ready to be rendered.
type template struct {
	kind      Kind
	parts     []part
	tail      string // the literal text after the last placeholder
	names     []string
	defaults  map[string]any
	maxOutput int
	size      int       // an estimate of that of the output
	url       *urlParts // of a URL
}

// part is a placeholder and the literal text before it.
type part struct {
	placeholder
	before string
	shared int // a number for the placeholders with this name and position, 0 for a single one
}

// maxShared is how many values are kept that are rendered more than once.
const maxShared = 15

// span is where something is in the output or in a body.
type span struct{ start, end int }

func newTemplate(s *source, kind Kind, url *urlParts, options Options) *template {
	t := &template{kind: kind, defaults: options.Defaults, maxOutput: options.MaxOutput, url: url}
	type key struct {
		name     string
		position position
	}
	count, shared := map[key]int{}, map[key]int{}
	for _, p := range s.placeholders {
		k := key{p.name, p.position}
		if count[k]++; count[k] == 2 && len(shared) < maxShared {
			shared[k] = len(shared) + 1
		}
	}
	literals := strings.Split(s.text, nul)
	for i, p := range s.placeholders {
		t.parts = append(t.parts, part{p, literals[i], shared[key{p.name, p.position}]})
		if !slices.Contains(t.names, p.name) {
			t.names = append(t.names, p.name)
		}
	}
	t.tail = literals[len(literals)-1]
	t.size = min(len(s.text)+32*len(t.parts), t.maxOutput)
	return t
}

func (t *template) append(dst []byte, values Values) ([]byte, error) {
	out, limit := dst, len(dst)+t.maxOutput
	var shared [1 + maxShared]span // where the first ones are in out
	cut := -1                      // where an empty list at the start leaves an & over
	for i := range t.parts {
		p := &t.parts[i]
		out = append(out, p.before...)
		if s := shared[p.shared]; s.end > 0 && len(out)+s.end-s.start <= limit {
			out = append(out, out[s.start:s.end]...)
			continue
		}
		start, rule := len(out), ""
		if s, ok := values[p.name].(string); ok && len(s) <= limit-len(out) { // as nearly always
			out, rule = p.position.appendText(out, s)
		} else if v, ok := t.lookUp(p, values); ok {
			out, rule = p.appendValue(out, v, limit)
		} else {
			return dst, missing(values, t)
		}
		switch {
		case rule != "":
			return dst, t.reject(p.name, rule, values)
		case p.shared > 0 && p.pair == "":
			shared[p.shared] = span{start, len(out)}
		case len(out) >= start:
		case len(out) > len(dst) && out[len(out)-1] == '&': // an empty list
			out = out[:len(out)-1]
		default:
			cut = len(out)
		}
	}
	if out = append(out, t.tail...); 0 <= cut && cut < len(out) {
		out = slices.Delete(out, cut, cut+len("&"))
	}
	if len(out) > limit {
		return dst, t.reject("", tooLong, values)
	}
	if name, rule := t.checkRendered(out[len(dst):]); rule != "" {
		return dst, t.reject(name, rule, values)
	}
	return out, nil
}

// checkRendered looks at the whole output: values that are harmless one by one may
// not be so together.
func (t *template) checkRendered(rendered []byte) (name, rule string) {
	switch t.kind {
	case URL:
		return t.url.check(rendered)
	case Header:
		return t.edgeOfHeader(rendered)
	}
	return "", ""
}

// checkDefaults renders the defaults, with an x for the values that are not known
// yet.
func (t *template) checkDefaults() (name, rule string) {
	values := Values{}
	for _, name := range t.names {
		if _, ok := t.defaults[name]; !ok {
			values[name] = "x"
		}
	}
	_, err := t.append(nil, values)
	if err, ok := err.(*ValueError); ok {
		return err.Name, err.Rule
	}
	return "", ""
}

// lookUp returns the value of a placeholder, or its default where the value is
// missing or null. There is none if it is null where null is not allowed.
func (t *template) lookUp(p *part, values Values) (v any, ok bool) {
	v, ok = values[p.name]
	if kindOf(v) > value.Null {
		return v, true
	}
	if otherwise, found := t.defaults[p.name]; found {
		return otherwise, true
	}
	return v, ok && p.position == wholeJSON && kindOf(v) == value.Null
}

// reject returns the error about a value, unless values are missing: all those
// are reported first.
func (t *template) reject(name, rule string, values Values) error {
	if err := missing(values, t); err != nil {
		return err
	}
	if rule == tooLong {
		return &FieldError{"output", fmt.Sprintf("must be at most %d bytes", t.maxOutput)}
	}
	return &ValueError{Name: name, Rule: rule}
}
