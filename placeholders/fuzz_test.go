package placeholders

import (
	"encoding/json"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
	"github.com/stretchr/testify/require"
)

// The fuzz targets generate templates and values. Either Parse rejects a template,
// or what it renders has, decoded by the standard library at every level, the
// structure of the template with plain words in it, and the values in the places
// of the words.

// A word is a value that no language reads as anything but itself.
const firstWord, secondWord = "qqfirstqq", "qqsecondqq"

// inserted replaces the words in decoded text with the values.
func inserted(text, first, second string) string {
	return strings.NewReplacer(firstWord, first, secondWord, second).Replace(text)
}

// hasWord reports whether text has a word: only then do values reach it.
func hasWord(text string) bool {
	return strings.Contains(text, firstWord) || strings.Contains(text, secondWord)
}

// valuesFor gives the placeholders of a template the two values in turn.
func valuesFor(t *Template, first, second string) Values {
	values := Values{}
	for i, name := range t.Names() {
		values[name] = []string{first, second}[i%2]
	}
	return values
}

// renderBoth renders a template with words and with values.
func renderBoth(t *testing.T, src string, kind Kind, first, second string) (plain, rendered string, ok bool) {
	template, err := Parse(src, kind, nil)
	if err != nil || strings.Contains(src, "qq") || strings.Contains(first+second, "qq") {
		return "", "", false
	}
	if plain, err = template.Render(valuesFor(template, firstWord, secondWord)); err != nil {
		requireOurs(t, err)
		return "", "", false
	}
	if rendered, err = template.Render(valuesFor(template, first, second)); err != nil {
		requireOurs(t, err)
		return "", "", false
	}
	return plain, rendered, true
}

// requireOurs expects an error that was made for the fault, and is short.
func requireOurs(t *testing.T, err error) {
	t.Helper()
	var ve *ValueError
	var fe *FieldError
	require.True(t, errors.As(err, &ve) || errors.As(err, &fe), "%v", err)
	require.Less(t, len(err.Error()), 1000)
}

// requireSameText compares a decoded text with the plain one: it has the values in
// the places of the words; and where the plain text is JSON, a form or a URL, the
// rendered text is one of the same structure.
func requireSameText(t *testing.T, plain, rendered, first, second string) {
	t.Helper()
	require.Equal(t, inserted(plain, first, second), rendered)
	if !hasWord(plain) || plain == firstWord || plain == secondWord {
		return // a whole value is what the operator put there
	}
	for _, digit := range []string{"1", firstWord} { // JSON has no words without quotes
		var tree, got any
		text := strings.NewReplacer(firstWord, digit, secondWord, digit).Replace(plain)
		if json.Unmarshal([]byte(text), &tree) == nil && strings.ContainsAny(text, `[{"`) {
			require.NoError(t, json.Unmarshal([]byte(rendered), &got), "JSON within text: %q", rendered)
			requireSameTree(t, tree, got, first, second)
		}
	}
}

// requireSamePair is requireSameText for the value of a form or a query.
func requireSamePair(t *testing.T, plain, rendered, first, second string) {
	t.Helper()
	requireSameText(t, plain, rendered, first, second)
	if !hasWord(plain) || plain == firstWord || plain == secondWord {
		return
	}
	if strings.Contains(plain, "=") {
		t.Fatalf("a form within a value: %q", plain)
	}
	if u, err := url.Parse(plain); err == nil && (u.Host != "" || strings.HasPrefix(plain, "/")) && !hasWord(u.Scheme) {
		t.Fatalf("a URL within a value: %q", plain)
	}
	if again, err := url.QueryUnescape(plain); err == nil && strings.Contains(plain, "%") && again != plain {
		t.Fatalf("escapes within a value: %q", plain)
	}
}

// requireSameTree compares decoded JSON.
func requireSameTree(t *testing.T, plain, rendered any, first, second string) {
	t.Helper()
	switch plain := plain.(type) {
	case map[string]any:
		got, _ := rendered.(map[string]any)
		require.Equal(t, len(plain), len(got))
		for key, member := range plain {
			require.False(t, hasWord(key))
			require.Contains(t, got, key)
			requireSameTree(t, member, got[key], first, second)
		}
	case []any:
		got, _ := rendered.([]any)
		require.Equal(t, len(plain), len(got))
		for i, item := range plain {
			requireSameTree(t, item, got[i], first, second)
		}
	case string:
		got, ok := rendered.(string)
		require.True(t, ok, "%T", rendered)
		requireSameText(t, plain, got, first, second)
	default:
		require.Equal(t, plain, rendered)
	}
}

// requireSamePairs compares a form or a query.
func requireSamePairs(t *testing.T, plain, rendered, first, second string) {
	t.Helper()
	want, err := url.ParseQuery(plain)
	require.NoError(t, err)
	got, err := url.ParseQuery(rendered)
	require.NoError(t, err)
	require.Equal(t, len(want), len(got))
	for name, values := range want {
		require.False(t, hasWord(name))
		require.Equal(t, len(values), len(got[name]), name)
		for i, v := range values {
			requireSamePair(t, v, got[name][i], first, second)
		}
	}
}

func seed(f *testing.F, templates ...string) {
	for _, src := range templates {
		f.Add(src, "x", "y")
		for _, attacked := range attacks {
			f.Add(src, attacked, ".")
		}
	}
}

func FuzzJSON(f *testing.F) {
	seed(f, `{"a":"{{a}}","k":{"b":{{b}}}}`, `["{{a}}{{b}}", "x{{b}}", {{a}}]`, `{"it's":"can't {{a}} {{{{\n\u00fc\/"}`,
		`{"a":"\u0022{{a}}\u0022"}`, `{"a":"'{{a}}'"}`, `{"a":"[{{a}},{{b}}]"}`, `{"a":"{ {{a}} }"}`, `{"a":"$x${{a}}$x$"}`)
	f.Fuzz(func(t *testing.T, src, first, second string) {
		plain, rendered, ok := renderBoth(t, src, JSON, first, second)
		if !ok {
			return
		}
		var want, got any
		require.NoError(t, json.Unmarshal([]byte(plain), &want), "%q", plain)
		require.NoError(t, json.Unmarshal([]byte(rendered), &got), "%q", rendered)
		requireSameTree(t, want, got, first, second)

		// An object in the place of a whole value changes nothing beside it.
		template := mustParse(t, src, JSON)
		values := Values{}
		for i, name := range template.Names() {
			values[name] = []any{map[string]any{first: []any{second, nil, 1.5}}, json.RawMessage(first), json.Number(second)}[i%3]
		}
		if rendered, err := template.Render(values); err == nil {
			require.True(t, json.Valid([]byte(rendered)), "%q", rendered)
		}
	})
}

func FuzzURL(f *testing.F) {
	seed(f, "https://h.example/{{a}}{{b}}/x?q={{a}}{{b}}&r=1", "https://h.example/.{{a}}/%2e{{b}};{{a}}", "http://127.0.0.1/{{a}}", "https://h.example?q={{a}}",
		"https://h.example/a('{{a}}')", "https://h.example/x?$filter=a%20eq%20'{{a}}'", "https://h.example/x?u=https%3A%2F%2Fx%2F{{a}}", "https://h.example/x?u=a%3D{{a}}",
		"https://h.example/x?u=%2522{{a}}", "https://h.example/x?u=%7B{{a}}%7D", "https://h.example/x%25{{a}}")
	f.Fuzz(func(t *testing.T, src, first, second string) {
		plain, rendered, ok := renderBoth(t, src, URL, first, second)
		if !ok {
			return
		}
		want, err := url.Parse(plain)
		require.NoError(t, err)
		got, err := url.Parse(rendered)
		require.NoError(t, err)
		require.Equal(t, []any{want.Scheme, want.Host}, []any{got.Scheme, got.Host})
		require.False(t, hasWord(want.Scheme+want.Host))
		require.Nil(t, got.User)
		require.Empty(t, got.Fragment)
		require.Equal(t, rendered, got.String())
		requireSamePath(t, want, got, first, second)
		requireSamePairs(t, want.RawQuery, got.RawQuery, first, second)
	})
}

func requireSamePath(t *testing.T, want, got *url.URL, first, second string) {
	plain, rendered := strings.Split(want.EscapedPath(), "/"), strings.Split(got.EscapedPath(), "/")
	require.Equal(t, len(plain), len(rendered))
	for i := range plain {
		want, err := url.PathUnescape(plain[i])
		require.NoError(t, err)
		got, err := url.PathUnescape(rendered[i])
		require.NoError(t, err)
		requireSameText(t, want, got, first, second)
	}
	// Encoded slashes are the template's own. Without them, nothing is left that
	// cleaning changes, however often a server decodes.
	decoded := strings.TrimSuffix(got.EscapedPath(), "/")
	for range 4 {
		require.True(t, decoded == "" || path.Clean(decoded) == decoded, decoded)
		next, err := url.PathUnescape(decoded)
		if err != nil || strings.HasSuffix(next, "/") {
			break
		}
		decoded = next
	}
}

func FuzzForm(f *testing.F) {
	seed(f, "a={{a}}&b={{b}}", "a={{a}}{{b}}&a=%41+", "payload=%7B%22text%22%3A%22{{a}}%22%7D", "a=b%3D{{a}}", "a=b={{a}}%26c", "u=/x/{{a}}", "u=https://x/?{{a}}",
		"a=%2522{{a}}%2522", "a=%255B{{a}}", "a=%5B{{a}},{{b}}%5D", "a=100%25{{a}}", "a=can't+{{a}}", "a='{{a}}'")
	f.Fuzz(func(t *testing.T, src, first, second string) {
		if plain, rendered, ok := renderBoth(t, src, Form, first, second); ok {
			requireSamePairs(t, plain, rendered, first, second)
		}
	})
}

// A repeated parameter is the list, and changes nothing beside it.
func FuzzRepeat(f *testing.F) {
	f.Add("a={{a}}&b={{b}}&c={{a}}", "x", "y&z=1", uint8(2))
	f.Add("a={{a}}", "", "", uint8(0))
	f.Fuzz(func(t *testing.T, src, first, second string, count uint8) {
		template, err := Parse(src, Form, &Options{Repeat: []string{"a"}})
		if err != nil {
			return
		}
		list := []string{first, second, "z"}[:count%4]
		rendered, err := template.Render(Values{"a": list, "b": firstWord})
		missing := slices.ContainsFunc(template.Names(), func(name string) bool { return name != "a" && name != "b" })
		if err != nil {
			require.True(t, missing || value.Text(first+second) != "" || len(rendered) == 0, "%v", err)
			return
		}
		got, err := url.ParseQuery(rendered)
		require.NoError(t, err)
		want := url.Values{}
		for pair := range strings.SplitSeq(strings.ReplaceAll(src, "{{b}}", firstWord), "&") {
			name, content, _ := strings.Cut(pair, "=")
			name, err := url.QueryUnescape(name)
			if err != nil || strings.Contains(content, "{{") && content != "{{a}}" || strings.Contains(content, "{{{{") {
				return // the template has another form of a name or value
			}
			if content == "{{a}}" {
				want[name] = append(want[name], list...)
				continue
			}
			content, err = url.QueryUnescape(content)
			require.NoError(t, err)
			want[name] = append(want[name], content)
		}
		for name := range want {
			if len(want[name]) == 0 {
				delete(want, name)
			}
		}
		delete(want, "")
		require.Equal(t, want, got)
	})
}

// A header is visible ASCII without white space at its edges; where a value is a
// part of it, the value has nothing that ends the part.
func FuzzHeader(f *testing.F) {
	seed(f, "{{a}}", "Bearer {{a}}", "a={{a}}; b={{b}}", "{{a}}{{b}}", "Basic {{a}}", "Basic {{a}}:{{b}}", "`{{a}}`")
	f.Fuzz(func(t *testing.T, src, first, second string) {
		plain, rendered, ok := renderBoth(t, src, Header, first, second)
		if !ok {
			return
		}
		require.Equal(t, inserted(plain, first, second), rendered)
		require.False(t, strings.ContainsFunc(rendered, func(r rune) bool { return r < ' ' || r >= 0x7f }), "%q", rendered)
		require.Equal(t, strings.TrimSpace(rendered), rendered)
		if scheme, rest, _ := strings.Cut(rendered, " "); strings.EqualFold(scheme, "Basic") && hasWord(plain) {
			require.NotContains(t, rest, ":")
			require.NotContains(t, rest, " ")
		}
		if p := mustParse(t, src, Header).reveal().parts; len(p) > 0 && p[0].position == headerPart {
			for _, c := range "\"'`\\,;" {
				require.Equal(t, strings.Count(plain, string(c)), strings.Count(rendered, string(c)))
			}
		}
	})
}

// Text is the template with the values, and nothing else.
func FuzzText(f *testing.F) {
	seed(f, "{{a}} and {{b}}", "{{{{a}}{{a}}")
	f.Fuzz(func(t *testing.T, src, first, second string) {
		if plain, rendered, ok := renderBoth(t, src, Text, first, second); ok {
			require.Equal(t, inserted(plain, first, second), rendered)
		}
	})
}

// Whatever the template, parsing it neither panics nor points outside of it.
func FuzzParse(f *testing.F) {
	for _, src := range []string{"{{a}}", "{{{{", "{{{a}}}", `{"a":"{{a}}","b":{{b}}}`, "https://h.example/{{a}}?b={{b}}", "a={{a}}", "a={{x}}&b", "Bearer {{a}}", "ü\n{{"} {
		for k := Text; k <= Header; k++ {
			f.Add(src, int(k))
		}
	}
	f.Fuzz(func(t *testing.T, src string, k int) {
		template, err := Parse(src, Kind(k), nil)
		if err == nil {
			for _, name := range template.Names() {
				require.Empty(t, checkName(name))
			}
			_, err := template.Render(nil)
			var me *MissingError
			require.Equal(t, len(template.Names()) > 0, errors.As(err, &me), "%v", err)
			return
		}
		if k < int(Text) || k > int(Header) {
			requireField(t, err, "kind", "must be")
			return
		}
		var se *SyntaxError
		require.ErrorAs(t, err, &se)
		lines := strings.Split(src, "\n")
		require.True(t, 1 <= se.Line && se.Line <= len(lines), se)
		require.True(t, 1 <= se.Column && se.Column <= 1+utf8.RuneCountInString(lines[se.Line-1]), se)
		require.Less(t, len(se.Error()), 1000)
	})
}

// What our reader of JSON accepts is JSON, and what it decodes is what encoding/json
// decodes. It rejects nothing but a member twice, NUL, half a surrogate pair, and
// deep nesting.
func FuzzJSONReader(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,false,null,"\u00fc\n"]}`, `{"a":1,"a":2}`, `"\ud83d\ude00"`, "[0]", "-", "01", "1e", `"\x"`, "{}", "[,]", "nul"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, nul) || !utf8.ValidString(s) {
			return
		}
		r := jsonReader{text: s}
		members := map[string]string{}
		r.onMember = func(key string, start, end int) {
			if r.depth == 1 {
				members[key] = s[start:end]
			}
		}
		if rule := r.read(); rule != "" {
			special := strings.Contains(rule, "twice") || strings.Contains(rule, "NUL") || strings.Contains(rule, "surrogate") || strings.Contains(rule, "deep")
			require.True(t, special || !json.Valid([]byte(s)), "%s: %q", rule, s)
			return
		}
		require.True(t, json.Valid([]byte(s)), "%q", s)
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(s), &object) != nil {
			object = nil
		}
		if strings.HasPrefix(strings.TrimSpace(s), "{") {
			require.Equal(t, len(object), len(members))
			for key, raw := range object {
				require.Equal(t, string(raw), members[key])
			}
		}
	})
}

// An action that is read is written and read as the same, and compiling it neither
// panics nor shows its texts.
func FuzzAction(f *testing.F) {
	b, err := json.Marshal(sample())
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte(`{"method":"POST","url":"https://h.example/{{a}}?t={{t}}","body":{"a":["{{a}}",null,{{b}}]},"variables":{"a":"userDetail.a","t":"userDetail.t"},"defaults":{"b":null},"repeat":["t"]}`))
	f.Add([]byte(`{"method":"POST","url":"https://h.example","headers":{"content-type":"application/x-www-form-urlencoded"},"body":"a={{a}}","body":1,"x":2}`))
	f.Add([]byte(`{"headers":{"a":1,"a":"\ud800"},"variables":[],"method":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAction(data)
		if err != nil {
			var ae *ActionError
			require.ErrorAs(t, err, &ae)
			require.NotEmpty(t, ae.Faults)
			require.Less(t, len(err.Error()), 5000)
			return
		}
		if b, err = json.Marshal(a); err != nil {
			var fe *FieldError
			require.ErrorAs(t, err, &fe)
			return // a default that JSON cannot hold exactly
		}
		again, err := ParseAction(b)
		require.NoError(t, err)
		require.Equal(t, []any{a.Method, a.URL, a.Body}, []any{again.Method, again.URL, again.Body})
		require.Equal(t, len(a.Header), len(again.Header))
		require.Equal(t, len(a.Defaults), len(again.Defaults))
		c, err := Compile(a, nil)
		if err != nil {
			var ae *ActionError
			require.ErrorAs(t, err, &ae)
			require.NotEmpty(t, ae.Faults)
			require.Less(t, len(err.Error()), 12_000)
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
