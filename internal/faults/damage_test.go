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
	return func(response []byte) iter.Seq[[]byte] { return slices.Values([][]byte{f(response)}) }
}

func cuts(response []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for n := 0; n < len(response) && yield(response[:n]); n++ {
		}
	}
}

// corruptions change each byte in each of the ways.
func corruptions(response []byte, ways ...func(byte) byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i, b := range response {
			for _, way := range ways {
				wire := bytes.Clone(response)
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

// everyEventTwice repeats each event of a stream. A JSON response has none, and passes unchanged.
func everyEventTwice(response []byte) iter.Seq[[]byte] {
	plain := unframed(response)
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

// unframed is a response without a length: the service ends it by closing the
// connection, so a client cannot see whether it is complete.
func unframed(response []byte) []byte {
	return reframed(response, "", func(body []byte) []byte { return body })
}

func compressed(response []byte) []byte {
	return reframed(response, "gzip", func(body []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		return b.Bytes()
	})
}

func reframed(response []byte, encoding string, change func([]byte) []byte) []byte {
	res := parse(response)
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

func parse(response []byte) *http.Response {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(response)), nil)
	if err != nil {
		panic(err) // the fake's response is valid HTTP
	}
	return res
}

// bodyOf is where the body begins.
func bodyOf(response []byte) int { return bytes.Index(response, []byte("\r\n\r\n")) + 4 }

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
