package placeholders

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func compileHeader(name, value string) error {
	_, err := Compile(Action{
		Method: "GET", URL: "https://h.example/", Header: map[string]string{name: value}, Variables: map[string]string{"a": "userDetail.a"},
	}, nil)
	return err
}

func TestCompile_HeadersWithPlaceholders(t *testing.T) {
	for name := range strings.FieldsSeq(`Authorization X-Api-Key Api-Key apikey DD-API-KEY X-MBX-APIKEY Idempotency-Key X-Idempotency-Key
		Stripe-Version Stripe-Account Notion-Version Intercom-Version X-GitHub-Api-Version Square-Version X-Request-Id X-Correlation-ID
		X-Amzn-Trace-Id X-Shopify-Access-Token PRIVATE-TOKEN X-Auth-Token X-Auth-Email X-Auth-Key X-Vault-Token X-Csrf-Token
		X-Postmark-Server-Token OpenAI-Organization X-Tenant-Id X-Customer-Email X-Customer-Id X-Acme-Plan X-Signature X-Timestamp
		Accept Accept-Language User-Agent If-Match X-Client-Id X-User-Id Klaviyo-Account-Id X-Parse-Session-Token X_Api_Key`) {
		assert.NoError(t, compileHeader(name, "{{a}}"), name)
	}
	assert.NoError(t, compileHeader("Cookie", "a={{a}}"))
}

// Each word of a name counts.
func TestCompile_HeaderWords(t *testing.T) {
	for word := range strings.FieldsSeq(`account amount campaign channel correlation country currency customer email id idempotency key language locale name nonce note
		order org organization phone plan project reason reference request secret session shop signature source store tag tags team tenant tier timestamp timezone
		token trace version workspace`) {
		assert.NoError(t, compileHeader("X-Acme-"+word, "{{a}}"), word)
	}
	for name := range strings.FieldsSeq(`authorization x-authorization accept accept-language content-language user-agent if-match if-none-match prefer traceparent
		x-postmark-server-token`) {
		assert.NoError(t, compileHeader(name, "{{a}}"), name)
	}
	for word := range strings.FieldsSeq(`accel action addr address authenticated behalf cert claim claims cluster connecting consumer destination envoy forward forwarded
		gateway host http impersonate internal invoke ip matched method middleware nextjs oidc original originating override path principal proxy real remote rewrite
		role route saml server ssl subrequest sudo tls true tunnel uri url webauth`) {
		assert.Error(t, compileHeader("X-"+word+"-Id", "{{a}}"), word)
		assert.Error(t, compileHeader("X_"+strings.ToUpper(word)+"_KEY", "{{a}}"), word)
	}
}

// The error names a header that may have the placeholder.
func TestCompile_NamesAnotherHeader(t *testing.T) {
	for name, want := range map[string]string{
		"X-Loyalty-Level":                   "X-Loyalty-Level-Name",
		"X_Loyalty_Level":                   "X_Loyalty_Level-Name",
		"X-Forwarded-For":                   "X-Customer-Id",
		"Referer":                           "Referer-Name",
		"X-" + strings.Repeat("Long-", 100): "X-Customer-Id",
	} {
		assert.ErrorContains(t, compileHeader(name, "{{a}}"), "in a header such as "+want+";")
		assert.NoError(t, compileHeader(want, "{{a}}"))
	}
	for _, name := range []string{"X-Loyalty-Tier", "X-User-Id"} { // of docs/actions.md
		assert.NoError(t, compileHeader(name, "{{a}}"))
	}
	assert.Error(t, compileHeader("X-User", "{{a}}"))
}

// HTTP needs these itself.
func TestCompile_RejectsReservedHeaders(t *testing.T) {
	for name := range strings.FieldsSeq(`Host Content-Length Transfer-Encoding Connection Keep-Alive TE Trailer Upgrade Proxy-Connection Proxy-Authenticate
		Proxy-Authorization HTTP2-Settings Expect Content-Encoding Proxy content_length KEEP_ALIVE`) {
		err := compileHeader(name, "x")
		var ae *ActionError
		if assert.ErrorAs(t, err, &ae, name) {
			assert.Contains(t, err.Error(), "HTTP needs this header itself", name)
		}
	}
}

func TestCompile_Methods(t *testing.T) {
	for method := range strings.FieldsSeq("GET HEAD POST PUT PATCH DELETE") {
		_, err := Compile(Action{Method: method, URL: "https://h.example"}, nil)
		assert.NoError(t, err, method)
	}
	for _, body := range []string{"\r\n\t [1]", "{}", `"x"`} {
		_, err := Compile(Action{Method: "POST", URL: "https://h.example", Body: body}, nil)
		assert.NoError(t, err, "%q", body)
	}
}

// A server may take the request for another one, or for that of another client.
func TestCompile_RejectsPlaceholdersInSteeringHeaders(t *testing.T) {
	for name := range strings.FieldsSeq(`X-Middleware-Subrequest SOAPAction X-Amz-Target X-Real-IP True-Client-IP X-Remote-User X-Url Base-Url
		Request-Uri X-Proxy-Url X-Tunnel-Method X-HTTP-Method-Override X-Method-Override X-HTTP-Method X-Original-URL X-Rewrite-URL
		X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Email X-Forwarded-User X-Forwarded-Access-Token Forwarded CF-Connecting-IP
		Fastly-Client-IP X-Client-IP Client-IP X-Cluster-Client-IP X-ProxyUser-Ip X-Originating-IP X-Remote-Addr X-Remote-IP
		X-Custom-IP-Authorization X-Http-Destinationurl X-Host X-Envoy-Original-Path X-Accel-Redirect X-Sendfile Destination Redirect Uri Url
		Http-Url Proxy-Host Referer Origin Range X-Requested-With X-Invoke-Path X-Matched-Path X-Nextjs-Data Next-Action RSC X-Middleware-Rewrite
		Content-Location Via X-User REMOTE_USER X-Auth-User X-Auth-Request-Email X-Webauth-User X-Authenticated-Userid
		X-Goog-Authenticated-User-Id Cf-Access-Authenticated-User-Email X-MS-Client-Principal-Id X-Amzn-Oidc-Identity Oidc-Claim-Email
		X-Consumer-Id X-Hasura-Role Impersonate-User Sudo X-On-Behalf-Of X-SSL-Client-Cert X-Client-Cert X-Forwarded X-Forward-For Cookie2
		x_forwarded_for X_Real_IP X-Server-Name X-Original-Host Set-Cookie Access-Control-Request-Method Sec-Fetch-Site`) {
		err := compileHeader(name, "{{a}}")
		var ae *ActionError
		if assert.ErrorAs(t, err, &ae, name) {
			assert.Contains(t, err.Error(), "must have no placeholder", name)
		}
		require.NoError(t, compileHeader(name, "a=1"), "a constant is the operator's own")
	}
}
