package contactstest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/fake"
)

const maxBody = 16 << 20

// Options of a Fake. The zero value of each field is its default.
type Options struct {
	// APIKey is the only valid key. Default: "oc_test_contactstest".
	APIKey string

	// AgentID is the only agent. Default: 123. Another one in a path gets 404.
	AgentID int64

	// ForeignAgentID is an agent that exists, but that the key may not use: 403.
	// Default: none.
	ForeignAgentID int64

	// Attributes are defined from the beginning. Default: none.
	Attributes []Attribute

	// Readings has a token for each open point of Bookbag's API, by its id:
	// {"upsert-batch": "partial"}. docs/readings.md lists them. Ids of the chat
	// API are accepted too, so that one map serves both fakes. Default: the first
	// token of each. New returns an error for an unknown id or token.
	Readings map[string]string

	// Window enforces 100 requests in any 10 seconds, with 429 and a Retry-After
	// in whole seconds, rounded up, and the headers of the rate limit. Requests
	// with a wrong key, rejected requests and responses of a Fault do not count.
	// Default: no limit.
	Window bool

	// CountRequest is the method of chattest's Fake of that name, if one service
	// is to have both APIs: under the reading "v1-limit": "shared", requests to
	// either count against one limit. Default: the contacts have their own.
	CountRequest func(http.Header) time.Duration
}

// Fake is a service with one key and one agent, which keeps its contacts in
// memory. Several goroutines may use it.
type Fake struct {
	options  Options
	readings map[string]string
	access   fake.Access
	front    *fake.Front
	window   fake.Window

	mu    sync.Mutex
	store store
}

// New returns a Fake without contacts. The options may be nil. An unknown id or
// token in Options.Readings is an error.
func New(options *Options) (*Fake, error) {
	f := &Fake{}
	if options != nil {
		f.options = *options
	}
	f.options.APIKey = cmp.Or(f.options.APIKey, "oc_test_contactstest")
	f.options.AgentID = cmp.Or(f.options.AgentID, 123)
	readings, err := fake.Choose(f.options.Readings)
	if err != nil {
		return nil, fmt.Errorf("contactstest: %w", err)
	}
	f.readings = readings
	f.access = fake.Access{APIKey: f.options.APIKey, AgentID: f.options.AgentID, ForeignAgentID: f.options.ForeignAgentID, Limit: f.options.Window}
	if f.options.Window {
		f.access.Count = f.window.Take
	}
	if f.options.CountRequest != nil && readings["v1-limit"] == "shared" {
		f.access.Count = f.options.CountRequest
	}
	f.window.Reset = readings["rate-limit-reset"]
	f.store = newStore(f.options.Attributes)
	f.store.foldIDs = readings["external-id-case"] == "folded"
	f.store.rejectUnknown = readings["unknown-attribute"] == "400"
	tooLong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reject(w, tooLarge()) })
	f.front = fake.NewFront(f.routes(), tooLong, maxBody)
	return f, nil
}

// ServeHTTP responds to a request to the service, whose paths begin with
// /api/v1. A body of more than 16 MiB gets 413.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.front.ServeHTTP(w, r) }

// Contacts returns the contacts, in the order in which they were created.
func (f *Fake) Contacts() []Contact {
	f.mu.Lock()
	defer f.mu.Unlock()
	contacts := make([]Contact, len(f.store.contacts))
	for i, c := range f.store.contacts {
		contacts[i] = c.clone()
	}
	return contacts
}

// Attributes returns the definitions, in the order in which they were created.
func (f *Fake) Attributes() []Attribute {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.store.attributes)
}

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
