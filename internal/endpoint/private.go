package endpoint

import (
	"maps"
	"net/http"
	"strings"
)

// Private sets the headers of a response that belongs to one visitor: no cache
// keeps it, and no other site embeds it. What a middleware has set before, in any
// letter case, no longer contradicts them.
func Private(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return contradicts(strings.ToLower(name)) })
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// contradicts reports whether a header could have the response kept by a browser,
// a CDN (by the name that each has for its own Cache-Control), or nginx.
func contradicts(name string) bool {
	switch name {
	case "age", "etag", "expires", "last-modified", "pragma", "surrogate-control", "surrogate-key", "edge-control",
		"x-accel-expires", "x-accel-redirect", "x-content-type-options", "cross-origin-resource-policy":
		return true
	}
	return strings.HasSuffix(name, "cache-control") || strings.HasSuffix(name, "cache-tag")
}

// sameOriginOnly deletes the headers that let pages of other origins read a response.
func sameOriginOnly(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		name = strings.ToLower(name)
		return strings.HasPrefix(name, "access-control-") || name == "timing-allow-origin" || name == "content-type"
	})
}
