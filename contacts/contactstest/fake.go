package contactstest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/chatident/chatident/internal/fake"
)

const maxBody = 16 << 20

// Options of a Fake. The zero value of each field is its default.
type Options struct {
	// APIKey is the only key that is taken. Default "oc_test_contactstest".
	APIKey string

	// AgentID is the only agent. Default 123. Another one in a path is 404.
	AgentID int64

	// ForeignAgentID is an agent that exists and that the key is not for: 403.
	// Default none.
	ForeignAgentID int64

	// Attributes are defined from the beginning. Default none.
	Attributes []Attribute

	// Replace has an upsert replace all custom attributes of a contact that is
	// there, as an update does. Default: it keeps those that it does not name.
	Replace bool

	// Partial has an upsert that is refused for some of its contacts save the
	// others nevertheless. Default: it saves nothing.
	Partial bool

	// Window enforces 100 requests in any 10 seconds, with 429 and a
	// Retry-After in whole seconds, rounded up, and the headers of the rate
	// limit. Requests that are refused for the limit or the key do not count,
	// nor those that a Fault answers. Default off.
	Window bool
}

// Fake is a service with one key and one agent, which keeps its contacts in
// memory. It is safe for use by many goroutines.
type Fake struct {
	options Options
	front   *fake.Front
	window  fake.Window

	mu    sync.Mutex
	store store
}

// New returns a Fake without any contact. The options may be nil.
func New(options *Options) *Fake {
	f := &Fake{}
	if options != nil {
		f.options = *options
	}
	if f.options.APIKey == "" {
		f.options.APIKey = "oc_test_contactstest"
	}
	if f.options.AgentID == 0 {
		f.options.AgentID = 123
	}
	f.store = newStore(f.options.Attributes)
	tooLong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, tooLarge()) })
	f.front = fake.NewFront(f.routes(), tooLong, maxBody)
	return f
}

// ServeHTTP answers a request to the service, whose paths begin with /api/v1.
// A body of more than 16 MiB is refused with 413.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.front.ServeHTTP(w, r) }

// Contacts returns what the fake holds, in the order in which it was made.
func (f *Fake) Contacts() []Contact {
	f.mu.Lock()
	defer f.mu.Unlock()
	contacts := make([]Contact, len(f.store.contacts))
	for i, c := range f.store.contacts {
		contacts[i] = c.clone()
	}
	return contacts
}

// Attributes returns the definitions, in the order in which they were made.
func (f *Fake) Attributes() []Attribute {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.store.attributes)
}

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

func encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic("contactstest: " + err.Error())
	}
	return body
}
