// Package endpoint is what the handlers of this module have in common: the
// headers of a private response, the endpoint that serves a visitor's identity,
// and bounded reports of errors and panics.
package endpoint

import (
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Panic describes a panic that was recovered. Its fields are those of the public
// PanicError types, which convert from it.
type Panic struct {
	Type  string // the Go type of the value
	Text  string // the value as text, if it is an error or a string
	Stack []byte // the stack of the goroutine, as debug.Stack formats it
}

func (p *Panic) String() string {
	text := "panic of type " + p.Type
	if p.Text != "" {
		text += ": " + p.Text
	}
	return text
}

// Recover, deferred, calls report after a panic. http.ErrAbortHandler is passed
// on.
func Recover(report func(*Panic)) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v)
	default:
		report(&Panic{reflect.TypeOf(v).String(), textOf(v), debug.Stack()})
	}
}

// textOf returns at most 256 bytes of an error's or a string's text. Other values
// have none: how they print is not under their author's control.
func textOf(v any) (text string) {
	defer func() { _ = recover() }() // an Error method may panic, too
	switch v := v.(type) {
	case error:
		return cut(v.Error(), textLimit)
	case string:
		return cut(v, textLimit)
	}
	return ""
}

// Log returns the default of an OnError: slog.Default() at level Error, with at
// most 256 bytes of the error's text. For a panic these are of the panic's text,
// and the stack is logged too.
func Log(message string, stack func(error) []byte) func(*http.Request, error) {
	return func(r *http.Request, err error) {
		limit, s := textLimit, stack(err)
		if s != nil {
			limit *= 2 // the text of the panic is bounded, and has a prefix
		}
		attrs := []any{"error", cut(err.Error(), limit)}
		if s != nil {
			attrs = append(attrs, "stack", string(s))
		}
		slog.Default().ErrorContext(r.Context(), message, attrs...)
	}
}

const textLimit = 256

// cut returns the start of text as valid UTF-8 of at most limit bytes, with a
// space for each character that does not print: a log shows it as it is.
func cut(text string, limit int) string {
	var b strings.Builder
	for _, r := range text {
		if !unicode.IsGraphic(r) {
			r = ' '
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
