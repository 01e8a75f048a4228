package chattest

import (
	"net/http"

	"github.com/chatident/chatident/internal/fake"
)

// BaseURL is the base URL for the client of [Fake.Client].
const BaseURL = "http://localhost"

// Server is a Fake on a loopback port, until Close.
type Server struct {
	// URL is the base URL. Its path is not empty, as a client that joins it
	// wrongly is to fail.
	URL string

	server *fake.Server
}

// Start serves the Fake on a free port of 127.0.0.1. It panics when there is
// none.
func (f *Fake) Start() *Server {
	s := fake.Start(f)
	return &Server{URL: s.URL, server: s}
}

// Close frees the port and cuts every connection, which ends the answers on it.
// It may be called twice.
func (s *Server) Close() { s.server.Close() }

// Client returns a client of its own that reaches the Fake over connections in
// memory, and nothing else, whatever the host: [BaseURL] will do. In a
// testing/synctest bubble all its waits take fake time; make the Fake there
// too, and end it with [Fake.Close].
func (f *Fake) Client() *http.Client { return f.front.Client() }

// Close cuts every connection of the clients of [Fake.Client], so that no
// goroutine of theirs stays, and lets them make no other. It does not close
// a [Server]. It may be called twice.
func (f *Fake) Close() { f.front.Close() }
