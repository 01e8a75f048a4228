package placeholders

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// actionFile reads an action's file, and goes on behind a fault to find more.
type actionFile struct {
	parser
	data []byte
}

func newActionFile(data []byte) *actionFile {
	return &actionFile{parser{src: string(data)}, data}
}

// fault tells of one with its field.
func (f *actionFile) fault(field string, offset int, rule string) {
	if f.tooMany() {
		return
	}
	f.parser.fault(offset, rule)
	f.faults[len(f.faults)-1].Field = field
}

// all returns the faults in the order of the file.
func (f *actionFile) all() []error {
	sortByOffset(f.faults)
	faults := make([]error, len(f.faults))
	for i, fault := range f.faults {
		faults[i] = fault
	}
	return faults
}

// item is a member of an object.
type item struct {
	key    string
	value  json.RawMessage
	offset int // of the value
}

func (f *actionFile) action() (a Action) {
	if len(f.data) > maxAction {
		f.fault("", 0, fmt.Sprintf("the file of an action must have at most %d bytes, has %d", maxAction, len(f.data)))
		return a
	}
	if at := invalidUTF8(f.src); at >= 0 {
		f.fault("", at, "the file of an action must be valid UTF-8")
		return a
	}
	if at, rule := jsonFault(f.data); rule != "" {
		f.fault("", at, "the file of an action must be JSON"+rule)
		return a
	}
	for _, m := range f.members("", f.data, 0) {
		switch m.key {
		case "method":
			a.Method = f.text("method", m)
		case "url":
			a.URL = f.text("url", m)
		case "headers":
			a.Header = f.texts("headers", m)
		case "body":
			a.Body = f.body(m)
		case "variables":
			a.Variables = f.texts("variables", m)
		default:
			f.fault(fmt.Sprintf("%.64q", m.key), m.offset, "there is no such member: they are method, url, headers, body and variables")
		}
	}
	return a
}

// members returns those of an object, in their order, without what is there
// twice. The data must be JSON.
func (f *actionFile) members(field string, data []byte, offset int) (items []item) {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		f.fault(field, offset+skipSpace(data), "must be an object")
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		var m item
		if err == nil {
			err = d.Decode(&m.value)
		}
		if err != nil {
			return items // it was found to be JSON before
		}
		m.key, _ = key.(string)
		m.offset = offset + int(d.InputOffset()) - len(m.value)
		if seen[m.key] {
			f.fault(childField(field, m.key), m.offset, "must not be there twice")
			continue
		}
		seen[m.key] = true
		items = append(items, m)
	}
	return items
}

func childField(field, key string) string {
	if field == "" {
		return fmt.Sprintf("%.64q", key)
	}
	return member(field, key)
}

// text reads a string. null is an absent one.
func (f *actionFile) text(field string, m item) (s string) {
	if !isString(m.value) && !isNull(m.value) {
		f.fault(field, m.offset, "must be a string")
		return ""
	}
	return f.unquote(field, m)
}

// unquote refuses what encoding/json would replace.
func (f *actionFile) unquote(field string, m item) (s string) {
	_ = json.Unmarshal(m.value, &s)
	if strings.ContainsRune(s, '\ufffd') && !bytes.ContainsRune(m.value, '\ufffd') {
		f.fault(field, m.offset, "must have no escapes of half a character")
	}
	return s
}

func (f *actionFile) texts(field string, m item) map[string]string {
	if isNull(m.value) {
		return nil
	}
	texts := map[string]string{}
	for _, m := range f.members(field, m.value, m.offset) {
		if !isString(m.value) {
			f.fault(member(field, m.key), m.offset, "must be a string")
			continue
		}
		texts[m.key] = f.unquote(member(field, m.key), m)
	}
	return texts
}

func (f *actionFile) body(m item) string {
	switch {
	case isString(m.value), isNull(m.value):
		return f.unquote("body", m)
	case m.value[0] == '{', m.value[0] == '[':
		return string(m.value)
	}
	f.fault("body", m.offset, "must be a string, an object or a list")
	return ""
}

func isString(value json.RawMessage) bool { return value[0] == '"' }
func isNull(value json.RawMessage) bool   { return value[0] == 'n' }

func skipSpace(data []byte) int { return len(data) - len(bytes.TrimLeft(data, " \t\r\n")) }
