package placeholders

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestURL(t *testing.T) {
	values := Values{"a": "x", "dot": ".", "email": "ada+1@example.com", "all": "a b/?#%&=+ü;\r\n", "empty": "", "n": 12, "odd": "a b?#%&=+ü,:@"}
	for src, want := range map[string]string{
		"https://h.example":                                      "https://h.example",
		"https://h.example?q={{a}}":                              "https://h.example?q=x",
		"https://h.example/":                                     "https://h.example/",
		"https://h.example:8443/{{a}}":                           "https://h.example:8443/x",
		"https://h.example/v1/{{a}}/{{n}}/":                      "https://h.example/v1/x/12/",
		"https://h.example/{{odd}}":                              "https://h.example/a%20b%3F%23%25%26%3D%2B%C3%BC%2C%3A%40",
		"https://h.example/x{{dot}}{{dot}}y":                     "https://h.example/x..y",
		"https://h.example/{{dot}}{{a}}":                         "https://h.example/.x",
		"https://h.example/u-{{empty}}":                          "https://h.example/u-",
		"https://h.example/p?q={{all}}&r=s{{a}}{{n}}":            "https://h.example/p?q=a%20b%2F%3F%23%25%26%3D%2B%C3%BC%3B%0D%0A&r=sx12",
		"https://h.example/p?flag&q=a:{{a}}&empty=&r=a=b":        "https://h.example/p?flag&q=a:x&empty=&r=a=b",
		"https://h.example/p?q={{dot}}{{dot}}/{{dot}}{{dot}}":    "https://h.example/p?q=../..",
		"https://h.example/projects/group%2Fname/{{a}}":          "https://h.example/projects/group%2Fname/x",
		"https://h.example/a!$&'()*+,;=:@b/{{a}}":                "https://h.example/a!$&'()*+,;=:@b/x",
		"https://h.example/%C3%BC/%20x/a;v=1/{{a}};v=2?a=%7B":    "https://h.example/%C3%BC/%20x/a;v=1/x;v=2?a=%7B",
		"http://localhost:8080/{{a}}":                            "http://localhost:8080/x",
		"http://127.0.0.1/{{a}}":                                 "http://127.0.0.1/x",
		"http://[::1]:8080/{{a}}":                                "http://[::1]:8080/x",
		"https://[2001:db8::1]/{{a}}":                            "https://[2001:db8::1]/x",
		"https://h.example/orders/{{a}}/users/{{email}}?q={{n}}": "https://h.example/orders/x/users/ada%2B1%40example.com?q=12",
	} {
		assert.Equal(t, want, render(t, src, URL, values), src)
	}
}

func TestURL_Rejects(t *testing.T) {
	const inside = "must not be in the scheme, the user information, the host or the port"
	const segment = "dots and spaces alone"
	const encoded = "must be percent-encoded"
	const twice = "still percent-encoded after decoding"
	for _, test := range []struct {
		src    string
		offset int
		words  string
	}{
		{"{{a}}", 0, inside},
		{"{{a}}://h.example/", 0, inside},
		{"http{{a}}://h.example/", 4, inside},
		{"https:{{a}}", 6, inside},
		{"https://{{a}}/", 8, inside},
		{"https://api.example.com{{a}}", 23, inside},
		{"https://api.{{a}}.com/", 12, inside},
		{"https://h.example:{{a}}/", 18, inside},
		{"https://{{a}}@h.example/", 8, inside},
		{"https://u:{{a}}@h.example/", 10, inside},
		{"", 0, "must begin with https://"},
		{"/path/{{a}}", 6, inside},
		{"/path", 0, "must begin with https://"},
		{"//h.example/", 0, "must begin with https://"},
		{"ftp://h.example/", 0, "must begin with https://"},
		{"HTTPS://h.example/", 0, "must begin with https://"},
		{" https://h.example/", 0, "must begin with https://"},
		{"http://h.example/{{a}}", 7, "unless its host is this machine"},
		{"http://localhost.example/", 7, "unless its host is this machine"},
		{"http://10.0.0.1/", 7, "unless its host is this machine"},
		{"https://u@h.example/", 8, "no user information"},
		{"https://u:p@h.example/", 8, "no user information"},
		{"https:///x", 8, "must have a host"},
		{"https://:443/x", 8, "must have a host"},
		{"https://h..example/", 8, "must have a host"},
		{"https://hé.example/", 8, "must have a host"},
		{"https://h%2eexample/", 8, "must have a host"},
		{"https://h example/", 8, "must have a host"},
		{"https://h.example\\x/", 17, encoded},
		{"https://[::1/", 8, "must have a"},
		{"https://[::1]x/", 8, "must have a host"},
		{"https://[fe80::1%25eth0]/", 8, "must have a host"},
		{"https://h.example:0/", 8, "port"},
		{"https://h.example:65536/", 8, "port"},
		{"https://h.example:/", 8, "port"},
		{"https://h.example:80:80/", 8, "port"},
		{"https://h.example/x#y", 19, encoded},
		{"https://h.example/x#{{a}}", 19, encoded},
		{"https://h.example?a=b#{{a}}", 21, encoded},
		{"https://h.example#", 17, encoded},
		{"https://h.example/p?{{a}}=1", 20, "after its ="},
		{"https://h.example/p?{{a}}", 20, "after its ="},
		{"https://h.example/p?x=1&y{{a}}=1", 25, "after its ="},
		{"https://h.example/p?={{a}}", 20, "name must not be empty"},
		{"https://h.example/p?a=1&&b=2", 24, "name must not be empty"},
		{"https://h.example/p?", 20, "name must not be empty"},
		{"https://h.example/p?a=1&", 24, "name must not be empty"},
		{"https://h.example/p?a=1;b={{a}}", 23, encoded},
		{"https://h.example/p?a=\"{{a}}\"", 22, encoded},
		{"https://h.example/a b", 19, encoded},
		{"https://h.example/é", 18, encoded},
		{"https://h.example/š", 18, encoded},
		{"https", 0, "must begin with https://"},
		{"https://h~x.example/", 8, "must have a host"},
		{"https://h.example/a\\b", 19, encoded},
		{"https://h.example/{x}", 18, encoded},
		{"https://h.example/{{{{x}}", 18, encoded},
		{"https://h.example/a\nb", 19, encoded},
		{"https://h.example/a%", 19, `write %25 for "%"`},
		{"https://h.example/%{{a}}", 18, `write %25 for "%"`},
		{"https://h.example/%2{{a}}", 18, `write %25 for "%"`},
		{"https://h.example/p?q=%4{{a}}", 22, `write %25 for "%"`},
		{"https://h.example//{{a}}", 18, "no empty segment"},
		{"https://h.example/x//y", 20, "no empty segment"},
		{"https://h.example/../{{a}}", 18, segment},
		{"https://h.example/./{{a}}", 18, segment},
		{"https://h.example/%2e%2E/{{a}}", 18, segment},
		{"https://h.example/%252e%252e/x", 18, twice},
		{"https://h.example/a%2F../x", 18, segment},
		{"https://h.example/%2Fx", 18, "segment empty"},
		{"https://h.example/a%2F%2Fx", 18, "segment empty"},
		{"https://h.example/a%5C", 18, "segment empty"},
		{"https://h.example/..%5Ca/x", 18, segment},
		{"https://h.example/..;/x", 18, segment},
		{"https://h.example/a%2F..;%2Fb", 18, segment},
		{"https://h.example/%EF%BC%8E%E2%80%A4/x", 18, segment},
		{"https://h.example/..%C2%85/x", 18, "control characters"},
		{"https://h.example/..%E2%80%8B/x", 18, segment},
		{"https://h.example/%25u002e/x", 18, twice},
		{"https://h.example/%c0%ae%c0%ae/x", 18, "not UTF-8"},
		{"https://h.example/%c0{{a}}", 18, "not UTF-8"},
		{"https://h.example/;a/x", 18, "segment empty"},
		{"https://h.example/x%00", 18, "control characters"},
		{"https://h.example/x%0a{{a}}", 18, "control characters"},
		{"https://h.example/x%00{{a}}", 18, "control characters"},
		{"https://h.example/a%2F{{a}}", 18, "slash"},
		{"https://h.example/{{a}}%5c", 18, "slash"},
		{"https://h.example/{{a}}%252F", 18, twice},
		{"https://h.example/{{a}}%25%32%46", 18, twice},
	} {
		_, err := Parse(test.src, URL, nil)
		requireSyntax(t, err, test.offset, test.words)
	}
}

func TestURL_RejectsValues(t *testing.T) {
	const dots, slash, empty, control = "dots and spaces alone", "slash or a backslash", "segment empty", "control characters"
	const twice = "still percent-encoded after decoding"
	for _, test := range []struct{ src, a, b, words string }{
		{"/{{a}}", "", "", empty},
		{"/{{a}}{{b}}/x", "", "", empty},
		{"/{{a}};v=1", "", "", empty},
		{"/{{a}}", ";x", "", empty},
		{"/{{a}}", ".", "", dots},
		{"/{{a}}/x", "..", "", dots},
		{"/{{a}}{{b}}", ".", ".", dots},
		{"/.{{a}}", ".", "", dots},
		{"/.{{a}}", "", "", dots},
		{"/%2e{{a}}", ".", "", dots},
		{"/{{a}}{{b}}", "..", "", dots},
		{"/{{a}};v=1", "..", "", dots},
		{"/{{a}}", "..;x", "", dots},
		{"/{{a}}", "..;", "", dots},
		{"/{{a}}", "..?x", "", dots},
		{"/{{a}}{{b}}", "..", "#", dots},
		{"/{{a}}", "..\u00a0", "", dots},
		{"/{{a}}", "..\u200b", "", dots},
		{"/.{{a}}", "\u2024", "", dots},
		{"/{{a}}", "\uff0e\uff0e", "", dots},
		{"/{{a}}", "..\u0085", "", control},
		{"/{{a}}", "a\uff0fb", "", slash},
		{"/{{a}}", "%u002e", "", twice},
		{"/{{a}}{{b}}", "%u", "002e", twice},
		{"/{{a}}", "%c0%ae", "", twice},
		{"/{{a}}", "%2e%2E", "", twice},
		{"/{{a}}", "%252e.", "", twice},
		{"/{{a}}", ".. ", "", dots},
		{"/{{a}}", " ", "", dots},
		{"/{{a}}{{b}}", "%2", "e", twice},
		{"/{{a}}", "a/b", "", slash},
		{"/{{a}}", "/", "", slash},
		{"/x{{a}}", `\..\`, "", slash},
		{"/{{a}}", "%2f", "", twice},
		{"/{{a}}", "..%252F..", "", twice},
		{"/{{a}}{{b}}", "%", "5C", twice},
		{"/{{a}}", "a\x00", "", "NUL"},
		{"/{{a}}", "a\x01", "", control},
		{"/{{a}}", "a\r\nHost: x", "", control},
		{"/{{a}}", "\x7f", "", control},
		{"/{{a}}", "%0d%0a", "", twice},
		{"/{{a}}", "\xff", "", "valid UTF-8"},
		{"/{{a}}", "%%32%65", "", twice},
		{"/%25%32{{a}}", "e", "", twice},
		{"/{{a}}", "100%de", "", twice},
		{"?q={{a}}", "\xff", "", "valid UTF-8"},
	} {
		_, err := mustParse(t, "https://h.example"+test.src, URL).Render(Values{"a": test.a, "b": test.b})
		requireValue(t, err, "a", test.words)
	}
}

// If the escaping of values ever failed, what it let through would still be
// rejected before a request is made.
func TestRequest_RejectsAnotherURL(t *testing.T) {
	for _, changed := range []string{
		"https://evil.example/a?", "http://h.example/a?", "https://u@h.example/a?", "https://h.example:1/a?", "https://h.example/a/b?", "https://h.example?", "https:h.example/a?", "https://h.example/a?%zz#",
		"https://h.example/\x7f?",
	} {
		action, err := Compile(Action{Method: "GET", URL: "https://h.example/a?q={{id}}", Variables: map[string]string{"id": "userDetail.id"}}, nil)
		require.NoError(t, err)
		template := action.reveal().url
		template.parts[0].position, template.parts[0].before = inText, changed
		template.urlParts.segments = []string{"", ""}
		_, err = action.Request(t.Context(), paths{"userDetail.id": "x"})
		requireField(t, err, "url", "must have the scheme, host and path segments")
	}
}
