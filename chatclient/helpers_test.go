package chatclient

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testKey = "oc_test_0123456789abcdef"

// transport responses requests in memory.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newTestClient(t testing.TB, f transport, change func(*Options)) *Client {
	t.Helper()
	o := &Options{HTTPClient: &http.Client{Transport: f}}
	if change != nil {
		change(o)
	}
	c, err := New(testKey, 123, o)
	require.NoError(t, err)
	return c
}

func newResponse(status int, contentType string, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {contentType}, "X-Request-Id": {"req_1"}, "X-Ratelimit-Limit": {"100"}, "X-Ratelimit-Remaining": {"99"}},
		Body:       io.NopCloser(body),
	}
}

func jsonResponse(status int, body string) transport {
	return func(*http.Request) (*http.Response, error) {
		return newResponse(status, "application/json", strings.NewReader(body)), nil
	}
}

// pipe is the body of a stream that a test writes to. Like a body of net/http
// it fails when the request's context ends.
type pipe struct {
	*io.PipeReader
	*io.PipeWriter
	closes    int
	readToEnd bool
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.PipeReader.Read(b)
	p.readToEnd = err == io.EOF
	return n, err
}

func (p *pipe) Close() error { p.closes++; return p.PipeReader.Close() }

func (p *pipe) write(t testing.TB, s string) {
	t.Helper()
	_, err := io.WriteString(p.PipeWriter, s)
	require.NoError(t, err)
}

// end is what the service does after the last byte, or what befalls it.
func (p *pipe) end(err error) { _ = p.PipeWriter.CloseWithError(err) }

func newPipe() (*pipe, transport) {
	p := &pipe{}
	p.PipeReader, p.PipeWriter = io.Pipe()
	return p, func(r *http.Request) (*http.Response, error) {
		context.AfterFunc(r.Context(), func() { p.end(r.Context().Err()) })
		res := newResponse(200, "text/event-stream; charset=utf-8", nil)
		res.Body = p
		return res, nil
	}
}

func streamOf(body string) transport {
	return func(*http.Request) (*http.Response, error) {
		return newResponse(200, "text/event-stream", strings.NewReader(body)), nil
	}
}

var hello = Message{Text: "Where is my order?", UserID: "user_8821"}

func openStream(t testing.TB, c *Client) *Stream {
	t.Helper()
	s, err := c.Stream(context.Background(), hello)
	require.NoError(t, err)
	return s
}

// read ranges over the text to its end.
func read(s *Stream) (text string, err error) {
	for piece, e := range s.Text() {
		text += piece
		err = e
	}
	return text, err
}

func requireError(t testing.TB, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}

func requireField(t testing.TB, err error, field, rule string) {
	t.Helper()
	var fe *FieldError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, FieldError{field, rule}, *fe)
}
