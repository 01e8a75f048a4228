package placeholders

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
)

const tokens = `"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+`

var (
	// jsonTokens matches strings, structure, and the other values of JSON.
	jsonTokens = regexp.MustCompile(`(?s)` + tokens)

	// fileTokens also matches {{name}} as a whole value, as in the body of an action's
	// file.
	fileTokens = regexp.MustCompile(`(?s)\{\{.*?\}\}|` + tokens)
)

// jsonText is a text that should be JSON (RFC 8259). A NUL is a placeholder: in a
// string, or as a whole value.
type jsonText struct {
	text    string
	tokens  []span
	members []jsonMember // those in the value of a member are before it
	twice   int          // where a key is that its object has already, or 0

	next  int // the token that value reads
	depth int // how many lists and objects it is in
}

// jsonMember is a member of an object.
type jsonMember struct {
	key   string
	depth int  // 1 in the outermost object
	value span // in the text
}

func newJSONText(text string, tokens *regexp.Regexp) *jsonText {
	j := &jsonText{text: text}
	for _, t := range tokens.FindAllStringIndex(text, -1) {
		j.tokens = append(j.tokens, span{t[0], t[1]})
	}
	return j
}

// token returns the text of a token, or "" after the last one.
func (j *jsonText) token(i int) string {
	if i >= len(j.tokens) {
		return ""
	}
	return j.text[j.tokens[i].start:j.tokens[i].end]
}

// check returns the rule that the text breaks, and where, or "".
func (j *jsonText) check() (at int, rule string) {
	masked := []byte(j.text) // with other values for placeholders
	for i, t := range j.tokens {
		switch token := j.token(i); {
		case token[0] == '"':
			if _, rule := decodeJSON(token); rule != "" {
				return t.start, rule
			}
			copy(masked[t.start:], strings.ReplaceAll(token, nul, "x"))
		case strings.HasPrefix(token, "{{"):
			copy(masked[t.start:], " 0"+strings.Repeat(" ", len(token)-len(" 0")))
		case token == nul:
			masked[t.start] = '0'
		case strings.Contains(token, nul):
			return t.start + strings.Index(token, nul), "a placeholder must be a whole value, or in a string"
		}
	}
	if !json.Valid(masked) {
		return j.syntaxFault(masked)
	}
	if j.readValue(); j.twice > 0 {
		return j.twice, "an object must not have a member twice"
	}
	return 0, ""
}

// syntaxFault finds the fault of a text that is not JSON with the values for its
// placeholders.
func (j *jsonText) syntaxFault(masked []byte) (at int, rule string) {
	var v any
	syntax, _ := errors.AsType[*json.SyntaxError](json.Unmarshal(append(masked, 0), &v)) // a NUL is a fault after the end
	at = int(syntax.Offset) - 1
	if at >= len(j.text) {
		return len(j.text), "unexpected end"
	}
	for !utf8.RuneStart(j.text[at]) {
		at--
	}
	if masked[at] != j.text[at] {
		return at, "a placeholder must not be here"
	}
	return at, syntax.Error()
}

// decodeJSON decodes a string, or returns the rule that it breaks.
func decodeJSON(quoted string) (decoded, rule string) {
	// JSON does not allow a NUL. The character in its place is in no text.
	raw := json.RawMessage(strings.ReplaceAll(quoted, nul, "\ufdd0"))
	simple, err := value.Of(raw)
	switch {
	case !json.Valid(raw):
		return "", `a string must have only valid escapes and no control characters (write \n for a line end)`
	case err != nil:
		return "", "a string " + err.Error()
	}
	return strings.ReplaceAll(simple.Text, "\ufdd0", nul), ""
}

// readValue reads the members in the next value of a text that is JSON.
func (j *jsonText) readValue() {
	first := j.token(j.next)
	j.next++
	if first != "{" && first != "[" {
		return
	}
	j.depth++
	seen := map[string]bool{}
	for j.token(j.next) != "}" && j.token(j.next) != "]" {
		start := j.next
		j.readValue() // an item or a key
		if j.token(j.next) == ":" {
			j.next++
			j.readMember(j.tokens[start], seen)
		}
		if j.token(j.next) == "," {
			j.next++
		}
	}
	j.depth--
	j.next++
}

// readMember reads the value after a key and its colon.
func (j *jsonText) readMember(at span, seen map[string]bool) {
	key, _ := decodeJSON(j.text[at.start:at.end])
	if seen[key] && j.twice == 0 {
		j.twice = at.start
	}
	seen[key] = true
	start := j.tokens[j.next].start
	j.readValue()
	j.members = append(j.members, jsonMember{key, j.depth, span{start, j.tokens[j.next-1].end}})
}

// json checks a JSON template, and finds out whether each placeholder is in a
// string or a whole value.
func (s *source) json() {
	j := newJSONText(s.text, jsonTokens)
	for i, t := range j.tokens {
		token := j.token(i)
		if token[0] != '"' {
			s.setPosition(t.start, t.end, wholeJSON)
			continue
		}
		s.setPosition(t.start, t.end, jsonString)
		decoded, _ := decodeJSON(token)
		rule := embedded(decoded)
		if j.token(i+1) == ":" {
			rule = "a placeholder must not be in a key"
		}
		s.faultOfFirst(t.start, t.end, rule)
	}
	if at, rule := j.check(); rule != "" {
		s.fault(at, "a JSON template must be JSON: "+rule)
	}
}
