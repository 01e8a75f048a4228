package placeholders

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
)

const (
	maxTemplate     = 256 << 10 // in bytes
	maxPlaceholders = 1000
	maxName         = 128
	maxFaults       = 20 // that are reported of one template
)

// scanned is a template that is split into literal text and placeholders. Its methods
// check the text by the rules of each kind.
type scanned struct {
	raw          string // as it was given
	text         string // the literal text, with a NUL for each placeholder
	placeholders []placeholder
	shifts       []shift
	faults       []*SyntaxError
}

// placeholder is one {{name}} of a template.
type placeholder struct {
	name     string
	at       int // in the text
	position position
	pair     string // "tag=", where a list repeats it
	before   string // the literal text before it
	slot     int    // of its remembered output, or 0
}

// shift says that the text from at on was at raw in the template.
type shift struct{ at, raw int }

const nul = "\x00"

// scan splits a template by the grammar of docs/actions.md.
func scan(raw string) *scanned {
	s := &scanned{raw: raw}
	if len(raw) > maxTemplate {
		s.faultInRaw(0, fmt.Sprintf("a template must be at most %d bytes, got %d", maxTemplate, len(raw)))
		return s
	}
	if at := indexInvalid(raw); at >= 0 {
		s.faultInRaw(at, "a template must be valid UTF-8 without NUL")
		return s
	}
	var text strings.Builder
	for i := 0; ; s.shifts = append(s.shifts, shift{text.Len(), i}) {
		literal, rest, found := strings.Cut(raw[i:], "{{")
		text.WriteString(literal)
		if !found {
			break
		}
		i += len(literal)
		if strings.HasPrefix(rest, "{{") {
			text.WriteString("{{")
			i += len("{{{{")
			continue
		}
		content, _, closed := strings.Cut(rest, "}}")
		name := strings.Trim(content, " \t\r\n")
		rule := checkName(name)
		switch {
		case strings.HasPrefix(rest, "{"):
			rule = "three braces are not allowed (write {{{{ for a literal {{; every value is escaped)"
		case len(s.placeholders) == maxPlaceholders:
			rule = fmt.Sprintf("a template must have at most %d placeholders", maxPlaceholders)
		case !closed, strings.Contains(content, "{{"):
			rule = "a placeholder must be closed by }}"
		}
		if rule != "" {
			s.faultInRaw(i, rule)
			return s
		}
		s.placeholders = append(s.placeholders, placeholder{name: name, at: text.Len()})
		text.WriteString(nul)
		i += len("{{") + len(content) + len("}}")
	}
	s.text = text.String()
	return s
}

// fault reports the rule that the byte at at of the text breaks.
func (s *scanned) fault(at int, rule string) {
	raw := at
	for _, shift := range s.shifts {
		if shift.at <= at {
			raw = shift.raw + at - shift.at
		}
	}
	s.faultInRaw(raw, rule)
}

func (s *scanned) faultInRaw(offset int, rule string) {
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, newSyntaxError(s.raw, offset, rule))
	}
}

// place sets the position of the placeholders from start to end of the text, and
// reports the rule that they break.
func (s *scanned) place(start, end int, position position, rule string) {
	placeholders := s.between(start, end)
	for i := range placeholders {
		placeholders[i].position = position
	}
	if len(placeholders) > 0 && rule != "" {
		s.fault(placeholders[0].at, rule)
	}
}

func (s *scanned) between(start, end int) []placeholder {
	index := func(at int) int {
		i, _ := slices.BinarySearchFunc(s.placeholders, at, func(p placeholder, at int) int { return p.at - at })
		return i
	}
	return s.placeholders[index(start):index(end)]
}

var placeholderName = regexp.MustCompile("^[A-Za-z_][A-Za-z0-9_]*$")

// checkName returns the rule that the name of a placeholder breaks, or "".
func checkName(name string) (rule string) {
	switch {
	case name == "":
		return "a placeholder must have a name"
	case len(name) > maxName:
		return fmt.Sprintf("a name must be at most %d characters", maxName)
	case !placeholderName.MatchString(name):
		return "a name must have only ASCII letters, digits and _, and not begin with a digit (map a path such as userDetail.email to a name in the variables)"
	}
	return ""
}

// checkNames checks the names that are the keys of a map, and its values by a function
// that may be nil.
func checkNames[V any](field string, byName map[string]V, check func(V) string) (faults []error) {
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		rule := checkName(name)
		if rule == "" && check != nil {
			rule = check(byName[name])
		}
		if rule != "" {
			faults = append(faults, &FieldError{field + value.Path(name), rule})
		}
	}
	return faults
}

// indexInvalid returns where text is not UTF-8 or has a NUL, or -1.
func indexInvalid(text string) int {
	return strings.IndexFunc(strings.ReplaceAll(text, "\ufffd", "..."), func(r rune) bool { return r == 0 || r == utf8.RuneError })
}
