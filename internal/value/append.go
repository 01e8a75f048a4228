package value

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Append appends the JSON of v to dst: at most limit bytes, with the keys of maps
// in order, and safe inside a <script> element. An absent member of a map is left
// out, any other absent value is null. The error is an *[Error]; dst is then
// returned without v.
func Append(dst []byte, v any, limit int) ([]byte, error) {
	e := encoder{dst: dst, limit: limit, end: len(dst) + limit}
	if err := e.append(resolve(v)); err != nil {
		return dst, err
	}
	return e.dst, nil
}

type encoder struct {
	dst   []byte
	limit int
	end   int // the largest length of dst
	depth int // how many lists and objects are open
}

// append takes what resolve returns.
func (e *encoder) append(p resolved, rule string) *Error {
	switch {
	case rule != "":
		return &Error{Rule: rule}
	case len(p.Text) > e.end-len(e.dst): // before it is escaped
		return e.tooLong()
	case p.Kind == String:
		return e.writeString(p.Text)
	case p.Kind < String:
		return e.write(cmp.Or(p.Text, "null"))
	case e.depth == maxDepth:
		return &Error{Rule: tooDeep}
	}
	e.depth++
	defer func() { e.depth-- }()
	if p.Kind == List {
		return e.appendList(p.members)
	}
	return e.appendObject(p.members)
}

func (e *encoder) appendList(list reflect.Value) *Error {
	e.dst = append(e.dst, '[')
	for i := range list.Len() {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		if err := e.append(resolve(list.Index(i).Interface())); err != nil {
			return err.within(fmt.Sprintf("[%d]", i))
		}
	}
	return e.write("]")
}

func (e *encoder) appendObject(object reflect.Value) *Error {
	keys := object.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	e.dst = append(e.dst, '{')
	start := len(e.dst)
	for _, key := range keys {
		p, rule := resolve(object.MapIndex(key).Interface())
		if broken := Text(key.String()); broken != "" {
			rule = "its key " + broken
		}
		if rule == "" && p.Kind == Absent {
			continue
		}
		if len(e.dst) > start {
			e.dst = append(e.dst, ',')
		}
		err := e.writeString(key.String())
		if err == nil {
			e.dst = append(e.dst, ':')
			err = e.append(p, rule)
		}
		if err != nil {
			return err.within(Path(key.String()))
		}
	}
	return e.write("}")
}

// writeString writes nothing between the quotes for text that breaks the rule.
func (e *encoder) writeString(s string) *Error {
	e.dst, _ = AppendText(append(e.dst, '"'), s)
	return e.write(`"`)
}

func (e *encoder) write(text string) *Error {
	if e.dst = append(e.dst, text...); len(e.dst) > e.end {
		return e.tooLong()
	}
	return nil
}

func (e *encoder) tooLong() *Error {
	return &Error{Rule: fmt.Sprintf("must be at most %d bytes of JSON", e.limit)}
}

// Path names a member by its key, quoted and cut to a bounded length.
func Path(key string) string { return fmt.Sprintf("[%.64q]", key) }

// within adds the place of a container before the path, and bounds its length.
func (e *Error) within(place string) *Error {
	e.Path = fmt.Sprintf("%.256s", place+e.Path)
	return e
}
