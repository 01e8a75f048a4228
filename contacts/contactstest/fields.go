package contactstest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// fields are the members of a JSON object by their exact names. A struct would ignore
// the case of names.
type fields map[string]json.RawMessage

// readFields returns nil for a body that is not an object.
func readFields(r *http.Request) fields {
	body, _ := io.ReadAll(r.Body) // the fake has read it: it is in memory
	return parseFields(body)
}

func parseFields(raw json.RawMessage) fields {
	var f fields
	if json.Unmarshal(raw, &f) != nil {
		return nil
	}
	return f
}

// into decodes a field that was sent into a new value, because a caller of Contacts may
// have the old one. Null becomes the zero value, as does a wrong type, which check
// rejects.
func into[T any](f fields, name string, target *T) (sent bool) {
	raw, sent := f[name]
	if sent {
		var value T
		_ = json.Unmarshal(raw, &value)
		*target = value
	}
	return sent
}

func (f fields) text(name string) (text string) {
	into(f, name, &text)
	return text
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// kind returns a type of attributes, or the other kind that a value is.
func kind(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "text"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case '{':
		return "object"
	case '[':
		return "array"
	}
	return "number"
}

// check returns what is wrong with the fields of a contact. Their path is at, for
// example "users[0].".
func (s *store) check(f fields, at string) (issues []issue) {
	reject := func(field, rule string) { issues = append(issues, issue{at + field, rule}) }
	if raw, sent := f["external_id"]; sent && (kind(raw) != "text" || f.text("external_id") == "") {
		reject("external_id", "must be a text that is not empty")
	}
	for _, name := range []string{"name", "email", "phonenumber"} {
		if raw, sent := f[name]; sent && kind(raw) != "text" && !isNull(raw) {
			reject(name, "must be a text or null")
		}
	}
	if raw, sent := f["stripe_accounts"]; sent {
		var accounts []json.RawMessage
		if json.Unmarshal(raw, &accounts) != nil || slices.ContainsFunc(accounts, func(a json.RawMessage) bool { return kind(a) != "object" }) {
			reject("stripe_accounts", "must be an array of objects, or null")
		}
	}
	if raw, sent := f["custom_attributes"]; sent {
		var values map[string]json.RawMessage
		if json.Unmarshal(raw, &values) != nil {
			reject("custom_attributes", "must be an object or null")
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if rule := s.checkValue(name, values[name]); rule != "" {
				reject("custom_attributes."+name, rule)
			}
		}
	}
	return issues
}

func (s *store) checkValue(name string, raw json.RawMessage) (rule string) {
	a := s.attribute(name)
	switch {
	case a == nil && s.rejectUnknown:
		return "is not defined"
	case a == nil:
		return "" // and the value is dropped
	case a.Archived:
		return "is archived"
	case isNull(raw), kind(raw) == a.Type, a.Type == "date" && isDate(raw):
		return ""
	}
	return fmt.Sprintf("must be of type %s", a.Type)
}

// isDate accepts a number too.
func isDate(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return kind(raw) == "number"
	}
	_, err := time.Parse(time.DateOnly, text[:min(len(text), len(time.DateOnly))])
	return err == nil
}
