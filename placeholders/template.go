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

// Kind is what a template renders. It decides where placeholders may be and how values
// are escaped. docs/actions.md has the rules of each kind.
type Kind int

const (
	// Text inserts values unchanged, and protects against nothing. Use it for text that
	// people read, never for text that a program parses.
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
	// MaxOutput is the maximum size of a rendered template in bytes. In an action it
	// applies to the URL, each header and the body separately. A value below 0 or above
	// 2^30 is a *[FieldError]. Default: 4 MB (4,194,304).
	MaxOutput int

	// Defaults are used for placeholders whose value is missing or null. A default that
	// its placeholder does not accept is a *[FieldError]. Default: none; a missing value
	// is an error.
	Defaults map[string]any

	// Repeat lists the placeholders whose value may be a list. The parameter of the
	// query or the field of the form is then repeated: tag={{tags}} becomes tag=a&tag=b,
	// or nothing if the list is empty. Default: none.
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
	if faults := checkNames("Options.Defaults", c.Defaults, nil); len(faults) > 0 {
		return c, faults[0]
	}
	return c, nil
}

// Template is a parsed template. It comes from [Parse]; the zero value is not
// usable. It is safe for concurrent use. It may contain a key, so it prints and encodes
// as [redacted].
type Template struct {
	redacted
	reveal func() *template
}

// Parse parses a template of the given kind. The options may be nil. If the template
// breaks the grammar, or has a placeholder where its kind does not allow one, the error
// is a *[SyntaxError] for the first fault. An unknown kind or a bad option is a
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

// parse returns the scanned template with its faults, and the template to render, which
// is only usable without faults.
func parse(raw string, kind Kind, options Options) (*scanned, *template) {
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

// Names returns the name of each placeholder once, in the order of the template.
func (t *Template) Names() []string {
	if t == nil || t.reveal == nil {
		return nil
	}
	return t.reveal().names()
}

// Render returns the template with values for its placeholders. Names that are not
// in the template are ignored. A {{name}} in a value is text.
//
// If values are missing, or null where null is not allowed, the error is a
// *[MissingError] that lists all of them. A value that its placeholder does not accept
// is a *[ValueError]. An output longer than Options.MaxOutput is a *[FieldError].
func (t *Template) Render(values Values) (string, error) {
	b, err := t.Append(nil, values)
	return string(b), err
}

// Append appends the output of [Template.Render] to dst. It does not allocate if dst has
// room and the values are strings. After an error it returns dst with its length
// unchanged, but the array behind dst may have changed.
func (t *Template) Append(dst []byte, values Values) ([]byte, error) {
	if t == nil || t.reveal == nil {
		return dst, &FieldError{"template", "must come from Parse"}
	}
	return t.reveal().append(dst, values)
}
