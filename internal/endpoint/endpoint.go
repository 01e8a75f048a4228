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
)

// Panic describes a panic that was recovered. Its fields are those of the public
// PanicError types, which convert from it.
type Panic struct {
	Type  string // the Go type of the value
	Text  string // the value as text, if it is an error or a string
	Stack []byte // the stack of the goroutine, as debug.Stack formats it
}

func (p *Panic) String() string {
	text := strings.TrimSuffix("panic of type "+p.Type+": "+p.Text, ": ")
	if strings.Contains(p.Text, "no session data in context") { // the words of alexedwards/scs
		text += " (is the handler inside the session middleware?)"
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

// textOf returns at most 256 bytes of the text of an error or a string. Other values have
// none, because they may contain anything.
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

// Log is the default of an OnError: slog.Default() at level Error, with at most 256
// bytes of the error's text. For a panic, which has a stack, the text of the panic is
// already cut to 256 bytes, and the error's text has a prefix before it.
func Log(r *http.Request, message string, err error, stack []byte) {
	args := []any{"error", cut(err.Error(), textLimit)}
	if stack != nil {
		args = []any{"error", cut(err.Error(), 2*textLimit), "stack", string(stack)}
	}
	slog.ErrorContext(r.Context(), message, args...)
}

const textLimit = 256

// cut returns the start of text as valid UTF-8, with a space for each character that
// does not print: a log shows it as it is.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text[:min(len(text), limit)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, text)
}
