package placeholders

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/chatident/chatident/internal/secret"
	"github.com/chatident/chatident/internal/value"
)

type redacted = secret.Redacted

// Kind is what a template is, which decides where a placeholder may be and how
// values are escaped. docs/actions.md has the rules of each.
type Kind int

const (
	// Text inserts values as they are. It protects nothing: it is for text that
	// people read, and not for text that a program takes apart.
	Text Kind = iota + 1

	// JSON is a body of type application/json. RFC 8259.
	JSON

	// URL is an absolute https URL. RFC 3986.
	URL

	// Form is a body of type application/x-www-form-urlencoded. WHATWG URL
	// Standard, section 5.
	Form

	// Header is the value of one header. RFC 9110, section 5.5.
	Header
)

// Options of [Parse] and [Compile].
type Options struct {
	// MaxOutput is the largest size of a rendered template, in bytes: of an action,
	// of the URL, each header and the body alone. Default: 4 MB (4,194,304). Less than
	// 0 or more than 2^30 is a *[FieldError].
	MaxOutput int

	// Defaults are used for names whose value is missing or null. A default that
	// cannot be where its placeholder is, is a *[FieldError]. Default: none, so
	// that a missing value is an error.
	Defaults map[string]any

	// Repeat has the names whose value may be a list that repeats a parameter of a
	// query or a field of a form: tag={{tags}} becomes tag=a&tag=b, and nothing
	// for an empty list. Default: none.
	Repeat []string
}

// checked returns a copy of the options with the defaults filled in.
func (o *Options) checked() (Options, error) {
	const defaultMaxOutput, most = 4 << 20, 1 << 30 // sums of lengths stay far from an overflow
	if o == nil {
		o = new(Options)
	}
	c := Options{cmp.Or(o.MaxOutput, defaultMaxOutput), maps.Clone(o.Defaults), slices.Clone(o.Repeat)}
	if c.MaxOutput < 0 || c.MaxOutput > most {
		return c, &FieldError{"Options.MaxOutput", fmt.Sprintf("must be from 0 to %d", most)}
	}
	for name := range c.Defaults {
		if rule := checkName(name); rule != "" {
			return c, &FieldError{"Options.Defaults" + value.Path(name), rule}
		}
	}
	return c, nil
}

// Template is a parsed template. It comes from [Parse]; the zero value is not
// usable. It is safe for concurrent use. It may hold a key, so it is printed and
// encoded as [redacted].
type Template struct {
	redacted
	reveal func() *template
}

// Parse parses a template of a kind. The options may be nil. A template that
// breaks the grammar or has a placeholder where its kind does not allow one is a
// *[SyntaxError] about the first fault; an unknown kind and a bad option are a
// *[FieldError].
//
// The rules are this package's own: the vendor documents none. Source of the form
// {{name}}: Megadesk, "Custom data".
func Parse(src string, kind Kind, options *Options) (*Template, error) {
	if kind < Text || kind > Header {
		return nil, &FieldError{"kind", "must be Text, JSON, URL, Form or Header"}
	}
	checked, err := options.checked()
	if err != nil {
		return nil, err
	}
	s, t := parse(src, kind, checked)
	if len(s.faults) > 0 {
		return nil, s.faults[0]
	}
	if name, rule := t.checkDefaults(); rule != "" {
		return nil, &FieldError{"Options.Defaults" + value.Path(name), rule}
	}
	return &Template{reveal: func() *template { return t }}, nil
}

// parse returns the source with its faults, and a template that is only usable
// without faults.
func parse(raw string, kind Kind, options Options) (*source, *template) {
	s := scan(raw)
	if len(s.faults) > 0 { // the text is not known
		return s, nil
	}
	var parts *urlParts
	switch kind {
	case JSON:
		s.json()
	case URL:
		parts = s.url(options.Repeat)
	case Form:
		if s.text != "" {
			s.pairs(0, s.text, formValue, options.Repeat)
		}
	case Header:
		s.header()
	}
	return s, newTemplate(s, kind, parts, options)
}

// Names returns the names of the placeholders, each once, in the order of the
// template.
func (t *Template) Names() []string {
	if t == nil || t.reveal == nil {
		return nil
	}
	return t.reveal().names()
}

// Render returns the template with values for its placeholders. Names that are not
// in the template are ignored. A {{name}} in a value is text.
//
// Values that are missing, or null where null is not allowed, are a
// *[MissingError] with all of them; a value that cannot be where its placeholder is
// is a *[ValueError]; and an output that is too long is a *[FieldError].
func (t *Template) Render(values Values) (string, error) {
	b, err := t.Append(nil, values)
	return string(b), err
}

// Append appends what [Template.Render] returns to dst. It does not allocate if dst
// has room and the values are strings. On an error it returns dst with its length
// unchanged; its array may have been written to.
func (t *Template) Append(dst []byte, values Values) ([]byte, error) {
	if t == nil || t.reveal == nil {
		return dst, &FieldError{"template", "must come from Parse"}
	}
	return t.reveal().append(dst, values)
}
