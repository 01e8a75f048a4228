package main

import (
	"bytes"
	"encoding/json"
	"html"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/aymerick/raymond"
	"github.com/cbroglie/mustache"
	"github.com/chatident/chatident/placeholders"
	"github.com/valyala/fasttemplate"
)

func templateShort() (*Group, error) {
	return templates("template, JSON, 5 placeholders in 500 B", 5, 500)
}
func templateLong() (*Group, error) {
	return templates("template, JSON, 500 placeholders in 64 KB", 500, 64<<10)
}

var customer = map[string]any{
	"userEmail": "ada@example.com",
	"userName":  `Ada "Countess" Lovelace`,
	"plan":      "professional",
	"orderId":   "order-12345678",
	"city":      "Zürich",
}

// body is the source of a JSON body: texts[0], names[0], texts[1] and so on. It has one more
// text than names.
type body struct{ texts, names []string }

// render returns the body with the result of placeholder for each name.
func (b body) render(placeholder func(name string) string) string {
	var s strings.Builder
	for i, name := range b.names {
		s.WriteString(b.texts[i] + placeholder(name))
	}
	return s.String() + b.texts[len(b.names)]
}

// is returns a check that the values are escaped by escape.
func (b body) is(escape func(string) string) func([]byte) error {
	want := b.render(func(name string) string { return escape(customer[name].(string)) })
	return func(got []byte) error { return equal(string(got), want) }
}

// templates renders a JSON body of about size bytes with n placeholders. Each item that can
// reuse memory does.
func templates(task string, n, size int) (*Group, error) {
	b := newBody(n, size)
	source := b.render(func(name string) string { return "{{" + name + "}}" })
	ours, err := placeholders.Parse(source, placeholders.JSON, nil)
	if err != nil {
		return nil, err
	}
	peers, err := templatePeers(b, source)
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, 2*size)
	return &Group{
		Task:   task,
		Ours:   call("chatident, appended", func() ([]byte, error) { return ours.Append(dst, customer) }, b.is(inJSON)),
		Floor:  call("floor: appends in a loop, with the values in a list", b.appends(dst), b.is(inJSON)),
		Peers:  peers,
		Allocs: upTo(0),
	}, nil
}

func templatePeers(b body, source string) ([]Item, error) {
	fast, err := fasttemplate.NewTemplate(source, "{{", "}}")
	if err != nil {
		return nil, err
	}
	standard, err := template.New("body").Parse(b.render(func(name string) string { return "{{." + name + "}}" }))
	if err != nil {
		return nil, err
	}
	moustache, err := mustache.ParseString(source)
	if err != nil {
		return nil, err
	}
	handlebars, err := raymond.Parse(source)
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	into := func(execute func() error) func() ([]byte, error) {
		return func() ([]byte, error) {
			buffer.Reset()
			err := execute()
			return buffer.Bytes(), err
		}
	}
	return []Item{
		call("fasttemplate, without escapes, as documented", func() (string, error) {
			return fast.ExecuteString(customer), nil
		}, text(b.is(unescaped))).slower(2),
		call("fasttemplate, without escapes, into a kept buffer", into(func() error {
			_, err := fast.Execute(&buffer, customer)
			return err
		}), b.is(unescaped)).slower(2),
		call("text/template, without escapes", into(func() error { return standard.Execute(&buffer, customer) }), b.is(unescaped)),
		call("mustache, for HTML", into(func() error { return moustache.FRender(&buffer, customer) }), b.is(html.EscapeString)),
		call("raymond, for HTML", func() (string, error) { return handlebars.Exec(customer) }, text(b.is(inHandlebars))),
	}, nil
}

// newBody returns a body of about size bytes, whose n placeholders cycle through the names of
// the customer's values.
func newBody(n, size int) (b body) {
	known := slices.Sorted(maps.Keys(customer))
	gap := strings.Repeat("some text ", size)[:(size-n*14)/n]
	for i := range n {
		b.texts = append(b.texts, gap)
		b.names = append(b.names, known[i%len(known)])
	}
	b.texts[0] = `{"note":"` + gap
	b.texts = append(b.texts, `"}`)
	return b
}

// text converts a check of bytes to a check of a string.
func text(check func([]byte) error) func(string) error {
	return func(s string) error { return check([]byte(s)) }
}

func unescaped(s string) string { return s }

func inJSON(s string) string {
	b, _ := json.Marshal(s) // never fails for a string
	return string(b[1 : len(b)-1])
}

func inHandlebars(s string) string {
	return strings.ReplaceAll(html.EscapeString(s), "&#34;", "&quot;")
}

// appends returns code written by hand for this body.
func (b body) appends(dst []byte) func() ([]byte, error) {
	var values []string
	for _, name := range b.names {
		values = append(values, customer[name].(string))
	}
	return func() ([]byte, error) {
		out := dst
		for i, value := range values {
			out = appendEscaped(append(out, b.texts[i]...), value)
		}
		return append(out, b.texts[len(values)]...), nil
	}
}

// appendEscaped escapes s for a JSON string. It assumes that s is valid UTF-8.
func appendEscaped(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
