// Package fake is what the fakes of Bookbag's APIs have in common: each request
// is noted, may be answered by a script of faults, and comes over a port or in
// memory. It needs nothing beyond the standard library, and none of it shows in
// a public signature.
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

// Front stands before the handler of a service. It is safe for use by many
// goroutines.
type Front struct {
	// Stamp, where it is set before the first request, sets headers of every
	// answer, before a fault or the service does.
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

// Request is one that a Front has received.
type Request struct {
	Method string
	Path   string // escaped as it was sent
	Query  url.Values
	Header http.Header
	Body   []byte // at most the first 64 KiB
}

// NewFront returns a Front of a service. Bodies of more than maxBody bytes are
// answered by tooLong.
func NewFront(service, tooLong http.Handler, maxBody int64) *Front {
	f := &Front{service: service, tooLong: tooLong, maxBody: maxBody}
	f.memory.Handler = f
	return f
}

// ServeHTTP has the next fault or the service answer. For them, the whole body
// of the request is in memory.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, f.maxBody))
	r = r.WithContext(r.Context()) // a copy: the caller's request stays as it is
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := f.receive(w, r, body)
	if err != nil {
		answer = f.tooLong
	}
	answer.ServeHTTP(w, r)
}

// receive notes the request and returns who answers it.
func (f *Front) receive(w http.ResponseWriter, r *http.Request, body []byte) http.Handler {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.received++
	w.Header().Set("x-request-id", "req_"+strconv.FormatInt(f.received, 10))
	if f.Stamp != nil {
		f.Stamp(w.Header())
	}
	f.record(r, body)
	if len(f.script) == 0 {
		return f.service
	}
	fault := f.script[0]
	f.script = f.script[1:]
	return fault(f.service)
}

// Script has each of the next requests use up one fault.
func (f *Front) Script(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, faults...)
}

// Requests returns what was received, oldest first, at most the latest 1,000.
func (f *Front) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *Front) record(r *http.Request, body []byte) {
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
