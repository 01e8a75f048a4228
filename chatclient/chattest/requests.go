package chattest

import (
	"net/http"
	"net/url"
)

// Request is a request that a Fake has received.
type Request struct {
	Method string
	Path   string // below the base URL, escaped as it was sent
	Query  url.Values
	Header http.Header
	Body   []byte // at most the first 64 KiB
}

// Requests returns the latest 1,000 requests at most, oldest first, whatever their
// responses were. The caller must not change them.
func (f *Fake) Requests() []Request {
	var requests []Request
	for _, r := range f.front.Requests() {
		requests = append(requests, Request(r))
	}
	return requests
}
