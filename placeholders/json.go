package placeholders

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// maxJSONDepth bounds how deep lists and objects of a template are nested.
const maxJSONDepth = 500

// jsonReader checks that a text is JSON (RFC 8259), and calls the functions that
// are not nil for what it finds. It says where a fault is and what, which
// encoding/json does not promise. A NUL is a placeholder: in a string, or as a
// whole value. Its methods return the rule that the text breaks at the next byte.
type jsonReader struct {
	text  string
	at    int // the next byte
	depth int

	// bare makes it accept {{name}} as a whole value, as in the body of an action's
	// file.
	bare bool

	onString func(start int, decoded string, key bool) // after a string, which ends at at
	onMember func(key string, start, end int)          // after a member, whose value is from start to end
}

// read reads the whole text.
func (r *jsonReader) read() (rule string) {
	if rule = r.value(); rule == "" && r.next() != endOfText {
		rule = "expected the end after the value"
	}
	return rule
}

// endOfText is what next returns there. No text of UTF-8 has this byte.
const endOfText = 0xff

// next returns the next byte that is not white space.
func (r *jsonReader) next() byte {
	for ; r.at < len(r.text); r.at++ {
		if c := r.text[r.at]; strings.IndexByte(" \t\r\n", c) < 0 {
			return c
		}
	}
	return endOfText
}

func (r *jsonReader) value() (rule string) {
	switch c := r.next(); {
	case r.bare && r.depth > 0 && strings.HasPrefix(r.text[r.at:], "{{"):
		name, _, closed := strings.Cut(r.text[r.at:], "}}")
		if !closed {
			return "a placeholder must be closed by }}"
		}
		r.at += len(name) + len("}}")
		return ""
	case c == 0:
		r.at++
		return ""
	case c == '{':
		return r.container('}')
	case c == '[':
		return r.container(']')
	case c == '"':
		_, rule = r.string(false)
		return rule
	}
	return r.literal()
}

// container reads an object or a list, which last closes.
func (r *jsonReader) container(last byte) (rule string) {
	if r.depth == maxJSONDepth {
		return "lists and objects are nested too deep"
	}
	r.depth++
	defer func() { r.depth-- }()
	seen := map[string]bool{}
	r.at++
	for c := r.next(); c != last; {
		if last == '}' {
			rule = r.member(seen)
		} else {
			rule = r.value()
		}
		if rule != "" {
			return rule
		}
		if c = r.next(); c == ',' {
			r.at++
		} else if c != last {
			return "expected a comma or " + string(last)
		}
	}
	r.at++
	return ""
}

// member reads a member of an object, whose keys so far are seen.
func (r *jsonReader) member(seen map[string]bool) (rule string) {
	if r.next() != '"' {
		return "expected a key in quotes (is there a comma too many?)"
	}
	start := r.at
	key, rule := r.string(true)
	switch {
	case rule != "":
		return rule
	case seen[key]:
		r.at = start
		return "an object must not have a member twice"
	case r.next() != ':':
		return "expected a colon after the key"
	}
	seen[key] = true
	r.at++
	r.next()
	start = r.at
	if rule = r.value(); rule == "" && r.onMember != nil {
		r.onMember(key, start, r.at)
	}
	return rule
}

// quotedText ends at the first quote without a backslash.
var quotedText = regexp.MustCompile(`(?s)^"([^"\\]|\\.)*"`)

// string reads a string and decodes it.
func (r *jsonReader) string(key bool) (decoded, rule string) {
	start := r.at
	text := quotedText.FindString(r.text[start:])
	if text == "" {
		r.at = len(r.text)
		return "", "a string must be closed by a quote"
	}
	// JSON does not allow a NUL. The character in its place is in no text.
	quoted := json.RawMessage(strings.ReplaceAll(text, nul, "\ufdd0"))
	resolved, err := value.Of(quoted)
	switch {
	case !json.Valid(quoted):
		rule = `a string must have only valid escapes and no control characters (write \n for a line end)`
	case err != nil:
		rule = "a string " + err.Error()
	}
	if rule != "" {
		return "", rule
	}
	r.at += len(text)
	decoded = strings.ReplaceAll(resolved.Text, "\ufdd0", nul)
	if r.onString != nil {
		r.onString(start, decoded, key)
	}
	return decoded, ""
}

var unquotedText = regexp.MustCompile("^[-+.0-9A-Za-z]*")

// literal reads a number, true, false or null.
func (r *jsonReader) literal() (rule string) {
	text := unquotedText.FindString(r.text[r.at:])
	if !json.Valid([]byte(text)) {
		return "expected a value (a text must be in quotes)"
	}
	r.at += len(text)
	return ""
}

// json checks a JSON template, and finds out whether each placeholder is in a
// string or a whole value.
func (s *scanned) json() {
	s.place(0, len(s.text), wholeJSON, "")
	r := &jsonReader{text: s.text}
	r.onString = func(start int, decoded string, key bool) {
		rule := "a placeholder must not be in a key"
		if !key {
			rule = embedded(decoded)
		}
		s.place(start, r.at, jsonString, rule)
	}
	if rule := r.read(); rule != "" {
		s.fault(r.at, "a JSON template must be JSON: "+rule)
	}
}
