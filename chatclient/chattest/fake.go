package chattest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/fake"
)

const maxBody = 1 << 20

// Options of a Fake. The zero value of each field is its default.
type Options struct {
	// APIKey is the only valid key. Default: "oc_test_chattest".
	APIKey string

	// AgentID is the only agent. Default: 123. Another one in a path gets 404
	// RESOURCE_NOT_FOUND.
	AgentID int64

	// ForeignAgentID is an agent that exists, but that the key may not use: 403
	// AUTH_INSUFFICIENT_PERMISSIONS. Default: none.
	ForeignAgentID int64

	// Readings has a token for each open point of Bookbag's API, by its id:
	// {"text-delta": "delta"}. docs/readings.md lists them. Ids of the contacts
	// API are accepted too, so that one map serves both fakes. Default: the
	// first token of each. New returns an error for an unknown id or token.
	Readings map[string]string

	// Window enforces 100 requests in any 10 seconds, with 429
	// RATE_LIMIT_TOO_MANY_REQUESTS and a Retry-After in whole seconds, rounded
	// up. Requests with a wrong key, rejected requests and responses of a Fault
	// do not count. Default: only the headers count.
	Window bool

	// Reply returns what the assistant says, and is where it thinks: sleep in it
	// to delay the response. Concurrent requests call it concurrently. Default:
	// the text "You said: " and the message.
	Reply func(Turn) []Part

	// Pace is the wait after each frame of a stream. Default: none.
	Pace time.Duration

	// Titles makes the first 40 characters of its first message the title of a
	// conversation. Default: titles are null.
	Titles bool
}

// Fake is a Bookbag v2 service with one key and one agent, which keeps its
// conversations in memory. Several goroutines may use it.
type Fake struct {
	options  Options
	readings map[string]string
	access   fake.Access
	front    *fake.Front
	window   fake.Window
	life     context.Context // ends with Close
	end      context.CancelFunc

	mu    sync.Mutex
	store store
}

// New returns a Fake without conversations. The options may be nil. An
// unknown id or token in Options.Readings is an error.
func New(options *Options) (*Fake, error) {
	f := &Fake{options: *cmp.Or(options, &Options{})}
	f.options.APIKey = cmp.Or(f.options.APIKey, "oc_test_chattest")
	f.options.AgentID = cmp.Or(f.options.AgentID, 123)
	if f.options.Reply == nil {
		f.options.Reply = func(t Turn) []Part { return []Part{Text("You said: " + t.Message)} }
	}
	readings, err := fake.Choose(f.options.Readings)
	if err != nil {
		return nil, fmt.Errorf("chattest: %w", err)
	}
	f.readings = readings
	f.access = fake.Access{APIKey: f.options.APIKey, AgentID: f.options.AgentID, ForeignAgentID: f.options.ForeignAgentID, Count: f.window.Take, Limit: f.options.Window}
	f.life, f.end = context.WithCancel(context.Background())
	f.window.Reset = readings["rate-limit-reset"]
	f.store.numericConversations = readings["conversation-id"] == "number"
	f.store.numericMessages = readings["message-id"] == "number"
	tooLong := func(w http.ResponseWriter, _ *http.Request) {
		reject(w, &rejection{status: http.StatusRequestEntityTooLarge, Code: "VALIDATION_INVALID_BODY", Message: "The body is too long"})
	}
	f.front = fake.NewFront(f.routes(), http.HandlerFunc(tooLong), maxBody)
	f.front.Stamp = f.window.Stamp
	return f, nil
}

// ServeHTTP responds to a request to the service, whose paths begin with
// /api/v2. A body of more than 1 MiB gets 413.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.front.ServeHTTP(w, r) }

// CountRequest counts a request that another service receives with the same key.
// It sets the headers of the rate limit, and returns 0 or how long it takes until
// the limit allows another request. Pass it to contactstest as
// Options.CountRequest.
func (f *Fake) CountRequest(h http.Header) (wait time.Duration) { return f.window.Take(h) }
