package placeholders

import (
	"regexp"
	"strings"
)

// In these, a NUL is a placeholder, whose value may be any part.
var (
	dollarQuote = regexp.MustCompile(`\$([A-Za-z_\x00][A-Za-z0-9_\x00]*)?\$`)        // $$ and $tag$, quotes of PostgreSQL
	braces      = regexp.MustCompile(`(?s)\{.*\x00.*\}`)                             // an object of JSON, a selection of GraphQL
	list        = regexp.MustCompile(`^\s*\[[][{}:,\s0-9+.eEtruefalsn\x00-]*\]\s*$`) // a list of JSON without strings
	apostrophe  = regexp.MustCompile(`(^|\PL)'|'(\PL|$)`)                            // that is not between two letters
	urlStart    = regexp.MustCompile(`^(/|[A-Za-z0-9+.-]+://)`)
	escape      = regexp.MustCompile(`%[0-9A-Fa-f\x00]{2}|%\x00`)
)

// whole is the advice for text in another language.
const whole = " (pass the value on its own, as in the variables of a GraphQL query or the parameters of a statement, or make the whole text one placeholder)"

// embedded returns the rule that a text with placeholders breaks if it may be in another
// language, whose parser would see code in a value. The text is a JSON string, the value
// of a form or a query, or a path segment, as its reader decodes it.
func embedded(text string) string {
	switch {
	case strings.Contains(text, `"`):
		return `a placeholder must not share its text with a quote ("): a language with quoted strings may begin there, and a value could end the string` + whole
	case strings.ContainsAny(text, "\\`"):
		return "a placeholder must not share its text with a backslash or a backtick: a language with escapes or code may begin there, and a value could change it" + whole
	case dollarQuote.MatchString(text):
		return "a placeholder must not share its text with $$: a dollar-quoted string may begin there, and a value could end it" + whole
	case apostrophe.MatchString(text):
		return "a placeholder must not share its text with an apostrophe that is not between two letters: a quoted string may begin there, and a value could end it " +
			"(write \u2019, U+2019, for an apostrophe in a text; for a quoted string, pass the value on its own, or make the whole text one placeholder)"
	case braces.MatchString(text), list.MatchString(text):
		return "a placeholder must not be between braces, or in a list, within its text: JSON, GraphQL or another language may begin there, and a value could add to it" + whole
	}
	return ""
}

// embeddedInPair is embedded for the value of a form or a query, which may also be
// a form or a URL itself.
func embeddedInPair(text string) string {
	switch rule := embedded(text); {
	case rule != "":
		return rule
	case strings.Contains(text, "="):
		return "a placeholder must not share its value with =: a form or a query may begin there, and a value could add to it" + whole
	case urlStart.MatchString(text):
		return "a placeholder must not be in a URL within a value: a value could change its path and its query" + whole
	case escape.MatchString(text):
		return "a placeholder must not share its value with what is still percent-encoded after decoding: a reader that decodes it again would decode values, too" + whole
	}
	return ""
}
