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

	"github.com/chatident/chatident/internal/value"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	textType = "text/plain"
)

// CompiledAction is a checked [Action]. It comes from [Compile]; the zero value is not
// usable. It is safe for concurrent use. It may contain a key, so it prints and encodes
// as [redacted].
type CompiledAction struct {
	redacted
	reveal func() *compiled
}

type compiled struct {
	method    string
	url, body *template   // body is nil without one
	headers   []header    // by name
	templates []*template // all of them, in the order of the fields
	mapping   *Mapping
}

type header struct {
	name  string // canonical
	value *template
}

// compiler finds all faults of one action.
type compiler struct {
	action   Action
	options  Options
	bodyKind Kind // by the Content-Type, 0 without one
	out      compiled
	faults   []error
}

// Compile checks an action and prepares it for use. It copies the action. The options
// may be nil; MaxOutput applies to each template separately. Each placeholder must be
// one of the variables or have a default. Unused variables are accepted.
//
// The error is an *[ActionError] with all faults of the action and its defaults, or a
// *[FieldError] for another bad option.
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
	c := &compiler{action: a, options: checked, out: compiled{method: a.Method, mapping: &Mapping{maps.Clone(a.Variables)}}}
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, a.Method) {
		c.reject("method", "must be GET, HEAD, POST, PUT, PATCH or DELETE, in capitals and without placeholders")
	}
	c.out.url, _ = c.template("url", a.URL, URL)
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		c.header(name, a.Header[name])
	}
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

// template parses one. The scanned template is returned for further checks.
func (c *compiler) template(field, raw string, kind Kind) (*template, *scanned) {
	s, t := parse(raw, kind, c.options)
	for _, p := range s.placeholders {
		_, isVariable := c.action.Variables[p.name]
		_, hasDefault := c.options.Defaults[p.name]
		if !isVariable && !hasDefault {
			s.fault(p.at, fmt.Sprintf("%.64q must be one of the variables", p.name))
		}
	}
	for _, fault := range s.faults {
		fault.Field = field
		c.faults = append(c.faults, fault)
	}
	if len(s.faults) > 0 {
		return nil, s
	}
	t.field = field
	c.out.templates = append(c.out.templates, t)
	if name, rule := t.checkDefaults(); rule != "" {
		c.reject("defaults"+value.Path(name), rule)
	}
	return t, s
}

func (c *compiler) body() {
	first := strings.TrimLeft(c.action.Body, " \t\r\n")
	switch {
	case c.action.Method == http.MethodGet || c.action.Method == http.MethodHead:
		c.reject("body", "must be empty with the method "+c.action.Method)
	case c.bodyKind == 0 && first != "" && strings.IndexByte(`{["`, first[0]) < 0:
		c.reject("body", "must be JSON (for a form, set the header Content-Type to "+formType+", for text to "+textType+")")
	case c.bodyKind == Form && strings.HasPrefix(first, "{"):
		c.reject("body", "must be a form, such as name=value&name=value, in a string (for JSON, remove the header Content-Type)")
	default:
		c.out.body, _ = c.template("body", c.action.Body, cmp.Or(c.bodyKind, JSON))
	}
}

// bodyKind returns the kind of a body with a Content-Type, or 0 for a type or charset that
// is not supported.
func bodyKind(contentType string) Kind {
	typ, parameters, err := mime.ParseMediaType(contentType)
	charset, given := parameters["charset"]
	switch {
	case err != nil, given && !strings.EqualFold(charset, "utf-8"):
		return 0
	case typ == formType:
		return Form
	case typ == textType:
		return Text
	case typ == jsonType, strings.HasPrefix(typ, "application/") && strings.HasSuffix(typ, "+json"):
		return JSON
	}
	return 0
}

func (c *compiler) header(name, raw string) {
	field, canonical, read := "headers"+value.Path(name), textproto.CanonicalMIMEHeaderKey(name), readName(name)
	switch {
	case !headerName.MatchString(name):
		c.reject(field, "must be the name of an HTTP header, without placeholders")
		return
	case slices.Contains(reservedHeaders, read), read == "content-type" && strings.Contains(name, "_"):
		c.reject(field, "must not be set: HTTP needs this header itself")
		return
	case slices.ContainsFunc(c.out.headers, func(h header) bool { return h.name == canonical }):
		c.reject(field, "must not be set twice (the case of letters makes no difference)")
	}
	t, s := c.template(field, raw, Header)
	c.out.headers = append(c.out.headers, header{canonical, t})
	isFixed := !strings.Contains(s.text, nul)
	if canonical == "Content-Type" {
		kind := bodyKind(raw)
		c.bodyKind = cmp.Or(kind, JSON)
		if kind == 0 || !isFixed {
			c.reject(field, "must be "+jsonType+", another type of JSON, "+formType+" or "+textType+", in UTF-8 and without a placeholder")
		}
	} else if !isFixed && !mayHavePlaceholder(read) {
		c.reject(field, fmt.Sprintf("must have no placeholder: a server may treat a request with this header as a different one, or as that of another client "+
			"(send the value in the body, or in a header such as %s; see docs/actions.md#headers)", harmlessHeader(name)))
	} else if read == "cookie" && cookieName.MatchString(s.text) {
		c.reject(field, "must have placeholders in the values of cookies only (write name={{value}})")
	}
}

// checkNames checks the names that the action gives.
func (c *compiler) checkNames() {
	c.faults = append(c.faults, checkNames("variables", c.action.Variables, checkPath)...)
	c.faults = append(c.faults, checkNames("defaults", c.action.Defaults, nil)...)
	if len(c.faults) > 0 {
		return // not all names are known
	}
	for _, name := range c.options.Repeat {
		if !slices.Contains(c.out.names(), name) {
			c.reject("repeat"+value.Path(name), "must be the name of a placeholder")
		}
	}
}

// names returns the names of all placeholders.
func (c *compiled) names() (names []string) {
	for _, t := range c.templates {
		names = append(names, t.names()...)
	}
	return names
}
