// Package sse reads event streams by the rules of the WHATWG HTML standard,
// section 9.2.6, without allocating for each event.
package sse

import (
	"bytes"
	"errors"
	"io"
)

// ErrTooLong means that a line or an event is longer than the limit.
var ErrTooLong = errors.New("event is longer than the limit")

// Event is an event of a stream, or a line of one. Ids and retry times are ignored.
type Event struct {
	// Data is the event's data, without the line end at its end. It is valid until
	// the next call of Next.
	Data []byte

	// Partial reports that this is no event but a line that completes none: a
	// comment, or a field of an event whose end has not arrived. It shows that the
	// sender is alive.
	Partial bool
}

// Reader reads events. A line may end with LF, CRLF or CR, and is returned as soon as its last
// byte has arrived: after a CR, Reader does not wait for an LF.
type Reader struct {
	src   io.Reader
	limit int

	buf       []byte
	next, end int   // buf[next:end] is read but not yet returned; each line in it ends with LF
	err       error // of src, returned after the lines before it

	afterBOM bool // the first line was returned
	afterCR  bool // the last byte of src was CR: an LF after it is part of the same line end

	name      []byte // of the event that is being read
	data      []byte // of the event that is being read, with an LF after each line
	delivered bool   // name and data were returned and can be overwritten
}

// NewReader returns a Reader of src for events with at most limit bytes of data.
func NewReader(src io.Reader, limit int) *Reader {
	return &Reader{src: src, limit: limit, buf: make([]byte, min(4096, limit+1))}
}

// Next returns the next event that has data, or a line that is not empty and does not complete
// an event. Its error is io.EOF at the end of the input, ErrTooLong, or that of the source. After
// an error, Next must not be called again.
func (r *Reader) Next() (Event, error) {
	if r.delivered {
		r.name, r.data, r.delivered = r.name[:0], r.data[:0], false
	}
	line, err := r.line()
	for ; err == nil && len(line) == 0; line, err = r.line() {
		if len(r.data) > 0 {
			r.delivered = true
			return Event{Data: r.data[:len(r.data)-1]}, nil
		}
		r.name = r.name[:0]
	}
	if err != nil {
		return Event{}, err
	}
	switch name, value := field(line); string(name) {
	case "event":
		r.name = append(r.name[:0], value...)
	case "data":
		isBlankNext := r.next < r.end && r.buf[r.next] == '\n'
		if len(r.data) == 0 && len(value) <= r.limit && isBlankNext { // nearly always: no copy
			r.next++
			r.delivered = true
			return Event{Data: value}, nil
		}
		err = r.keep(value)
	}
	return Event{Partial: true}, err
}

// Name returns the value of the event field of the event that Next returned last, empty
// if it has none. It is valid until the next call of Next.
func (r *Reader) Name() []byte { return r.name }

// Buffered reports whether the next event that has data can be returned without
// reading from the source.
func (r *Reader) Buffered() bool {
	hasData := len(r.data) > 0 && !r.delivered
	for rest := r.buf[r.next:r.end]; ; {
		line, after, isLine := bytes.Cut(rest, []byte("\n"))
		if !isLine || len(line) == 0 && hasData {
			return isLine
		}
		name, value := field(line)
		hasData = hasData || string(name) == "data" && len(value) > 0
		rest = after
	}
}

// Unfinished returns the data of an event at the end of the input that has no blank line after it.
// The standard discards such an event.
func (r *Reader) Unfinished() []byte {
	if r.err != nil && r.end > r.next {
		if name, value := field(r.take(r.end)); string(name) == "data" {
			_ = r.keep(value)
		}
	}
	return bytes.TrimSuffix(r.data, []byte("\n"))
}

// field splits a line into the name and the value of a field. A comment has the name "".
func field(line []byte) (name, value []byte) {
	if value, ok := bytes.CutPrefix(line, []byte("data: ")); ok { // as nearly always
		return line[:len("data")], value
	}
	name, value, _ = bytes.Cut(line, []byte(":"))
	return name, bytes.TrimPrefix(value, []byte(" "))
}

// keep adds a line to the data of an event of several lines, or of one that has not arrived
// completely.
func (r *Reader) keep(value []byte) error {
	r.data = append(append(r.data, value...), '\n')
	if len(r.data)-1 > r.limit {
		return ErrTooLong
	}
	return nil
}

// line returns the next line without its end. It is valid until the next call.
func (r *Reader) line() ([]byte, error) {
	for length := 0; ; {
		i := bytes.IndexByte(r.buf[r.next+length:r.end], '\n') // each byte is searched once
		if i >= 0 {
			length += i
		} else {
			length = r.end - r.next
		}
		switch {
		case length > r.limit+len("data: "):
			return nil, ErrTooLong
		case i >= 0:
			line := r.take(r.next + length)
			r.next++
			return line, nil
		case r.err != nil:
			return nil, r.err
		}
		r.fill()
	}
}

// take returns everything up to end as a line, without a byte order mark at the beginning of the
// input.
func (r *Reader) take(end int) []byte {
	line := r.buf[r.next:end]
	r.next = end
	if !r.afterBOM {
		r.afterBOM = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line
}

// fill reads into the free part of the buffer, and enlarges the buffer if it is full.
func (r *Reader) fill() {
	r.next, r.end = 0, copy(r.buf, r.buf[r.next:r.end])
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, min(len(r.buf), r.limit+1))...)
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += r.normalize(r.buf[r.end : r.end+n])
		r.err = err
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}

// normalize replaces each line end in b with LF, and returns the new length.
func (r *Reader) normalize(b []byte) (n int) {
	for rest := b; len(rest) > 0; {
		if r.afterCR && rest[0] == '\n' {
			rest = rest[1:]
		}
		end := bytes.IndexByte(rest, '\r')
		r.afterCR = end >= 0
		if !r.afterCR {
			return n + copy(b[n:], rest)
		}
		n += copy(b[n:], rest[:end+1])
		b[n-1] = '\n'
		rest = rest[end+1:]
	}
	return n
}
