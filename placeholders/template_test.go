package placeholders

import (
	"database/sql"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustParse(t testing.TB, src string, c Kind) *Template {
	t.Helper()
	template, err := Parse(src, c, nil)
	require.NoError(t, err, "%q", src)
	return template
}

func render(t testing.TB, src string, c Kind, values Values) string {
	t.Helper()
	s, err := mustParse(t, src, c).Render(values)
	require.NoError(t, err, "%q", src)
	return s
}

// requireSyntax expects a fault at a byte of a template of one line of ASCII, and a rule that has words.
func requireSyntax(t testing.TB, err error, offset int, words string) {
	t.Helper()
	var se *SyntaxError
	require.ErrorAs(t, err, &se)
	require.Contains(t, se.Rule, words)
	require.Equal(t, []int{1, offset + 1}, []int{se.Line, se.Column}, se.Error())
}

func requireField(t testing.TB, err error, field, words string) {
	t.Helper()
	var fe *FieldError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, field, fe.Field)
	require.Contains(t, fe.Rule, words)
}

func requireValue(t testing.TB, err error, name, words string) {
	t.Helper()
	var ve *ValueError
	require.ErrorAs(t, err, &ve)
	require.Equal(t, name, ve.Name, ve.Error())
	require.Contains(t, ve.Rule, words)
}

func TestParse_Grammar(t *testing.T) {
	values := Values{"a": "1", "b_2": "2", "_": "3", "empty": "", strings.Repeat("n", 128): "4"}
	for src, want := range map[string]string{
		"":                                     "",
		"plain":                                "plain",
		"{{a}}":                                "1",
		"{{ a }}":                              "1",
		"{{\t\r\n a\n}}":                       "1",
		"{{a}}{{b_2}}{{_}}":                    "123",
		"{{" + strings.Repeat("n", 128) + "}}": "4",
		"{ {a} } }} }":                         "{ {a} } }} }",
		"{{a}}}":                               "1}",
		"{{a}}}}":                              "1}}",
		"{{{{":                                 "{{",
		"{{{{a}}":                              "{{a}}",
		"{{{{{a}}":                             "{{{a}}",
		"{{{{{{a}}":                            "{{1",
		"{{{{{{{{":                             "{{{{",
		"{{empty}}&b?{{empty}}&":               "&b?&",
		"ü{{a}}日本":                             "ü1日本",
	} {
		assert.Equal(t, want, render(t, src, Text, values), "%q", src)
	}
}

func TestParse_RejectsGrammar(t *testing.T) {
	for _, test := range []struct {
		src          string
		line, column int
		words        string
	}{
		{"{{", 1, 1, "must be closed"},
		{"ab{{name", 1, 3, "must be closed"},
		{"{{name}", 1, 1, "must be closed"},
		{"{{a {{b}}", 1, 1, "must be closed"},
		{"ü\nüü{{a", 2, 3, "must be closed"},
		{"{{{{\n{{{{{{a", 2, 5, "must be closed"},
		{"{{}}", 1, 1, "must have a name"},
		{"x{{ \n }}", 1, 2, "must have a name"},
		{"{{{a}}}", 1, 1, "three braces"},
		{"a{{{", 1, 2, "three braces"},
		{"{{1a}}", 1, 1, "not begin with a digit"},
		{"{{ -a}}", 1, 1, "only ASCII letters"},
		{"{{#a}}", 1, 1, "only ASCII letters"},
		{"{{a.b}}", 1, 1, "only ASCII letters"},
		{"{{a-b}}", 1, 1, "only ASCII letters"},
		{"{{a b}}", 1, 1, "only ASCII letters"},
		{"{{aä}}", 1, 1, "only ASCII letters"},
		{"{{a{b}}", 1, 1, "only ASCII letters"},
		{"{{a|upper}}", 1, 1, "only ASCII letters"},
		{"\r\n{{" + strings.Repeat("n", 129) + "}}", 2, 1, "at most 128 characters"},
		{"a\xff{{a}}", 1, 2, "valid UTF-8"},
		{"a\ufffd\x00{{a}}", 1, 3, "without NUL"},
		{strings.Repeat("x", 256<<10+1), 1, 1, "at most 262144 bytes, got 262145"},
		{strings.Repeat("{{a}}", 1001), 1, 5001, "at most 1000 placeholders"},
	} {
		_, err := Parse(test.src, Text, nil)
		var se *SyntaxError
		require.ErrorAs(t, err, &se, "%.40q", test.src)
		assert.Contains(t, se.Rule, test.words)
		assert.Equal(t, []int{test.line, test.column}, []int{se.Line, se.Column}, "%.40q", test.src)
	}
	_, err := Parse("x\n {{a", Text, nil)
	assert.EqualError(t, err, "placeholders: line 2, column 2: a placeholder must be closed by }}")
	render(t, strings.Repeat("{{a}}", 1000)+strings.Repeat("x", 256<<10-5000), Text, Values{"a": ""})
}

func TestParse_Options(t *testing.T) {
	for _, limit := range []int{-1, 1<<30 + 1} {
		_, err := Parse("", Text, &Options{MaxOutput: limit})
		requireField(t, err, "Options.MaxOutput", "must be from 0 to 1073741824")
		_, err = Compile(sample(), &Options{MaxOutput: limit})
		requireField(t, err, "Options.MaxOutput", "must be from 0 to 1073741824")
	}
	_, err := Parse("", Text, &Options{MaxOutput: 1 << 30})
	require.NoError(t, err)
	for _, kind := range []Kind{-1, 0, Header + 1} {
		_, err = Parse("", kind, nil)
		requireField(t, err, "kind", "must be Text, JSON, URL, Form or Header")
	}

	o := &Options{MaxOutput: 4}
	template, err := Parse("{{a}}{{b}}", Text, o)
	require.NoError(t, err)
	s, err := template.Render(Values{"a": "12", "b": 34})
	require.NoError(t, err)
	assert.Equal(t, "1234", s)
	for _, values := range []Values{{"a": "12345", "b": ""}, {"a": "123", "b": 45}, {"a": "", "b": 12345}} {
		_, err = template.Render(values)
		requireField(t, err, "output", "must be at most 4 bytes")
	}
	template, err = Parse("12345", Text, o)
	require.NoError(t, err)
	_, err = template.Render(nil)
	requireField(t, err, "output", "must be at most 4 bytes")
	whole, err := Parse(`{{a}}`, JSON, &Options{MaxOutput: 5})
	require.NoError(t, err)
	for _, v := range []any{"123456", "1234"} {
		_, err = whole.Render(Values{"a": v})
		requireField(t, err, "output", "must be at most 5 bytes")
	}
	_, err = whole.Render(Values{"a": []string{"12"}})
	requireValue(t, err, "a", "must be at most 5 bytes of JSON")
	escaping, err := Parse(`"{{a}}"`, JSON, &Options{MaxOutput: 5})
	require.NoError(t, err)
	_, err = escaping.Render(Values{"a": `"`})
	require.NoError(t, err)
	_, err = escaping.Render(Values{"a": `""`})
	requireField(t, err, "output", "must be at most 5 bytes")
}

func TestRender_Defaults(t *testing.T) {
	defaults := map[string]any{"plan": "free", "other": 1}
	template, err := Parse("{{plan}} {{name}}", Text, &Options{Defaults: defaults})
	require.NoError(t, err)
	delete(defaults, "plan") // the options were copied
	s, err := template.Render(Values{"name": "Ada"})
	require.NoError(t, err)
	assert.Equal(t, "free Ada", s)
	s, err = template.Render(Values{"name": "Ada", "plan": ""})
	require.NoError(t, err)
	assert.Equal(t, " Ada", s, "an empty value is one")
	s, err = template.Render(Values{"name": "Ada", "plan": nil})
	require.NoError(t, err)
	assert.Equal(t, "free Ada", s, "a default is for null, too")
	s, err = template.Render(Values{"name": "Ada", "plan": sql.NullString{}})
	require.NoError(t, err)
	assert.Equal(t, "free Ada", s)
	_, err = template.Render(nil)
	assert.Equal(t, &MissingError{Names: []string{"name"}}, err)

	_, err = Parse("{{a}}", Header, &Options{Defaults: map[string]any{"a": "x\n"}})
	requireField(t, err, `Options.Defaults["a"]`, "visible ASCII")
	_, err = Parse("", Text, &Options{Defaults: map[string]any{"a.b": "x"}})
	requireField(t, err, `Options.Defaults["a.b"]`, "only ASCII letters")
	for range 20 { // the first by name
		_, err = Parse("", Text, &Options{Defaults: map[string]any{"1": "x", "2": "x", "3": "x"}})
		requireField(t, err, `Options.Defaults["1"]`, "not begin with a digit")
	}
}

func TestRender_ReportsAllMissing(t *testing.T) {
	template := mustParse(t, "{{b}}{{a}}{{ok}}{{b}}{{bad}}{{c}}", Text)
	_, err := template.Render(Values{"ok": "", "bad": struct{}{}})
	require.Equal(t, &MissingError{Names: []string{"b", "a", "c"}}, err)
	assert.EqualError(t, err, `placeholders: 3 faults:
	b: has no value (pass one, or set a default)
	a: has no value (pass one, or set a default)
	c: has no value (pass one, or set a default)`)

	_, err = template.Render(Values{"b": "", "a": "", "ok": "", "bad": struct{}{}})
	require.Equal(t, &MissingError{Names: []string{"c"}}, err, "also when a bad value comes first")
	assert.EqualError(t, err, "placeholders: c: has no value (pass one, or set a default)")

	var src strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&src, "{{%s_%d}}", strings.Repeat("n", 100), i)
	}
	_, err = mustParse(t, src.String(), Text).Render(nil)
	var me *MissingError
	require.ErrorAs(t, err, &me)
	assert.Len(t, me.Names, 1000)
	assert.Contains(t, err.Error(), "and 990 more")
	assert.Less(t, len(err.Error()), 2000)
}

func TestTemplate_Names(t *testing.T) {
	template := mustParse(t, "{{b}}{{a}}{{ b }}", Text)
	names := template.Names()
	assert.Equal(t, []string{"b", "a"}, names)
	names[0] = "changed"
	assert.Equal(t, []string{"b", "a"}, template.Names())
	assert.Empty(t, mustParse(t, "x", Text).Names())
}

func TestAppend_KeepsDst(t *testing.T) {
	template := mustParse(t, "<{{a}}>", Text)
	dst := append(make([]byte, 0, 100), "before"...)
	out, err := template.Append(dst, Values{"a": "x"})
	require.NoError(t, err)
	assert.Equal(t, "before<x>", string(out))
	out, err = template.Append(dst, Values{"a": "\xff"})
	requireValue(t, err, "a", "must be valid UTF-8")
	assert.Equal(t, "before", string(out))
}

func TestTemplate_ZeroValue(t *testing.T) {
	_, err := new(Template).Render(nil)
	requireField(t, err, "template", "must come from Parse")
	for _, template := range []*Template{nil, new(Template)} {
		out, err := template.Append([]byte("x"), nil)
		requireField(t, err, "template", "must come from Parse")
		assert.Equal(t, "x", string(out))
		assert.Empty(t, template.Names())
	}
	_, err = (*CompiledAction)(nil).Request(t.Context(), customer())
	requireField(t, err, "action", "must come from Compile")
	_, err = new(Template).Render(nil)
	requireField(t, err, "template", "must come from Parse")
	assert.Empty(t, new(Template).Names())
	_, err = (*Template)(nil).Render(nil)
	requireField(t, err, "template", "must come from Parse")
	_, err = new(CompiledAction).Request(t.Context(), customer())
	requireField(t, err, "action", "must come from Compile")
	_, err = new(CompiledAction).Preview(customer())
	requireField(t, err, "action", "must come from Compile")
	assert.Empty(t, new(Mapping).Values(customer()))
}

func TestTemplate_ConcurrentUse(t *testing.T) {
	template := mustParse(t, `{"a":"{{a}}","b":{{b}}}`, JSON)
	compiled, err := Compile(sample(), nil)
	require.NoError(t, err)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				s, err := template.Render(Values{"a": strings.Repeat("x", i), "b": i})
				assert.NoError(t, err)
				assert.Equal(t, fmt.Sprintf(`{"a":"%s","b":%d}`, strings.Repeat("x", i), i), s)
				_, err = compiled.Preview(customer())
				assert.NoError(t, err)
			}
		})
	}
	group.Wait()
}

// Faults do not make parsing slow.
func TestParse_ManyFaults(t *testing.T) {
	s, _ := parse("["+strings.Repeat(`"'{{a}}'",`, 900)+"1]", JSON, Options{})
	assert.Len(t, s.faults, maxFaults)
}

// A default that cannot be where its placeholder is is rejected at once, and not at
// each rendering.
func TestParse_RejectsDefaults(t *testing.T) {
	for _, test := range []struct {
		src   string
		kind  Kind
		value any
	}{
		{"https://h.example/{{a}}", URL, ".."}, {"https://h.example/{{a}}", URL, ""}, {"https://h.example/{{a}}", URL, "a/b"},
		{`"{{a}}"`, JSON, nil}, {"{{a}}", Text, nil}, {"{{a}}", Text, sql.NullString{}}, {"{{a}}", Text, []int{1}},
		{"https://h.example/{{a}}", URL, "%2e"}, {"https://h.example/.{{a}}", URL, "."}, {"Bearer {{a}}", Header, ""}, {"Bearer {{a}}", Header, "\n"},
	} {
		_, err := Parse(test.src, test.kind, &Options{Defaults: map[string]any{"a": test.value}})
		var f *FieldError
		assert.ErrorAs(t, err, &f, "%s %q", test.src, test.value)
	}
	_, err := Parse("{{a}}", Text, &Options{Defaults: map[string]any{"a": nil}})
	requireField(t, err, `Options.Defaults["a"]`, notNull)
	_, err = Parse("{{a}}", JSON, &Options{Defaults: map[string]any{"a": nil}})
	assert.NoError(t, err)
	_, err = Parse("https://h.example/{{b}}/{{a}}", URL, &Options{Defaults: map[string]any{"a": "c"}})
	assert.NoError(t, err)
	_, err = Parse("https://h.example/{{b}}/{{a}}", URL, &Options{Defaults: map[string]any{"a": ".."}})
	requireField(t, err, `Options.Defaults["a"]`, "dots and spaces")
}

// The bound holds while the output grows, also for what is made by encoding/json.
func TestRender_MaxOutput(t *testing.T) {
	template := mustParse(t, "["+strings.Repeat("{{a}},", 199)+"{{a}}]", JSON)
	values := Values{"a": []string{strings.Repeat("x", 1<<20)}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := template.Render(values)
	runtime.ReadMemStats(&after)
	requireField(t, err, "output", "must be at most 4194304 bytes")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
}

// After a word that is not a scheme, a value may be one of many.
func TestHeader_Schemes(t *testing.T) {
	for src, ok := range map[string]bool{"Bearer {{a}}": true, "token {{a}}": true, "{{a}}": true, "user {{a}}": false} {
		_, err := mustParse(t, src, Header).Render(Values{"a": "x, admin"})
		assert.Equal(t, ok, err == nil, src)
	}
}

// A value that is rendered more than once in the same position is copied from where
// it was rendered first.
func TestRender_RepeatedNames(t *testing.T) {
	template := mustParse(t, `{"a":"{{x}}","b":{{x}},"c":"{{x}}{{y}}{{x}}","d":[{{x}},{{n}},{{n}}],"e":"{{n}}{{y}}"}`, JSON)
	values := Values{"x": "a\"b", "y": "", "n": 7}
	const want = `{"a":"a\"b","b":"a\"b","c":"a\"ba\"b","d":["a\"b",7,7],"e":"7"}`
	for _, before := range []string{"", "before "} {
		got, err := template.Append([]byte(before), values)
		require.NoError(t, err)
		assert.Equal(t, before+want, string(got))
	}

	var src, rendered strings.Builder
	many := Values{}
	for range 2 {
		for i := range 40 {
			name := fmt.Sprintf("n%d", i)
			many[name] = i
			src.WriteString("{{" + name + "}},")
			fmt.Fprintf(&rendered, "%d,", i)
		}
	}
	got, err := mustParse(t, src.String(), Text).Render(many)
	require.NoError(t, err)
	assert.Equal(t, rendered.String(), got)

	limited, err := Parse("{{x}}{{x}}{{x}}", Text, &Options{MaxOutput: 5})
	require.NoError(t, err)
	_, err = limited.Render(Values{"x": "ab"})
	requireField(t, err, "output", "must be at most 5 bytes")
	got, err = limited.Render(Values{"x": "a"})
	require.NoError(t, err)
	assert.Equal(t, "aaa", got)
}
