package placeholders

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
)

// A FieldError says which argument, option or field of an action broke which
// rule. It is always a pointer. It holds no template and no value; names that the
// caller chose are quoted and cut.
type FieldError struct {
	// Field is an argument ("source"), an option ("Options.MaxOutput") or a
	// field of an action, as its file spells it (`headers["X-Key"]`).
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "placeholders: " + e.Field + ": " + e.Rule }

// A SyntaxError says where a template, or the file of an action, breaks which
// rule. It is always a pointer. A template may hold a key, so the error holds no
// text of it but the names of placeholders and single characters.
type SyntaxError struct {
	// Field is empty from [Parse] and [ParseAction]. From [Compile] it is the field
	// of the action whose text the position is in: "url", "body", `headers["X-Key"]`.
	Field string

	// Line and Column are from 1. Column counts characters.
	Line, Column int

	// Rule is the rule in words: "a placeholder must be closed by }}".
	Rule string
}

func newSyntaxError(text string, offset int, rule string) *SyntaxError {
	before := text[:offset]
	return &SyntaxError{
		Line:   1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]),
		Rule:   rule,
	}
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("placeholders: %sline %d, column %d: %s", within(e.Field), e.Line, e.Column, e.Rule)
}

// A MissingError says which values are missing. It is always a pointer.
type MissingError struct {
	// Names are those without a value, each once, in the order of the template; of
	// an action, in the order of the URL, the headers by name, and the body.
	Names []string

	// Null are those whose value is null where null is not allowed: everywhere but
	// as a whole JSON value.
	Null []string
}

// Error has a line for each of the first ten names.
func (e *MissingError) Error() string {
	var faults []string
	for _, name := range e.Names {
		faults = append(faults, name+": has no value (pass one, or set a default)")
	}
	for _, name := range e.Null {
		faults = append(faults, name+": "+notNull)
	}
	return lines(faults)
}

// missing returns an error about all values that are missing or null where null is
// not allowed, or nil.
func missing(values Values, templates ...*template) error {
	var e MissingError
	for _, t := range templates {
		for _, p := range t.parts {
			list := &e.Null
			v, given := t.lookUp(p.name, values)
			if !given {
				list = &e.Names
			}
			isMissing := !given || p.position != wholeJSON && kindOf(v) <= value.Null
			if isMissing && !slices.Contains(*list, p.name) {
				*list = append(*list, p.name)
			}
		}
	}
	if len(e.Names)+len(e.Null) == 0 {
		return nil
	}
	return &e
}

// A ValueError says which value cannot be where its placeholder is. It is always a
// pointer, and never holds the value.
type ValueError struct {
	// Field is empty from [Template.Render] and [Template.Append]. From an action it
	// is the field that has the placeholder.
	Field string

	// Name is the placeholder's. If there are several in a path segment, it is the
	// first of them.
	Name string

	// Rule is the rule in words: "must be valid UTF-8".
	Rule string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("placeholders: %sthe value of %s %s", within(e.Field), e.Name, e.Rule)
}

// An ActionError holds all faults of an action. It is always a pointer; errors.As
// finds the faults in it.
type ActionError struct {
	// Faults are each a *[FieldError] or a *[SyntaxError], about the method, the URL, the
	// headers by name, the body with their defaults, and the names, in this order. At
	// most the first 20 of one template are there.
	Faults []error
}

// Error has a line for each of the first ten faults.
func (e *ActionError) Error() string {
	var faults []string
	for _, fault := range e.Faults {
		faults = append(faults, strings.TrimPrefix(fault.Error(), "placeholders: "))
	}
	return lines(faults)
}

// Unwrap returns the faults.
func (e *ActionError) Unwrap() []error { return e.Faults }

// lines returns the text of an error with a line for each of the first ten faults.
func lines(faults []string) string {
	if len(faults) == 1 {
		return "placeholders: " + faults[0]
	}
	shown, more := faults[:min(len(faults), 10)], ""
	if n := len(faults) - len(shown); n > 0 {
		more = fmt.Sprintf("\n\tand %d more", n)
	}
	return fmt.Sprintf("placeholders: %d faults:\n\t%s%s", len(faults), strings.Join(shown, "\n\t"), more)
}

func within(field string) string { return strings.TrimPrefix(field+": ", ": ") }
