package placeholders

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// texts are decoded texts with a placeholder, and words of the rule that they break,
// none for plain text.
var texts = map[string]string{
	"Name: {{a}}\nEmail: {{a}}\t\r\n":          "",
	"{{a}} can't, l'été d'Été, rock'n'roll":    "",
	"Zoë’s {{a}} “{{a}}” «{{a}}» – ü 日本":       "",
	"See https://x.test/{{a}}, or a/b?c":       "",
	"$5 to $10, ${{a}} to ${{a}}, 5$ or US$":   "",
	"<https://x.test/{{a}}|open> *{{a}}* <b>":  "",
	"100 % of {{a}} & more; a:b (c) [{{a}}] x": "",
	"{a} {{a}}": "",

	`say "{{a}}"`: `a quote (")`, `{{a}} "x"`: `a quote (")`,
	`\{{a}}`: "a backslash", `{{a}} a\nb`: "a backslash", "`{{a}}`": "a backtick", "{{a}} `x`": "a backtick",
	"$${{a}}$$": "$$", "$$ {{a}}": "$$", "$tag${{a}}$tag$": "$$", "$_{{a}}$": "$$", "${{a}}$": "$$", "$5 $x$ {{a}}": "$$", "$x1$ {{a}}": "$$",
	"'{{a}}'": "an apostrophe", "{{a}}'s": "an apostrophe", "x'{{a}}": "an apostrophe", "the '90s {{a}}": "an apostrophe", "users' {{a}}": "an apostrophe",
	"5'6 {{a}}": "an apostrophe", "N'x{{a}}'": "an apostrophe", "can't '{{a}}": "an apostrophe", "a''b {{a}}": "an apostrophe", "'a {{a}}": "an apostrophe",
	"{ order(id: {{a}}) { x } }": "between braces", "query{order(id:{{a}}){x}}": "between braces", "a {\n{{a}}\n} b": "between braces",
	"[{{a}}]": "in a list", " [{{a}}, 1, null, {{a}}]\n": "in a list", "[[{{a}}5],[1.5e-3]]": "in a list",
}

// One rule for a JSON string, the value of a form or a query, and a path segment.
func TestEmbedded(t *testing.T) {
	for text, words := range texts {
		plain := strings.ReplaceAll(text, "{{a}}", nul)
		quoted, err := json.Marshal(plain)
		require.NoError(t, err)
		placed := func(s, escaped string) string { return strings.ReplaceAll(s, escaped, "{{a}}") }
		templates := map[Kind]string{
			JSON: `{"x":[` + placed(string(quoted), `\u0000`) + `]}`,
			Form: "x=" + placed(url.QueryEscape(plain), "%00"),
			URL:  "https://h.example/x?x=" + placed(url.QueryEscape(plain), "%00"),
		}
		for kind, src := range templates {
			_, err := Parse(src, kind, nil)
			if words == "" {
				assert.NoError(t, err, src)
				continue
			}
			var se *SyntaxError
			require.ErrorAs(t, err, &se, src)
			assert.Contains(t, se.Rule, words, src)
		}
		_, err = Parse("https://h.example/"+placed(url.PathEscape(plain), "%00"), URL, nil)
		if words != "" || strings.ContainsAny(text, "/\n") {
			require.Error(t, err, text)
		} else {
			require.NoError(t, err, text)
		}
	}
}

// A form or a URL within a value, and escapes within one.
func TestEmbedded_Pairs(t *testing.T) {
	for value, words := range map[string]string{
		"{{a}}/{{a}}": "", "a/b/{{a}}": "", "x:{{a}}": "", "see+https://x.test/{{a}}": "", "a%26b{{a}}": "", "{{a}}?": "", "100%25+{{a}}": "", "%25g{{a}}": "", "a%3Bb{{a}}": "",

		"a={{a}}": "share its value with =", "a%3D{{a}}": "share its value with =", "{{a}}=": "share its value with =", "a%3D1%26b%3D{{a}}": "share its value with =",
		"https://x.test/{{a}}": "a URL within a value", "https%3A%2F%2Fx.test%2F%3Fq%3A{{a}}": "a URL within a value", "x-y.z1://{{a}}": "a URL within a value",
		"/orders/{{a}}": "a URL within a value", "%2F{{a}}": "a URL within a value", "//x.test/{{a}}": "a URL within a value",
		"%2522{{a}}%2522": "still percent-encoded", "{{a}}%252541": "still percent-encoded", "%25{{a}}": "still percent-encoded", "%254{{a}}": "still percent-encoded",
		"%25{{a}}{{a}}": "still percent-encoded",
	} {
		for src, kind := range map[string]Kind{"x=" + value: Form, "https://h.example/?x=" + value: URL} {
			_, err := Parse(src, kind, nil)
			if words == "" {
				assert.NoError(t, err, src)
				continue
			}
			var se *SyntaxError
			require.ErrorAs(t, err, &se, src)
			assert.Contains(t, se.Rule, words, src)
		}
	}
	// Without a placeholder, a value is the operator's own.
	for _, src := range []string{"x=a%3D1%26b%3D2&y={{a}}", "x=%22%5C%27%7B%7D&y={{a}}", "x=%2522&y={{a}}", "x=https://x.test/?a=b&y={{a}}"} {
		_, err := Parse(src, Form, nil)
		assert.NoError(t, err, src)
	}
}
