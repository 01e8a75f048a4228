// Package endpoint is what the handlers of this module have in common: the
// headers of a private answer, and reports that hold nothing of a visitor's.
package endpoint

import (
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"
)

// Private sets the headers of an answer that belongs to one visitor: no cache
// keeps it, and no other site embeds it.
func Private(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// Recover, deferred, tells of a panic by its type and stack, but not by its
// value, which may hold anything. http.ErrAbortHandler is passed on.
func Recover(tell func(typ string, stack []byte)) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v)
	default:
		tell(reflect.TypeOf(v).String(), debug.Stack())
	}
}

// Log returns the default of an OnError: slog.Default() at level Error, with at
// most 256 bytes of the error's text, and the stack if it is that of a panic.
func Log(message string, stack func(error) []byte) func(*http.Request, error) {
	return func(r *http.Request, err error) {
		attrs := []any{"error", cut(err.Error())}
		if s := stack(err); s != nil {
			attrs = append(attrs, "stack", string(s))
		}
		slog.Default().ErrorContext(r.Context(), message, attrs...)
	}
}

func cut(text string) string {
	const limit = 256
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}
