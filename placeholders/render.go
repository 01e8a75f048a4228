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
	number int // equal for the same name in the same position
}

func newTemplate(s *source, kind Kind, url *urlParts, settings settings) *template {
	t := &template{kind: kind, defaults: settings.defaults, maxOutput: settings.maxOutput, url: url}
	literals := strings.Split(s.text, nul)
	type key struct {
		name     string
		position position
	}
	numbers := map[key]int{}
	for i, p := range s.placeholders {
		k := key{p.name, p.position}
		if _, ok := numbers[k]; !ok {
			numbers[k] = len(numbers)
		}
		t.parts = append(t.parts, part{p, literals[i], numbers[k]})
		if !slices.Contains(t.names, p.name) {
			t.names = append(t.names, p.name)
		}
	}
	t.tail = literals[len(literals)-1]
	t.size = min(len(s.text)+32*len(t.parts), t.maxOutput)
	return t
}

// span is where the value of a number has been rendered.
type span struct{ number, start, end int }

func (t *template) append(dst []byte, values Values) ([]byte, error) {
	out, limit := dst, len(dst)+t.maxOutput
	var rendered [16]span
	for i := range t.parts {
		p := &t.parts[i]
		out = t.appendLiteral(out, len(dst), p.before)
		if r := rendered[p.number%len(rendered)]; r.end > 0 && r.number == p.number && r.end-r.start <= limit-len(out) {
			out = append(out, out[r.start:r.end]...)
			continue
		}
		v, ok := t.lookUp(p, values)
		if !ok {
			return dst, t.missing(values)
		}
		start := len(out)
		var rule string
		if out, rule = p.appendValue(out, v, limit); rule != "" {
			return dst, t.reject(p.name, rule, values)
		}
		if p.pair == "" {
			rendered[p.number%len(rendered)] = span{p.number, start, len(out)}
		}
	}
	out = t.appendLiteral(out, len(dst), t.tail)
	if len(out) > limit {
		return dst, t.reject("", tooLong, values)
	}
	if name, rule := t.checkRendered(out[len(dst):]); rule != "" {
		return dst, t.reject(name, rule, values)
	}
	return out, nil
}

// appendLiteral appends the template's own text, without the & that an empty list
// at the start of a query or a form left over.
func (t *template) appendLiteral(out []byte, start int, text string) []byte {
	if strings.HasPrefix(text, "&") && (len(out) == start || out[len(out)-1] == '?') && (t.kind == URL || t.kind == Form) {
		text = text[1:]
	}
	return append(out, text...)
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
	if _, isString := v.(string); isString {
		return v, true
	}
	if ok && kindOf(v) > value.Null {
		return v, true
	}
	if otherwise, found := t.defaults[p.name]; found {
		return otherwise, true
	}
	return v, ok && p.position == wholeJSON && kindOf(v) == value.Null
}

// missing returns an error about all values that are missing or null where null
// is not allowed, or nil.
func (t *template) missing(values Values) error {
	var e MissingError
	e.add(t, values)
	return e.orNil()
}

// reject returns the error about a value, unless values are missing: all those
// are reported first.
func (t *template) reject(name, rule string, values Values) error {
	if err := t.missing(values); err != nil {
		return err
	}
	if rule == tooLong {
		return &FieldError{"output", fmt.Sprintf("must be at most %d bytes", t.maxOutput)}
	}
	return &ValueError{Name: name, Rule: rule}
}
