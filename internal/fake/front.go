// Package fake is what the fakes of Bookbag's APIs share. It records each request, lets
// scripted faults respond, and serves on a port or in memory. It has the list of the
// open points of the APIs. It needs only the standard library, and none of it is in a
// public signature.
package fake

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

const (
	maxRequests     = 1000
	maxRecordedBody = 64 * 1024
)

// Front receives the requests to the handler of a service. Several goroutines may
// use it.
type Front struct {
	// Stamp, if non-nil, sets headers of every response before a fault or the
	// service does. Set it before the first request.
	Stamp func(http.Header)

	service http.Handler
	tooLong http.Handler
	maxBody int64
	memory  http.Server // for Client

	mu       sync.Mutex
	script   []Fault
	requests []Request
	received int64
}

// Request is a request that a Front has received.
type Request struct {
	Method string
	Path   string // escaped as it was sent
	Query  url.Values
	Header http.Header
	Body   []byte // at most the first 64 KiB
}

// NewFront returns a Front of a service. tooLong responds to requests whose body is
// longer than maxBody bytes.
func NewFront(service, tooLong http.Handler, maxBody int64) *Front {
	f := &Front{service: service, tooLong: tooLong, maxBody: maxBody}
	f.memory.Handler = f
	return f
}

// ServeHTTP calls the next fault or the service, with the whole body in memory.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, f.maxBody))
	r = r.WithContext(r.Context()) // a copy: the caller's request stays as it is
	r.Body = io.NopCloser(bytes.NewReader(body))
	handler := f.receive(w, r, body)
	if err != nil {
		handler = f.tooLong
	}
	handler.ServeHTTP(w, r)
}

// receive records the request and returns the handler for it.
func (f *Front) receive(w http.ResponseWriter, r *http.Request, body []byte) http.Handler {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.received++
	w.Header().Set("x-request-id", "req_"+strconv.FormatInt(f.received, 10))
	if f.Stamp != nil {
		f.Stamp(w.Header())
	}
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
	if len(f.script) == 0 {
		return f.service
	}
	fault := f.script[0]
	f.script = f.script[1:]
	return fault(f.service)
}

// Script adds faults, one for each of the next requests.
func Script[F ~Fault](f *Front, faults []F) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range faults {
		f.script = append(f.script, Fault(fault))
	}
}

// Requests returns what was received, oldest first, at most the latest 1,000.
func (f *Front) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}
