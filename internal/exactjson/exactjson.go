// Package exactjson is encoding/json for values that must arrive as they were:
// what would be changed in silence is refused instead.
package exactjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var (
	// ErrUnsupported says that JSON has no form for the value: a NaN, a
	// channel, a cycle, or a MarshalJSON method that failed. It does not wrap
	// the cause, whose text may come from anywhere.
	ErrUnsupported = errors.New("must be a value that JSON can carry")

	// ErrNotUTF8 says that a string in the value is not valid UTF-8, or that a
	// json.Marshaler in it wrote the escape \ufffd, which stands for such bytes.
	ErrNotUTF8 = errors.New("must be valid UTF-8")
)

// Marshal returns v as json.Marshal does, safe to stand inside <script>, or
// one of the errors of this package.
func Marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, ErrUnsupported
	}
	if !utf8.Valid(b) || replacedBytes(b) { // a json.Marshaler may write any bytes
		return nil, ErrNotUTF8
	}
	return b, nil
}

// replacedBytes reports whether encoding/json replaced a byte that is not
// UTF-8. It writes the replacement as the escape \ufffd, but a U+FFFD that was
// in the string as itself.
func replacedBytes(b []byte) bool {
	const escape = `\ufffd`
	for {
		i := bytes.Index(b, []byte(escape))
		if i < 0 {
			return false
		}
		// An odd number of backslashes before the one found would mean that
		// the string holds the six characters of the escape, as text.
		before := b[:i]
		backslashes := len(before) - len(bytes.TrimRight(before, `\`))
		if backslashes%2 == 0 {
			return true
		}
		b = b[i+len(escape):]
	}
}
