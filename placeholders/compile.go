package placeholders

import (
	"cmp"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	textType = "text/plain"
)

// CompiledAction is an [Action] without faults. It comes from [Compile]; the zero
// value is not usable. It is safe for concurrent use. It may hold a key, so it is
// printed and encoded as [redacted].
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
}

// field is a part of an action that has a template.
type field struct {
	path     string // "url", `headers["X-Key"]`, "body"
	header   string // the canonical name of a header
	template *template
}

// compiler finds all faults of one action.
type compiler struct {
	action  Action
	options Options
	out     compiled
	faults  []error
}

// Compile checks an action and prepares it for use. The options may be nil; their
// limits are for each template alone. Each placeholder must be one of the
// variables or have a default; unused variables are accepted. The action is copied.
//
// All faults together are an *[ActionError], including those of defaults. Other bad
// options are a *[FieldError].
func Compile(a Action, options *Options) (*CompiledAction, error) {
	checked, err := options.checked()
	if err != nil {
		return nil, err
	}
	defaults := map[string]any{}
	maps.Copy(defaults, a.Defaults)
	maps.Copy(defaults, checked.Defaults)
	checked.Defaults = defaults
	checked.Repeat = append(checked.Repeat, a.Repeat...)
	c := &compiler{action: a, options: checked, out: compiled{method: a.Method, mapping: newMapping(a.Variables)}}
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, a.Method) {
		c.reject("method", "must be GET, HEAD, POST, PUT, PATCH or DELETE, in capitals and without placeholders")
	}
	c.out.url, _ = c.template("url", a.URL, URL)
	c.headers()
	if a.Body != "" {
		c.body()
	}
	c.checkNames()
	if len(c.faults) > 0 {
		return nil, &ActionError{c.faults}
	}
	out := &c.out
	return &CompiledAction{reveal: func() *compiled { return out }}, nil
}

func (c *compiler) reject(field, rule string) {
	c.faults = append(c.faults, &FieldError{field, rule})
}

// template parses one. The source is returned for further checks.
func (c *compiler) template(path, raw string, kind Kind) (*field, *source) {
	s, t := parse(raw, kind, c.options)
	for _, p := range s.placeholders {
		_, known := c.action.Variables[p.name]
		if _, ok := c.options.Defaults[p.name]; !known && !ok {
			s.fault(p.at, fmt.Sprintf("%.64q must be one of the variables", p.name))
		}
	}
	for _, fault := range s.faults {
		fault.Field = path
		c.faults = append(c.faults, fault)
	}
	if len(s.faults) == 0 {
		if name, rule := t.checkDefaults(); rule != "" {
			c.reject(member("defaults", name), rule)
		}
	}
	return &field{path: path, template: t}, s
}

func (c *compiler) body() {
	kind, given := c.bodyKind()
	first := strings.TrimLeft(c.action.Body, " \t\r\n")
	switch {
	case c.action.Method == http.MethodGet || c.action.Method == http.MethodHead:
		c.reject("body", "must be empty with the method "+c.action.Method)
	case !given && first != "" && strings.IndexByte(`{["`, first[0]) < 0:
		c.reject("body", "must be JSON (for a form, set the header Content-Type to "+formType+", for text to "+textType+")")
	case kind == Form && strings.HasPrefix(first, "{"):
		c.reject("body", "must be a form, such as name=value&name=value, in a string (for JSON, remove the header Content-Type)")
	default:
		c.out.body, _ = c.template("body", c.action.Body, kind)
	}
}

// bodyKind follows from the Content-Type, if that is given. An unknown type is
// reported with the header.
func (c *compiler) bodyKind() (kind Kind, given bool) {
	kinds := map[string]Kind{formType: Form, textType: Text}
	for name, value := range c.action.Header {
		if http.CanonicalHeaderKey(name) == "Content-Type" {
			return cmp.Or(kinds[mediaType(value)], JSON), true
		}
	}
	return JSON, false
}

// mediaType returns that of a Content-Type, or nothing for one with another charset
// than UTF-8.
func mediaType(contentType string) string {
	typ, parameters, err := mime.ParseMediaType(contentType)
	if charset, ok := parameters["charset"]; err != nil || ok && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return typ
}

func isBodyType(typ string) bool {
	return slices.Contains([]string{jsonType, formType, textType}, typ) || strings.HasPrefix(typ, "application/") && strings.HasSuffix(typ, "+json")
}

func (c *compiler) headers() {
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.action.Header)) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if seen[canonical] {
			c.reject(member("headers", name), "must not be there twice, in other letters")
		}
		seen[canonical] = true
		c.header(name, canonical, c.action.Header[name])
	}
}

func (c *compiler) header(name, canonical, value string) {
	path, read := member("headers", name), readName(name)
	switch {
	case !headerName.MatchString(name):
		c.reject(path, "must be the name of an HTTP header, without placeholders")
		return
	case slices.Contains(reservedHeaders, read), read == "content-type" && strings.Contains(name, "_"):
		c.reject(path, "must not be set: HTTP needs this header itself")
		return
	}
	f, s := c.template(path, value, Header)
	fixed := !strings.Contains(s.text, nul)
	switch {
	case canonical == "Content-Type" && !(fixed && isBodyType(mediaType(value))):
		c.reject(path, "must be "+jsonType+", another type of JSON, "+formType+" or "+textType+", in UTF-8 and without a placeholder")
	case !fixed && !mayHavePlaceholder(read):
		c.reject(path, "must have no placeholder: by a header of this name a server may take the request for another, or for that of another client "+
			"(placeholders may be in Authorization, and in names that end in -Key, -Token, -Id, -Version or the like)")
	case read == "cookie" && s.namesCookie():
		c.reject(path, "must have placeholders in the values of cookies only (write name={{value}})")
	}
	f.header = canonical
	c.out.headers = append(c.out.headers, f)
}

// checkNames checks the names that the action gives.
func (c *compiler) checkNames() {
	c.faults = append(c.faults, checkMapping("variables", c.action.Variables)...)
	for _, name := range slices.Sorted(maps.Keys(c.action.Defaults)) {
		if rule := checkName(name); rule != "" {
			c.reject(member("defaults", name), rule)
		}
	}
	names := c.out.names()
	for _, name := range c.options.Repeat {
		if len(c.faults) == 0 && !slices.Contains(names, name) {
			c.reject(member("repeat", name), "must be the name of a placeholder")
		}
	}
}

// templates returns those of all fields that were parsed, in their order.
func (c *compiled) templates() (templates []*template) {
	for _, f := range append(append([]*field{c.url}, c.headers...), c.body) {
		if f != nil && f.template != nil {
			templates = append(templates, f.template)
		}
	}
	return templates
}

// names returns the names of all placeholders.
func (c *compiled) names() (names []string) {
	for _, t := range c.templates() {
		names = append(names, t.names...)
	}
	return names
}
