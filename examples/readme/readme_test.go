// Package readme runs the Go code of README.md and docs/. Programs are built, and
// those of the README respond as it prints. Each other block is in a test of this
// package, or of the package mounting, word for word.
package readme

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/hmachash"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// useFakeBookbag replaces the default transport with one that calls a fake for every host.
func useFakeBookbag(options *chattest.Options) (fake *chattest.Fake, stop func()) {
	fake, err := chattest.New(options)
	if err != nil {
		log.Fatal(err)
	}
	return fake, useFake(fake.Client(), fake.Close)
}

func useFakeContacts() (fake *contactstest.Fake, stop func()) {
	fake, err := contactstest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	return fake, useFake(fake.Client(), fake.Close)
}

func useFake(fake *http.Client, end func()) (stop func()) {
	real := http.DefaultTransport
	http.DefaultTransport = overHTTP{fake.Transport}
	return func() {
		http.DefaultTransport = real
		end()
	}
}

// overHTTP sends requests with https URLs as http requests.
type overHTTP struct{ next http.RoundTripper }

func (t overHTTP) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return t.next.RoundTrip(r)
}

func newBot() *chatclient.Client {
	bot, err := chatclient.New("oc_test_chattest", 123, nil)
	if err != nil {
		log.Fatal(err)
	}
	return bot
}

func Example_sync() {
	ctx := context.Background()
	_, stop := useFakeContacts()
	defer stop()
	client, err := contacts.New("oc_test_contactstest", 123, nil)
	if err != nil {
		log.Fatal(err)
	}
	schema, err := client.EnsureAttributes(ctx, []contacts.Attribute{{Name: "plan"}})
	if err != nil {
		log.Fatal(err)
	}
	rows := func(yield func(contacts.Row, error) bool) {
		for _, id := range []string{"user_1", "user_2"} {
			fields := contacts.Fields{ExternalID: contacts.Set(id), CustomAttributes: contacts.Set(contacts.Values{"plan": "pro"})}
			if !yield(contacts.Row{Fields: fields, Cursor: id}, nil) {
				return
			}
		}
	}
	logRow := func(_ context.Context, f contacts.Failure) error { fmt.Println(f.Reason()); return nil }
	saveCursor := func(_ context.Context, cursor string) error { fmt.Println("at", cursor); return nil }

	report, err := client.Sync(ctx, rows, &contacts.SyncOptions{
		Schema:       schema,     // of client.EnsureAttributes: checks each row before it is sent
		OnFailure:    logRow,     // is called with each row that was rejected, or whose outcome is unknown
		OnCheckpoint: saveCursor, // where the next run continues
	})
	fmt.Println(report.Acknowledged, "saved, complete:", report.Complete())
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// at user_2
	// 2 saved, complete: true
}

func TestReadme_Errors(t *testing.T) {
	fake, stop := useFakeBookbag(nil)
	defer stop()
	bot := newBot()
	ctx := t.Context()
	outcome := func(message chatclient.Message) string {
		reply, err := bot.Send(ctx, message)
		_ = reply
		var field *chatclient.FieldError
		var e *chatclient.Error
		switch {
		case errors.As(err, &field):
			return "field"
		case errors.Is(err, chatclient.ErrUnauthorized):
			return "key"
		case errors.Is(err, chatclient.ErrRateLimited) && errors.As(err, &e):
			return e.RetryAfter.String()
		case errors.As(err, &e) && e.OutcomeUnknown:
			return "unknown"
		case errors.As(err, &e):
			return e.RequestID
		}
		return "none"
	}
	hello := chatclient.Message{Text: "Hello"}
	assert.Equal(t, "none", outcome(hello))
	assert.Equal(t, "field", outcome(chatclient.Message{}))
	fake.Script(chattest.Status(401, "AUTH_INVALID_API_KEY"))
	assert.Equal(t, "key", outcome(hello))
	fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(120e9))
	assert.Equal(t, "2m0s", outcome(hello))
	fake.Script(chattest.DropAfter())
	assert.Equal(t, "unknown", outcome(hello))
	fake.Script(chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"))
	assert.Contains(t, outcome(hello), "req_")
}

// readmeErrors is the README's block as it is printed: it has no statements to run.
func readmeErrors(ctx context.Context, bot *chatclient.Client, message chatclient.Message) *chatclient.Reply {
	reply, err := bot.Send(ctx, message)
	var field *chatclient.FieldError
	var e *chatclient.Error
	switch {
	case errors.As(err, &field): // what to change, without the value
	case errors.Is(err, chatclient.ErrUnauthorized): // the key
	case errors.Is(err, chatclient.ErrRateLimited) && errors.As(err, &e): // try again after e.RetryAfter
	case errors.As(err, &e) && e.OutcomeUnknown: // the message may have arrived: look into the conversation
	case errors.As(err, &e): // it has not; e.RequestID is for Bookbag's support
	}
	return reply
}

var _ = readmeErrors

func TestReadme_TestingAnAinisaPage(t *testing.T) {
	ainisa, err := hmachash.NewAinisa("the secret of a shop", nil)
	require.NoError(t, err)
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		block, err := ainisa.Script(hmachash.AinisaUser{ID: "1001", FirstName: "Ada"}, "")
		assert.NoError(t, err)
		w.Header().Set("Cache-Control", "private, no-store")
		_, _ = fmt.Fprint(w, block)
	})

	want, err := ainisa.Identify(hmachash.AinisaUser{ID: "1001"})
	require.NoError(t, err)
	page := httptest.NewRecorder()
	site.ServeHTTP(page, httptest.NewRequest("GET", "/", nil)) // with your session's cookie
	assert.Contains(t, page.Body.String(), want.UserHash)
	assert.Equal(t, "private, no-store", page.Header().Get("Cache-Control"))
}

// What the README says about net/http: "GET /" conflicts, and the others do not.
func TestReadme_GetRootConflicts(t *testing.T) {
	mount := func(root string) {
		mux := http.NewServeMux()
		mux.Handle("/api/megadesk-identity", http.NotFoundHandler())
		mux.Handle("/chat/", http.NotFoundHandler())
		mux.Handle(root, http.NotFoundHandler())
	}
	assert.Panics(t, func() { mount("GET /") })
	for _, root := range []string{"/", "/{$}", "GET /{$}"} {
		assert.NotPanics(t, func() { mount(root) }, root)
	}
}
