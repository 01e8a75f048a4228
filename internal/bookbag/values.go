package bookbag

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/textdelta"
)

// maxValues is how many JSON values a response, or an item of an export, may have.
// A short value takes many times its length when it is decoded, so a limit on bytes
// alone does not bound memory. An object or a list takes most, and counts as weight
// values.
const (
	maxValues = 200_000
	weight    = 5
)

// ErrFormat means that a response is not the JSON that was expected.
var ErrFormat = errors.New("unexpected response format (is Options.BaseURL right, or does a proxy respond?)")

// CheckLength returns ErrTooLong for a text of too many JSON values.
func CheckLength(text []byte) error {
	if countValues(text) > maxValues || !utf8.Valid(text) && len(text) > maxValues { // each invalid byte becomes three
		return ErrTooLong
	}
	return nil
}

// countValues looks at brackets, strings and commas only.
func countValues(text []byte) (n int) {
	n = 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLen(text[i:]) - 1
		case '{', '[':
			n += weight
		case ',':
			n++
		}
	}
	return n
}

// stringLen returns the length of the string that text begins with.
func stringLen(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// Values returns the members of an object by their names, if bracket is '{', or the
// items of a list, if it is '[', as they are in the text. Another value has none. In a
// text that is not JSON it finds some other texts.
func Values(text []byte, bracket byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		name, depth, begin := "", 0, 0
		for i := 0; i < len(text); i++ {
			switch c := text[i]; c {
			case '"':
				i += stringLen(text[i:]) - 1
			case '{', '[':
				if depth++; depth == 1 {
					if c != bracket {
						return
					}
					begin = i + 1
				}
			case ':':
				if depth == 1 {
					if quoted := bytes.TrimSpace(text[begin:i]); len(quoted) >= len(`""`) {
						name = string(textdelta.Text(quoted))
					}
					begin = i + 1
				}
			case ',', '}', ']':
				if depth == 1 {
					value := bytes.TrimSpace(text[begin:i])
					if len(value) > 0 && !yield(name, value) {
						return
					}
					begin = i + 1
				}
				if c != ',' {
					depth--
				}
			}
		}
	}
}
