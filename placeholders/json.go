package placeholders

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/chatident/chatident/internal/exactjson"
)

// jsonText is a string of a JSON template that has placeholders.
type jsonText struct {
	pieces  []int  // the placeholders, as indexes
	content []byte // as it stands in the template, with a NUL for each placeholder
	end     int    // in the probe, behind the closing quote
}

// json finds out for each placeholder whether it stands in a string, and checks
// that the template is JSON. For that it puts a probe in the place of each: x in
// a string, and null elsewhere, since null makes nothing valid together with
// what is beside it, as a number would.
func (p *parser) json() {
	var probe strings.Builder
	var found []jsonText
	var current jsonText
	inString, escaped := false, false
	for i := range p.pieces {
		piece := &p.pieces[i]
		if piece.name != "" && inString {
			piece.place = jsonString
			current.pieces = append(current.pieces, i)
			current.content = append(current.content, 0)
			escaped = false
			probe.WriteByte('x')
			continue
		}
		if piece.name != "" {
			piece.place = jsonValue
			probe.WriteString("null")
			continue
		}
		for k := range len(piece.text) {
			c := piece.text[k]
			switch {
			case c == '"' && !escaped:
				if inString && len(current.pieces) > 0 {
					current.end = probe.Len() + k + 1
					found = append(found, current)
				}
				inString, current = !inString, jsonText{}
			case inString:
				escaped = c == '\\' && !escaped
				current.content = append(current.content, c)
			}
		}
		probe.WriteString(piece.text)
	}
	p.checkProbe(probe.String())
	for _, s := range found {
		p.checkJSONText(s, probe.String())
	}
}

func (p *parser) checkProbe(probe string) {
	if at, rule := jsonFault([]byte(probe)); rule != "" {
		p.fault(p.source(at), "the template must be JSON"+rule)
	} else if at := doubleMember(probe); at >= 0 {
		p.fault(p.source(at), "an object must not have a member twice")
	}
}

// jsonFault returns where data is not JSON, and what encoding/json says to it.
func jsonFault(data []byte) (at int, rule string) {
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return 0, ""
	case !errors.As(err, &syntax):
		return 0, ": " + cut(err.Error(), 128)
	case strings.HasPrefix(syntax.Error(), "unexpected end"):
		return len(data), ": " + syntax.Error()
	}
	return int(syntax.Offset) - 1, ": " + syntax.Error() // it counts the byte that is at fault
}

// source returns where in the source the byte of the probe comes from.
func (p *parser) source(at int) int {
	for _, piece := range p.pieces {
		length := len(piece.text)
		switch piece.place {
		case jsonString:
			length = len("x")
		case jsonValue:
			length = len("null")
		}
		switch {
		case at >= length:
			at -= length
		case piece.name != "":
			return piece.offset
		default:
			return piece.offset + at
		}
	}
	return len(p.src)
}

func (p *parser) checkJSONText(s jsonText, probe string) {
	rule := ""
	switch {
	case strings.HasPrefix(strings.TrimLeft(probe[s.end:], " \t\r\n"), ":"):
		rule = "a placeholder must not stand in a key"
	case quotes(s.content):
		rule = "a placeholder must not stand in a string that has quotes or backslashes of its own: " +
			"a value could end what they begin"
	default:
		return
	}
	for _, i := range s.pieces {
		p.fault(p.pieces[i].offset, rule)
	}
}

// quotes reports whether a string has characters that could be quotes or
// escapes of another language within it, such as the $$ of PostgreSQL.
func quotes(content []byte) bool {
	return bytes.ContainsAny(content, "\\`'") || bytes.Contains(content, []byte("$$"))
}

// doubleMember returns where an object has a member twice, -1 for nowhere: of
// two, one reader takes the first and another the last.
func doubleMember(data string) int {
	type level struct {
		members map[string]bool // nil for a list
		inValue bool
	}
	levels := []level{{}}
	for d := json.NewDecoder(strings.NewReader(data)); ; {
		begin := int(d.InputOffset())
		token, err := d.Token()
		if err != nil {
			return -1 // its end: it was found to be JSON
		}
		top := &levels[len(levels)-1]
		name, isName := token.(string)
		switch isName = isName && top.members != nil && !top.inValue; {
		case isName && top.members[name]:
			return begin + strings.IndexByte(data[begin:], '"')
		case isName:
			top.members[name], top.inValue = true, true
			continue
		}
		top.inValue = false
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{members: map[string]bool{}})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
	}
}

// appendJSON appends s as the inside of a JSON string, as encoding/json does.
func appendJSON(dst []byte, s string) ([]byte, string) {
	dst, err := exactjson.AppendText(dst, s)
	if err != nil {
		return dst, notUTF8
	}
	return dst, ""
}
