package value

import (
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
	e := encoder{dst, len(dst) + limit, limit}
	if err := e.append(v, 0); err != nil {
		return dst, err
	}
	return e.dst, nil
}

type encoder struct {
	dst   []byte
	end   int // the largest length of dst
	limit int
}

func (e *encoder) append(v any, depth int) *Error {
	p, rule := resolve(v)
	if rule != "" {
		return &Error{Rule: rule}
	}
	return e.appendResolved(p, depth)
}

func (e *encoder) appendResolved(p resolved, depth int) *Error {
	if len(p.text) > e.end-len(e.dst) {
		return e.tooLong()
	}
	switch p.kind {
	case Absent, Null:
		e.dst = append(e.dst, "null"...)
	case Boolean:
		e.dst = append(e.dst, p.text...)
	case Number:
		e.dst = p.appendNumber(e.dst)
	case String:
		e.dst = append(e.dst, '"')
		e.dst, _ = AppendText(e.dst, p.text) // checked already
		e.dst = append(e.dst, '"')
	case List, Object:
		if depth == maxDepth {
			return &Error{Rule: tooDeep}
		}
		appendMembers := e.appendList
		if p.kind == Object {
			appendMembers = e.appendObject
		}
		if err := appendMembers(p.members, depth+1); err != nil {
			return err
		}
	}
	if len(e.dst) > e.end {
		return e.tooLong()
	}
	return nil
}

func (e *encoder) tooLong() *Error {
	return &Error{Rule: fmt.Sprintf("must be at most %d bytes of JSON", e.limit)}
}

func (e *encoder) appendList(list reflect.Value, depth int) *Error {
	e.dst = append(e.dst, '[')
	for i := range list.Len() {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		if err := e.append(list.Index(i).Interface(), depth); err != nil {
			return err.within(fmt.Sprintf("[%d]", i))
		}
	}
	e.dst = append(e.dst, ']')
	return nil
}

func (e *encoder) appendObject(object reflect.Value, depth int) *Error {
	keys := object.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	e.dst = append(e.dst, '{')
	start := len(e.dst)
	for _, key := range keys {
		if err := e.appendMember(key.String(), object.MapIndex(key).Interface(), len(e.dst) == start, depth); err != nil {
			return err.within(Path(key.String()))
		}
	}
	e.dst = append(e.dst, '}')
	return nil
}

func (e *encoder) appendMember(key string, v any, first bool, depth int) *Error {
	if rule := Text(key); rule != "" {
		return &Error{Rule: "its key " + rule}
	}
	p, rule := resolve(v)
	switch {
	case rule != "":
		return &Error{Rule: rule}
	case p.kind == Absent:
		return nil
	case len(key) > e.end-len(e.dst):
		return e.tooLong()
	case !first:
		e.dst = append(e.dst, ',')
	}
	e.dst, _ = AppendText(append(e.dst, '"'), key)
	e.dst = append(e.dst, `":`...)
	return e.appendResolved(p, depth)
}

// Path names a member by its key, quoted and cut to a bounded length.
func Path(key string) string { return fmt.Sprintf("[%.64q]", key) }

// within adds the place of a container before the path, and bounds its length.
func (e *Error) within(place string) *Error {
	const most = 256
	e.Path = place + e.Path
	if len(e.Path) > most {
		e.Path = strings.ToValidUTF8(e.Path[:most], "") + "..."
	}
	return e
}
