package chattest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// BaseURL is the base URL for the client of [Fake.Client].
const BaseURL = "http://localhost"

// Server is a Fake on a loopback port, until Close.
type Server struct {
	// URL is the base URL. Its path is not empty, as a client that joins it
	// wrongly is to fail.
	URL string

	http http.Server
	done chan struct{}
}

const basePath = "/base"

// Start serves the Fake on a free port of 127.0.0.1. It panics when there is
// none.
func (f *Fake) Start() *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("chattest: " + err.Error())
	}
	s := &Server{
		URL:  "http://" + listener.Addr().String() + basePath,
		http: http.Server{Handler: http.StripPrefix(basePath, f)},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // the error is that of Close
	}()
	return s
}

// Close frees the port and cuts every connection, which ends the answers on it.
// It may be called twice.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}

// Client returns a client of its own that reaches the Fake over connections in
// memory, and nothing else, whatever the host: [BaseURL] will do. In a
// testing/synctest bubble all its waits take fake time; make the Fake there
// too, and end it with [Fake.Close].
func (f *Fake) Client() *http.Client {
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

// Close cuts every connection of the clients of [Fake.Client], so that no
// goroutine of theirs stays, and lets them make no other. It does not close
// a [Server]. It may be called twice.
func (f *Fake) Close() { _ = f.memory.Close() }

// listener accepts one connection, and ends: thus nothing waits for the next.
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
