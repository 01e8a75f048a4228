package placeholders

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTemplate     = 256 << 10 // in bytes
	maxPlaceholders = 1000
	maxName         = 128
	maxFaults       = 20 // that are reported of one template
)

// source is a template that is split into literal text and placeholders.
type source struct {
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
}

// shift says that the text from at on was at raw in the template.
type shift struct{ at, raw int }

const nul = "\x00"

// scan splits a template by the grammar of docs/actions.md.
func scan(raw string) *source {
	s := &source{raw: raw}
	if len(raw) > maxTemplate {
		s.faultInRaw(0, fmt.Sprintf("a template must be at most %d bytes, got %d", maxTemplate, len(raw)))
		return s
	}
	if at := indexInvalid(raw); at >= 0 {
		s.faultInRaw(at, "a template must be valid UTF-8 without NUL")
		return s
	}
	var text strings.Builder
	for i := 0; i < len(raw); {
		next := strings.Index(raw[i:], "{{")
		if next < 0 {
			text.WriteString(raw[i:])
			break
		}
		text.WriteString(raw[i : i+next])
		i += next
		switch {
		case strings.HasPrefix(raw[i:], "{{{{"):
			text.WriteString("{{")
			i += len("{{{{")
		case strings.HasPrefix(raw[i:], "{{{"):
			s.faultInRaw(i, "three braces are not allowed (write {{{{ for a literal {{; every value is escaped)")
			return s
		case len(s.placeholders) == maxPlaceholders:
			s.faultInRaw(i, fmt.Sprintf("a template must have at most %d placeholders", maxPlaceholders))
			return s
		default:
			content, _, closed := strings.Cut(raw[i+len("{{"):], "}}")
			name, rule := strings.Trim(content, " \t\r\n"), "a placeholder must be closed by }}"
			if closed && !strings.Contains(content, "{{") {
				rule = checkName(name)
			}
			if rule != "" {
				s.faultInRaw(i, rule)
				return s
			}
			s.placeholders = append(s.placeholders, placeholder{name: name, at: text.Len()})
			text.WriteString(nul)
			i += len("{{") + len(content) + len("}}")
		}
		s.shifts = append(s.shifts, shift{text.Len(), i})
	}
	s.text = text.String()
	return s
}

// fault reports the rule that the byte at at of the text breaks.
func (s *source) fault(at int, rule string) {
	raw := at
	for _, shift := range s.shifts {
		if shift.at <= at {
			raw = shift.raw + at - shift.at
		}
	}
	s.faultInRaw(raw, rule)
}

func (s *source) faultInRaw(offset int, rule string) {
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, newSyntaxError(s.raw, offset, rule))
	}
}

// faultOfFirst reports a rule that the placeholders from start to end break.
func (s *source) faultOfFirst(start, end int, rule string) {
	if placeholders := s.between(start, end); len(placeholders) > 0 && rule != "" {
		s.fault(placeholders[0].at, rule)
	}
}

// setPosition is for the placeholders from start to end of the text.
func (s *source) setPosition(start, end int, position position) {
	placeholders := s.between(start, end)
	for i := range placeholders {
		placeholders[i].position = position
	}
}

func (s *source) between(start, end int) []placeholder {
	index := func(at int) int {
		i, _ := slices.BinarySearchFunc(s.placeholders, at, func(p placeholder, at int) int { return p.at - at })
		return i
	}
	return s.placeholders[index(start):index(end)]
}

// checkName returns the rule that the name of a placeholder breaks, or "".
func checkName(name string) (rule string) {
	isDigit := func(r rune) bool { return '0' <= r && r <= '9' }
	switch {
	case name == "":
		return "a placeholder must have a name"
	case isDigit(rune(name[0])) || strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && !isDigit(r) && (r >= utf8.RuneSelf || !unicode.IsLetter(r))
	}):
		return "a name must have only ASCII letters, digits and _, and not begin with a digit (map a path such as userDetail.email to a name in the variables)"
	case len(name) > maxName:
		return fmt.Sprintf("a name must be at most %d characters", maxName)
	}
	return ""
}

// indexInvalid returns where text is not UTF-8 or has a NUL, or -1.
func indexInvalid(text string) int {
	return strings.IndexFunc(strings.ReplaceAll(text, "\ufffd", "..."), func(r rune) bool { return r == 0 || r == utf8.RuneError })
}
