package secret

import (
	"regexp"
	"strings"
)

var (
	// headerName is the grammar of a header's name, RFC 9110 section 5.6.2.
	headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

	// keyHeader matches the names of headers that carry an API key.
	keyHeader = regexp.MustCompile(`(?i)(key|token|secret|password|auth|authorization)$`)

	// foreignHeader matches headers that proxies, browsers or frameworks set.
	foreignHeader = regexp.MustCompile(`(?i)proxy-|forwarded|x-auth-request-|x-amz|x-goog-|x-ms-|x-envoy-|x-vercel-|x-appengine-|cf-|fly-|` +
		`sec-|csrf|xsrf|idempotency|cache-|surrogate-|x-user-|access-control-|x-original-|x-remote-`)
)

// CheckHeader returns the rule that the name of a header for an API key breaks, or "".
func CheckHeader(header string) (rule string) {
	switch {
	case !headerName.MatchString(header):
		return "must be the name of an HTTP header"
	case !keyHeader.MatchString(header):
		return "must be Authorization, or end in Key, Token, Secret, Password or Auth (such as X-Api-Key)"
	case foreignHeader.MatchString(header):
		return "must be one of your own, which no proxy, browser or framework sets (such as X-Api-Key)"
	}
	return ""
}

// CheckIn returns the rule that an API key breaks as the value of a header, or "". In
// Authorization, a scheme such as "Bearer " may precede the key. A scheme has the grammar
// of a header's name.
func CheckIn(header, apiKey string) (rule string) {
	rule = Check(apiKey)
	if scheme, credentials, ok := strings.Cut(apiKey, " "); ok && strings.EqualFold(header, "Authorization") && headerName.MatchString(scheme) {
		apiKey = credentials
	}
	if rule == "" && strings.ContainsFunc(apiKey, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		rule = `must have only visible ASCII characters (paste it without spaces, and without "Bearer " before it)`
	}
	return rule
}
