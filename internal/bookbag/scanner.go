package bookbag

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// maxValues is how many JSON values a response may have, or an item of an
// export. Decoded, a short value takes many times its length, so a limit on
// bytes alone does not bound memory. An object or a list takes most, and counts
// as weight values. A byte that is not UTF-8 counts as one: decoded, it takes
// three bytes.
const (
	maxValues = 200_000
	weight    = 5
)

// minBuffer is the size of the buffer of a stream, which grows as needed.
const minBuffer = 16 << 10

// ErrFormat says that a response is not the JSON that was expected.
var ErrFormat = errors.New("unexpected response format")

// Scanner splits a JSON text into its values without decoding them, and counts
// them. It looks at brackets, strings and commas only: what it returns must be
// decoded by encoding/json, which checks the rest.
type Scanner struct {
	src   io.Reader // nil if all of the text is in buf
	limit int       // of the bytes that one item takes from src
	taken int       // of these

	buf    []byte
	start  int   // of the value that is being read
	pos    int   // of the next byte
	err    error // of src
	values int
	unread bool // the value of the current member has not been read
}

// Scan calls f with a Scanner of the text, of which f must read all.
func Scan(text []byte, f func(*Scanner) error) error {
	s := &Scanner{buf: text, err: io.EOF}
	if err := f(s); err != nil {
		return err
	}
	return s.End()
}

// NewScanner returns a Scanner that reads from src as far as it must, and holds
// one value at a time, of limit bytes at most.
func NewScanner(src io.Reader, limit int) *Scanner {
	return &Scanner{src: src, limit: limit, buf: make([]byte, 0, minBuffer)}
}

// Kind returns the first byte of the next value, or 0 if there is none.
func (s *Scanner) Kind() byte {
	for {
		for ; s.pos < len(s.buf); s.pos++ {
			if c := s.buf[s.pos]; kinds[c] != space {
				return c
			}
		}
		s.start = s.pos
		if !s.fill() {
			return 0
		}
	}
}

// End returns an error unless nothing follows.
func (s *Scanner) End() error {
	if s.Kind() != 0 || s.err != io.EOF {
		return s.fault()
	}
	return nil
}

// Members calls f with the name of each member of an object, as it is within its
// quotes. f may read the value; one that it does not read is skipped.
func (s *Scanner) Members(f func(name []byte) error) error {
	if !s.take('{') {
		return s.fault()
	}
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') || s.Kind() != '"' {
			return s.fault()
		}
		name, err := s.Valid()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return s.fault()
		}
		s.unread = true
		if err := f(name[1 : len(name)-1]); err != nil {
			return err
		}
		if s.unread {
			if _, err := s.Valid(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Items calls f, if not nil, with each item of a list. More than limit items, or
// one that is not an object, are ErrFormat.
func (s *Scanner) Items(limit int, f func(item []byte) error) error {
	if !s.take('[') {
		return s.fault()
	}
	for n := 0; !s.take(']'); n++ {
		if n > 0 && !s.take(',') || n == limit || s.Kind() != '{' {
			return s.fault()
		}
		item, err := s.Value()
		if err == nil && f != nil {
			err = f(item)
		}
		if err != nil {
			return err
		}
		if s.src != nil { // nothing of the item is held any more
			s.values, s.taken = 0, len(s.buf)-s.pos
		}
	}
	return nil
}

// Decode decodes the next value as [Unmarshal] does.
func (s *Scanner) Decode(v any) error {
	text, err := s.Value()
	if err != nil {
		return err
	}
	return Unmarshal(text, v)
}

// Value returns the next value as it is in the text, until the next call.
func (s *Scanner) Value() ([]byte, error) {
	if c := s.Kind(); c == 0 || kinds[c] == closing || kinds[c] == comma {
		return nil, s.fault()
	}
	s.start, s.unread = s.pos, false
	for depth := 0; ; {
		for s.pos < len(s.buf) {
			kind := kinds[s.buf[s.pos]]
			switch {
			case kind == other:
				s.pos++
				continue
			case depth == 0 && s.pos > s.start: // the end of a number or literal
				return s.value()
			case kind == opening:
				depth++
				s.values += weight
			case kind == closing:
				depth--
			case kind == comma:
				s.values++
			case kind == quote && !s.skipString():
				return nil, s.fault()
			}
			s.pos++
			if depth == 0 {
				return s.value()
			}
			if s.values > maxValues {
				return nil, ErrTooLong
			}
		}
		if !s.fill() { // also where a number ends with the text: none is a response
			return nil, s.fault()
		}
	}
}

// skipString goes to the closing quote of the string that begins here.
func (s *Scanner) skipString() bool {
	for s.pos++; ; {
		for ; s.pos < len(s.buf); s.pos++ {
			switch s.buf[s.pos] {
			case '"':
				return true
			case '\\':
				s.pos++
			}
		}
		if !s.fill() {
			return false
		}
	}
}

func (s *Scanner) value() ([]byte, error) {
	text := s.buf[s.start:s.pos]
	s.values++
	if !utf8.Valid(text) {
		for rest := text; len(rest) > 0 && s.values <= maxValues; {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				s.values++
			}
			rest = rest[size:]
		}
	}
	if s.values > maxValues {
		return nil, ErrTooLong
	}
	return text, nil
}

// Valid is Value for a value that is not decoded: it is checked to be JSON.
func (s *Scanner) Valid() ([]byte, error) {
	text, err := s.Value()
	if err == nil && !json.Valid(text) {
		err = ErrFormat
	}
	return text, err
}

func (s *Scanner) take(c byte) bool {
	if s.Kind() != c {
		return false
	}
	s.pos++
	s.unread = false
	return true
}

// fault is the error of a text that does not go on as it should.
func (s *Scanner) fault() error {
	if s.pos < len(s.buf) || s.err == nil || s.err == io.EOF {
		return ErrFormat
	}
	return s.err
}

// fill reads more of the text, in place of what is before start.
func (s *Scanner) fill() bool {
	if s.err != nil {
		return false
	}
	if s.start > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.start:])]
		s.pos, s.start = s.pos-s.start, 0
	}
	if s.taken > s.limit {
		s.err = ErrTooLong
		return false
	}
	if len(s.buf) == cap(s.buf) {
		grown := make([]byte, len(s.buf), min(2*len(s.buf), s.limit+minBuffer))
		copy(grown, s.buf)
		s.buf = grown
	}
	for range 100 {
		n, err := s.src.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf, s.taken, s.err = s.buf[:len(s.buf)+n], s.taken+n, err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// The kinds of bytes outside of strings.
const (
	other byte = iota
	space
	quote
	opening
	closing
	comma
)

var kinds = [256]byte{
	' ': space, '\t': space, '\n': space, '\r': space,
	'"': quote, '{': opening, '[': opening, '}': closing, ']': closing, ',': comma,
}
