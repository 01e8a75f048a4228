package placeholders

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHeader(t *testing.T) {
	values := Values{"base64": "YWRhOnNlY3JldA+/-_==", "a": "x", "list": `a, b; c="d" 'e' \`, "n": 12, "empty": "", "spaces": "a  b"}
	for src, want := range map[string]string{
		"":                           "",
		"fixed; with=\"quotes\", ok": "fixed; with=\"quotes\", ok",
		"{{a}}":                      "x",
		"{{list}}":                   `a, b; c="d" 'e' \`,
		"Bearer {{list}}":            `Bearer a, b; c="d" 'e' \`,
		"{{empty}}":                  "",
		"id={{a}}; n={{n}}":          "id=x; n=12",
		"{{a}}{{n}}":                 "x12",
		"Basic {{base64}}":           "Basic YWRhOnNlY3JldA+/-_==",
		"basic YWRhOnNlY3JldA==":     "basic YWRhOnNlY3JldA==",
		"v1 {{spaces}} {{a}}":        "v1 a  b x",
		"{{{{a}}":                    "{{a}}",
	} {
		assert.Equal(t, want, render(t, src, Header, values), src)
	}
}

func TestHeader_CredentialSchemes(t *testing.T) {
	for scheme := range strings.FieldsSeq("Bearer Digest DPoP Token ApiKey Api-Key Key OAuth Negotiate bearer OAUTH") {
		assert.Equal(t, scheme+` a="b", c`, render(t, scheme+" {{a}}", Header, Values{"a": `a="b", c`}))
	}
}

func TestHeader_Rejects(t *testing.T) {
	for _, test := range []struct {
		src    string
		offset int
		words  string
	}{
		{"Basic {{user}}:{{pass}}", 6, "base64 form of user:password"},
		{"basic {{user}}:secret", 6, "base64 form of user:password"},
		{"BASIC {{a}}{{b}}", 6, "base64 form of user:password"},
		{"Basic  {{a}}", 7, "base64 form of user:password"},
		{"Basic {{a}}, x", 6, "base64 form of user:password"},
		{" x", 0, "begin with white space"},
		{" {{a}}", 0, "begin with white space"},
		{"Bearer ", 6, "end with white space"},
		{"{{a}} ", 5, "end with white space"},
		{"a\r\nX-Admin: 1", 1, "visible ASCII"},
		{"a\x00{{a}}", 1, "without NUL"},
		{"a\t{{a}}", 1, "visible ASCII"},
		{"é{{a}}", 0, "visible ASCII"},
		{"{{a}}\x7f", 5, "visible ASCII"},
	} {
		_, err := Parse(test.src, Header, nil)
		requireSyntax(t, err, test.offset, test.words)
	}
}

func TestHeader_RejectsValues(t *testing.T) {
	const visible, parts, edge = "visible ASCII", "only a part", "white space"
	for _, test := range []struct{ src, value, words string }{
		{"{{a}}", "x\r\nX-Admin: 1", visible},
		{"{{a}}", "x\n", visible},
		{"{{a}}", "\r", visible},
		{"Bearer {{a}}", "x\x00y", visible},
		{"Bearer {{a}}", "x\ty", visible},
		{"{{a}}", "\x7f", visible},
		{"{{a}}", "Zoë", visible},
		{"{{a}}", "\u0085X-Admin: 1", visible},
		{"{{a}}", "\u2028", visible},
		{"{{a}}", "\xff", visible},
		{"Basic {{a}}", "ada:secret", "base64 form of user:password"},
		{"Basic {{a}}", "x, Basic y", "base64 form of user:password"},
		{"id={{a}}", "1; admin=1", parts},
		{"id={{a}}", "`", parts},
		{"id={{a}}", `"`, parts},
		{"id={{a}}", "1,2", parts},
		{`name="{{a}}"`, `x"; admin="1`, parts},
		{`name="{{a}}"`, `x\`, parts},
		{"name='{{a}}'", "x'", parts},
		{"{{a}}{{b}}", "1;2", parts},
		{"{{a}} x", "1;2", parts},
		{"Bearer  {{a}}", "1;2", parts},
		{"Bearer {{a}} x", "1;2", parts},
		{"two words {{a}}", "1;2", parts},
		{"{{a}}", " x", edge},
		{"{{a}}", "x ", edge},
		{"{{a}}", " ", edge},
		{"Bearer {{a}}", "", edge},
		{"Bearer {{a}}", "x ", edge},
		{"{{a}} x", "", edge},
	} {
		_, err := mustParse(t, test.src, Header).Render(Values{"a": test.value, "b": "b"})
		requireValue(t, err, "a", test.words)
	}
}
