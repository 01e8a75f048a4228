package placeholders

import (
	"slices"
	"strings"
)

// reservedHeaders are those that HTTP itself needs. net/http ignores some of
// them, and others belong to a connection (RFC 9110, section 7.6.1).
var reservedHeaders = []string{
	"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
	"proxy-connection", "proxy-authenticate", "proxy-authorization", "http2-settings", "expect",
	"content-encoding", // a body is not encoded
	"proxy",            // CGI programs take it for the proxy to use
}

// A placeholder may be in these headers, and in those whose name ends in one of
// the words of placeholderWords.
var placeholderHeaders = []string{
	"authorization", "x-authorization", "cookie", "accept", "accept-language", "content-language", "user-agent",
	"if-match", "if-none-match", "prefer", "traceparent", "x-postmark-server-token",
}

// placeholderWords say that a header carries a credential, an id, a version or a
// fact about the customer.
var placeholderWords = []string{
	"account", "amount", "campaign", "channel", "correlation", "country", "currency", "customer", "email", "id", "idempotency",
	"key", "language", "locale", "name", "nonce", "note", "order", "org", "organization", "phone", "plan", "project", "reason",
	"reference", "request", "secret", "session", "shop", "signature", "source", "store", "tag", "tags", "team", "tenant", "tier",
	"timestamp", "timezone", "token", "trace", "version", "workspace",
}

// steeringWords say that a proxy or a framework may take a request for another
// one, or for that of another client, by a header: X-Forwarded-Email and
// X-MS-Client-Principal-Id name the user who is signed in.
var steeringWords = []string{
	"accel", "action", "addr", "address", "authenticated", "behalf", "cert", "claim", "claims", "cluster", "connecting", "consumer",
	"destination", "envoy", "forward", "forwarded", "gateway", "host", "http", "impersonate", "internal", "invoke", "ip",
	"matched", "method", "middleware", "nextjs", "oidc", "original", "originating", "override", "path", "principal", "proxy", "real",
	"remote", "rewrite", "role", "route", "saml", "server", "ssl", "subrequest", "sudo", "tls", "true", "tunnel", "uri", "url",
	"webauth",
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

// readName returns a header's name as a server may read it: many take an
// underscore for a hyphen.
func readName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }
