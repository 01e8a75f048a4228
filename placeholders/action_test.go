package placeholders

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sampleKey = "sk_live_a_key_that_is_fixed"

func sample() Action {
	return Action{
		Method: "POST",
		URL:    "https://api.example.com/customers/{{id}}/orders?email={{userEmail}}&api_key=" + sampleKey,
		Header: map[string]string{
			"Authorization": "Bearer {{token}}",
			"X-Api-Key":     sampleKey,
			"accept":        "application/json",
		},
		Body: `{"email":"{{userEmail}}","orders":{{orders}},"auth":{"password":"` + sampleKey + `"},"note":"for {{userEmail}}"}`,
		Variables: map[string]string{
			"id":        "userDetail.id",
			"userEmail": "userDetail.email",
			"orders":    "userDetail.orders",
			"token":     "integrations.shop.token",
			"unused":    "userDetail.plan",
		},
	}
}

// paths is the simplest source.
type paths map[string]any

func (p paths) Lookup(path string) (any, bool) { v, ok := p[path]; return v, ok }

func customer() paths {
	return paths{
		"userDetail.id":           "user-123",
		"userDetail.email":        "ada+1@example.com",
		"userDetail.orders":       json.Number("3"),
		"integrations.shop.token": "a-token-of-the-customer",
	}
}

func compile(t testing.TB, a Action) *CompiledAction {
	t.Helper()
	c, err := Compile(a, nil)
	require.NoError(t, err)
	return c
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
	}))
	defer server.Close()
	a := sample()
	a.URL = strings.Replace(a.URL, "https://api.example.com", server.URL, 1)
	source := customer()
	source["userDetail.id"] = "user 123%"
	request, err := compile(t, a).Request(t.Context(), source)
	require.NoError(t, err)
	assert.NotNil(t, request.GetBody)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, "POST", got.Method)
	assert.Equal(t, "/customers/user%20123%25/orders?email=ada%2B1%40example.com&api_key="+sampleKey, got.RequestURI)
	assert.Equal(t, "Bearer a-token-of-the-customer", got.Header.Get("Authorization"))
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	assert.Equal(t, "application/json", got.Header.Get("Accept"))
	assert.Equal(t, `{"email":"ada+1@example.com","orders":3,"auth":{"password":"`+sampleKey+`"},"note":"for ada+1@example.com"}`, body)
	assert.EqualValues(t, len(body), got.ContentLength)
}

var noContext context.Context

func TestRequest_RejectsArguments(t *testing.T) {
	c := compile(t, sample())
	_, err := c.Request(noContext, customer())
	requireField(t, err, "ctx", "must not be nil")
	_, err = c.Request(t.Context(), nil)
	requireField(t, err, "source", "must not be nil")
	_, err = c.Request(t.Context(), paths(nil))
	requireField(t, err, "source", "must not be nil")
	_, err = c.Preview((*pointer)(nil))
	requireField(t, err, "source", "must not be nil")

	source := customer()
	source["userDetail.id"] = "a/b"
	_, err = c.Request(t.Context(), source)
	requireValue(t, err, "id", "slash")
	assert.EqualError(t, err, "placeholders: url: the value of id must not put a slash or a backslash into a path segment, encoded or not")

	_, err = c.Request(t.Context(), paths{"userDetail.id": "1"})
	variables := sample().Variables
	assert.Equal(t, &MissingError{Names: []string{"userEmail", "token", "orders"}, Paths: variables}, err)
	_, err = c.Preview(paths{})
	assert.Equal(t, &MissingError{Names: []string{"id", "userEmail", "token", "orders"}, Paths: variables}, err)
}

// A path with a typing error is named, because Compile cannot know which paths a
// customer has.
func TestRequest_NamesThePathWithoutAValue(t *testing.T) {
	c := compile(t, Action{
		Method: "POST", URL: "https://h.example/{{id}}", Body: `["{{userEmail}}{{plan}}"]`,
		Variables: map[string]string{"id": "userDetail.id", "userEmail": "userDetail.mail", "plan": "userDetail.plan"},
	})
	_, err := c.Preview(paths{"userDetail.id": "1", "userDetail.email": "ada@example.com", "userDetail.plan": nil})
	assert.EqualError(t, err, `placeholders: 2 faults:
	userEmail: has no value at "userDetail.mail" (check the path, or set a default)
	plan: `+notNull)
	err.(*MissingError).Paths["id"] = "changed"
	_, err = c.Preview(paths{})
	assert.Equal(t, "userDetail.id", err.(*MissingError).Paths["id"], "each error has a copy")
}

type pointer struct{}

func (*pointer) Lookup(string) (any, bool) { panic("called on nothing") }

// same compares actions; assert would print them.
func same(a, b Action) bool {
	return a.Method == b.Method && a.URL == b.URL && a.Body == b.Body && maps.Equal(a.Header, b.Header) && maps.Equal(a.Variables, b.Variables)
}

func TestRequest_WithoutBody(t *testing.T) {
	request, err := compile(t, Action{Method: "GET", URL: "https://h.example/x"}).Request(t.Context(), customer())
	require.NoError(t, err)
	assert.Nil(t, request.Body)
	assert.Empty(t, request.Header)
	assert.Equal(t, "https://h.example/x", request.URL.String())
}

func TestRequest_Form(t *testing.T) {
	a := Action{
		Method: "POST", URL: "https://h.example/x", Body: "email={{userEmail}}&role=guest",
		Header:    map[string]string{"content-type": "Application/X-WWW-Form-URLencoded; charset=UTF-8"},
		Variables: map[string]string{"userEmail": "userDetail.email"},
	}
	source := paths{"userDetail.email": "a&role=admin"}
	request, err := compile(t, a).Request(t.Context(), source)
	require.NoError(t, err)
	require.NoError(t, request.ParseForm())
	assert.Equal(t, []string{"guest"}, request.PostForm["role"])
	assert.Equal(t, "a&role=admin", request.PostForm.Get("email"))
}

func TestCompile_CopiesTheAction(t *testing.T) {
	a := sample()
	c := compile(t, a)
	clear(a.Header)
	clear(a.Variables)
	p, err := c.Preview(customer())
	require.NoError(t, err)
	assert.Contains(t, p.Header, "Authorization")
}

func TestCompile_ReportsAllFaults(t *testing.T) {
	a := Action{
		Method: "post",
		URL:    "https://api.{{host}}/x",
		Header: map[string]string{
			"Host":                   "evil.com",
			"X-{{name}}":             "x",
			"X Y":                    "x",
			"Transfer-encoding":      "chunked",
			"Content-Type":           "text/html",
			"X-HTTP-Method-Override": "{{userEmail}}",
			"x-forwarded-host":       "{{userEmail}}",
			"X-Twice":                "a",
			"x-twice":                "b",
			"X-Cut":                  "a\r\nb: c",
			"X-Note":                 "Bearer {{nobody}}, {{unknown}}",
		},
		Body:      "{\n  \"{{userEmail}}\": \"\\\"{{userEmail}}\",\n  \"a\": {{ nobody }}}",
		Variables: map[string]string{"userEmail": "userDetail.email", "bad name": "userDetail.a", "iat": "iat", "empty": "userDetail..a"},
	}
	_, err := Compile(a, nil)
	var ae *ActionError
	require.ErrorAs(t, err, &ae)
	var got []string
	for _, fault := range ae.Faults {
		got = append(got, strings.TrimPrefix(fault.Error(), "placeholders: "))
	}
	assert.Equal(t, []string{
		`method: must be GET, HEAD, POST, PUT, PATCH or DELETE, in capitals and without placeholders`,
		`url: line 1, column 13: a placeholder must not be in the scheme, the user information, the host or the port of a URL (a placeholder may be in a path segment and in the value of a query parameter)`,
		`url: line 1, column 13: "host" must be one of the variables`,
		`headers["Content-Type"]: must be application/json, another type of JSON, application/x-www-form-urlencoded or text/plain, in UTF-8 and without a placeholder`,
		`headers["Host"]: must not be set: HTTP needs this header itself`,
		`headers["Transfer-encoding"]: must not be set: HTTP needs this header itself`,
		`headers["X Y"]: must be the name of an HTTP header, without placeholders`,
		`headers["X-Cut"]: line 1, column 2: a header must have only visible ASCII characters, and spaces (send other text in a body)`,
		`headers["X-HTTP-Method-Override"]: must have no placeholder: a server may treat a request with this header as a different one, or as that of another client (send the value in the body, or in a header such as X-Customer-Id; see docs/actions.md#headers)`,
		`headers["X-Note"]: line 1, column 8: "nobody" must be one of the variables`,
		`headers["X-Note"]: line 1, column 20: "unknown" must be one of the variables`,
		`headers["X-{{name}}"]: must be the name of an HTTP header, without placeholders`,
		`headers["x-forwarded-host"]: must have no placeholder: a server may treat a request with this header as a different one, or as that of another client (send the value in the body, or in a header such as X-Customer-Id; see docs/actions.md#headers)`,
		`headers["x-twice"]: must not be set twice (the case of letters makes no difference)`,
		`body: line 2, column 4: a placeholder must not be in a key`,
		`body: line 2, column 23: a placeholder must not share its text with a quote ("): a language with quoted strings may begin there, and a value could end the string` + whole,
		`body: line 3, column 8: "nobody" must be one of the variables`,
		`variables["bad name"]: a name must have only ASCII letters, digits and _, and not begin with a digit (map a path such as userDetail.email to a name in the variables)`,
		`variables["empty"]: must be a path without empty keys, and without white space around a key`,
		`variables["iat"]: must be a path that begins with userDetail. or integrations.`,
	}, got)
	assert.Contains(t, err.Error(), "placeholders: 20 faults:\n\tmethod: must")
	assert.Contains(t, err.Error(), "\n\tand 10 more")
	var se *SyntaxError
	require.ErrorAs(t, err, &se)
	assert.Equal(t, "url", se.Field)
}

func TestCompile_ReportsAllFaultsOfAField(t *testing.T) {
	a := Action{
		Method: "POST", URL: "https://h.example//{{a}}/..?{{nobody}}&{{a}}=1#&b=[é]",
		Header:    map[string]string{"X-Id": "{{}} {{nobody}} {{a"},
		Variables: map[string]string{"a": "userDetail.a"},
	}
	_, err := Compile(a, nil)
	requireFaults(t, err,
		`placeholders: url: line 1, column 19: a path must have no empty segment: some servers remove it`,
		`placeholders: url: line 1, column 26: must not make a path segment of dots and spaces alone, together with what is beside it`,
		`placeholders: url: line 1, column 47: must be percent-encoded (write %23 for "#", %5B for "[", %C3%A9 for "é", %5D for "]")`,
		`placeholders: url: line 1, column 29: a placeholder must be in the value of a parameter, after its =`,
		`placeholders: url: line 1, column 40: a placeholder must be in the value of a parameter, after its =`,
		`placeholders: url: line 1, column 29: "nobody" must be one of the variables`,
		`placeholders: headers["X-Id"]: line 1, column 1: a placeholder must have a name`,
	)
}

func TestCompile_Rejects(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Action)
		fault  string
	}{
		"no method":          {func(a *Action) { a.Method = "" }, "method: must be GET"},
		"method placeholder": {func(a *Action) { a.Method = "{{id}}" }, "method: must be GET"},
		"CONNECT":            {func(a *Action) { a.Method = "CONNECT" }, "method: must be GET"},
		"GET with a body":    {func(a *Action) { a.Method = "GET" }, "body: must be empty with the method GET"},
		"HEAD with a body":   {func(a *Action) { a.Method = "HEAD" }, "body: must be empty with the method HEAD"},
		"a blank body":       {func(a *Action) { a.Body = " \n" }, "body: line 2, column 1: a JSON template must be JSON"},
		"a bad parameter":    {func(a *Action) { a.Header["Content-Type"] = "application/json; charset" }, "in UTF-8"},
		"XML":                {func(a *Action) { a.Header["Content-Type"] = "application/xml" }, "must be application/json"},
		"text as JSON":       {func(a *Action) { a.Header["Content-Type"] = "text/x+json" }, "must be application/json"},
		"a bad default":      {func(a *Action) { a.Defaults = map[string]any{"a b": 1} }, `defaults["a b"]: a name must have only`},
		"nothing to repeat":  {func(a *Action) { a.Repeat = []string{"unused"} }, `repeat["unused"]: must be the name of a placeholder`},
		"no URL":             {func(a *Action) { a.URL = "" }, "url: line 1, column 1: a URL must begin with https://"},
		"http":               {func(a *Action) { a.URL = "http://api.example.com/" }, "must begin with https://, unless"},
		"form as JSON":       {func(a *Action) { a.Body = "a={{id}}" }, "body: must be JSON (for a form, set the header Content-Type"},
		"JSON as a form":     {func(a *Action) { a.Header["Content-Type"] = formType }, "body: must be a form, such as name=value"},
		"type placeholder":   {func(a *Action) { a.Header["Content-Type"] = "{{id}}" }, "without a placeholder"},
		"charset":            {func(a *Action) { a.Header["Content-Type"] = "application/json; charset=latin1" }, "in UTF-8"},
		"no type":            {func(a *Action) { a.Header["Content-Type"] = "" }, "must be application/json"},
		"content length":     {func(a *Action) { a.Header["content-length"] = "1" }, "HTTP needs this header itself"},
		"connection":         {func(a *Action) { a.Header["Connection"] = "close" }, "HTTP needs this header itself"},
		"te":                 {func(a *Action) { a.Header["TE"] = "trailers" }, "HTTP needs this header itself"},
		"proxy":              {func(a *Action) { a.Header["Proxy-Authorization"] = "x" }, "HTTP needs this header itself"},
		"an empty name":      {func(a *Action) { a.Header[""] = "x" }, "must be the name of an HTTP header"},
		"line end in a name": {func(a *Action) { a.Header["X\r\nY"] = "x" }, "must be the name of an HTTP header"},
		"encoded":            {func(a *Action) { a.Header["Content-Encoding"] = "gzip" }, "HTTP needs this header itself"},
		"httpoxy":            {func(a *Action) { a.Header["Proxy"] = "x" }, "HTTP needs this header itself"},
		"underscores":        {func(a *Action) { a.Header["content_length"] = "1" }, "HTTP needs this header itself"},
		"underscores, type":  {func(a *Action) { a.Header["Content_Type"] = "{{id}}" }, "HTTP needs this header itself"},
		"method override":    {func(a *Action) { a.Header["X_HTTP_Method-Override"] = "{{id}}" }, "must have no placeholder"},
		"host":               {func(a *Action) { a.Header["X-Host"] = "{{id}}" }, "must have no placeholder"},
		"forwarded":          {func(a *Action) { a.Header["x-forwarded-uri"] = "{{id}}" }, "must have no placeholder"},
		"path override":      {func(a *Action) { a.Header["X-Envoy-Original-Path"] = "{{id}}" }, "must have no placeholder"},
		"a cookie's name":    {func(a *Action) { a.Header["Cookie"] = "a=1; {{id}}=2" }, "in the values of cookies only"},
		"a whole cookie":     {func(a *Action) { a.Header["Cookie"] = "{{id}}" }, "in the values of cookies only"},
		"a root":             {func(a *Action) { a.Variables["id"] = "userDetail" }, "must be a path without empty keys"},
		"another root":       {func(a *Action) { a.Variables["id"] = "exp" }, "must be a path that begins with"},
		"a variable is away": {func(a *Action) { delete(a.Variables, "orders") }, "body: line 1, column 35: \"orders\" must be one of the variables"},
		"a path in a header": {func(a *Action) { a.Header["X"] = "{{userDetail.id}}" }, "map a path such as"},
	} {
		t.Run(name, func(t *testing.T) {
			a := sample()
			test.change(&a)
			_, err := Compile(a, nil)
			var ae *ActionError
			require.ErrorAs(t, err, &ae)
			assert.Contains(t, err.Error(), test.fault)
		})
	}
}

// A name that a faulty template has is not reported as unknown.
func TestCompile_RepeatOfAFaultyTemplate(t *testing.T) {
	_, err := Compile(Action{Method: "GET", URL: "https://h.example?tag={{tags}}&{{", Variables: map[string]string{"tags": "userDetail.tags"}, Repeat: []string{"tags"}}, nil)
	requireFaults(t, err, "placeholders: url: line 1, column 32: a placeholder must be closed by }}")
	assert.EqualError(t, err, "placeholders: url: line 1, column 32: a placeholder must be closed by }}", "one fault is one line")
}

// The Content-Type decides what the body is.
func TestCompile_BodyKinds(t *testing.T) {
	for typ, test := range map[string]struct{ body, want string }{
		"application/json":                        {`{"a":{{a}}}`, `{"a":"x\u0026\"y"}`},
		"application/vnd.api+json; charset=UTF-8": {`["{{a}}"]`, `["x\u0026\"y"]`},
		"application/x-www-form-urlencoded":       {"a={{a}}", "a=x%26%22y"},
		"text/plain; charset=utf-8":               {`"{{a}}" is as it is`, `"x&"y" is as it is`},
	} {
		c, err := Compile(Action{Method: "POST", URL: "https://h.example", Header: map[string]string{"content-type": typ}, Body: test.body, Variables: map[string]string{"a": "userDetail.a"}}, nil)
		require.NoError(t, err, typ)
		p, err := c.Preview(paths{"userDetail.a": `x&"y`})
		require.NoError(t, err, typ)
		assert.Equal(t, test.want, p.Body)
		assert.Equal(t, map[string]string{"Content-Type": typ}, p.Header)
	}
}

func TestCompile_Defaults(t *testing.T) {
	a := sample()
	delete(a.Variables, "orders")
	c, err := Compile(a, &Options{Defaults: map[string]any{"orders": 0, "token": "nobody's"}})
	require.NoError(t, err)
	source := customer()
	delete(source, "integrations.shop.token")
	request, err := c.Request(t.Context(), source)
	require.NoError(t, err)
	assert.Equal(t, "Bearer nobody's", request.Header.Get("Authorization"))
	p, err := c.Preview(source)
	require.NoError(t, err)
	assert.Contains(t, p.Body, `"orders":0`)

	_, err = Compile(a, &Options{Defaults: map[string]any{"orders": "0", "token": "\n"}})
	var ae *ActionError
	require.ErrorAs(t, err, &ae)
	requireField(t, err, `defaults["token"]`, "visible ASCII")
}

func TestRequest_Cookies(t *testing.T) {
	for _, cookie := range []string{"id={{id}}", "id={{id}}; x={{id}}", "Bearer={{id}}"} {
		a := Action{Method: "GET", URL: "https://h.example/", Header: map[string]string{"cookie": cookie}, Variables: map[string]string{"id": "userDetail.id"}}
		_, err := compile(t, a).Request(t.Context(), paths{"userDetail.id": "1; admin=1"})
		requireValue(t, err, "id", "only a part")
		_, err = Compile(a, &Options{Defaults: map[string]any{"id": "1; admin=1"}})
		requireField(t, err, `defaults["id"]`, "only a part")
	}
}

func TestRequest_MaxOutput(t *testing.T) {
	c, err := Compile(sample(), &Options{MaxOutput: 250})
	require.NoError(t, err)
	source := customer()
	source["userDetail.email"] = strings.Repeat("x", 100)
	_, err = c.Request(t.Context(), source)
	requireField(t, err, "body", "must be at most 250 bytes")
}

func TestParseAction(t *testing.T) {
	a, err := ParseAction([]byte(`{
		"method": "POST", "url": "https://h.example/{{id}}",
		"headers": {"X-Id": "{{id}}"},
		"body": {"a": [ {{id}} ], "b":{{ b }}},
		"variables": null, "defaults": {"b": null, "c": 1.5, "d": [9007199254740991]}, "repeat": ["id"]
	}`))
	require.NoError(t, err)
	assert.True(t, same(a, Action{
		Method: "POST", URL: "https://h.example/{{id}}", Header: map[string]string{"X-Id": "{{id}}"}, Body: `{"a": [ {{id}} ], "b":{{ b }}}`,
	}))
	assert.Equal(t, map[string]any{"b": nil, "c": json.Number("1.5"), "d": []any{json.Number("9007199254740991")}}, a.Defaults)
	assert.Equal(t, []string{"id"}, a.Repeat)

	a, err = ParseAction([]byte(`{"method":"POST","url":"u\u0026","headers":{"X-Id":"{{id}}"},"body": {"a": ["{{id}}",  1]} ,"variables":{"id":"userDetail.id"}}`))
	require.NoError(t, err)
	assert.True(t, same(a, Action{
		Method: "POST", URL: "u&", Header: map[string]string{"X-Id": "{{id}}"}, Body: `{"a": ["{{id}}",  1]}`, Variables: map[string]string{"id": "userDetail.id"},
	}))
	a, err = ParseAction([]byte(`{"body":"{\"a\":{{id}}}","headers":null,"method":null}`))
	require.NoError(t, err)
	assert.True(t, same(a, Action{Body: `{"a":{{id}}}`}))
	a, err = ParseAction([]byte(`{"body":[1]}`))
	require.NoError(t, err)
	assert.Equal(t, "[1]", a.Body)
}

func requireFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	var ae *ActionError
	require.ErrorAs(t, err, &ae)
	var got []string
	for _, fault := range ae.Faults {
		got = append(got, fault.Error())
	}
	require.Equal(t, want, got)
}

func TestParseAction_ReportsAllFaults(t *testing.T) {
	_, err := ParseAction([]byte(`{
  "method": {{m}},
  "url": ["https://h.example"],
  "header": {},
  "headers": {"X": null, "Y": {{y}}},
  "body": true,
  "variables": [],
  "defaults": {"a": {{a}}},
  "repeat": "a"
}`))
	const quotes = " (placeholders must be in quotes, except in a body)"
	requireFaults(t, err,
		`placeholders: body: must be a string, an object or a list`+quotes,
		`placeholders: defaults: must be an object without placeholders`+quotes,
		`placeholders: "header": is unknown (the members are method, url, headers, body, variables, defaults and repeat)`,
		`placeholders: headers: must be an object of strings`+quotes,
		`placeholders: method: must be a string`+quotes,
		`placeholders: repeat: must be a list of strings`+quotes,
		`placeholders: url: must be a string`+quotes,
		`placeholders: variables: must be an object of strings`+quotes,
	)
	for data, want := range map[string]string{
		"":                                 `placeholders: line 1, column 1: an action's file must be JSON: expected a value (a text must be in quotes)`,
		"{":                                `placeholders: line 1, column 2: an action's file must be JSON: expected a key in quotes (is there a comma too many?)`,
		" []":                              `placeholders: file: must be an object`,
		"null":                             `placeholders: file: must be an object`,
		"{{a}}":                            `placeholders: line 1, column 2: an action's file must be JSON: expected a key in quotes (is there a comma too many?)`,
		"{\"body\":{{a}":                   `placeholders: line 1, column 9: an action's file must be JSON: a placeholder must be closed by }}`,
		"{}\n{}":                           `placeholders: line 2, column 1: an action's file must be JSON: expected the end after the value`,
		`{"url":"a","url":"b"}`:            `placeholders: line 1, column 12: an action's file must be JSON: an object must not have a member twice`,
		`{"headers":{"a":"b","\u0061":1}}`: `placeholders: line 1, column 21: an action's file must be JSON: an object must not have a member twice`,
		`{"url":"\ud800"}`:                 `placeholders: line 1, column 8: an action's file must be JSON: a string must not have half of a surrogate pair, such as \ud83d`,
		`{"url":"\u0000"}`:                 `placeholders: line 1, column 8: an action's file must be JSON: a string must not contain NUL`,
		"{\"a\xff\":1}":                    `placeholders: line 1, column 4: an action's file must be valid UTF-8 without NUL`,
		"{\"a\x00\":1}":                    `placeholders: line 1, column 4: an action's file must be valid UTF-8 without NUL`,
		strings.Repeat(" ", 1<<20) + "{}":  `placeholders: file: must be at most 1048576 bytes, got 1048578`,
	} {
		_, err := ParseAction([]byte(data))
		requireFaults(t, err, want)
	}
	_, err = ParseAction([]byte(strings.Repeat(" ", 1<<20-2) + "{}"))
	require.NoError(t, err)
}

func TestAction_UnmarshalJSON(t *testing.T) {
	var file struct{ Actions []Action }
	require.NoError(t, json.Unmarshal([]byte(`{"actions":[{"method":"GET","url":"https://h.example"}]}`), &file))
	require.Len(t, file.Actions, 1)
	assert.Equal(t, "GET", file.Actions[0].Method)
	err := json.Unmarshal([]byte(`{"actions":[{"Method":"GET"}]}`), &file)
	requireFaults(t, err, `placeholders: "Method": is unknown (the members are method, url, headers, body, variables, defaults and repeat)`)
}

// Plain data is not redacted: it is written and read without loss.
func TestAction_JSONRoundTrip(t *testing.T) {
	a := sample()
	a.Defaults = map[string]any{"plan": "free", "phone": nil, "n": json.Number("1.5")}
	a.Repeat = []string{"tags"}
	b, err := json.Marshal(a)
	require.NoError(t, err)
	again, err := ParseAction(b)
	require.NoError(t, err)
	assert.True(t, same(a, again))

	b, err = json.Marshal(map[string]any{"a": a, "b": &a})
	require.NoError(t, err)
	var both map[string]Action
	require.NoError(t, json.Unmarshal(b, &both))
	for _, again := range both {
		assert.True(t, same(a, again))
		assert.Equal(t, a.Defaults, again.Defaults)
		assert.Equal(t, a.Repeat, again.Repeat)
	}

	a.Header["X"] = "\xff"
	_, err = json.Marshal(a)
	requireField(t, err, `action["headers"]["X"]`, "must be valid UTF-8")
	a = sample()
	a.Defaults = map[string]any{"n": math.NaN()}
	_, err = json.Marshal(a)
	requireField(t, err, `action["defaults"]["n"]`, "must be a finite number")
}
