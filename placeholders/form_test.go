package placeholders

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestForm(t *testing.T) {
	values := Values{"a": "1&admin=1", "b": "ü +%\r\n;~", "n": 12}
	for src, want := range map[string]url.Values{
		"":                        {},
		"a={{a}}":                 {"a": {"1&admin=1"}},
		"a={{a}}&b=x{{b}}y":       {"a": {"1&admin=1"}, "b": {"xü +%\r\n;~y"}},
		"a={{n}}{{n}}&a=fix":      {"a": {"1212", "fix"}},
		"a={{n}}&flag&e=&f=b=":    {"a": {"12"}, "flag": {""}, "e": {""}, "f": {"b="}},
		"a=!$'()*+,/:=?@&b={{n}}": {"a": {"!$'()* ,/:=?@"}, "b": {"12"}},
		"a%5Bb%5D=+%2B{{n}}":      {"a[b]": {" +12"}},
		"u=https://x.test/?q":     {"u": {"https://x.test/?q"}},
	} {
		got, err := url.ParseQuery(render(t, src, Form, values))
		require.NoError(t, err)
		assert.Equal(t, want, got, src)
	}
	assert.Equal(t, "b=%C3%BC+%2B%25%0D%0A%3B~", render(t, "b={{b}}", Form, values))
}

func TestForm_Rejects(t *testing.T) {
	for _, test := range []struct {
		src    string
		offset int
		words  string
	}{
		{"{{a}}", 0, "after its ="},
		{"{{a}}=1", 0, "after its ="},
		{"a{{a}}=1", 1, "after its ="},
		{"a={{a}}&{{a}}", 8, "after its ="},
		{"={{a}}", 0, "name must not be empty"},
		{"&a=1", 0, "name must not be empty"},
		{"a=1&", 4, "name must not be empty"},
		{"a=1&&b=1", 4, "name must not be empty"},
		{"a=%{{a}}", 2, `write %25 for "%"`},
		{"a=%g0", 2, `write %25 for "%"`},
		{"a=b c", 3, "percent-encoded"},
		{"a=é", 2, "percent-encoded"},
		{"a=š", 2, "percent-encoded"},
		{"a=\"ab", 2, "percent-encoded"},
		{"metadata[order_id]={{x}}", 8, `(write %5B for "[", %5D for "]")`},
		{"a=[[[{{x}}", 2, `(write %5B for "[")`},
		{`a="#<>[\]^{|}€é`, 2, `%7B for "{", %7C for "|")`},
		{"a=1;b={{a}}", 3, "percent-encoded"},
		{"a=\"{{a}}\"", 2, "percent-encoded"},
		{"a=1\n", 3, "percent-encoded"},
		{"a=1#", 3, "percent-encoded"},
		{`{"a":1}`, 0, "percent-encoded"},
	} {
		_, err := Parse(test.src, Form, nil)
		requireSyntax(t, err, test.offset, test.words)
	}
	_, err := mustParse(t, "a={{a}}", Form).Render(Values{"a": "\xff"})
	requireValue(t, err, "a", "valid UTF-8")
}
