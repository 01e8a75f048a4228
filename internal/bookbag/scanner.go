package bookbag

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxValues is how many JSON values a response may have, or an item of an
// export. Decoded, a short value takes many times its length, so a limit on
// bytes alone does not bound memory. An object or a list takes most, and counts
// as weight values.
const (
	maxValues = 200_000
	weight    = 5
)

// ErrFormat means that a response is not the JSON that was expected.
var ErrFormat = errors.New("unexpected response format (is Options.BaseURL right, or does a proxy respond?)")

// Check returns ErrTooLong for a text of too many JSON values, and ErrFormat for one
// that is not JSON.
func Check(text []byte) error {
	err := checkLength(text)
	if err == nil && !json.Valid(text) {
		err = ErrFormat
	}
	return err
}

func checkLength(text []byte) error {
	if countValues(text) > maxValues || !utf8.Valid(text) && len(text) > maxValues { // decoded, a byte that is not UTF-8 takes three
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

// Scanner splits JSON into its values without decoding them. In a text that is not
// JSON, it finds an error or other values.
type Scanner struct {
	text []byte
	pos  int // of the next byte
}

// Scan calls f with a Scanner of a text for which [Check] returns nil, or returns the
// error of Check.
func Scan(text []byte, f func(*Scanner) error) error {
	if err := Check(text); err != nil {
		return err
	}
	return f(&Scanner{text: text})
}

// Kind returns the first byte of the next value, or the bracket that closes the list
// or object, or 0 at the end.
func (s *Scanner) Kind() byte {
	for ; s.pos < len(s.text); s.pos++ {
		if c := s.text[s.pos]; bytes.IndexByte([]byte(" \t\r\n,:"), c) < 0 {
			return c
		}
	}
	return 0
}

// Members calls f with the name of each member of an object, as it is within its
// quotes. f may read the value; one that it does not read is skipped.
func (s *Scanner) Members(f func(name []byte) error) error {
	if s.Kind() != '{' {
		return ErrFormat
	}
	for s.pos++; s.Kind() != '}'; {
		name, err := s.Value()
		if err != nil || len(name) < len(`""`) {
			return ErrFormat
		}
		s.Kind()
		begin := s.pos
		if err := f(name[1 : len(name)-1]); err != nil {
			return err
		}
		if s.pos == begin {
			_, _ = s.Value()
		}
	}
	s.pos++
	return nil
}

// Items calls f, if not nil, with each item of a list. More than limit items, or
// one that is not an object, are ErrFormat.
func (s *Scanner) Items(limit int, f func(item []byte) error) error {
	if s.Kind() != '[' {
		return ErrFormat
	}
	s.pos++
	for n := 0; s.Kind() != ']'; n++ {
		if n == limit || s.Kind() != '{' {
			return ErrFormat
		}
		item, err := s.Value()
		if err == nil && f != nil {
			err = f(item)
		}
		if err != nil {
			return err
		}
	}
	s.pos++
	return nil
}

// Value returns the next value as it is in the text, or ErrFormat if there is none.
func (s *Scanner) Value() ([]byte, error) {
	kind := s.Kind()
	rest := s.text[s.pos:]
	length := len(rest)
	switch kind {
	case 0, '}', ']':
		return nil, ErrFormat
	case '"':
		length = stringLen(rest)
	case '{', '[':
		length = closedLen(rest)
	default: // of a number or a literal
		if end := bytes.IndexAny(rest, " \t\r\n,]}"); end >= 0 {
			length = end
		}
	}
	s.pos += length
	return rest[:length:length], nil
}

// closedLen returns the length of the object or list that text begins with.
func closedLen(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLen(text[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}
