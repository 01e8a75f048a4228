package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// all reads a stream to its end. An event with a name is "name=data".
func all(src io.Reader, limit int) (events []string, unfinished string, err error) {
	r := NewReader(src, limit)
	for {
		event, err := r.Next()
		if err != nil {
			return events, string(r.Unfinished()), err
		}
		switch {
		case event.Partial:
		case len(r.Name()) > 0:
			events = append(events, string(r.Name())+"="+string(event.Data))
		default:
			events = append(events, string(event.Data))
		}
	}
}

func TestNext_Events(t *testing.T) {
	for name, test := range map[string]struct {
		stream     string
		events     []string
		unfinished string
	}{
		"empty":               {"", nil, ""},
		"one":                 {"data: a\n\n", []string{"a"}, ""},
		"no space":            {"data:a\n\n", []string{"a"}, ""},
		"one space is taken":  {"data:  a\n\n", []string{" a"}, ""},
		"CRLF":                {"data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}, ""},
		"CR":                  {"data: a\r\rdata: b\r\r", []string{"a", "b"}, ""},
		"mixed":               {"data: a\r\n\ndata: b\n\rdata: c\r\r\n", []string{"a", "b", "c"}, ""},
		"many lines":          {"data: a\ndata: b\ndata:\ndata: c\n\n", []string{"a\nb\n\nc"}, ""},
		"no colon":            {"data\n\n", []string{""}, ""},
		"two empty":           {"data\ndata\n\n", []string{"\n"}, ""},
		"BOM":                 {"\ufeffdata: a\n\n", []string{"a"}, ""},
		"BOM is not twice":    {"\ufeff\ufeffdata: a\n\ndata: b\n\n", []string{"b"}, ""},
		"BOM in a later line": {"data: a\n\n\ufeffdata: b\n\ndata: c\n\n", []string{"a", "c"}, ""},
		"BOM before CR":       {"\ufeffdata: a\r\r", []string{"a"}, ""},
		"comment":             {": hello\n\ndata: a\n\n", []string{"a"}, ""},
		"comment in an event": {"data: a\n:\ndata: b\n\n", []string{"a\nb"}, ""},
		"other fields":        {"event: x\nid: 1\nretry: 10\nnope\ndata: a\n\n", []string{"x=a"}, ""},
		"event without data":  {"event: x\n\ndata: a\n\n", []string{"a"}, ""},
		"a name":              {"event: x\ndata: a\n\ndata: b\n\n", []string{"x=a", "b"}, ""},
		"a name after data":   {"data: a\nevent:x\n\ndata: b\n\n", []string{"x=a", "b"}, ""},
		"the last name":       {"event: x\nevent: y\ndata: a\n\nevent: x\nevent\ndata: b\n\n", []string{"y=a", "b"}, ""},
		"case counts":         {"Data: a\n\ndata : b\n\n", nil, ""},
		"blank lines":         {"\n\n\ndata: a\n\n\n\n", []string{"a"}, ""},
		"colon in the value":  {"data: a:b: c\n\n", []string{"a:b: c"}, ""},
		"no blank line":       {"data: a\n\ndata: [DONE]\n", []string{"a"}, "[DONE]"},
		"no line end":         {"data: a\n\ndata: [DONE]", []string{"a"}, "[DONE]"},
		"CR at the end":       {"data: [DONE]\r", nil, "[DONE]"},
		"unfinished lines":    {"data: a\ndata: b", nil, "a\nb"},
		"unfinished comment":  {": a", nil, ""},
		"BOM, unfinished":     {"\ufeffdata: [DONE]", nil, "[DONE]"},
		"NUL":                 {"data: a\x00b\n\n", []string{"a\x00b"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, read := range []func(io.Reader) io.Reader{
				func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
			} {
				events, unfinished, err := all(read(strings.NewReader(test.stream)), 100)
				assert.Equal(t, io.EOF, err)
				assert.Equal(t, test.events, events)
				assert.Equal(t, test.unfinished, unfinished)
			}
		})
	}
}

// Each line that is not empty is returned as soon as its end has arrived.
func TestNext_Lines(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	r := NewReader(in, 100)
	for _, test := range []struct {
		piece string
		want  Event
	}{
		{": hello\n", Event{Partial: true}},
		{"\nevent: ping\n", Event{Partial: true}},
		{"\nid: 1\n", Event{Partial: true}},
		{"nope\r", Event{Partial: true}},
		{"data: a\n", Event{Partial: true}},
		{"event: x\n", Event{Partial: true}},
		{"\n", Event{Data: []byte("a")}},
	} {
		go func() { _, _ = io.WriteString(out, test.piece) }()
		got, err := r.Next()
		require.NoError(t, err)
		assert.Equal(t, test.want, got, "%q", test.piece)
	}
}

// counted counts the reads of a source.
type counted struct {
	io.Reader
	reads int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.Reader.Read(p)
}

func TestReader_Buffered(t *testing.T) {
	for _, stream := range []string{
		"data: a\n\ndata: b\n\n:\n\ndata: c\n\n",
		"data: a\r\n\r\ndata: b\r\n\r\n: comment\r\n\r\n",
		"data: a\r\rdata: b\r\r",
		"event: x\nid: 1\ndata: a\ndata: b\n\nevent: y\n\n:\ndata:\n\ndata: c\n\n",
	} {
		for first := range stream {
			for second := range stream[first:] {
				src := &counted{Reader: io.MultiReader(
					strings.NewReader(stream[:first]), strings.NewReader(stream[first:first+second]), strings.NewReader(stream[first+second:]))}
				r := NewReader(src, 100)
				for {
					buffered, reads := r.Buffered(), src.reads
					event, err := r.Next()
					for err == nil && len(event.Data) == 0 {
						event, err = r.Next()
					}
					require.Equal(t, buffered, src.reads == reads, "%q %d %d", stream, first, second)
					if err != nil {
						break
					}
				}
			}
		}
	}
}

func TestNext_Limit(t *testing.T) {
	line := "data: " + strings.Repeat("x", 100)
	for name, test := range map[string]struct {
		stream string
		want   error
	}{
		"a line of the limit":      {line + "\n\n", io.EOF},
		"one byte more":            {line + "x\n\n", ErrTooLong},
		"an endless line":          {strings.Repeat("x", 10000), ErrTooLong},
		"an endless comment":       {":" + strings.Repeat("x", 10000), ErrTooLong},
		"many lines":               {strings.Repeat("data: 1234567890\n", 9) + "\n", io.EOF},
		"one line more":            {strings.Repeat("data: 1234567890\n", 10) + "\n", ErrTooLong},
		"many events of the limit": {strings.Repeat(line+"\n\n", 100), io.EOF},
	} {
		for _, src := range []io.Reader{strings.NewReader(test.stream), iotest.OneByteReader(strings.NewReader(test.stream))} {
			_, _, err := all(src, 100)
			assert.Equal(t, test.want, err, name)
		}
	}
}

// A stream whose lines end in CR alone must not wait for the byte after it.
func TestNext_NeverWaitsForLF(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			in, out := io.Pipe()
			go func() { _, _ = out.Write([]byte("data: a" + end + end)) }()
			got := make(chan string, 1)
			go func() {
				event, _ := NewReader(in, 100).Next()
				got <- string(event.Data)
			}()
			select {
			case data := <-got:
				assert.Equal(t, "a", data, "%q", end)
			case <-time.After(time.Second):
				t.Errorf("it waits for more after %q", end+end)
			}
			out.Close()
			in.Close()
		})
	}
}

func TestNext_ErrorsOfTheSource(t *testing.T) {
	broken := errors.New("broken")
	events, unfinished, err := all(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(broken)), 100)
	assert.Equal(t, broken, err)
	assert.Equal(t, []string{"a"}, events)
	assert.Equal(t, "b", unfinished)

	_, _, err = all(idle{}, 100)
	assert.Equal(t, io.ErrNoProgress, err)
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// endless repeats one event for ever.
type endless struct{ event []byte }

func (e endless) Read(p []byte) (n int, err error) {
	for len(p)-n >= len(e.event) {
		n += copy(p[n:], e.event)
	}
	return n, nil
}

func TestNext_NoAllocationPerEvent(t *testing.T) {
	r := NewReader(endless{[]byte(`data: {"type":"text-delta","text":"Your order "}` + "\n\n")}, 1<<20)
	_, err := r.Next()
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}))
}

// Whatever the stream, it gives what the standard says, also one byte at a time,
// and another line end gives the same as LF.
func FuzzNext(f *testing.F) {
	f.Add([]byte("\ufeffdata: a\ndata: b\n\n: c\n\ndata: [DONE]"))
	f.Add([]byte("event: x\r\n\r\ndata\r\rid:\n\n"))
	f.Add([]byte("data: a\r\n\r\ndata: b\n\r\ndata: c\r\r\n:\rdata:d\n\ndata: [DONE]\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		wanted, rest := byTheStandard(string(stream))
		events, unfinished, err := all(bytes.NewReader(stream), 1<<20)
		require.Equal(t, io.EOF, err)
		require.Equal(t, wanted, events)
		require.Equal(t, rest, unfinished)

		events, unfinished, err = all(bytes.NewReader(stream), 1000)
		bytewise, unfinished1, err1 := all(iotest.OneByteReader(bytes.NewReader(stream)), 1000)
		require.Equal(t, err, err1)
		require.Equal(t, events, bytewise)
		require.Equal(t, unfinished, unfinished1)
		if bytes.IndexByte(stream, '\r') >= 0 || err != io.EOF {
			return
		}
		for _, end := range []string{"\r\n", "\r"} {
			other := bytes.ReplaceAll(stream, []byte("\n"), []byte(end))
			got, rest, err := all(bytes.NewReader(other), 2000)
			require.Equal(t, io.EOF, err)
			require.Equal(t, events, got)
			require.Equal(t, unfinished, rest)
		}
	})
}

// byTheStandard reads a stream as a whole, step by step as the standard has them.
func byTheStandard(stream string) (events []string, unfinished string) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream), "\n")
	var event, data string
	for i, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		atEnd := i == len(lines)-1 // what follows the last line end is no line yet
		switch {
		case line == "" && !atEnd:
			if event != "" {
				event += "="
			}
			if data != "" {
				events = append(events, event+strings.TrimSuffix(data, "\n"))
			}
			event, data = "", ""
		case name == "event":
			event = strings.TrimPrefix(value, " ")
		case name == "data":
			data += strings.TrimPrefix(value, " ") + "\n"
		}
	}
	return events, strings.TrimSuffix(data, "\n")
}

func BenchmarkNext(b *testing.B) {
	for name, end := range map[string]string{"LF": "\n", "CRLF": "\r\n", "CR": "\r"} {
		b.Run(name, func(b *testing.B) {
			r := NewReader(endless{[]byte(`data: {"type":"text-delta","text":"Your order "}` + end + end)}, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor is the least that finding the ends of the same events can cost.
func BenchmarkFloor(b *testing.B) {
	src := endless{[]byte(`data: {"type":"text-delta","text":"Your order "}` + "\n\n")}
	buf := make([]byte, 4096)
	for next, end := 0, 0; b.Loop(); {
		for blank := false; !blank; {
			i := bytes.IndexByte(buf[next:end], '\n')
			if i < 0 {
				end = copy(buf, buf[next:end])
				n, _ := src.Read(buf[end:])
				next, end = 0, end+n
				continue
			}
			blank = i == 0
			next += i + 1
		}
	}
}
