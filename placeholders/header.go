package placeholders

import (
	"regexp"
	"slices"
	"strings"
)

// scheme matches the schemes of credentials, after which a value is the rest of the header.
// After any other word, the header may be a list of values.
var scheme = regexp.MustCompile("(?i)^(Basic|Bearer|Digest|DPoP|Token|Api-?Key|Key|OAuth|Negotiate) ")

// header checks the value of a header, and finds out whether a placeholder is all
// of it, or all after a scheme such as Bearer.
func (s *scanned) header() {
	if at := strings.IndexFunc(s.text, isNotVisible); at >= 0 {
		s.fault(at, "a header "+notVisible)
	}
	if strings.HasPrefix(s.text, " ") {
		s.fault(0, "a header must not begin with white space")
	} else if trimmed := strings.TrimRight(s.text, " "); trimmed != s.text {
		s.fault(len(trimmed), "a header must not end with white space")
	}
	prefix := scheme.FindString(s.text)
	isBasic, isWhole := strings.EqualFold(prefix, "Basic "), s.text == prefix+nul
	position, rule := headerPart, ""
	switch {
	case isBasic && isWhole:
		position = basicCredentials
	case isBasic:
		rule = "Basic takes one placeholder and nothing else (map one variable to the base64 form of user:password)"
	case isWhole:
		position = wholeHeader
	}
	s.place(0, len(s.text), position, rule)
}

// base64Text also accepts the base64 of URLs.
var base64Text = regexp.MustCompile("^[A-Za-z0-9+/_-]*=*$")

// isNotVisible accepts NUL, which is a placeholder in a template.
func isNotVisible(r rune) bool { return r != 0 && (r < ' ' || r >= 0x7f) }

const notVisible = "must have only visible ASCII characters, and spaces (send other text in a body)"

// appendHeader appends s as it is, or returns the rule that it breaks: a header
// has no escapes. Other characters than ASCII are rejected, since how they arrive
// is not defined, and since a reader who takes them for Latin-1 may see a line
// end in them.
func appendHeader(dst []byte, s string, position position) ([]byte, string) {
	switch {
	case strings.ContainsFunc(s, isNotVisible) || strings.Contains(s, nul):
		return dst, notVisible
	case position == headerPart && strings.ContainsAny(s, "\"'`\\,;"):
		return dst, "must not have quotes, backslashes, commas or semicolons where it is only a part of the header"
	case position == basicCredentials && !base64Text.MatchString(s):
		return dst, "must be the base64 form of user:password"
	}
	return append(dst, s...), ""
}

// headerName is the grammar of a header's name, RFC 9110 section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// cookieName finds a placeholder in the name of a cookie. The values of the others
// cannot have the semicolon that ends a cookie, as they are only a part of the header.
var cookieName = regexp.MustCompile(`(^|;)[^;=]*\x00`)

// reservedHeaders are those that HTTP itself needs. net/http ignores some of
// them, and others belong to a connection (RFC 9110, section 7.6.1). A body is not
// encoded, and CGI programs take Proxy for the proxy to use.
var reservedHeaders = []string{
	"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
	"proxy-connection", "proxy-authenticate", "proxy-authorization", "http2-settings", "expect", "content-encoding", "proxy",
}

// A placeholder may be in these headers, and in those whose name ends in one of
// the words of placeholderWords.
var placeholderHeaders = []string{
	"authorization", "x-authorization", "cookie", "accept", "user-agent", "if-match", "if-none-match", "prefer", "traceparent", "x-postmark-server-token",
}

// placeholderWords say that a header carries a credential, an id, a version or a
// fact about the customer.
var placeholderWords = []string{
	"account", "amount", "campaign", "channel", "correlation", "country", "currency", "customer", "email", "id", "idempotency",
	"language", "locale", "name", "nonce", "note", "order", "org", "organization", "phone", "plan", "project", "reason",
	"reference", "request", "secret", "session", "shop", "signature", "source", "store", "tag", "tags", "team", "tenant", "tier",
	"timestamp", "timezone", "trace", "version", "workspace",
}

// steeringWords say that a proxy or a framework may take a request for another
// one, or for that of another client, by a header: X-Forwarded-Email and
// X-MS-Client-Principal-Id name the user who is signed in.
var steeringWords = []string{
	"accel", "action", "addr", "address", "authenticated", "behalf", "cert", "claim", "claims", "cluster", "connecting", "consumer",
	"destination", "envoy", "forward", "forwarded", "gateway", "host", "http", "impersonate", "internal", "invoke", "ip",
	"matched", "method", "middleware", "nextjs", "oidc", "original", "originating", "override", "path", "principal", "proxy", "real",
	"remote", "rewrite", "role", "route", "saml", "server", "ssl", "subrequest", "sudo", "tls", "true", "tunnel", "uri", "url", "webauth",
}

// mayHavePlaceholder reports whether a value may go into the header: only names
// that are known to be harmless, since nobody knows all those that are not. The
// name is in lower case, with hyphens for underscores.
func mayHavePlaceholder(name string) bool {
	if slices.Contains(placeholderHeaders, name) {
		return true
	}
	words := strings.Split(name, "-")
	last := words[len(words)-1]
	known := slices.Contains(placeholderWords, last) || strings.HasSuffix(last, "key") || strings.HasSuffix(last, "token")
	return known && !strings.HasPrefix(name, "x-auth-request-") && !slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains(steeringWords, word)
	})
}

// harmlessHeader returns a header for the value of a header that must have no placeholder.
func harmlessHeader(name string) string {
	if longer := name + "-Name"; len(name) <= 32 && mayHavePlaceholder(readName(longer)) {
		return longer
	}
	return "X-Customer-Id"
}

// readName returns a header's name as a server may read it: many take an
// underscore for a hyphen.
func readName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }
