package secret

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCheckHeader(t *testing.T) {
	for _, name := range []string{"X-Api-Key", "x-api-key", "Api-Key", "apikey", "Authorization", "X-Shop-Token", "X-Action-Secret", "X-Password", "Shop-Auth"} {
		assert.Empty(t, CheckHeader(name), name)
	}
	for _, name := range []string{"", "X Key", "X-Key:", "X-Schlüssel-Key", "X-Key\n", "(Key)"} {
		assert.Equal(t, "must be the name of an HTTP header", CheckHeader(name), "%q", name)
	}
	for _, name := range []string{
		"Cookie", "Set-Cookie", "Host", "Origin", "Locale", "Content-Type", "Content-Length", "X-Requested-With", "X-User-Id", "X-User-Hash", "Via", "Forwarded",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-User", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Request-Id", "Traceparent",
		"X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
		"User-Agent", "Referer", "Accept", "Accept-Encoding", "Range", "If-None-Match", "X-Remote-User", "X-Amzn-Trace-Id", "X-B3-Traceid", "Date", "Priority",
	} {
		assert.Contains(t, CheckHeader(name), "must be Authorization, or end in Key", name)
	}
	for _, name := range []string{
		"Proxy-Authorization", "X-Forwarded-Access-Token", "X-Auth-Request-Access-Token", "X-Amz-Security-Token", "X-Goog-Iam-Authorization-Token", "X-Ms-Token-Aad-Id-Token",
		"Sec-Websocket-Key", "X-Csrf-Token", "X-XSRF-TOKEN", "Idempotency-Key", "X-Idempotency-Key", "Surrogate-Key", "Cf-Access-Token", "X-User-Token", "X-Remote-Auth",
	} {
		assert.Contains(t, CheckHeader(name), "must be one of your own", name)
	}
}

func TestCheckIn(t *testing.T) {
	for header, keys := range map[string][]string{
		"X-Api-Key":     {"k", "a-key_of+visible/ASCII=", "!#~"},
		"authorization": {"k", "Bearer k", "Token k"},
	} {
		for _, key := range keys {
			assert.Empty(t, CheckIn(header, key), key)
		}
	}
	for header, keys := range map[string][]string{
		"X-Api-Key":     {"Bearer k", "a b", "schlüssel", "a\u00a0b"},
		"Authorization": {"Bearer a b", "Bearer  k", "Bea,rer k"},
	} {
		for _, key := range keys {
			assert.Equal(t, `must have only visible ASCII characters (paste it without spaces, and without "Bearer " before it)`, CheckIn(header, key), key)
		}
	}
	assert.Equal(t, Check(""), CheckIn("X-Api-Key", ""))
	assert.Equal(t, Check("a\n"), CheckIn("X-Api-Key", "a\n"))
}
