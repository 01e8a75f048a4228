package secret

import (
	"slices"
	"strings"
)

// keyWords are how the name of a header ends that carries an API key.
var keyWords = []string{"key", "token", "secret", "password", "auth", "authorization"}

// otherKeys are in the names of headers that end so, but that proxies, browsers or
// frameworks set.
var otherKeys = []string{
	"proxy-", "forwarded", "x-auth-request-", "x-amz", "x-goog-", "x-ms-", "x-envoy-", "x-vercel-", "x-appengine-", "cf-", "fly-",
	"sec-", "csrf", "xsrf", "idempotency", "cache-", "surrogate-", "x-user-", "access-control-", "x-original-", "x-remote-",
}

// CheckHeader returns the rule that the name of a header breaks which is to carry an
// API key, or "".
func CheckHeader(header string) (rule string) {
	name := strings.ToLower(header)
	isTheirs := func(part string) bool { return strings.Contains(name, part) }
	endsName := func(word string) bool { return strings.HasSuffix(name, word) }
	switch {
	case !isToken(header):
		return "must be the name of an HTTP header"
	case !slices.ContainsFunc(keyWords, endsName):
		return "must be Authorization, or end in Key, Token, Secret, Password or Auth (such as X-Api-Key)"
	case slices.ContainsFunc(otherKeys, isTheirs):
		return "must be one of your own, which no proxy, browser or framework sets (such as X-Api-Key)"
	}
	return ""
}

// isToken checks the grammar of a header's name, RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// CheckIn returns the rule that an API key breaks as the value of a header, or "". In
// Authorization, a scheme comes first.
func CheckIn(header, apiKey string) (rule string) {
	if rule := Check(apiKey); rule != "" {
		return rule
	}
	if scheme, credentials, ok := strings.Cut(apiKey, " "); ok && strings.EqualFold(header, "Authorization") && isToken(scheme) {
		apiKey = credentials
	}
	if strings.ContainsFunc(apiKey, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return `must have only visible ASCII characters (is there a "Bearer " before it?)`
	}
	return ""
}
