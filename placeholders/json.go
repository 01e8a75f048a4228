package placeholders

import (
	"encoding/json"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// maxJSONDepth bounds how deep lists and objects of a template are nested.
const maxJSONDepth = 500

// jsonReader checks that a text is JSON (RFC 8259), and calls the functions that
// are not nil for what it finds. It says where a fault is and what, which
// encoding/json does not promise. A NUL is a placeholder: in a string, or as a
// whole value.
type jsonReader struct {
	text  string
	at    int // the next byte; the one at fault after a fault
	rule  string
	depth int

	// bare makes it accept {{name}} as a whole value, as in the body of an action's
	// file.
	bare bool

	onValue  func()                                    // a placeholder is before at
	onString func(start int, decoded string, key bool) // start is that of its quote
	onMember func(key string, start, end int)          // of the value
}

// read reads the whole text.
func (r *jsonReader) read() bool {
	if !r.value() {
		return false
	}
	if r.at < len(r.text) {
		return r.fail("expected the end after the value")
	}
	return true
}

func (r *jsonReader) fail(rule string) bool {
	r.rule = rule
	return false
}

// next returns the next byte that is not white space, 1 at the end.
func (r *jsonReader) next() byte {
	for ; r.at < len(r.text); r.at++ {
		if c := r.text[r.at]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 1
}

// value reads a value and the white space around it.
func (r *jsonReader) value() (ok bool) {
	switch c := r.next(); {
	case r.bare && r.depth > 0 && strings.HasPrefix(r.text[r.at:], "{{"):
		end := strings.Index(r.text[r.at:], "}}")
		if end < 0 {
			return r.fail("a placeholder must be closed by }}")
		}
		r.at += end + len("}}")
		ok = true
	case c == 0:
		r.at++
		r.onValue()
		ok = true
	case c == '{':
		ok = r.container('}', r.member())
	case c == '[':
		ok = r.container(']', r.value)
	case c == '"':
		_, ok = r.string(false)
	default:
		ok = r.literal()
	}
	r.next()
	return ok
}

// container reads an object or a list, whose items are read by item.
func (r *jsonReader) container(end byte, item func() bool) bool {
	if r.depth == maxJSONDepth {
		return r.fail("lists and objects are nested too deep")
	}
	r.at++
	if r.next() == end {
		r.at++
		return true
	}
	r.depth++
	defer func() { r.depth-- }()
	for item() {
		switch r.next() {
		case end:
			r.at++
			return true
		case ',':
			r.at++
		default:
			return r.fail("expected a comma or " + string(end))
		}
	}
	return false
}

// member returns a function that reads the members of one object.
func (r *jsonReader) member() func() bool {
	seen := map[string]bool{}
	return func() bool {
		if r.next() != '"' {
			return r.fail("expected a key in quotes (is there a comma too many?)")
		}
		start := r.at
		key, ok := r.string(true)
		switch {
		case !ok:
			return false
		case seen[key]:
			r.at = start
			return r.fail("an object must not have a member twice")
		case r.next() != ':':
			return r.fail("expected a colon after the key")
		}
		seen[key] = true
		r.at++
		r.next()
		start = r.at
		if !r.value() {
			return false
		}
		if r.onMember != nil {
			end := len(strings.TrimRight(r.text[:r.at], " \t\r\n"))
			r.onMember(key, start, end)
		}
		return true
	}
}

// string reads a string and decodes it.
func (r *jsonReader) string(key bool) (decoded string, ok bool) {
	start := r.at
	for r.at++; r.at < len(r.text) && r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			r.at++
		}
	}
	if r.at >= len(r.text) {
		r.at = len(r.text)
		return "", r.fail("a string must be closed by a quote")
	}
	r.at++
	// JSON does not allow a NUL. The character in its place is in no text.
	quoted := json.RawMessage(strings.ReplaceAll(r.text[start:r.at], nul, "\ufdd0"))
	simple, err := value.Of(quoted)
	switch {
	case !json.Valid(quoted):
		r.at = start
		return "", r.fail(`a string must have only valid escapes and no control characters (write \n for a line end)`)
	case err != nil:
		r.at = start
		return "", r.fail("a string " + err.Error())
	}
	decoded = strings.ReplaceAll(simple.Text, "\ufdd0", nul)
	if r.onString != nil {
		r.onString(start, decoded, key)
	}
	return decoded, true
}

// literal reads a number, true, false or null.
func (r *jsonReader) literal() bool {
	rest := r.text[r.at:]
	length := len(rest) - len(strings.TrimLeft(rest, "+-.0123456789Etruefalsn"))
	if !json.Valid([]byte(rest[:length])) {
		return r.fail("expected a value (a text must be in quotes)")
	}
	r.at += length
	return true
}

// json checks a JSON template, and finds out whether each placeholder is in a
// string or a whole value.
func (s *source) json() {
	r := &jsonReader{text: s.text}
	r.onValue = func() { s.setPosition(r.at-1, r.at, wholeJSON) }
	r.onString = func(start int, decoded string, key bool) {
		s.setPosition(start, r.at, jsonString)
		rule := "a placeholder must not be in a key"
		if !key {
			rule = embedded(decoded)
		}
		s.faultOfFirst(start, r.at, rule)
	}
	if !r.read() {
		s.fault(r.at, "a JSON template must be JSON: "+r.rule)
	}
}
