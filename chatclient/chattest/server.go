package chattest

import (
	"net/http"

	"github.com/chatident/chatident/internal/fake"
)

// BaseURL is the base URL for the client of [Fake.Client].
const BaseURL = "http://localhost"

// Server is a Fake on a loopback port, until Close.
type Server struct {
	// URL is the base URL. It has a path, so that a client that joins it with
	// another path wrongly fails.
	URL string

	stop func()
}

// Start serves the Fake on a free port of 127.0.0.1. It panics if there is
// none.
func (f *Fake) Start() *Server {
	url, stop := fake.Start(f)
	return &Server{url, stop}
}

// Close frees the port and closes every connection, with the responses on it.
// It may be called twice.
func (s *Server) Close() { s.stop() }

// Client returns a new client that reaches the Fake over connections in memory,
// and nothing else, whatever the host, for example that of [BaseURL]. In a
// testing/synctest bubble all waits take fake time; make the Fake there too, and
// end it with [Fake.Close].
func (f *Fake) Client() *http.Client { return f.front.Client() }

// Close closes every connection of the clients of [Fake.Client], so that none of
// their goroutines remains, and they cannot connect again. It ends replies whose
// client has left, but does not close a [Server]. It may be called twice.
func (f *Fake) Close() {
	f.end()
	f.front.Close()
}
