package placeholders

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJSON(t *testing.T) {
	values := Values{
		"text": "a\"b\\c\nd\x1f</script>\u2028ü", "number": 12, "yes": true, "null": nil,
		"object": map[string]any{"k": []int{1}}, "list": []string{"<"},
	}
	for src, want := range map[string]string{
		`[1e+5,2E-6,-678.9,{{number}}]`:       `[1e+5,2E-6,-678.9,12]`,
		`"{{text}}"`:                          `"a\"b\\c\nd\u001f\u003c/script\u003e\u2028ü"`,
		`{{text}}`:                            `"a\"b\\c\nd\u001f\u003c/script\u003e\u2028ü"`,
		`{"a":{{number}}}`:                    `{"a":12}`,
		`{"a":"{{number}}"}`:                  `{"a":"12"}`,
		`{"a":"n{{number}}{{yes}}"}`:          `{"a":"n12true"}`,
		`[{{number}},{{yes}},{{null}}]`:       `[12,true,null]`,
		`{"a":{"b":{{object}}}}`:              `{"a":{"b":{"k":[1]}}}`,
		` {{list}} `:                          ` ["\u003c"] `,
		`{"it's \"quoted\" \\":"{{number}}"}`: `{"it's \"quoted\" \\":"12"}`,
		`[{"a":1},{"a":{"a":{{number}}}}]`:    `[{"a":1},{"a":{"a":12}}]`,
		`["\"",{{number}},"x","{{number}}"]`:  `["\"",12,"x","12"]`,
		`{"a":"{{{{name}}: {{number}}"}`:      `{"a":"{{name}}: 12"}`,
		"{\r\n\t\"a\" : {{number}} }":         "{\r\n\t\"a\" : 12 }",
		"{\"a\": {{ number\n}} }":             `{"a": 12 }`,
		`{"text":"“{{number}}”"}`:             `{"text":"“12”"}`,
	} {
		got := render(t, src, JSON, values)
		assert.Equal(t, want, got, src)
		assert.True(t, json.Valid([]byte(got)))
	}
}

func TestJSON_Depth(t *testing.T) {
	src := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	assert.Equal(t, src, render(t, src, JSON, nil))
}

// What is written is what encoding/json would write.
func TestJSON_EscapesAsEncodingJSON(t *testing.T) {
	template := mustParse(t, "{{a}}", JSON)
	for r := rune(1); r < 0x3000; r++ {
		want, err := json.Marshal(string(r))
		require.NoError(t, err)
		got, err := template.Render(Values{"a": string(r)})
		require.NoError(t, err)
		require.Equal(t, string(want), got, "%U", r)
	}
}

func TestJSON_Rejects(t *testing.T) {
	const key, quoted, syntax = "must not be in a key", "must not share its text with", "must be JSON"
	for _, test := range []struct {
		src    string
		offset int
		words  string
	}{
		{`{"{{a}}":1}`, 2, key},
		{`{"q":"where n=N'user{{a}}'and role=1"}`, 20, quoted},
		{`{"q":"{{a}}'s"}`, 6, quoted},
		{`{"q":"$${{a}}$$"}`, 8, quoted},
		{`{"a":1,"b":[{"a":2}], "a":"{{a}}"}`, 22, "a member twice"},
		{`{"a":"{{a}}","\u0061":2}`, 13, "a member twice"},
		{`{"x{{a}}" : 1}`, 3, key},
		{`{{{a}}:1}`, 0, "three braces"},
		{`{ {{a}}:1}`, 2, syntax},
		{`{"q":"say \"{{a}}\""}`, 12, quoted},
		{`{"q":"{{a}} \u0022"}`, 6, quoted},
		{`{"q":"\\{{a}}"}`, 8, quoted},
		{`{"q":"\{{a}}"}`, 5, syntax},
		{`{"sql":"name = '{{a}}'"}`, 16, quoted},
		{`{"sql":"N'{{a}}'"}`, 10, quoted},
		{`{"sql":"'{{a}}' or"}`, 9, quoted},
		{"{\"md\":\"`{{a}}`\"}", 8, quoted},
		{`{"q":"{ \"email\": \"{{a}}\" }"}`, 21, quoted},
		{"", 0, syntax},
		{`{"\x":{{a}}}`, 1, "only valid escapes"},
		{`{"a":"\x"}`, 5, "only valid escapes"},
		{`{"a"1{{a}}}`, 4, "expected a colon"},
		{`{"a":[1 {{a}}]}`, 8, "expected a comma or ]"},
		{strings.Repeat("[", 501) + strings.Repeat("]", 501), 500, "nested too deep"},
		{"{", 1, syntax},
		{`{"a":1{{a}}}`, 6, syntax},
		{`{"a":{{a}}1}`, 10, syntax},
		{`{"a":-{{a}}}`, 5, syntax},
		{`{"a":{{a}}.5}`, 10, syntax},
		{`{"a":{{a}}{{a}}}`, 10, syntax},
		{`{"a":{{a}}"x"}`, 10, syntax},
		{`{"a":"x"{{a}}}`, 8, syntax},
		{`{"a":tr{{a}}ue}`, 5, syntax},
		{`{"a":{{a}},}`, 11, syntax},
		{`{"a":"{{a}}`, 11, syntax},
		{"{\"a\":\"{{a}}\n\"}", 5, syntax},
		{`{"a":{{{{}`, 6, syntax},
		{"\ufeff{}", 0, syntax},
		{`{"a":{{a}}} x`, 12, syntax},
		{`{{a}} {{a}}`, 6, syntax},
	} {
		_, err := Parse(test.src, JSON, nil)
		requireSyntax(t, err, test.offset, test.words)
	}
}

func TestParse_ReportsAllFaultsOfATemplate(t *testing.T) {
	s, _ := parse(`{"{{a}}":"\"{{b}}", "c":}`, JSON, Options{})
	var columns []int
	for _, fault := range s.faults {
		columns = append(columns, fault.Column)
	}
	assert.Equal(t, []int{3, 13, 25}, columns)
}
