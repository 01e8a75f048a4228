package faults

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
)

func one(f func([]byte) []byte) func([]byte) iter.Seq[[]byte] {
	return func(answer []byte) iter.Seq[[]byte] { return slices.Values([][]byte{f(answer)}) }
}

func cuts(answer []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for n := 0; n < len(answer) && yield(answer[:n]); n++ {
		}
	}
}

// corruptions change each byte in each of the ways.
func corruptions(answer []byte, ways ...func(byte) byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i, b := range answer {
			for _, way := range ways {
				wire := bytes.Clone(answer)
				wire[i] = way(b)
				if !yield(wire) {
					return
				}
			}
		}
	}
}

func neighbour(b byte) byte { return b ^ 1 }
func newline(byte) byte     { return '\n' }
func quote(byte) byte       { return '"' }

// everyEventTwice takes the lines of a JSON answer for events: it has one.
func everyEventTwice(answer []byte) iter.Seq[[]byte] {
	plain := unframed(answer)
	head, body := plain[:bodyOf(plain)], plain[bodyOf(plain):]
	events := bytes.SplitAfter(body, []byte("\n\n"))
	return func(yield func([]byte) bool) {
		for i := 0; i < len(events)-1; i++ {
			twice := slices.Insert(slices.Clone(events), i, events[i])
			if !yield(append(bytes.Clone(head), bytes.Join(twice, nil)...)) {
				return
			}
		}
	}
}

// unframed is the answer of a service that ends it by closing the connection, so
// that nothing tells whether it is whole.
func unframed(answer []byte) []byte {
	return reframed(answer, "", func(body []byte) []byte { return body })
}

func compressed(answer []byte) []byte {
	return reframed(answer, "gzip", func(body []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		return b.Bytes()
	})
}

func reframed(answer []byte, encoding string, change func([]byte) []byte) []byte {
	res := parse(answer)
	body, _ := io.ReadAll(res.Body)
	res.Header.Del("Content-Length")
	if encoding != "" {
		res.Header.Set("Content-Encoding", encoding)
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = res.Header.Write(&b)
	b.WriteString("\r\n")
	b.Write(change(body))
	return b.Bytes()
}

func parse(answer []byte) *http.Response {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		panic(err) // of the service's own answer
	}
	return res
}

// bodyOf is where the body begins.
func bodyOf(answer []byte) int { return bytes.Index(answer, []byte("\r\n\r\n")) + 4 }

func instead(status, mediaType, body string) func([]byte) iter.Seq[[]byte] {
	return one(func([]byte) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status, mediaType, len(body), body)
	})
}

func redirect(status, location string) func([]byte) iter.Seq[[]byte] {
	return one(func([]byte) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location)
	})
}
