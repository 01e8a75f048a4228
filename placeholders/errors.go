package placeholders

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
)

// FieldError reports an argument, an option or a field of an action that breaks a rule.
// It contains no template and no value. Names that the caller chose are quoted, and cut
// if they are long.
type FieldError struct {
	// Field is an argument ("source"), an option ("Options.MaxOutput") or a
	// field of an action, as its file spells it (`headers["X-Key"]`).
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "placeholders: " + e.Field + ": " + e.Rule }

// SyntaxError reports where a template or the file of an action breaks a rule. A
// template may contain a key, so the error has none of its text except the names of
// placeholders and single characters.
type SyntaxError struct {
	// Field is the field of the action that the position is in: "url", "body",
	// `headers["X-Key"]`. It is empty in an error of [Parse] or [ParseAction].
	Field string

	// Line and Column start at 1. Column counts characters.
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

// MissingError reports all values that are missing.
type MissingError struct {
	// Names are the placeholders without a value, each once, in the order of the
	// template. In an action the order is the URL, the headers by name, and the body.
	Names []string

	// Null are the placeholders whose value is null where null is not allowed. It is
	// allowed only as a whole JSON value.
	Null []string

	// Paths are the Variables of the action. It is nil in an error of [Template.Render]
	// or [Template.Append].
	Paths map[string]string
}

// Error has a line for each of the first ten names.
func (e *MissingError) Error() string {
	var faults []string
	for _, name := range e.Names {
		if path := e.Paths[name]; path != "" {
			faults = append(faults, fmt.Sprintf("%s: has no value at %.64q (check the path, or set a default)", name, path))
		} else {
			faults = append(faults, name+": has no value (pass one, or set a default)")
		}
	}
	for _, name := range e.Null {
		faults = append(faults, name+": "+notNull)
	}
	return lines(faults)
}

// missing returns an error about all values that are missing or null where null is
// not allowed, or nil.
func missing(values Values, templates ...*template) *MissingError {
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

// ValueError reports a value that its placeholder does not accept. It never contains the
// value.
type ValueError struct {
	// Field is the field of the action that has the placeholder. It is empty in an error
	// of [Template.Render] or [Template.Append].
	Field string

	// Name is the name of the placeholder, or of the first one if several in a path
	// segment are at fault together.
	Name string

	// Rule is the rule in words: "must be valid UTF-8".
	Rule string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("placeholders: %sthe value of %s %s", within(e.Field), e.Name, e.Rule)
}

// ActionError reports all faults of an action. errors.As finds each kind of fault in it.
type ActionError struct {
	// Each fault is a *[FieldError] or a *[SyntaxError]. Their order is the method, the
	// URL, the headers by name and the body, each with its defaults, and then the names.
	// The list has at most the first 20 faults of one template.
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
