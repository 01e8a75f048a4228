package value

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
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
	depth int // how many values are open
}

// append appends what resolve returned. After an error the encoder must not be used.
func (e *encoder) append(p Resolved, rule string) (err *Error) {
	e.depth++
	switch {
	case rule != "":
		return &Error{Rule: rule}
	case len(p.Text) > e.end-len(e.dst): // before it is escaped
		return e.tooLong()
	case p.Kind == String:
		e.dst, _ = AppendText(append(e.dst, '"'), p.Text)
		e.dst = append(e.dst, '"')
	case p.Kind < String:
		e.dst = append(e.dst, cmp.Or(p.Text, "null")...)
	case e.depth > maxDepth:
		return &Error{Rule: tooDeep}
	case p.Kind == List:
		err = e.appendList(p.members)
	default:
		err = e.appendObject(p.members)
	}
	e.depth--
	if err == nil && len(e.dst) > e.end {
		err = e.tooLong()
	}
	return err
}

func (e *encoder) appendList(list reflect.Value) *Error {
	e.dst = append(e.dst, '[')
	for i := range list.Len() {
		if err := e.append(resolve(list.Index(i).Interface())); err != nil {
			return err.within(fmt.Sprintf("[%d]", i))
		}
		e.dst = append(e.dst, ',')
	}
	e.dst = append(bytes.TrimSuffix(e.dst, []byte(",")), ']')
	return nil
}

func (e *encoder) appendObject(object reflect.Value) *Error {
	members := membersOf(object)
	keys := make([]string, 0, 16) // on the stack, if these are enough
	for key := range members {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	e.dst = append(e.dst, '{')
	for _, key := range keys {
		p, rule := resolve(members[key])
		keyRule := Text(key)
		if keyRule != "" {
			keyRule = "its key " + keyRule
		}
		if p.Kind == Absent && rule+keyRule == "" {
			continue
		}
		err := e.append(Resolved{Kind: String, Text: key}, keyRule)
		if err == nil {
			e.dst = append(e.dst, ':')
			err = e.append(p, rule)
		}
		if err != nil {
			return err.within(Path(key))
		}
		e.dst = append(e.dst, ',')
	}
	e.dst = append(bytes.TrimSuffix(e.dst, []byte(",")), '}')
	return nil
}

// membersOf returns a map with string keys, copied only if it has another type.
func membersOf(object reflect.Value) map[string]any {
	if t := reflect.TypeFor[map[string]any](); object.CanConvert(t) {
		return object.Convert(t).Interface().(map[string]any)
	}
	members := make(map[string]any, object.Len())
	for key, member := range object.Seq2() {
		members[key.String()] = member.Interface()
	}
	return members
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
