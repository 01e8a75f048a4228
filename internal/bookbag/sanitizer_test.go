package bookbag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const longKey = "oc_live_Zk3-9xQ_w7Lm2pVt5yBn8cRd1fGh4jKs"

// forms are those in which a peer may send the key back.
func forms(key string) map[string]string {
	percent, unicodes, hexes := "", "", ""
	for _, c := range []byte(key) {
		percent += fmt.Sprintf("%%%02X", c)
		unicodes += fmt.Sprintf(`\u%04x`, c)
		hexes += fmt.Sprintf(`\x%02x`, c)
	}
	return map[string]string{
		"itself": key, "percent": percent, "some percent": strings.ReplaceAll(key, "_", "%5f"), "unicode": unicodes, "hexadecimal": hexes,
		"some unicode": strings.ReplaceAll(key, "e", `\u0065`),
	}
}

func TestSanitizer_EveryFormOfTheKey(t *testing.T) {
	f := newSanitizer(longKey)
	for name, form := range forms(longKey) {
		assert.True(t, f.repeatsKey("token "+form+"."), name)
		assert.Equal(t, withheld, f.text(strings.Repeat("x", 2000)+form, maxText), name)
	}
	assert.True(t, f.repeatsKey(longKey[10:30]))
	for _, text := range []string{"", "oc_live_", "oc_test_0123456789abcdef", "Bearer", "invalid API key (oc_live_...)", "%", `\`, `100%`, `\u12`, "Zk3-9xQ"} {
		assert.False(t, f.repeatsKey(text), text)
	}
	for i := 4; i+20 <= len(longKey); i++ {
		for name, form := range forms(longKey[i : i+20]) {
			assert.True(t, f.repeatsKey(form), "twenty bytes from byte %d, %s", i, name)
		}
	}
	short := newSanitizer("k-1")
	assert.True(t, short.repeatsKey("key k-1"))
	assert.False(t, short.repeatsKey("key k-2"))
}

// No text of a peer brings the key into an error or an attempt.
func TestClient_KeySentBack(t *testing.T) {
	for name, form := range forms(longKey) {
		quoted, err := json.Marshal(form)
		require.NoError(t, err)
		if strings.Contains(form, `\`) {
			quoted = []byte(`"` + form + `"`) // so the service's own escapes are
		}
		for place, response := range map[string]any{
			"code":         `{"error":{"code":` + string(quoted) + `,"message":"m"}}`,
			"message":      `{"error":{"code":"A","message":` + string(quoted) + `}}`,
			"details":      `{"error":{"code":"A","message":"m","details":{"a":[` + string(quoted) + `]}}}`,
			"text":         `{"message":` + string(quoted) + `}`,
			"issues":       `{"message":"m","issues":[{"field":` + string(quoted) + `}]}`,
			"page":         "<html>" + form,
			"end of page":  strings.Repeat("x", 500) + form,
			"transport":    fmt.Errorf("malformed HTTP response %q", form),
			"request id":   "",
			"content type": "",
		} {
			var seen []Attempt
			c, err := New(longKey, Config{
				Agent:      123,
				MaxRetries: -1,
				HTTPClient: &http.Client{Transport: reflecting{response, form}},
				OnAttempt:  func(_ context.Context, a Attempt) { seen = append(seen, a) },
			})
			require.NoError(t, err)
			_, err = c.Do(t.Context(), Call{Operation: "GET /x"})
			f := failure(t, err)
			text := fmt.Sprintf("%v %+v %v %s", err, f, seen, f.Problem.Details)
			if f.Err != nil {
				text += f.Err.Error()
			}
			assert.False(t, newSanitizer(longKey).repeatsKey(text), "%s in %s: %s", name, place, text)
		}
	}
}

// reflecting is a peer that sends back the key in the header, and a body or an
// error.
type reflecting struct {
	response any
	form     string
}

func (r reflecting) RoundTrip(*http.Request) (*http.Response, error) {
	if err, ok := r.response.(error); ok {
		return nil, err
	}
	res := responseOf(strings.NewReader(r.response.(string)))
	res.StatusCode = 401
	res.Header = http.Header{"X-Request-Id": {r.form}, "Content-Type": {r.form}, "Retry-After": {r.form}, "X-Ratelimit-Limit": {r.form}}
	return res, nil
}

// The error of a stream comes from the transport, and may quote the peer.
func TestClient_KeyInTheErrorOfAStream(t *testing.T) {
	for _, err := range []error{errors.New("GOAWAY, debug=" + testKey), &url.Error{Op: "Get", URL: "https://example.com/?secret", Err: errReset}} {
		c := newClient(t, &script{responses: []any{func(*http.Request) (*http.Response, error) { return responseOf(iotest.ErrReader(err)), nil }}}, nil)
		res, openErr := c.Open(t.Context(), Call{Operation: "GET /x"})
		require.NoError(t, openErr)
		_, got := io.ReadAll(res.Stream)
		require.Error(t, got)
		assert.NotContains(t, got.Error(), testKey)
		assert.NotContains(t, got.Error(), "secret")
		assert.Equal(t, withheld, res.Text("failed: "+testKey))
		res.Close(nil)
	}
}

func TestCut_CharactersThatMislead(t *testing.T) {
	for r := rune(0); r <= 0x3000; r++ {
		misleads := unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
			r == 0x200e || r == 0x200f || r == 0x061c
		want := "a" + string(r) + "b"
		if misleads {
			want = "a b"
		}
		require.Equal(t, want, Cut("a"+string(r)+"b"), "%U", r)
	}
	assert.Equal(t, "ab", Cut("a\xffb"))
	assert.Equal(t, strings.Repeat("ü", maxText/2), Cut(strings.Repeat("ü", maxText)))
}

func TestParseInfo_RequestIDIsCut(t *testing.T) {
	f := newSanitizer(testKey)
	assert.Equal(t, strings.Repeat("r", maxShort), f.parseInfo(http.Header{"X-Request-Id": {strings.Repeat("r", 1000)}}).RequestID)
	assert.Equal(t, "a b", f.parseInfo(http.Header{"X-Request-Id": {"a\u2028b"}}).RequestID)
}

func TestProblem_ByForm(t *testing.T) {
	for body, want := range map[string]Problem{
		`{"error":{"code":"A_B","message":"m","details":{"x":1}}}`: {"A_B", "m", []byte(`{"x":1}`), true},
		`{"success":false,"error":{"code":"A_B","message":"m"}}`:   {"A_B", "m", nil, true},
		`{"error":{"code":"ONLY_CODE","message":null}}`:            {"ONLY_CODE", "", nil, true},
		`{"error":{"code":429,"message":{"a":1}}}`:                 {"429", `{"a":1}`, nil, true},
		`{"error":{"code":"ONLY_CODE"}}`:                           {"ONLY_CODE", "", nil, true},
		`{"message":"m"}`:                                          {"", "m", nil, true},
		`{"message":"m","issues":[{"field":"f","message":"n"}]}`:   {"", "m", []byte(`[{"field":"f","message":"n"}]`), true},
		`{"message":"m","issues":"many"}`:                          {"", "m", []byte(`"many"`), true},
		`{"error":"text"}`:                                         {"", "text", nil, true},
		`{"error":{"reason":"r"}}`:                                 {"", `{"reason":"r"}`, nil, true},
		`{"issues":["many"]}`:                                      {"", `{"issues":["many"]}`, []byte(`["many"]`), false},
		`{"status":"text"}`:                                        {"", `{"status":"text"}`, nil, false},
		"<html>\n<h1>502 Bad Gateway</h1>\x00\xff":                 {"", "<html> <h1>502 Bad Gateway</h1> ", nil, false},
		"":     {},
		"null": {Message: "null"},
		`{"error":{"code":"` + strings.Repeat("C", 1000) + `","message":"a\nb\u0085"}}`: {strings.Repeat("C", 128), "a b ", nil, true},
		strings.Repeat("ü", 1000): {Message: strings.Repeat("ü", 256)},
	} {
		assert.Equal(t, want, newSanitizer(testKey).Problem([]byte(body)), body)
	}
}

func FuzzProblem(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"A","message":"m","details":null}}`))
	f.Add([]byte(`{"message":"m","issues":[{"field":1}]}`))
	sanitizer := newSanitizer(testKey)
	f.Fuzz(func(t *testing.T, body []byte) {
		p := sanitizer.Problem(body)
		require.LessOrEqual(t, len(p.Code), maxShort)
		require.LessOrEqual(t, len(p.Message), maxText)
		require.NotContains(t, p.Code+p.Message, "\n")
		require.NotContains(t, p.Code+p.Message, testKey)
	})
}
