package placeholders

import (
	"slices"

	"github.com/chatident/chatident/internal/secret"
)

type redacted = secret.Redacted

// Context says what a template makes, and so how its values are escaped. The
// package's comment has the rules of each.
type Context int

const (
	// Text takes values as they are. It protects nothing: it is for text that
	// people read, and for nothing that a program takes apart.
	Text Context = iota + 1

	// JSON is for a body of type application/json. RFC 8259.
	JSON

	// URL is for an absolute https URL. RFC 3986.
	URL

	// Form is for a body of type application/x-www-form-urlencoded. WHATWG URL
	// Standard, section 5.
	Form

	// Header is for the value of one header. RFC 9110, section 5.5.
	Header
)

func (c Context) String() string {
	if c < Text || c > Header {
		return "unknown"
	}
	return [...]string{"text", "JSON", "URL", "form", "header"}[c-Text]
}

// Template is a parsed template. It comes from [Parse]; the zero Template is of
// no use. It is safe for use by many goroutines. It may hold a key, so however
// it is printed or encoded, it shows as [redacted].
type Template struct {
	redacted
	reveal func() *program
}

// Parse reads a template for a context. The options may be nil. A template that
// breaks the grammar, or has a placeholder where its context does not allow
// one, is a *[SyntaxError] about the first fault; an unknown context and a bad
// option are a *[FieldError].
//
// The grammar and the rules are this package's own: the vendor documents none.
// Source of the form {{name}}: Megadesk, "Custom data".
func Parse(src string, context Context, options *Options) (*Template, error) {
	if context < Text || context > Header {
		return nil, &FieldError{"context", "must be Text, JSON, URL, Form or Header"}
	}
	l, err := options.limits()
	if err != nil {
		return nil, err
	}
	t, faults, err := parse(src, context, l)
	switch {
	case len(faults) > 0:
		return nil, faults[0]
	case err != nil:
		return nil, err
	}
	return &Template{reveal: func() *program { return t }}, nil
}

// parse returns the faults of the template, or else an error about a default.
// With faults, the program is good for nothing but its parts.
func parse(src string, context Context, l limits) (*program, []*SyntaxError, error) {
	p := &parser{src: src, limits: l}
	p.scan()
	if len(p.faults) > 0 { // without all pieces, more faults would be found than there are
		return newProgram(p.pieces, l), p.faults, nil
	}
	var s *shape
	switch context {
	case JSON:
		p.json()
	case URL:
		s = p.url()
	case Form:
		p.form()
	case Header:
		p.header()
	}
	if len(p.faults) > 0 {
		sortByOffset(p.faults)
		return newProgram(p.pieces, l), p.faults[:min(len(p.faults), maxFaults)], nil
	}
	t := newProgram(p.pieces, l)
	t.shape = s
	t.trimmed = context == Header
	return t, nil, t.checkDefaults()
}

// Names returns the names of the placeholders, each once, in the order in which
// they first stand in the template.
func (t *Template) Names() []string {
	if t == nil || t.reveal == nil {
		return nil
	}
	return slices.Clone(t.reveal().names)
}

// Render returns the template with the values in the places of its
// placeholders. What a value may be says [Values]; names that the template does
// not have are no matter. It goes over the template once: a {{name}} in a value
// stays as it is.
//
// Names without a value and without a default are a *[MissingError] with all of
// them; a value that cannot stand where its placeholder does is a *[ValueError];
// and an output that is too long is a *[FieldError].
func (t *Template) Render(values Values) (string, error) {
	if t == nil || t.reveal == nil {
		return "", notParsed()
	}
	p := t.reveal()
	b, err := p.append(make([]byte, 0, p.size), values)
	return string(b), err
}

// Append appends what [Template.Render] returns to dst, without allocating when
// dst has room for it and the values are strings. On an error it returns dst as
// it was; what is behind its length may have been written to.
func (t *Template) Append(dst []byte, values Values) ([]byte, error) {
	if t == nil || t.reveal == nil {
		return dst, notParsed()
	}
	return t.reveal().append(dst, values)
}

func notParsed() error { return &FieldError{"template", "must come from Parse"} }
