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

// Reader reads events. A line may end in LF, CRLF or CR, and is taken as soon
// as its last byte is there.
type Reader struct {
	src   io.Reader
	limit int

	buf       []byte
	next, end int   // what was read and not yet taken is buf[next:end]
	lf, cr    int   // where the first LF and CR in it are, or how far there is none
	err       error // of src, returned after everything before it

	afterBOM bool // the first line was taken
	afterCR  bool // the last line ended in CR: an LF right after it belongs to it

	name      []byte // of the event that is being read
	data      []byte // of the event that is being read
	hasData   bool
	delivered bool // name and data were returned and can be overwritten
}

const dataField = "data: "

// NewReader returns a Reader of src for events of at most limit bytes, and lines
// of at most the same and the name of a field.
func NewReader(src io.Reader, limit int) *Reader {
	return &Reader{src: src, limit: limit, buf: make([]byte, min(4096, limit+1))}
}

// Next returns the next event that has data, or a line that is not empty and
// completes no event. Its errors are io.EOF at the end of the input, ErrTooLong, and
// what the source returned; after one of them there is nothing more to read.
func (r *Reader) Next() (Event, error) {
	if r.delivered {
		r.name, r.data, r.hasData, r.delivered = r.name[:0], r.data[:0], false, false
	}
	line, err := r.line()
	for ; err == nil && len(line) == 0; line, err = r.line() {
		if r.hasData {
			r.delivered = true
			return Event{Data: r.data}, nil
		}
		r.name = r.name[:0]
	}
	if err != nil {
		return Event{}, err
	}
	value, isData := dataOf(line)
	switch {
	case !isData:
		r.keepName(line)
	case len(value) <= r.limit && !r.hasData && r.takeBlank(): // all of it is in the buffer, as nearly always
		r.delivered = len(r.name) > 0
		return Event{Data: value}, nil
	default:
		err = r.keep(value)
	}
	return Event{Partial: true}, err
}

// Name returns the value of the event field of the event that Next returned last, empty
// if it has none. It is valid until the next call of Next.
func (r *Reader) Name() []byte { return r.name }

// keepName keeps the value of an event field.
func (r *Reader) keepName(line []byte) {
	if name, value, _ := bytes.Cut(line, []byte(":")); string(name) == "event" {
		r.name = append(r.name[:0], bytes.TrimPrefix(value, []byte(" "))...)
	}
}

// Buffered reports whether the next event that has data can be returned without
// reading from the source.
func (r *Reader) Buffered() bool {
	rest := r.buf[r.next:r.end]
	if r.afterCR {
		rest = bytes.TrimPrefix(rest, []byte("\n"))
	}
	for hasData := r.hasData && !r.delivered; ; {
		end := bytes.IndexAny(rest, "\r\n")
		if end < 0 {
			return false
		}
		if end == 0 && hasData {
			return true
		}
		value, isData := dataOf(rest[:end])
		hasData = hasData || isData && len(value) > 0
		if bytes.HasPrefix(rest[end:], []byte("\r\n")) {
			end++
		}
		rest = rest[end+1:]
	}
}

// Unfinished returns the data of an event that the end of the input left
// without its blank line. The standard discards it; a caller may know better.
func (r *Reader) Unfinished() []byte {
	if r.err != nil && r.end > r.next {
		if value, ok := dataOf(r.withoutBOM(r.buf[r.next:r.end])); ok {
			_ = r.keep(value)
		}
		r.next = r.end
	}
	if !r.hasData {
		return nil
	}
	return r.data
}

// dataOf returns the value of a data field.
func dataOf(line []byte) (value []byte, ok bool) {
	if len(line) >= len(dataField) && string(line[:len(dataField)]) == dataField {
		return line[len(dataField):], true
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	return value, string(name) == "data" // with a space after the colon it was seen above
}

// keep adds a line to the data of an event that has more of them, or is not all
// there yet.
func (r *Reader) keep(value []byte) error {
	if r.hasData {
		r.data = append(r.data, '\n')
	}
	r.data = append(r.data, value...)
	r.hasData = true
	if len(r.data) > r.limit {
		return ErrTooLong
	}
	return nil
}

// line returns the next line without its end. It is valid until the next call.
func (r *Reader) line() ([]byte, error) {
	for {
		r.skipLF()
		end := r.lineEnd()
		if end-r.next > r.limit+len(dataField) {
			return nil, ErrTooLong
		}
		if end < r.end {
			line := r.buf[r.next:end]
			r.takeTo(end)
			return r.withoutBOM(line), nil
		}
		if r.err != nil {
			return nil, r.err
		}
		r.fill()
	}
}

// lineEnd returns where the first line ends, or the end of what was read. No
// byte is looked at twice, however many lines a buffer has.
func (r *Reader) lineEnd() int {
	r.lf = r.find('\n', r.lf)
	r.cr = r.find('\r', r.cr)
	return min(r.lf, r.cr)
}

// find returns where the first c is, or the end of what was read; before from
// there is none.
func (r *Reader) find(c byte, from int) int {
	from = max(from, r.next)
	if from == r.end || r.buf[from] == c {
		return from
	}
	if i := bytes.IndexByte(r.buf[from:r.end], c); i >= 0 {
		return from + i
	}
	return r.end
}

// takeTo takes everything up to a line end, and that.
func (r *Reader) takeTo(end int) {
	r.afterCR = r.buf[end] == '\r'
	r.next = end + 1
}

// takeBlank takes a blank line if it is in the buffer.
func (r *Reader) takeBlank() bool {
	r.skipLF()
	if r.next == r.end || r.buf[r.next] != '\n' && r.buf[r.next] != '\r' {
		return false
	}
	r.takeTo(r.next)
	return true
}

// skipLF takes the LF of a CRLF.
func (r *Reader) skipLF() {
	if r.afterCR && r.next < r.end {
		r.afterCR = false
		if r.buf[r.next] == '\n' {
			r.next++
		}
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
		r.lf, r.cr = max(r.lf-r.next, 0), max(r.cr-r.next, 0)
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
