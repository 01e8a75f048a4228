package placeholders

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"

	maxHeaders = 100
)

// CompiledAction is an [Action] that was found to be in order. It comes from
// [Compile]; the zero CompiledAction is of no use. It is safe for use by many
// goroutines. It may hold a key, so however it is printed or encoded, it shows
// as [redacted].
type CompiledAction struct {
	redacted
	reveal func() *compiled
}

type compiled struct {
	method  string
	url     *field
	headers []*field // by name
	body    *field   // nil without one
	mapping *Mapping
	names   []string // of all placeholders, each once
	options limits
}

// field is a part of an action that has a template.
type field struct {
	field    string // "url", `headers["X-Key"]`, "body"
	name     string // of a header, canonical
	template *program
}

// compiler looks for all faults of one action.
type compiler struct {
	action Action
	limits limits
	out    compiled
	faults []error
}

// Compile checks an action, and makes it ready for use. The options may be nil;
// their limits hold for each template alone. Every placeholder must be one of
// the variables or have a default; variables that none needs are no fault. The
// action is copied.
//
// All faults together are an *[ActionError], a default that cannot stand where
// its placeholder does included; whether a placeholder may stand where it does is
// looked at when all of its template can be read. Other bad options are a
// *[FieldError].
func Compile(a Action, options *Options) (*CompiledAction, error) {
	l, err := options.limits()
	if err != nil {
		return nil, err
	}
	c := &compiler{action: a.clone(), limits: l, out: compiled{method: a.Method, options: l}}
	c.methodAndBody()
	c.urlAndHeaders()
	c.variables()
	if len(c.faults) > 0 {
		sortFaults(c.faults)
		return nil, &ActionError{c.faults}
	}
	out := &c.out
	return &CompiledAction{reveal: func() *compiled { return out }}, nil
}

func (c *compiler) refuse(field, rule string) {
	c.faults = append(c.faults, &FieldError{field, rule})
}

// template parses one, and returns nil when it cannot be rendered.
func (c *compiler) template(name, src string, context Context) *field {
	t, faults, err := parse(src, context, c.limits)
	broken := len(faults) > 0 || err != nil
	faults = append(faults, c.undeclared(src, t)...)
	sortByOffset(faults)
	for _, fault := range faults[:min(len(faults), maxFaults)] {
		fault.Field = name
		c.faults = append(c.faults, fault)
	}
	if err != nil {
		c.faults = append(c.faults, err)
	}
	if broken {
		return nil
	}
	return &field{field: name, template: t}
}

// undeclared returns the placeholders that are none of the variables.
func (c *compiler) undeclared(src string, t *program) []*SyntaxError {
	p := parser{src: src}
	for _, part := range t.parts {
		_, known := c.action.Variables[part.name]
		if _, ok := c.limits.defaults[part.name]; !known && !ok && !p.tooMany() {
			p.fault(part.offset, part.name+" must be one of the variables")
		}
	}
	return p.faults
}

func (c *compiler) methodAndBody() {
	method := c.action.Method
	bodiless := method == http.MethodGet || method == http.MethodHead
	switch {
	case strings.Contains(method, "{{"):
		c.refuse("method", "must have no placeholder")
	case !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, method):
		c.refuse("method", "must be GET, HEAD, POST, PUT, PATCH or DELETE, in capitals")
	case bodiless && c.action.Body != "":
		c.refuse("body", "must be empty with the method "+method)
	}
	if c.action.Body != "" {
		c.out.body = c.template("body", c.action.Body, c.bodyContext())
	}
}

// bodyContext follows the Content-Type. One that is not known is told by
// header, so that here it is JSON.
func (c *compiler) bodyContext() Context {
	for name, value := range c.action.Header {
		if http.CanonicalHeaderKey(name) == "Content-Type" && mediaType(value) == formType {
			return Form
		}
	}
	return JSON
}

// mediaType returns that of a Content-Type, or nothing for one that says another
// charset than UTF-8.
func mediaType(contentType string) string {
	typ, parameters, err := mime.ParseMediaType(contentType)
	if charset, ok := parameters["charset"]; err != nil || ok && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return typ
}

func isJSONType(typ string) bool {
	return typ == jsonType || strings.HasPrefix(typ, "application/") && strings.HasSuffix(typ, "+json")
}

func (c *compiler) urlAndHeaders() {
	c.out.url = c.template("url", c.action.URL, URL)
	if len(c.action.Header) > maxHeaders {
		c.refuse("headers", fmt.Sprintf("must be at most %d", maxHeaders))
		return
	}
	seen := map[string]bool{}
	for _, name := range sortedKeys(c.action.Header) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if seen[canonical] {
			c.refuse(member("headers", name), "must not be there twice, in other letters")
		}
		seen[canonical] = true
		c.header(name, canonical, c.action.Header[name])
	}
}

func (c *compiler) header(name, canonical, value string) {
	at := member("headers", name)
	read := readName(name)
	switch {
	case strings.Contains(name, "{{"):
		c.refuse(at, "must have no placeholder in its name")
		return
	case !isToken(name):
		c.refuse(at, "must have the name of an HTTP header")
		return
	case slices.Contains(reservedHeaders, read), read == "content-type" && strings.Contains(name, "_"):
		c.refuse(at, "must not be set: HTTP needs this header for itself")
		return
	}
	f := c.template(at, value, Header)
	if f == nil {
		return
	}
	fixed := len(f.template.parts) == 0
	typ := mediaType(f.template.tail)
	switch {
	case canonical == "Content-Type" && !(fixed && (typ == formType || isJSONType(typ))):
		c.refuse(at, "must be "+jsonType+", another type of JSON, or "+formType+", in UTF-8 and without a placeholder")
	case !fixed && !mayHavePlaceholder(read):
		c.refuse(at, "must have no placeholder: by a header of this name a server may take the request for another, or for that of another client "+
			"(placeholders may be in Authorization, and in names that end in -Key, -Token, -Id, -Version or the like)")
	case read == "cookie" && f.template.namesCookie():
		c.refuse(at, "must have placeholders in the values of cookies alone, behind a name and =")
	}
	f.name = canonical
	c.out.headers = append(c.out.headers, f)
}

func (c *compiler) variables() {
	c.faults = append(c.faults, checkMapping("variables", c.action.Variables, c.limits.name)...)
	c.out.mapping = newMapping(c.action.Variables)
	known := map[string]bool{}
	for _, f := range c.out.fields() {
		for _, name := range f.template.names {
			if !known[name] {
				known[name] = true
				c.out.names = append(c.out.names, name)
			}
		}
	}
}

// fields returns all that have a template without faults, in their order.
func (c *compiled) fields() []*field {
	return slices.DeleteFunc(append(append([]*field{c.url}, c.headers...), c.body), func(f *field) bool { return f == nil })
}

// sortFaults brings them into the order that ActionError promises.
func sortFaults(faults []error) {
	rank := func(err error) int {
		name := ""
		switch err := err.(type) {
		case *SyntaxError:
			name = err.Field
		case *FieldError:
			name = err.Field
		}
		name, _, _ = strings.Cut(name, "[")
		return slices.Index([]string{"method", "url", "headers", "body", "variables"}, name)
	}
	slices.SortStableFunc(faults, func(a, b error) int { return rank(a) - rank(b) })
}

// Names returns the names of all placeholders, each once: those of the URL,
// the headers by name, and the body.
func (c *CompiledAction) Names() []string {
	if c == nil || c.reveal == nil {
		return nil
	}
	return slices.Clone(c.reveal().names)
}

// Request returns the action for the customer that the source tells of, ready to
// be sent. It has a Content-Type where it has a body; its body can be read
// again, so that a client may repeat it.
//
// A nil ctx or source is a *[FieldError], and so is an output that is too long;
// values that are missing are a *[MissingError], with those of all fields, and a
// value that cannot stand in its place is a *[ValueError].
//
// Nothing is sent. Send it with a client that follows no redirects
// (http.Client.CheckRedirect), or another host may get its body.
func (c *CompiledAction) Request(ctx context.Context, source Source) (*http.Request, error) {
	if ctx == nil {
		return nil, &FieldError{"ctx", "must not be nil"}
	}
	values, err := c.values(source)
	if err != nil {
		return nil, err
	}
	r, err := c.reveal().render(values)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil { // its text would hold the URL
		return nil, &FieldError{"url", changed}
	}
	request.Header = r.header
	return request, nil
}

// renderedAction is an action with its values.
type renderedAction struct {
	method, url string
	header      http.Header
	body        []byte
	form        bool
}

// values looks up what the source has for the variables.
func (c *CompiledAction) values(source Source) (Values, error) {
	if c == nil || c.reveal == nil {
		return nil, &FieldError{"action", "must come from Compile"}
	}
	if isNil(source) {
		return nil, &FieldError{"source", "must not be nil"}
	}
	return c.reveal().mapping.Values(source), nil
}

func (c *compiled) render(values Values) (*renderedAction, error) {
	if err := missing(c.names, values, c.options.defaults); err != nil {
		return nil, err
	}
	r := &renderedAction{method: c.method, header: http.Header{}}
	address, err := c.url.render(values)
	if err != nil {
		return nil, err
	}
	if r.url = string(address); !c.url.template.shape.same(r.url) {
		return nil, &FieldError{"url", changed}
	}
	for _, h := range c.headers {
		value, err := h.render(values)
		if err != nil {
			return nil, err
		}
		r.header[h.name] = []string{string(value)}
	}
	if c.body == nil {
		return r, nil
	}
	if r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", jsonType)
	}
	r.form = mediaType(r.header.Get("Content-Type")) == formType
	r.body, err = c.body.render(values)
	return r, err
}

func (f *field) render(values Values) ([]byte, error) {
	b, err := f.template.append(nil, values)
	switch err := err.(type) {
	case *ValueError:
		err.Field = f.field
	case *FieldError:
		err.Field = f.field
	}
	return b, err
}
