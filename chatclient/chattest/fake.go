package chattest

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/chatident/chatident/internal/fake"
)

const maxBody = 1 << 20

// Options of a Fake. The zero value of each field is its default.
type Options struct {
	// APIKey is the only key that is taken. Default "oc_test_chattest".
	APIKey string

	// AgentID is the only agent. Default 123. Another one in a path is 404
	// RESOURCE_NOT_FOUND.
	AgentID int64

	// ForeignAgentID is an agent that exists and that the key is not for: 403
	// AUTH_INSUFFICIENT_PERMISSIONS. Default none.
	ForeignAgentID int64

	// Window enforces 100 requests in any 10 seconds, with 429
	// RATE_LIMIT_TOO_MANY_REQUESTS and a Retry-After in whole seconds, rounded
	// up. Requests that are refused for the limit or the key do not count, nor
	// those that a Fault answers. Default off: only the headers count.
	Window bool

	// Reply is what the assistant answers. It may be called by several
	// requests at once. Default: the text "You said: " and the message.
	Reply func(Turn) []Part

	// Pace is the wait after each frame of a stream. Default none.
	Pace time.Duration

	// Readings has a token for each open point of Bookbag's API, by its id.
	// Default: the first token of each. New rejects an unknown id or token.
	Readings map[string]string
}

// Fake is a Bookbag v2 service with one key and one agent, which keeps its
// conversations in memory. It is safe for use by many goroutines.
type Fake struct {
	options  Options
	readings fake.Choice
	front    *fake.Front
	window   fake.Window

	mu    sync.Mutex
	store store
}

// New returns a Fake without any conversation. The options may be nil. The error
// is a *[ReadingError].
func New(options *Options) (*Fake, error) {
	f := &Fake{}
	if options != nil {
		f.options = *options
	}
	if f.options.APIKey == "" {
		f.options.APIKey = "oc_test_chattest"
	}
	if f.options.AgentID == 0 {
		f.options.AgentID = 123
	}
	if f.options.Reply == nil {
		f.options.Reply = func(t Turn) []Part { return []Part{Text("You said: " + t.Message)} }
	}
	choice, err := fake.NewChoice(f.options.Readings)
	if e, ok := errors.AsType[*fake.ReadingError](err); ok {
		return nil, (*ReadingError)(e)
	}
	f.readings = choice
	tooLong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, &refusal{status: http.StatusRequestEntityTooLarge, Code: "VALIDATION_INVALID_BODY", Message: "The body is too long"})
	})
	f.front = fake.NewFront(f.routes(), tooLong, maxBody)
	f.front.Stamp = f.window.Stamp
	return f, nil
}

// ReadingError is the error of [New] for an unknown id or token in
// Options.Readings.
type ReadingError struct {
	ID    string
	Token string
	Known []string // the ids, or the tokens of a known ID
}

func (e *ReadingError) Error() string { return "chattest: " + (*fake.ReadingError)(e).Error() }

// ServeHTTP answers a request to the service, whose paths begin with /api/v2.
// A body of more than 1 MiB is refused with 413.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.front.ServeHTTP(w, r) }
