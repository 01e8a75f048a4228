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

// templates has a JSON body of about size bytes, whose n placeholders go through
// the customer's values. Each item renders into memory that it uses again, if it
// can.
func templates(work string, n, size int) (*Group, error) {
	texts, names := pieces(n, size)
	source := func(prefix string) string {
		var b strings.Builder
		for i, name := range names {
			b.WriteString(texts[i] + "{{" + prefix + name + "}}")
		}
		return b.String() + texts[n]
	}
	// right wants the values escaped in the way that the item is made for.
	right := func(escape func(string) string) func([]byte) error {
		var b strings.Builder
		for i, name := range names {
			b.WriteString(texts[i] + escape(customer[name].(string)))
		}
		want := b.String() + texts[n]
		return func(got []byte) error { return equal(string(got), want) }
	}

	ours, err := placeholders.Parse(source(""), placeholders.JSON, nil)
	if err != nil {
		return nil, err
	}
	fast, err := fasttemplate.NewTemplate(source(""), "{{", "}}")
	if err != nil {
		return nil, err
	}
	standard, err := template.New("body").Parse(source("."))
	if err != nil {
		return nil, err
	}
	moustache, err := mustache.ParseString(source(""))
	if err != nil {
		return nil, err
	}
	handlebars, err := raymond.Parse(source(""))
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
	dst := make([]byte, 0, 2*size)
	return &Group{
		Work:  work,
		Ours:  call("chatident, appended", func() ([]byte, error) { return ours.Append(dst, customer) }, right(inJSON)),
		Floor: call("floor: appends in a loop, with the values in a list", appends(texts, names, dst), right(inJSON)),
		Peers: []Item{
			call("fasttemplate, without escapes, as documented", func() (string, error) {
				return fast.ExecuteString(customer), nil
			}, text(right(asItIs))).slower(2),
			call("fasttemplate, without escapes, into a kept buffer", into(func() error {
				_, err := fast.Execute(&buffer, customer)
				return err
			}), right(asItIs)).slower(2),
			call("text/template, without escapes", into(func() error { return standard.Execute(&buffer, customer) }), right(asItIs)),
			call("mustache, for HTML", into(func() error { return moustache.FRender(&buffer, customer) }), right(html.EscapeString)),
			call("raymond, for HTML", func() (string, error) { return handlebars.Exec(customer) }, text(right(inHandlebars))),
		},
		Allocs: upTo(0),
	}, nil
}

// pieces are the texts around n placeholders, and the names of these.
func pieces(n, size int) (texts, names []string) {
	known := slices.Sorted(maps.Keys(customer))
	gap := strings.Repeat("some text ", size)[:(size-n*14)/n]
	for i := range n {
		texts = append(texts, gap)
		names = append(names, known[i%len(known)])
	}
	texts[0] = `{"note":"` + gap
	return append(texts, `"}`), names
}

// text makes a check of bytes one of a string.
func text(check func([]byte) error) func(string) error {
	return func(s string) error { return check([]byte(s)) }
}

func asItIs(s string) string { return s }

func inJSON(s string) string {
	b, _ := json.Marshal(s) // of a string of ours
	return string(b[1 : len(b)-1])
}

func inHandlebars(s string) string {
	return strings.ReplaceAll(html.EscapeString(s), "&#34;", "&quot;")
}

// appends is what one would write by hand for this one template.
func appends(texts, names []string, dst []byte) func() ([]byte, error) {
	var values []string
	for _, name := range names {
		values = append(values, customer[name].(string))
	}
	return func() ([]byte, error) {
		b := dst
		for i, value := range values {
			b = appendEscaped(append(b, texts[i]...), value)
		}
		return append(b, texts[len(values)]...), nil
	}
}

// appendEscaped escapes what must be in JSON, and takes it for granted that s is UTF-8.
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
