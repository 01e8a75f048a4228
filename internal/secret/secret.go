// Package secret keeps keys out of logs, and finds keys that were not pasted correctly.
//
// fmt and slog do not call methods on unexported fields: they print what is
// inside. So a type that holds a key needs two things: the key in a closure,
// where no printer looks, and Redacted embedded, for when it is printed itself.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const text = "[redacted]"

// Redacted makes the struct that embeds it print as [redacted] under every
// verb of fmt, in slog, and in encoding/json and other text encoders.
type Redacted struct{}

func (Redacted) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, text) }
func (Redacted) String() string               { return text }
func (Redacted) GoString() string             { return text }
func (Redacted) LogValue() slog.Value         { return slog.StringValue(text) }
func (Redacted) MarshalText() ([]byte, error) { return []byte(text), nil }
