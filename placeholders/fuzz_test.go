package placeholders

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// valuesFor gives the placeholders of a template the two texts in turn.
func valuesFor(t *Template, a, b string) Values {
	values := Values{}
	for i, name := range t.Names() {
		values[name] = []string{a, b}[i%2]
	}
	return values
}

// requireOurs wants an error that was made for the fault, and is short.
func requireOurs(t *testing.T, err error) {
	t.Helper()
	var ve *ValueError
	var fe *FieldError
	require.True(t, errors.As(err, &ve) || errors.As(err, &fe), "%v", err)
	require.Less(t, len(err.Error()), 1000)
}

func seedAttacks(f *testing.F, templates ...string) {
	for _, src := range templates {
		f.Add(src, "x", "y")
		for _, value := range attacks {
			f.Add(src, value, ".")
		}
	}
}

// Whatever the template, parsing it neither panics nor points outside of it.
func FuzzParse(f *testing.F) {
	for _, src := range []string{"{{a}}", "{{{{", "{{{a}}}", `{"a":"{{a}}","b":{{b}}}`, "https://h.example/{{a}}?b={{b}}", "a={{a}}", "Bearer {{a}}", "ü\n{{"} {
		for c := Text; c <= Header; c++ {
			f.Add(src, int(c))
		}
	}
	f.Fuzz(func(t *testing.T, src string, c int) {
		template, err := Parse(src, Context(c), nil)
		if err == nil {
			for _, name := range template.Names() {
				at, _ := checkName(name, 128)
				require.Equal(t, -1, at)
			}
			_, err := template.Render(nil)
			var me *MissingError
			require.Equal(t, len(template.Names()) > 0, errors.As(err, &me), "%v", err)
			return
		}
		if c < int(Text) || c > int(Header) {
			requireField(t, err, "context", "must be")
			return
		}
		var se *SyntaxError
		require.ErrorAs(t, err, &se)
		require.True(t, 0 <= se.Offset && se.Offset <= len(src), se)
		before := src[:se.Offset]
		require.Equal(t, 1+strings.Count(before, "\n"), se.Line)
		require.Equal(t, 1+utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]), se.Column)
		require.Less(t, len(se.Error()), 1000)
	})
}

// An accepted JSON template gives JSON with the same keys, whatever the values,
// and a string that is one placeholder is the value.
func FuzzJSON(f *testing.F) {
	seedAttacks(f, `{"a":"{{a}}","k":{"b":{{b}}}}`, `["{{a}}{{b}}", "x{{b}}", {{a}}]`, `{"it's":"{{a}}'s {{{{"}`)
	f.Fuzz(func(t *testing.T, src, a, b string) {
		template, err := Parse(src, JSON, nil)
		if err != nil {
			return
		}
		plain, err := template.Render(valuesFor(template, "x", "x"))
		if err != nil {
			requireOurs(t, err) // the output's length
			return
		}
		rendered, err := template.Render(valuesFor(template, a, b))
		if err != nil {
			requireOurs(t, err)
			return
		}
		require.True(t, json.Valid([]byte(rendered)), "%q", rendered)
		require.Equal(t, keysOf(t, plain), keysOf(t, rendered))

		// As an element of a list, the value itself is compared.
		list := mustParse(t, `["{{a}}",{{a}},"<{{b}}>"]`, JSON)
		rendered, err = list.Render(Values{"a": a, "b": b})
		if err != nil {
			require.False(t, utf8.ValidString(a) && utf8.ValidString(b))
			return
		}
		var got []string
		require.NoError(t, json.Unmarshal([]byte(rendered), &got))
		require.Equal(t, []string{a, a, "<" + b + ">"}, got)

		// An object in the place of a value changes nothing beside it.
		rendered, err = template.Render(objectsFor(template, a, b))
		if err == nil {
			require.True(t, json.Valid([]byte(rendered)), "%q", rendered)
		}
	})
}

func objectsFor(t *Template, a, b string) Values {
	values := Values{}
	for i, name := range t.Names() {
		values[name] = []any{map[string]any{a: []any{b, nil, 1.5}}, json.RawMessage(a), json.Number(b)}[i%3]
	}
	return values
}

// keysOf returns the keys of a JSON text and the structure that they are in.
func keysOf(t *testing.T, s string) (keys []any) {
	d := json.NewDecoder(strings.NewReader(s))
	type level struct{ object, key bool }
	levels := []level{{}}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return keys
		}
		require.NoError(t, err)
		top := &levels[len(levels)-1]
		switch delim, _ := token.(json.Delim); {
		case delim == '{' || delim == '[':
			top.key = true
			levels = append(levels, level{delim == '{', true})
			keys = append(keys, token)
		case delim == '}' || delim == ']':
			levels = levels[:len(levels)-1]
			keys = append(keys, token)
		case top.object && top.key:
			keys = append(keys, token)
			top.key = false
		default:
			top.key = true
		}
	}
}

// An accepted URL keeps scheme, host, path segments and the names of its
// parameters, whatever the values, and has nothing that a server collapses.
func FuzzURL(f *testing.F) {
	seedAttacks(f, "https://h.example/{{a}}{{b}}/x?q={{a}}{{b}}&r=1", "https://h.example/.{{a}}/%2e{{b}};{{a}}", "http://127.0.0.1/{{a}}", "https://h.example?q={{a}}")
	f.Fuzz(func(t *testing.T, src, a, b string) {
		template, err := Parse(src, URL, nil)
		if err != nil {
			return
		}
		plain, err := template.Render(valuesFor(template, "x", "x"))
		if err != nil {
			requireOurs(t, err)
			return
		}
		rendered, err := template.Render(valuesFor(template, a, b))
		if err != nil {
			requireOurs(t, err)
			return
		}
		want, err := url.Parse(plain)
		require.NoError(t, err)
		got, err := url.Parse(rendered)
		require.NoError(t, err)
		require.True(t, template.reveal().shape.same(rendered))
		require.Equal(t, want.Scheme, got.Scheme)
		require.Equal(t, want.Host, got.Host)
		require.Nil(t, got.User)
		require.Empty(t, got.Fragment)
		require.NotContains(t, rendered, "#")
		require.Equal(t, rendered, got.String())
		require.Equal(t, strings.Count(want.EscapedPath(), "/"), strings.Count(got.EscapedPath(), "/"))

		// Encoded slashes are the template's own. Once they are gone, nothing is
		// left that cleaning would change, however often a server decodes.
		decoded := strings.TrimSuffix(got.EscapedPath(), "/")
		for range 4 {
			require.True(t, decoded == "" || path.Clean(decoded) == decoded, decoded)
			next, err := url.PathUnescape(decoded)
			if err != nil || strings.HasSuffix(next, "/") {
				break
			}
			decoded = next
		}

		wantQuery, err := url.ParseQuery(want.RawQuery)
		require.NoError(t, err)
		gotQuery, err := url.ParseQuery(got.RawQuery)
		require.NoError(t, err)
		require.Equal(t, len(wantQuery), len(gotQuery))
		for name := range wantQuery {
			require.Equal(t, len(wantQuery[name]), len(gotQuery[name]))
		}
	})
}

// A form keeps its names, and one that is a value gives the value back.
func FuzzForm(f *testing.F) {
	seedAttacks(f, "a={{a}}&b={{b}}", "a={{a}}{{b}}&a=%41+")
	f.Fuzz(func(t *testing.T, src, a, b string) {
		template, err := Parse(src, Form, nil)
		if err != nil {
			return
		}
		plain, err := template.Render(valuesFor(template, "x", "x"))
		if err != nil {
			requireOurs(t, err)
			return
		}
		rendered, err := template.Render(valuesFor(template, a, b))
		if err != nil {
			requireOurs(t, err)
			return
		}
		want, err := url.ParseQuery(plain)
		require.NoError(t, err)
		got, err := url.ParseQuery(rendered)
		require.NoError(t, err)
		require.Equal(t, len(want), len(got))
		for name := range want {
			require.Equal(t, len(want[name]), len(got[name]))
		}
		rendered, err = mustParse(t, "a={{a}}&b=x{{b}}", Form).Render(Values{"a": a, "b": b})
		if err != nil {
			requireOurs(t, err) // the template above may have had no place for b
			return
		}
		got, err = url.ParseQuery(rendered)
		require.NoError(t, err)
		require.Equal(t, url.Values{"a": {a}, "b": {"x" + b}}, got)
	})
}

// A header has no line ends, NULs or other control characters, and where its
// value is a part, nothing that ends the part.
func FuzzHeader(f *testing.F) {
	seedAttacks(f, "{{a}}", "Bearer {{a}}", "a={{a}}; b={{b}}", "{{a}}{{b}}")
	f.Fuzz(func(t *testing.T, src, a, b string) {
		template, err := Parse(src, Header, nil)
		if err != nil {
			return
		}
		rendered, err := template.Render(valuesFor(template, a, b))
		if err != nil {
			requireOurs(t, err)
			return
		}
		require.False(t, strings.ContainsFunc(rendered, func(r rune) bool { return r < ' ' || r >= 0x7f }), "%q", rendered)
		require.Equal(t, strings.TrimSpace(rendered), rendered)
		plain, err := template.Render(valuesFor(template, "x", "x"))
		require.NoError(t, err)
		if len(template.reveal().parts) > 0 && template.reveal().parts[0].place == headerPart {
			for _, c := range "\"'`\\,;" {
				require.Equal(t, strings.Count(plain, string(c)), strings.Count(rendered, string(c)))
			}
		}
	})
}

// What is read as an action is written and read as the same, and compiling it
// neither panics nor tells its texts.
func FuzzAction(f *testing.F) {
	b, err := sample().JSON()
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte(`{"method":"POST","url":"https://h.example/{{a}}","body":{"a":["{{a}}",null]},"variables":{"a":"userDetail.a"}}`))
	f.Add([]byte(`{"method":"POST","url":"https://h.example","headers":{"content-type":"application/x-www-form-urlencoded"},"body":"a={{a}}","body":1,"x":2}`))
	f.Add([]byte(`{"headers":{"a":1,"a":"\ud800"},"variables":[],"method":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAction(data)
		if err != nil {
			var ae *ActionError
			require.ErrorAs(t, err, &ae)
			require.NotEmpty(t, ae.Faults)
			for _, fault := range ae.Faults {
				var se *SyntaxError
				require.ErrorAs(t, fault, &se)
				require.True(t, 0 <= se.Offset && se.Offset <= len(data))
			}
			require.Less(t, len(err.Error()), 5000)
			return
		}
		b, err := a.JSON()
		require.NoError(t, err)
		again, err := ParseAction(b)
		require.NoError(t, err)
		if len(a.Header) == 0 {
			a.Header = again.Header
		}
		if len(a.Variables) == 0 {
			a.Variables = again.Variables
		}
		require.True(t, same(a, again), "%s", b)
		c, err := Compile(a, nil)
		if err != nil {
			var ae *ActionError
			require.ErrorAs(t, err, &ae)
			require.NotEmpty(t, ae.Faults)
			require.Less(t, len(err.Error()), 5000)
			return
		}
		source := paths{}
		for _, path := range a.Variables {
			source[path] = "x"
		}
		r, err := c.Request(t.Context(), source)
		require.NoError(t, err)
		require.NotEmpty(t, r.URL.Host)
		_, err = c.Preview(source)
		require.NoError(t, err)
	})
}
