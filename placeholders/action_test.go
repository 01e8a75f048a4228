package placeholders

import (
	"context"
	"encoding/json"
	"io"
	"maps"
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

func TestRequestRefuses(t *testing.T) {
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
	assert.EqualError(t, err, "placeholders: url: the value of id (string) must not put a slash or a backslash into a path segment, encoded or not")

	_, err = c.Request(t.Context(), paths{"userDetail.id": "1"})
	assert.Equal(t, &MissingError{Names: []string{"userEmail", "token", "orders"}}, err)
	_, err = c.Preview(paths{})
	assert.Equal(t, &MissingError{Names: c.Names()}, err)
}

type pointer struct{}

func (*pointer) Lookup(string) (any, bool) { panic("called on nothing") }

// same compares actions; assert would print them.
func same(a, b Action) bool {
	return a.Method == b.Method && a.URL == b.URL && a.Body == b.Body && maps.Equal(a.Header, b.Header) && maps.Equal(a.Variables, b.Variables)
}

func TestActionWithoutBody(t *testing.T) {
	request, err := compile(t, Action{Method: "GET", URL: "https://h.example/x"}).Request(t.Context(), customer())
	require.NoError(t, err)
	assert.Nil(t, request.Body)
	assert.Empty(t, request.Header)
	assert.Equal(t, "https://h.example/x", request.URL.String())
}

func TestActionWithForm(t *testing.T) {
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

func TestActionIsCopied(t *testing.T) {
	a := sample()
	c := compile(t, a)
	clear(a.Header)
	clear(a.Variables)
	p, err := c.Preview(customer())
	require.NoError(t, err)
	assert.Contains(t, p.Header, "Authorization")
	assert.Equal(t, []string{"id", "userEmail", "token", "orders"}, c.Names())
}

func TestCompileTellsEveryFault(t *testing.T) {
	a := Action{
		Method: "post",
		URL:    "https://api.{{host}}/x",
		Header: map[string]string{
			"Host":                   "evil.com",
			"X-{{name}}":             "x",
			"X Y":                    "x",
			"Transfer-encoding":      "chunked",
			"Content-Type":           "text/plain",
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
		`method must be GET, HEAD, POST, PUT, PATCH or DELETE, in capitals`,
		`url: line 1, column 13: a placeholder must not stand in the scheme, the user information, the host or the port of a URL: it must stand in a path segment or in the value of a query parameter`,
		`url: line 1, column 13: host must be one of the variables`,
		`headers["Content-Type"] must be application/json, another type of JSON, or application/x-www-form-urlencoded, in UTF-8 and without a placeholder`,
		`headers["Host"] must not be set: HTTP needs this header for itself`,
		`headers["Transfer-encoding"] must not be set: HTTP needs this header for itself`,
		`headers["X Y"] must have the name of an HTTP header`,
		`headers["X-Cut"]: line 1, column 2: a header must have only visible characters of ASCII, and spaces`,
		`headers["X-HTTP-Method-Override"] must have no placeholder: by a header of this name a server may take the request for another, or for that of another client (placeholders may be in Authorization, and in names that end in -Key, -Token, -Id, -Version or the like)`,
		`headers["X-Note"]: line 1, column 8: nobody must be one of the variables`,
		`headers["X-Note"]: line 1, column 20: unknown must be one of the variables`,
		`headers["X-{{name}}"] must have no placeholder in its name`,
		`headers["x-forwarded-host"] must have no placeholder: by a header of this name a server may take the request for another, or for that of another client (placeholders may be in Authorization, and in names that end in -Key, -Token, -Id, -Version or the like)`,
		`headers["x-twice"] must not be there twice, in other letters`,
		`body: line 2, column 4: a placeholder must not stand in a key`,
		`body: line 2, column 23: a placeholder must not stand in a string that has quotes or backslashes of its own: a value could end what they begin`,
		`body: line 3, column 8: nobody must be one of the variables`,
		`variables["bad name"] a name must have only letters and digits of ASCII and _ (a path is mapped to a name first)`,
		`variables["empty"] must be a path without empty keys`,
		`variables["iat"] must be a path that begins with userDetail. or integrations.`,
	}, got)
	assert.Contains(t, err.Error(), "placeholders: the action has 20 fault(s): method must")
	assert.Contains(t, err.Error(), "; and 15 more")
	var se *SyntaxError
	require.ErrorAs(t, err, &se)
	assert.Equal(t, "url", se.Field)
}

func TestEveryFaultOfAField(t *testing.T) {
	a := Action{
		Method: "POST", URL: "https://h.example//{{a}}/..?{{nobody}}&{{a}}=1#",
		Header:    map[string]string{"X-Id": "{{}} {{nobody}} {{a"},
		Variables: map[string]string{"a": "userDetail.a"},
	}
	_, err := Compile(a, nil)
	requireFaults(t, err,
		`placeholders: url: line 1, column 19: a path must have no empty segment: some servers take it out`,
		`placeholders: url: line 1, column 26: must not make a path segment of dots and spaces alone, with what stands beside it`,
		`placeholders: url: line 1, column 29: a placeholder must stand in the value of a parameter, behind its =`,
		`placeholders: url: line 1, column 29: nobody must be one of the variables`,
		`placeholders: url: line 1, column 40: a placeholder must stand in the value of a parameter, behind its =`,
		`placeholders: url: line 1, column 47: a URL must have no fragment: it would not be sent`,
		`placeholders: headers["X-Id"]: line 1, column 1: a placeholder must have a name`,
		`placeholders: headers["X-Id"]: line 1, column 6: nobody must be one of the variables`,
		`placeholders: headers["X-Id"]: line 1, column 17: a placeholder must be closed by }}`,
	)
}

func TestCompileRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Action)
		fault  string
	}{
		"no method":          {func(a *Action) { a.Method = "" }, "method must be GET"},
		"method placeholder": {func(a *Action) { a.Method = "{{id}}" }, "method must have no placeholder"},
		"CONNECT":            {func(a *Action) { a.Method = "CONNECT" }, "method must be GET"},
		"GET with a body":    {func(a *Action) { a.Method = "GET" }, "body must be empty with the method GET"},
		"no URL":             {func(a *Action) { a.URL = "" }, "url: line 1, column 1: a URL must begin with https://"},
		"http":               {func(a *Action) { a.URL = "http://api.example.com/" }, "must begin with https://, unless"},
		"form as JSON":       {func(a *Action) { a.Body = "a={{id}}" }, "body: line 1, column 1: the template must be JSON"},
		"JSON as a form":     {func(a *Action) { a.Header["Content-Type"] = formType }, "body: line 1, column 1: must be percent-encoded"},
		"type placeholder":   {func(a *Action) { a.Header["Content-Type"] = "{{id}}" }, "without a placeholder"},
		"charset":            {func(a *Action) { a.Header["Content-Type"] = "application/json; charset=latin1" }, "in UTF-8"},
		"no type":            {func(a *Action) { a.Header["Content-Type"] = "" }, "must be application/json"},
		"content length":     {func(a *Action) { a.Header["content-length"] = "1" }, "HTTP needs this header for itself"},
		"connection":         {func(a *Action) { a.Header["Connection"] = "close" }, "HTTP needs this header for itself"},
		"te":                 {func(a *Action) { a.Header["TE"] = "trailers" }, "HTTP needs this header for itself"},
		"proxy":              {func(a *Action) { a.Header["Proxy-Authorization"] = "x" }, "HTTP needs this header for itself"},
		"an empty name":      {func(a *Action) { a.Header[""] = "x" }, "must have the name of an HTTP header"},
		"line end in a name": {func(a *Action) { a.Header["X\r\nY"] = "x" }, "must have the name of an HTTP header"},
		"encoded":            {func(a *Action) { a.Header["Content-Encoding"] = "gzip" }, "HTTP needs this header for itself"},
		"httpoxy":            {func(a *Action) { a.Header["Proxy"] = "x" }, "HTTP needs this header for itself"},
		"underscores":        {func(a *Action) { a.Header["content_length"] = "1" }, "HTTP needs this header for itself"},
		"underscores, type":  {func(a *Action) { a.Header["Content_Type"] = "{{id}}" }, "HTTP needs this header for itself"},
		"method override":    {func(a *Action) { a.Header["X_HTTP_Method-Override"] = "{{id}}" }, "must have no placeholder"},
		"host":               {func(a *Action) { a.Header["X-Host"] = "{{id}}" }, "must have no placeholder"},
		"forwarded":          {func(a *Action) { a.Header["x-forwarded-uri"] = "{{id}}" }, "must have no placeholder"},
		"path override":      {func(a *Action) { a.Header["X-Envoy-Original-Path"] = "{{id}}" }, "must have no placeholder"},
		"a cookie's name":    {func(a *Action) { a.Header["Cookie"] = "a=1; {{id}}=2" }, "in the values of cookies alone"},
		"a whole cookie":     {func(a *Action) { a.Header["Cookie"] = "{{id}}" }, "in the values of cookies alone"},
		"a root":             {func(a *Action) { a.Variables["id"] = "userDetail" }, "must be a path without empty keys"},
		"another root":       {func(a *Action) { a.Variables["id"] = "exp" }, "must be a path that begins with"},
		"a variable is away": {func(a *Action) { delete(a.Variables, "orders") }, "body: line 1, column 35: orders must be one of the variables"},
		"a path in a header": {func(a *Action) { a.Header["X"] = "{{userDetail.id}}" }, "a path is mapped to a name first"},
		"a hundred and three": {func(a *Action) {
			for i := range 100 {
				a.Header["X-"+strings.Repeat("x", i)] = ""
			}
		}, "headers must be at most 100"},
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

func TestDefaultsOfAnAction(t *testing.T) {
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
	requireField(t, err, `Options.Defaults["token"]`, "visible characters")
}

func TestCookiesStayApart(t *testing.T) {
	for _, cookie := range []string{"id={{id}}", "id={{id}}; x={{id}}", "Bearer={{id}}"} {
		a := Action{Method: "GET", URL: "https://h.example/", Header: map[string]string{"cookie": cookie}, Variables: map[string]string{"id": "userDetail.id"}}
		_, err := compile(t, a).Request(t.Context(), paths{"userDetail.id": "1; admin=1"})
		requireValue(t, err, "id", "only a part")
		_, err = Compile(a, &Options{Defaults: map[string]any{"id": "1; admin=1"}})
		requireField(t, err, `Options.Defaults["id"]`, "only a part")
	}
}

func TestOutputOfAnActionIsBounded(t *testing.T) {
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
		"body": {"a": [ {{id}} ]},
		"variables": null
	}`))
	requireFaults(t, err, `placeholders: line 4, column 20: the file of an action must be JSON: invalid character '{' looking for beginning of object key string`)
	assert.True(t, same(Action{}, a))

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

func TestParseActionTellsEveryFault(t *testing.T) {
	_, err := ParseAction([]byte(`{
  "method": 1,
  "url": ["https://h.example"],
  "header": {},
  "headers": {"X": null, "Y": "a", "Y": "b", "Z": "\ud800"},
  "body": true,
  "variables": [],
  "body": "x"
}`))
	requireFaults(t, err,
		`placeholders: method: line 2, column 13: must be a string`,
		`placeholders: url: line 3, column 10: must be a string`,
		`placeholders: "header": line 4, column 13: there is no such member: they are method, url, headers, body and variables`,
		`placeholders: headers["X"]: line 5, column 20: must be a string`,
		`placeholders: headers["Y"]: line 5, column 41: must not be there twice`,
		`placeholders: headers["Z"]: line 5, column 51: must have no escapes of half a character`,
		`placeholders: body: line 6, column 11: must be a string, an object or a list`,
		`placeholders: variables: line 7, column 16: must be an object`,
		`placeholders: "body": line 8, column 11: must not be there twice`,
	)
	for data, want := range map[string]string{
		"":                                `placeholders: line 1, column 1: the file of an action must be JSON: unexpected end of JSON input`,
		"{":                               `placeholders: line 1, column 2: the file of an action must be JSON: unexpected end of JSON input`,
		" []":                             `placeholders: line 1, column 2: must be an object`,
		"null":                            `placeholders: line 1, column 1: must be an object`,
		"{}\n{}":                          `placeholders: line 2, column 1: the file of an action must be JSON: invalid character '{' after top-level value`,
		"{\"a\xff\":1}":                   `placeholders: line 1, column 4: the file of an action must be valid UTF-8`,
		strings.Repeat(" ", 1<<20) + "{}": `placeholders: line 1, column 1: the file of an action must have at most 1048576 bytes, has 1048578`,
	} {
		_, err := ParseAction([]byte(data))
		requireFaults(t, err, want)
	}
}

func TestActionWithinAnotherFile(t *testing.T) {
	var file struct{ Actions []Action }
	require.NoError(t, json.Unmarshal([]byte(`{"actions":[{"method":"GET","url":"https://h.example"}]}`), &file))
	require.Len(t, file.Actions, 1)
	assert.Equal(t, "GET", file.Actions[0].Method)
	err := json.Unmarshal([]byte(`{"actions":[{"Method":"GET"}]}`), &file)
	requireFaults(t, err, `placeholders: "Method": line 1, column 11: there is no such member: they are method, url, headers, body and variables`)
}

func TestActionIsWrittenAndRead(t *testing.T) {
	b, err := sample().JSON()
	require.NoError(t, err)
	assert.Contains(t, string(b), `orders?email={{userEmail}}&api_key=`)
	again, err := ParseAction(b)
	require.NoError(t, err)
	assert.True(t, same(sample(), again))
	a := sample()
	a.Header["X"] = "\xff"
	_, err = a.JSON()
	requireField(t, err, "action", "must be valid UTF-8")
}
