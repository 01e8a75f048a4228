package chattest

import (
	"net/http"
	"net/url"
)

// Request is one that a Fake has received.
type Request struct {
	Method string
	Path   string // below the base URL, escaped as it was sent
	Query  url.Values
	Header http.Header
	Body   []byte // at most the first 64 KiB
}

// Requests returns what was received, oldest first, whatever it was answered:
// at most the latest 1,000. They are the caller's to read only.
func (f *Fake) Requests() []Request {
	var requests []Request
	for _, r := range f.front.Requests() {
		requests = append(requests, Request(r))
	}
	return requests
}
