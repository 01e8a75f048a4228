// Package sse reads event streams by the rules of the WHATWG HTML standard,
// section 9.2.6, without allocating for each event.
package sse

import (
	"bytes"
	"errors"
	"io"
)

// ErrTooLong says that a line or an event is longer than the limit.
var ErrTooLong = errors.New("event is longer than the limit")

// Event is one event of a stream, or a comment. Names, ids and retry times are
// read over: the services that this module talks to send none.
type Event struct {
	// Data is the event's data, without the line end at its end. It is valid
	// until the next call of Next.
	Data []byte

	// Comment says that this is no event but a comment line, a sign of life.
	Comment bool
}

// Reader reads events. A line may end in LF, CRLF or CR, and is taken as soon
// as its last byte is there.
type Reader struct {
	src   io.Reader
	limit int

	buf       []byte
	next, end int   // what was read and not yet taken is buf[next:end]
	err       error // of src, to be told when everything before it is taken

	afterBOM bool // the first line was taken
	afterCR  bool // the last line ended in CR: an LF right after it belongs to it

	data      []byte // of the event that is being read
	hasData   bool
	delivered bool // the data was returned and can be overwritten
}

const dataField = "data: "

// NewReader returns a Reader of src for events of at most limit bytes, and lines
// of at most the same and the name of a field.
func NewReader(src io.Reader, limit int) *Reader {
	return &Reader{src: src, limit: limit, buf: make([]byte, min(4096, limit+1))}
}

// Next returns the next event that has data, or the next comment. Its errors
// are io.EOF at the end of the input, ErrTooLong, and what the source returned;
// after one of them there is nothing more to read.
func (r *Reader) Next() (Event, error) {
	if r.delivered {
		r.data, r.hasData, r.delivered = r.data[:0], false, false
	}
	for {
		line, err := r.line()
		if err != nil {
			return Event{}, err
		}
		switch {
		case len(line) == 0 && r.hasData:
			r.delivered = true
			return Event{Data: r.data}, nil
		case len(line) > 0 && line[0] == ':':
			return Event{Comment: true}, nil
		}
		if err := r.field(line); err != nil {
			return Event{}, err
		}
	}
}

// Unfinished returns the data of an event that the end of the input left
// without its blank line. The standard discards it; a caller may know better.
func (r *Reader) Unfinished() []byte {
	if r.err != nil && r.end > r.next {
		_ = r.field(r.withoutBOM(r.buf[r.next:r.end]))
		r.next = r.end
	}
	if r.delivered || !r.hasData {
		return nil
	}
	return r.data
}

// field keeps the value of a data field.
func (r *Reader) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if string(name) != "data" {
		return nil
	}
	if r.hasData {
		r.data = append(r.data, '\n')
	}
	r.data = append(r.data, bytes.TrimPrefix(value, []byte(" "))...)
	r.hasData = true
	if len(r.data) > r.limit {
		return ErrTooLong
	}
	return nil
}

// line returns the next line without its end. It is valid until the next call.
func (r *Reader) line() ([]byte, error) {
	for scanned := 0; ; {
		if r.afterCR && r.next < r.end {
			r.afterCR = false
			if r.buf[r.next] == '\n' {
				r.next++
			}
		}
		unread := r.buf[r.next:r.end]
		if i := bytes.IndexAny(unread[scanned:], "\r\n"); i >= 0 {
			line := unread[:scanned+i]
			r.afterCR = unread[len(line)] == '\r'
			r.next += len(line) + 1
			if len(line) > r.limit+len(dataField) {
				return nil, ErrTooLong
			}
			return r.withoutBOM(line), nil
		}
		scanned = len(unread)
		if scanned > r.limit+len(dataField) {
			return nil, ErrTooLong
		}
		if r.err != nil {
			return nil, r.err
		}
		r.fill()
	}
}

// withoutBOM takes the byte order mark off the first line.
func (r *Reader) withoutBOM(line []byte) []byte {
	if r.afterBOM {
		return line
	}
	r.afterBOM = true
	return bytes.TrimPrefix(line, []byte("\ufeff"))
}

// fill reads once into the free part of the buffer, made larger if need be.
func (r *Reader) fill() {
	if r.next > 0 {
		r.end = copy(r.buf, r.buf[r.next:r.end])
		r.next = 0
	}
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, min(len(r.buf), r.limit+1))...)
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		r.err = err
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}
