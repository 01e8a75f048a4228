package contactstest

import (
	"net/http"
	"regexp"
	"slices"
)

// attributeName relies on $, which is the end of the text in Go.
var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

func (f *Fake) listAttributes(*http.Request) (any, *rejection) {
	return data{"Custom attributes found", append([]Attribute{}, f.store.attributes...)}, nil
}

func (f *Fake) define(r *http.Request) (any, *rejection) {
	sent := readFields(r)
	a := Attribute{Name: sent.text("name"), Type: "text"}
	var issues []issue
	if !attributeName.MatchString(a.Name) {
		issues = append(issues, issue{"name", "must begin with a letter, then letters, digits, _ and -"})
	}
	if into(sent, "type", &a.Type); !slices.Contains([]string{"text", "number", "boolean", "date"}, a.Type) {
		issues = append(issues, issue{"type", "must be text, number, boolean or date"})
	}
	issues = append(issues, a.change(sent)...)
	switch {
	case issues != nil:
		return nil, invalid(issues...)
	case f.store.attribute(a.Name) != nil:
		return nil, taken("name")
	}
	f.store.attributes = append(f.store.attributes, a)
	return data{"Custom attribute saved", a}, nil
}

func (f *Fake) redefine(r *http.Request) (any, *rejection) {
	a := f.store.attribute(r.PathValue("name"))
	if a == nil {
		return nil, notFound()
	}
	changed := *a
	sent := readFields(r)
	issues := changed.change(sent)
	if sent == nil || issues != nil {
		return nil, invalid(issues...)
	}
	*a = changed
	return data{"Custom attribute saved", changed}, nil
}

// change sets the fields of a definition that may change. Null makes a text empty.
func (a *Attribute) change(sent fields) (issues []issue) {
	text := func(name string, target *string) {
		raw, ok := sent[name]
		if !ok {
			return
		}
		if kind(raw) != "text" && !isNull(raw) {
			issues = append(issues, issue{name, "must be a text or null"})
		}
		*target = sent.text(name)
	}
	text("label", &a.Label)
	text("description", &a.Description)
	if raw, ok := sent["archived"]; ok && kind(raw) != "boolean" {
		issues = append(issues, issue{"archived", "must be true or false"})
	}
	into(sent, "archived", &a.Archived)
	return issues
}
