package placeholders

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPreview(t *testing.T) {
	p, err := compile(t, sample()).Preview(customer())
	require.NoError(t, err)
	assert.Equal(t, Preview{
		Method: "POST",
		URL:    "https://api.example.com/customers/user-123/orders?email=ada%2B1%40example.com&api_key=[redacted]",
		Header: map[string]string{"Accept": "application/json", "Authorization": "[redacted]", "Content-Type": "application/json", "X-Api-Key": "[redacted]"},
		Body:   `{"email":"ada+1@example.com","orders":3,"auth":"[redacted]","note":"for ada+1@example.com"}`,
	}, p)
	assert.Equal(t, `POST https://api.example.com/customers/user-123/orders?email=ada%2B1%40example.com&api_key=[redacted]
Accept: application/json
Authorization: [redacted]
Content-Type: application/json
X-Api-Key: [redacted]

{"email":"ada+1@example.com","orders":3,"auth":"[redacted]","note":"for ada+1@example.com"}
`, p.String())
}

func TestPreview_Masks(t *testing.T) {
	const secret = "hunter2"
	variables := map[string]string{"apiToken": "integrations.a.t", "v": "integrations.a.v", "id": "userDetail.id"}
	source := paths{"integrations.a.t": secret, "integrations.a.v": secret, "userDetail.id": "user-1"}
	form := map[string]string{"Content-Type": formType}
	for name, a := range map[string]Action{
		"header":             {Header: map[string]string{"X-Note": "{{v}}"}},
		"cookie":             {Header: map[string]string{"cookie": "a={{v}}; b=" + secret}},
		"parameter":          {URL: "?id={{id}}&TOKEN={{v}}"},
		"fixed parameter":    {URL: "?sig=1&X-Amz-Signature=" + secret},
		"encoded name":       {URL: "?t%6Fken=" + secret},
		"twice":              {URL: "?password={{v}}&password=" + secret},
		"token in a path":    {URL: "/bot{{apiToken}}/send"},
		"token in a value":   {URL: "?q=x{{apiToken}}"},
		"form":               {Header: form, Body: "id={{id}}&client_secret={{v}}"},
		"token in a form":    {Header: form, Body: "id={{apiToken}}"},
		"member":             {Body: `{"id":"{{id}}","Api-Key":"{{v}}"}`},
		"member, escaped":    {Body: `{"id":"{{id}}","t\u006fken":"` + secret + `"}`},
		"member, object":     {Body: `{"credentials": {"a":["` + secret + `",{{v}}]},"id":"{{id}}"}`},
		"member, deep":       {Body: `[{"a":{"session" : "{{v}}"}},{{id}}]`},
		"member, list":       {Body: `{"tokens":["{{v}}","` + secret + `"]}`},
		"token as a value":   {Body: `{"id":{{apiToken}}}`},
		"token in a string":  {Body: `{"id":"a {{apiToken}} b"}`},
		"quotes in a string": {Body: `{"note":"\"password\":","id":"{{id}}","password":"\"` + secret + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			a.Variables = variables
			a.URL = "https://h.example" + a.URL
			a.Method = "POST"
			p, err := compile(t, a).Preview(source)
			require.NoError(t, err)
			text := fmt.Sprintf("%s %+v", p, p)
			assert.NotContains(t, text, secret)
			assert.Contains(t, text, "[redacted]")
			assert.False(t, a.Header == nil && a.Body != "" && !json.Valid([]byte(p.Body)), p.Body)
			r, err := compile(t, a).Request(t.Context(), source)
			require.NoError(t, err, "the request is another matter")
			assert.NotContains(t, r.URL.String(), "redacted")
		})
	}
}

// A mask may be longer than what it masks.
func TestPreview_MaxOutput(t *testing.T) {
	variables := map[string]string{"apiToken": "integrations.a"}
	for field, a := range map[string]Action{
		"url":  {Method: "POST", URL: "https://h.example/?a={{apiToken}}", Body: "[]"},
		"body": {Method: "POST", URL: "https://h.example/", Body: `["{{apiToken}}","20 characters in all"]`},
	} {
		a.Variables = variables
		c, err := Compile(a, &Options{MaxOutput: 30})
		require.NoError(t, err)
		source := paths{"integrations.a": "x"}
		_, err = c.Request(t.Context(), source)
		require.NoError(t, err)
		_, err = c.Preview(source)
		requireField(t, err, field, "must be at most 30 bytes")
	}
}

func TestIsSecretName(t *testing.T) {
	for name := range strings.FieldsSeq("key KEY apiKey api_key API-Keys apikey2 token accessToken accesstoken secret clientSecrets password passwd dbpassword pwd pass pw PIN pin code Code " +
		"sid otp totp auth oauth Authorization bearer sig signature hmac credential cred session sessionId sess cookie jwt cvv cvc x.pin user-pw passphrase privatekey salt nonce myaccesskey mycredential mysignature mycookie mybearer myjwt mysecret myapikey") {
		assert.True(t, isSecretName(name), name)
	}
	for name := range strings.FieldsSeq("id email name plan keyword monkey author authority design sigma passenger passport pinned spin country_code codes codec opinion possession2x tokyo sidebar assessment") {
		assert.Equal(t, strings.Contains(name, "session"), isSecretName(name), name)
	}
}

func TestLooksLikeKey(t *testing.T) {
	for text, want := range map[string]bool{
		"Bearer x": true, "basic YTpi": true, "token abc": true, sampleKey + "1": true, "id 0123456789abcdefghij": true, "0123456789abcdefghij,b": true,
		"Bearer": false, "bear x": false, "2026-06-24": false, "application/vnd.github.v3+json": false, "return=representation-and-more-words": false, "0123456789abcdefghi": false,
		"two words of 20 characters": false, "aaaaaaaaaa.aaaaaaaaaa1": false, "": false,
	} {
		assert.Equal(t, want, looksLikeKey(text), text)
	}
}

// A key of other digits, and between other characters.
func TestLooksLikeKey_Characters(t *testing.T) {
	for digit := range strings.SplitSeq("0123456789", "") {
		assert.True(t, looksLikeKey(strings.Repeat("a", 19)+digit), digit)
	}
	for separator := range strings.SplitSeq(".,;:/()\" \t", "") {
		assert.False(t, looksLikeKey("aaaaaaaaaa1"+separator+"bbbbbbbbbb2"), "%q", separator)
	}
}

func TestPreview_KeepsWhiteSpace(t *testing.T) {
	for space := range strings.SplitSeq(" \t\r\n", "") {
		p, err := compile(t, Action{Method: "POST", URL: "https://h.example", Body: `{"token":"x"` + space + `,"a":1}`}).Preview(paths{})
		require.NoError(t, err)
		assert.Equal(t, `{"token":"[redacted]"`+space+`,"a":1}`, p.Body)
	}
}

func TestPreview_Headers(t *testing.T) {
	variables := map[string]string{"id": "userDetail.id", "t": "userDetail.token", "v": "integrations.a.v"}
	source := paths{"userDetail.id": "7", "userDetail.token": "hunter2", "integrations.a.v": "hunter2"}
	shown := map[string]string{"Stripe-Version": "2026-06-24", "X-Request-Id": "refund-{{id}}", "X-Customer-Id": "{{id}}", "Accept": "text/html"}
	masked := map[string]string{
		"X-Trace-Id": sampleKey + "1 {{id}}", "X-Order-Id": "{{id}} " + sampleKey + "1", "X-Account-Id": "{{t}}", "X-Tenant-Id": "{{v}}", "X-Api-Key": "x", "X-Team-Id": "{{id}}-{{v}}",
		"X-Shop-Id": "{{fixed}}",
	}
	a := Action{Method: "GET", URL: "https://h.example/?token&b=1", Header: maps.Clone(shown), Variables: variables, Defaults: map[string]any{"fixed": "hunter2"}}
	maps.Copy(a.Header, masked)
	p, err := compile(t, a).Preview(source)
	require.NoError(t, err)
	for name, value := range shown {
		assert.Equal(t, strings.ReplaceAll(value, "{{id}}", "7"), p.Header[name], name)
	}
	for name := range masked {
		assert.Equal(t, "[redacted]", p.Header[name], name)
	}
	assert.Equal(t, "https://h.example/?token&b=1", p.URL)
}

func TestPreview_ShowsTheRest(t *testing.T) {
	a := Action{
		Method: "POST", URL: "https://h.example/a?b=c&d", Body: `{"a": "say \"x\"", "b": [1, "c", {}]}`,
		Header: map[string]string{"user-agent": "shop", "Accept-Language": "de"},
	}
	p, err := compile(t, a).Preview(paths{})
	require.NoError(t, err)
	assert.Equal(t, a.Body, p.Body)
	assert.Equal(t, a.URL, p.URL)
	assert.Equal(t, map[string]string{"User-Agent": "shop", "Accept-Language": "de", "Content-Type": "application/json"}, p.Header)
	p, err = compile(t, Action{Method: "GET", URL: "https://h.example"}).Preview(paths{})
	require.NoError(t, err)
	assert.Equal(t, "GET https://h.example\n", p.String())
	assert.Empty(t, p.Body)
}

func TestPreview_LooksUpOnce(t *testing.T) {
	counting := countingSource{}
	_, err := compile(t, sample()).Preview(counting)
	require.NoError(t, err)
	for path, n := range counting {
		assert.Equal(t, 1, n, path)
	}
}

type countingSource map[string]int

func (s countingSource) Lookup(path string) (any, bool) {
	s[path]++
	return strings.ReplaceAll(path, ".", "-"), true
}

// A name says nothing where the path that it is mapped to says it all.
func TestPreview_MasksByPath(t *testing.T) {
	a := Action{
		Method: "POST", URL: "https://h.example/x?sv=1&sig=SECRETSIG&a={{shop}}", Body: `{"b":"{{shop}}"}`,
		Variables: map[string]string{"shop": "integrations.shop.token"},
	}
	p, err := compile(t, a).Preview(paths{"integrations.shop.token": "SECRETTOKEN"})
	require.NoError(t, err)
	assert.NotContains(t, p.String(), "SECRET")
	assert.Contains(t, p.String(), "sv=1")
}
