package contactstest

import (
	"encoding/json"
	"errors"
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

	// Readings has a token for each open point of Bookbag's API, by its id.
	// Default: the first token of each. New rejects an unknown id or token.
	Readings map[string]string

	// Window enforces 100 requests in any 10 seconds, with 429 and a
	// Retry-After in whole seconds, rounded up, and the headers of the rate
	// limit. Requests that are refused for the limit or the key do not count,
	// nor those that a Fault answers. Default off.
	Window bool
}

// Fake is a service with one key and one agent, which keeps its contacts in
// memory. It is safe for use by many goroutines.
type Fake struct {
	options  Options
	readings fake.Choice
	front    *fake.Front
	window   fake.Window

	mu    sync.Mutex
	store store
}

// New returns a Fake without any contact. The options may be nil. The error is
// a *[ReadingError].
func New(options *Options) (*Fake, error) {
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
	choice, err := fake.NewChoice(f.options.Readings)
	if e, ok := errors.AsType[*fake.ReadingError](err); ok {
		return nil, (*ReadingError)(e)
	}
	f.readings = choice
	f.store = newStore(f.options.Attributes)
	tooLong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, tooLarge()) })
	f.front = fake.NewFront(f.routes(), tooLong, maxBody)
	return f, nil
}

// ReadingError is the error of [New] for an unknown id or token in
// Options.Readings.
type ReadingError struct {
	ID    string
	Token string
	Known []string // the ids, or the tokens of a known ID
}

func (e *ReadingError) Error() string { return "contactstest: " + (*fake.ReadingError)(e).Error() }

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
