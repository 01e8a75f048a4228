package secret

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Check returns the rule that a secret breaks, with the likely cause, or "". Each of
// these mistakes in copying a secret from a dashboard makes every hash wrong without
// another error.
func Check(secret string) (rule string) {
	const quotes = "\"'`“”„‘’‚«»"
	switch {
	case secret == "":
		return "must not be empty (is the variable set?)"
	case !utf8.ValidString(secret):
		return "must be valid UTF-8 (is it read from a file in UTF-16?)"
	case strings.HasPrefix(secret, "\ufeff"):
		return "must not begin with a byte order mark (save the file as UTF-8 without BOM)"
	case secret != strings.TrimSpace(secret):
		return "must not begin or end with white space (is there a line end after it?)"
	case secret != strings.Trim(secret, quotes):
		return "must not begin or end with a quote (docker's --env-file, for one, keeps the quotes of a value)"
	case strings.ContainsFunc(secret, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "must not contain control characters or others that do not print (paste it again)"
	case placeholder.MatchString(secret):
		return "must not be a placeholder such as ${NAME}, $NAME or <name> (is the variable expanded?)"
	}
	return ""
}

// placeholder is what a shell, a template or a document has in place of a value.
var placeholder = regexp.MustCompile(`(?s)^(\$\{.*\}|\$\(.*\)|\{\{.*\}\}|<.*>|%.*%|\$[_\pL\p{Nd}]*)$`)
