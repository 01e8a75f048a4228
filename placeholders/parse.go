package placeholders

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFaults bounds how many faults are looked for in one template.
const maxFaults = 20

// piece is a stretch of a template: either literal text or a placeholder.
type piece struct {
	text   string // literal, as it is rendered
	name   string // of a placeholder, else empty
	place  place  // of a placeholder: what its values must be made fit for
	offset int    // in the source, in bytes
}

// parser reads one template, and goes on behind a fault to find more.
type parser struct {
	src    string
	limits limits
	pieces []piece
	faults []*SyntaxError
}

func (p *parser) fault(offset int, rule string) {
	before := p.src[:offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	p.faults = append(p.faults, &SyntaxError{Offset: offset, Line: line, Column: column, Rule: rule})
}

func sortByOffset(faults []*SyntaxError) {
	slices.SortStableFunc(faults, func(a, b *SyntaxError) int { return a.Offset - b.Offset })
}

func (p *parser) tooMany() bool { return len(p.faults) >= maxFaults }

// scan splits the source into pieces, by the grammar of the package's comment.
func (p *parser) scan() {
	if len(p.src) > p.limits.template {
		p.fault(0, fmt.Sprintf("a template must have at most %d bytes, has %d", p.limits.template, len(p.src)))
		return
	}
	if at := invalidUTF8(p.src); at >= 0 {
		p.fault(at, "a template must be valid UTF-8")
		return
	}
	for i, count := 0, 0; i < len(p.src) && !p.tooMany(); {
		next := strings.Index(p.src[i:], "{{")
		if next < 0 {
			p.text(i, p.src[i:])
			return
		}
		p.text(i, p.src[i:i+next])
		i += next
		switch {
		case strings.HasPrefix(p.src[i:], "{{{{"):
			p.text(i, "{{")
			i += len("{{{{")
		case strings.HasPrefix(p.src[i:], "{{{"):
			p.fault(i, "three braces must not stand together: {{{{ is a literal {{, and no placeholder goes unescaped")
			i = p.behind(i + len("{{{"))
		case count == p.limits.placeholders:
			p.fault(i, fmt.Sprintf("a template must have at most %d placeholders", p.limits.placeholders))
			return
		default:
			count++
			i = p.placeholder(i)
		}
	}
}

func (p *parser) text(offset int, text string) {
	if text != "" {
		p.pieces = append(p.pieces, piece{text: text, offset: offset})
	}
}

// placeholder reads the one whose braces open at open, and returns where to go
// on.
func (p *parser) placeholder(open int) int {
	inside := open + len("{{")
	length := strings.Index(p.src[inside:], "}}")
	if another := strings.Index(p.src[inside:], "{{"); length < 0 || another >= 0 && another < length {
		p.fault(open, "a placeholder must be closed by }}")
		if another < 0 {
			return len(p.src)
		}
		return inside + another
	}
	content := p.src[inside : inside+length]
	name := strings.Trim(content, " \t\r\n")
	start := inside + strings.Index(content, name)
	if at, rule := checkName(name, p.limits.name); at >= 0 {
		if name == "" {
			start = open
		}
		p.fault(start+at, rule)
	} else {
		p.pieces = append(p.pieces, piece{name: name, offset: open})
	}
	return inside + length + len("}}")
}

// behind returns where to go on after a fault: behind the next closing braces.
func (p *parser) behind(i int) int {
	if end := strings.Index(p.src[i:], "}}"); end >= 0 {
		return i + end + len("}}")
	}
	return len(p.src)
}

// checkName returns where in name which rule is broken, or -1.
func checkName(name string, limit int) (int, string) {
	if name == "" {
		return 0, "a placeholder must have a name"
	}
	for i, r := range name {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
		switch digit := '0' <= r && r <= '9'; {
		case i == 0 && !letter:
			return i, "a name must begin with a letter of ASCII or _"
		case !letter && !digit:
			return i, "a name must have only letters and digits of ASCII and _ (a path is mapped to a name first)"
		case i == limit:
			return 0, fmt.Sprintf("a name must have at most %d characters", limit)
		}
	}
	return -1, ""
}

func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}
