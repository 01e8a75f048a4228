package placeholders

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A FieldError says which argument, option or field of an action broke which
// rule. It is always a pointer. Its text holds neither a template nor a value;
// names that the caller chose are quoted and cut.
type FieldError struct {
	// Field is an argument ("source"), an option ("Options.MaxOutput") or a
	// field of an action, as its file spells it (`headers["X-Key"]`).
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "placeholders: " + e.Field + " " + e.Rule }

// A SyntaxError says where a template, or the file of an action, breaks which
// rule. It is always a pointer. A template may hold a key, so no text of it is
// in the error, but for names of placeholders and the one character that JSON
// does not allow.
type SyntaxError struct {
	// Field is empty from [Parse]. From [Compile] it is the field of the action
	// whose own text the position is in: "url", "body", `headers["X-Key"]`. From
	// [ParseAction] it is the field too, and the position is in the file.
	Field string

	// Offset is in bytes, from 0. Line and Column are from 1, and Column counts
	// characters.
	Offset, Line, Column int

	// Rule is the rule in words: "must be closed by }}".
	Rule string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("placeholders: %s%s", within(e.Field), e.text())
}

func (e *SyntaxError) text() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Rule)
}

// A MissingError says which values there were none for. It is always a pointer.
type MissingError struct {
	// Names has all of them, each once, in the order of the template; of an
	// action in the order of the URL, the headers by name, and the body.
	Names []string
}

// Error shows the first ten names.
func (e *MissingError) Error() string {
	const shown = 10
	names := e.Names[:min(len(e.Names), shown)]
	more := ""
	if n := len(e.Names) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return "placeholders: no value for " + strings.Join(names, ", ") + more
}

// A ValueError says which value cannot stand where its placeholder does. It is
// always a pointer, and never holds the value.
type ValueError struct {
	// Field is empty from [Template.Render] and [Template.Append]. From an
	// action it is the field that the placeholder stands in.
	Field string

	// Name is the placeholder's. Where several stand in one path segment, it is
	// the first of them.
	Name string

	// Type is the value's type in Go, cut to 128 bytes: "[]string".
	Type string

	// Rule is the rule in words: "must be valid UTF-8".
	Rule string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("placeholders: %sthe value of %s (%s) %s", within(e.Field), e.Name, e.Type, e.Rule)
}

// An ActionError holds every fault of an action. It is always a pointer;
// errors.As finds the faults in it.
type ActionError struct {
	// Faults are each a *[FieldError] or a *[SyntaxError], in the order of
	// method, URL, headers by name, body and variables. Of one template, at most
	// the first 20 are there.
	Faults []error
}

// Error shows the first five faults.
func (e *ActionError) Error() string {
	const shown = 5
	var b strings.Builder
	fmt.Fprintf(&b, "placeholders: the action has %d fault(s): ", len(e.Faults))
	for i, fault := range e.Faults[:min(len(e.Faults), shown)] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimPrefix(fault.Error(), "placeholders: "))
	}
	if n := len(e.Faults) - shown; n > 0 {
		fmt.Fprintf(&b, "; and %d more", n)
	}
	return b.String()
}

// Unwrap returns the faults.
func (e *ActionError) Unwrap() []error { return e.Faults }

func within(field string) string {
	if field == "" {
		return ""
	}
	return field + ": "
}

// member names what the caller chose, quoted and cut to a bounded length.
func member(parent, key string) string {
	return fmt.Sprintf("%s[%.64q]", parent, key)
}

func newValueError(name string, v any, rule string) *ValueError {
	typ := "null"
	if v != nil {
		typ = cut(fmt.Sprintf("%T", v), 128)
	}
	return &ValueError{Name: name, Type: typ, Rule: rule}
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
