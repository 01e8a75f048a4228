package endpoint

import (
	"maps"
	"net/http"
	"strings"
)

// Private sets the headers of a response that belongs to one visitor: no cache
// keeps it, and no other site embeds it. It deletes headers that a middleware has set,
// in any letter case, and that contradict these.
func Private(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return contradicts(strings.ToLower(name)) })
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// contradicts reports whether a header, in lower case, may make a browser, a CDN (by its
// own name for Cache-Control) or nginx store the response, or is one that Private sets.
func contradicts(name string) bool {
	switch name {
	case "age", "etag", "expires", "last-modified", "pragma", "surrogate-control", "surrogate-key", "edge-control",
		"x-accel-expires", "x-accel-redirect", "x-content-type-options", "cross-origin-resource-policy":
		return true
	}
	return strings.HasSuffix(name, "cache-control") || strings.HasSuffix(name, "cache-tag")
}

// sameOriginOnly deletes the headers that let pages of other origins read a response, and
// a content type in any letter case, because the handler sets its own.
func sameOriginOnly(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		name = strings.ToLower(name)
		return strings.HasPrefix(name, "access-control-") || name == "timing-allow-origin" || name == "content-type"
	})
}
