package placeholders

import (
	"encoding/json"

	"github.com/chatident/chatident/internal/value"
)

// Values maps the names of placeholders to their values: strings of valid UTF-8 without
// NUL, booleans, numbers that JavaScript represents exactly, times (written as RFC 3339),
// and pointers to these. A driver.Valuer such as sql.NullString counts as the result of
// its Value method, and its NULL as missing.
//
// Where a placeholder is a whole value of a JSON template, the value keeps its type, and
// may also be nil, a map with string keys or a slice. The result of a MarshalJSON method
// and a json.RawMessage are decoded first. Any other value is a *[ValueError] that says
// what to pass instead.
type Values map[string]any

const (
	notNull   = `must not be null (for null in JSON, leave out the quotes around the placeholder; else set a default)`
	notSingle = "must be a single value (in JSON, a list or an object must be a whole value; for tag=a&tag=b, add the name to repeat)"
	tooLong   = "is too long" // becomes an error about the output
)

// position is the place of a placeholder, which decides how its value is escaped.
type position int

const (
	inText position = iota
	jsonString
	wholeJSON // a whole JSON value
	inURL     // in a path segment or the value of a parameter
	formValue
	wholeHeader // all of a header, or all after a scheme
	headerPart
	basicCredentials
)

// appendText appends s as its position requires, or returns the rule that it
// breaks. What was appended must not be used then.
func (p position) appendText(dst []byte, s string) ([]byte, string) {
	switch p {
	case wholeJSON:
		dst, rule := jsonString.appendText(append(dst, '"'), s)
		return append(dst, '"'), rule
	case jsonString:
		dst, err := value.AppendText(dst, s)
		return dst, ruleOf(err)
	case inURL, formValue:
		return appendPercent(dst, s, p == formValue)
	case wholeHeader, headerPart, basicCredentials:
		return appendHeader(dst, s, p)
	}
	return append(dst, s...), value.Text(s)
}

// appendValue appends a value, or returns the rule that it breaks. limit is for
// the length of what it returns.
func (p *placeholder) appendValue(dst []byte, v any, limit int) ([]byte, string) {
	resolved, err := value.Of(v)
	switch {
	case p.pair != "" && resolved.Kind == value.List:
		return p.appendList(dst, v, limit)
	case p.position == wholeJSON && resolved.Kind != value.String:
		dst, err := value.Append(dst, v, limit)
		if err == nil && len(dst) > limit {
			return dst, tooLong
		}
		return dst, ruleOf(err)
	case err != nil:
		return dst, ruleOf(err)
	case resolved.Kind <= value.Null:
		return dst, notNull
	case resolved.Kind >= value.List:
		return dst, notSingle
	case len(resolved.Text) > limit-len(dst): // before it is escaped
		return dst, tooLong
	}
	return p.position.appendText(dst, resolved.Text)
}

// appendList appends tag=a&tag=b for a list. The first tag= is there already.
func (p *placeholder) appendList(dst []byte, list any, limit int) ([]byte, string) {
	text, err := value.Append(nil, list, 8*limit) // JSON may be longer than the output
	if err != nil {
		return dst, ruleOf(err)
	}
	var items []json.RawMessage
	_ = json.Unmarshal(text, &items) // it is a list
	single := placeholder{position: p.position}
	separator, rule := "", ""
	dst = dst[:len(dst)-len(p.pair)]
	for _, item := range items {
		dst = append(dst, separator+p.pair...)
		if dst, rule = single.appendValue(dst, item, limit); rule != "" {
			return dst, rule
		}
		separator = "&"
	}
	return dst, ""
}

func kindOf(v any) value.Kind {
	resolved, _ := value.Of(v)
	return resolved.Kind
}

func ruleOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
