package fake

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
)

// BaseURL is the base URL for the client of [Front.Client].
const BaseURL = "http://localhost"

const basePath = "/base"

// Start serves the handler on a free port of 127.0.0.1, and panics if there is none. The
// URL has a path, so that a client that joins it with another wrongly fails. stop frees
// the port and closes every connection. It may be called twice.
func Start(h http.Handler) (url string, stop func()) {
	s := httptest.NewServer(http.StripPrefix(basePath, h))
	return s.URL + basePath, func() {
		s.CloseClientConnections()
		s.Close()
	}
}

// Client returns a client that reaches the Front over connections in memory,
// and nothing else, whatever the host.
func (f *Front) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			if err := f.memory.Serve(&listener{conn: ours}); errors.Is(err, http.ErrServerClosed) {
				_ = ours.Close()
				return nil, err
			}
			return theirs, nil
		},
	}}
}

// Close closes every connection of the clients of [Front.Client], which cannot
// connect again. It may be called twice.
func (f *Front) Close() { _ = f.memory.Close() }

// listener accepts one connection and ends, so that nothing waits for another.
type listener struct{ conn net.Conn }

func (l *listener) Accept() (net.Conn, error) {
	conn := l.conn
	if conn == nil {
		return nil, io.EOF
	}
	l.conn = nil
	return conn, nil
}

func (l *listener) Close() error   { return nil } // the connection goes on
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Net: "pipe"} }
