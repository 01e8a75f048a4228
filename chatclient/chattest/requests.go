package chattest

import (
	"net/http"
	"net/url"
	"slices"
)

const (
	maxRequests     = 1000
	maxRecordedBody = 64 * 1024
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
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *Fake) record(r *http.Request, body []byte) {
	if len(f.requests) == maxRequests {
		f.requests = f.requests[1:]
	}
	f.requests = append(f.requests, Request{
		Method: r.Method,
		Path:   r.URL.EscapedPath(),
		Query:  r.URL.Query(),
		Header: r.Header.Clone(),
		Body:   slices.Clone(body[:min(len(body), maxRecordedBody)]),
	})
}
