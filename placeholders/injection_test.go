package placeholders

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chatident/chatident/internal/value"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attacks are values that want to be more than a value.
var attacks = map[string]string{
	"JSON member":        `x","admin":true,"z":"`,
	"JSON end":           `"}`,
	"backslash":          `\`,
	"quote":              `"`,
	"JSON within JSON":   `\",\"admin\":true,\"z\":\"`,
	"header line":        "x\r\nX-Admin: 1",
	"LF":                 "x\nX-Admin: 1",
	"CR":                 "x\rX-Admin: 1",
	"body after headers": "x\r\n\r\n{}",
	"NUL":                "x\x00y",
	"control character":  "x\x1b[2Jy",
	"C1 control":         "x\u0085X-Admin: 1",
	"another host":       "@evil.com/",
	"another domain":     ".evil.com/",
	"another port":       ":8443/",
	"another URL":        "https://evil.com/",
	"network path":       "//evil.com/",
	"dot":                ".",
	"two dots":           "..",
	"up":                 "../../admin",
	"up, encoded":        "%2e%2e",
	"up, encoded twice":  "%252e%252e%252fadmin",
	"up, backslashes":    `..\..\admin`,
	"up, semicolon":      "..;x",
	"empty":              "",
	"slash":              "a/b",
	"fragment":           "x#y",
	"query":              "x?admin=1",
	"parameter":          "a&admin=1",
	"plus":               "a+b",
	"form":               "a=b&c=d",
	"cookie":             "1; admin=1",
	"list":               "a, Basic b",
	"placeholder":        "{{other}}",
	"script":             "</script><script>alert(1)</script>",
	"line separator":     "a\u2028b",
	"format":             "%s%n%d",
	"template":           "{{.}}{% x %}${y}",
	"not UTF-8":          "a\xffb",
	"overlong slash":     "\xc0\xaf",
	"surrogate":          "\xed\xa0\x80",
	"right to left":      "\u202egnp.exe",
}

// Each attack in each kind is rejected, or is nothing but the value: a reader finds
// exactly it, and everything else as it was.
func TestInjections(t *testing.T) {
	readers := map[string]struct {
		kind  Kind
		src   string
		read  func(t *testing.T, rendered string) (value string)
		whole bool // only what is not UTF-8 or has a NUL is rejected
	}{
		"JSON string": {JSON, `{"user":"{{a}}","role":"guest"}`, readJSON, true},
		"JSON value":  {JSON, `{"user":{{a}},"role":"guest"}`, readJSON, true},
		"form":        {Form, "user={{a}}&role=guest", readForm, true},
		"URL query":   {URL, "https://api.example.com/x?user={{a}}&role=guest", readQuery, true},
		"URL path":    {URL, "https://api.example.com/users/{{a}}/orders?role=guest", readPath, false},
		"header":      {Header, "{{a}}", readHeader(""), false},
		"credentials": {Header, "Bearer {{a}}", readHeader("Bearer "), false},
	}
	for place, reader := range readers {
		template := mustParse(t, reader.src, reader.kind)
		for attack, attacked := range attacks {
			t.Run(place+"/"+attack, func(t *testing.T) {
				rendered, err := template.Render(Values{"a": attacked, "other": "expanded"})
				if err != nil {
					requireValue(t, err, "a", "must")
					assert.Empty(t, rendered)
					if reader.whole {
						require.NotEmpty(t, value.Text(attacked))
					}
					return
				}
				assert.Equal(t, attacked, reader.read(t, rendered))
			})
		}
	}
}

// These must be rejected, not escaped.
func TestInjections_Rejected(t *testing.T) {
	rejected := map[string][]string{
		"https://api.example.com/users/{{a}}/orders": {
			"up", "dot", "two dots", "up, encoded", "up, encoded twice", "up, backslashes", "up, semicolon", "empty", "slash",
			"another host", "another domain", "another port", "another URL", "network path", "NUL", "header line", "LF", "CR",
			"control character", "backslash", "not UTF-8", "overlong slash", "surrogate",
		},
		"{{a}}": { // of the context Header
			"header line", "LF", "CR", "NUL", "control character", "C1 control", "body after headers", "line separator",
			"right to left", "not UTF-8", "overlong slash", "surrogate",
		},
		"session={{a}}; role=guest": {"cookie", "list", "quote", "backslash", "JSON member", "up, semicolon", "header line"},
	}
	for src, names := range rejected {
		context := Header
		if strings.HasPrefix(src, "https") {
			context = URL
		}
		template := mustParse(t, src, context)
		for _, name := range names {
			require.Contains(t, attacks, name)
			_, err := template.Render(Values{"a": attacks[name]})
			var ve *ValueError
			assert.ErrorAs(t, err, &ve, "%s in %s", name, src)
		}
	}
}

func readJSON(t *testing.T, rendered string) string {
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(rendered), &got))
	require.Len(t, got, 2)
	require.Equal(t, "guest", got["role"])
	return got["user"].(string)
}

func readForm(t *testing.T, rendered string) string {
	got, err := url.ParseQuery(rendered)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, []string{"guest"}, got["role"])
	require.Len(t, got["user"], 1)
	return got.Get("user")
}

// sent returns what a server gets of a URL.
func sent(t *testing.T, rendered string) *http.Request {
	u, err := url.Parse(rendered)
	require.NoError(t, err)
	require.Equal(t, "https", u.Scheme)
	require.Equal(t, "api.example.com", u.Host)
	require.Nil(t, u.User)
	require.Empty(t, u.Fragment)
	require.Equal(t, rendered, u.String())
	return httptest.NewRequest("GET", u.RequestURI(), nil)
}

func readQuery(t *testing.T, rendered string) string {
	r := sent(t, rendered)
	require.Equal(t, "/x", r.URL.Path)
	return readForm(t, r.URL.RawQuery)
}

func readPath(t *testing.T, rendered string) (value string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}/orders", func(w http.ResponseWriter, r *http.Request) {
		value = r.PathValue("id")
		_, _ = io.WriteString(w, "reached")
	})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, sent(t, rendered))
	require.Equal(t, "reached", w.Body.String())
	return value
}

func readHeader(before string) func(*testing.T, string) string {
	return func(t *testing.T, rendered string) string {
		var got http.Header
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Header }))
		defer server.Close()
		request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		require.NoError(t, err)
		request.Header = http.Header{"X-User": {rendered}, "User-Agent": {""}, "Accept-Encoding": {"identity"}}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		response.Body.Close()
		require.Len(t, got, 2, "%v", got)
		require.Equal(t, []string{rendered}, got["X-User"])
		return strings.TrimPrefix(rendered, before)
	}
}

// Text protects nothing, as its documentation warns.
func TestInjections_Text(t *testing.T) {
	for _, attacked := range attacks {
		s, err := mustParse(t, "<{{a}}>", Text).Render(Values{"a": attacked})
		if err != nil {
			require.NotEmpty(t, value.Text(attacked))
			continue
		}
		assert.Equal(t, "<"+attacked+">", s)
	}
}
