// Package readme runs the code of the README. Its programs are built and asked;
// each other Go block stands, word for word, in an Example of this file or under
// a router in the package mounting.
package readme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
	"github.com/chatident/chatident/placeholders"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goBlocks returns the Go code of the README: whole programs, and pieces.
func goBlocks(t *testing.T) (programs, pieces []string) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1) {
		if code := string(block[1]); strings.HasPrefix(code, "package main\n") {
			programs = append(programs, code)
		} else {
			pieces = append(pieces, code)
		}
	}
	require.NotEmpty(t, programs)
	require.NotEmpty(t, pieces)
	return programs, pieces
}

func TestEveryGoBlockOfTheReadmeIsRun(t *testing.T) {
	var source strings.Builder
	for _, name := range []string{"readme_test.go", "../mounting/nethttp_test.go", "../mounting/chi_test.go", "../mounting/echo_test.go", "../mounting/gin_test.go"} {
		code, err := os.ReadFile(name)
		require.NoError(t, err)
		source.Write(code)
	}
	_, pieces := goBlocks(t)
	for _, piece := range pieces {
		var indented strings.Builder
		for line := range strings.Lines(piece) {
			indented.WriteString("\t" + line)
		}
		assert.True(t, strings.Contains(source.String(), indented.String()), "in no test:\n%s", piece)
	}
}

func Example_bookbag() {
	ctx := context.Background()
	os.Setenv("BOOKBAG_API_KEY", "oc_test_chattest")
	defer playBookbag()()

	bot, err := chatclient.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
	if err != nil {
		log.Fatal(err)
	}
	stream, err := bot.Stream(ctx, chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
	if err != nil {
		log.Fatal(err) // refused
	}
	for text, err := range stream.Text() {
		if err != nil {
			log.Fatal(err) // cut short: what was printed is no whole reply
		}
		fmt.Print(text)
	}
	// Output: You said: Where is my order?
}

func Example_actions() {
	payload := identity.Payload{User: identity.UserDetail{ID: "user-123", Email: "ada@example.com", Plan: "pro"}}

	action := placeholders.Action{
		Method:    "POST",
		URL:       "https://api.example.com/customers/{{id}}/refunds",
		Header:    map[string]string{"X-Plan": "{{plan}}"},
		Body:      `{"email": "{{userEmail}}"}`,
		Variables: map[string]string{"id": "userDetail.id", "plan": "userDetail.plan", "userEmail": "userDetail.email"},
	}
	compiled, err := placeholders.Compile(action, nil)
	if err != nil {
		log.Fatal(err) // every fault, with where it is
	}
	preview, err := compiled.Preview(payload) // of an identity.Payload
	if err != nil {
		log.Fatal(err) // all values that are missing or null, or one that cannot be in its place
	}
	fmt.Print(preview)
	// Output:
	// POST https://api.example.com/customers/user-123/refunds
	// Content-Type: application/json
	// X-Plan: pro
	//
	// {"email": "ada@example.com"}
}

func Example_contacts() {
	ctx := context.Background()
	os.Setenv("BOOKBAG_API_KEY", "oc_test_contactstest")
	fake, err := contactstest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer play(fake.Client(), fake.Close)()

	client, err := contacts.New(os.Getenv("BOOKBAG_API_KEY"), 123, &contacts.Options{RequireUserIDs: true})
	if err != nil {
		log.Fatal(err)
	}
	schema, err := client.EnsureAttributes(ctx, []contacts.Attribute{{Name: "orders", Type: contacts.TypeNumber}})
	if err != nil {
		log.Fatal(err) // perhaps an attribute of that name has another type
	}
	ada := contacts.Fields{
		ExternalID:       contacts.Set("user_8821"),
		Name:             contacts.Set("Ada"),
		PhoneNumber:      contacts.Null[string](), // to be cleared; what is not set stays
		CustomAttributes: contacts.Set(contacts.Values{"orders": 3}),
	}
	if err := schema.Check(ada); err != nil {
		log.Fatal(err) // the service might drop the attribute without a word
	}
	if _, err := client.Upsert(ctx, []contacts.Fields{ada}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(fake.Contacts()[0].ExternalID)
	// Output: user_8821
}

// playBookbag has the default transport, whatever the host, talk to a fake.
func playBookbag() (stop func()) {
	fake, err := chattest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	return play(fake.Client(), fake.Close)
}

func play(fake *http.Client, end func()) (stop func()) {
	real := http.DefaultTransport
	http.DefaultTransport = inTheClear{fake.Transport}
	return func() {
		http.DefaultTransport = real
		end()
	}
}

type inTheClear struct{ next http.RoundTripper }

func (t inTheClear) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return t.next.RoundTrip(r)
}

func Example_chattest() {
	ctx := context.Background()

	fake, err := chattest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	defer server.Close()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	fake.Script(chattest.Status(402, "CHAT_CREDITS_EXHAUSTED")) // the next request fails so
	_, err = bot.Send(ctx, chatclient.Message{Text: "Hello", UserID: "user_8821"})
	fmt.Println(errors.Is(err, chatclient.ErrCreditsExhausted))
	// Output: true
}

func Example_opener() {
	key, err := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	if err != nil {
		log.Fatal(err)
	}
	minter, err := identity.NewMinter(key, nil)
	if err != nil {
		log.Fatal(err)
	}
	site := http.NewServeMux()
	site.Handle("/api/megadesk-identity", identity.Handler(minter, func(*http.Request) (*identity.Payload, error) {
		return &identity.Payload{User: identity.UserDetail{ID: "user-123"}}, nil
	}, nil))

	opener, err := identity.NewOpener(key)
	if err != nil {
		log.Fatal(err)
	}
	answer := httptest.NewRecorder()
	site.ServeHTTP(answer, httptest.NewRequest("GET", "/api/megadesk-identity", nil)) // with your session's cookie
	var body struct{ Identity string }
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		log.Fatal(err)
	}
	opened, err := opener.Open(body.Identity)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opened.Payload.User.ID)
	// Output: user-123
}

func Example_ainisasActions() {
	mux := http.NewServeMux()
	ainisa, err := hmachash.NewAinisa("your_secret_key_here", nil)
	if err != nil {
		log.Fatal(err)
	}
	os.Setenv("AINISA_ACTION_KEY", "the-key-of-the-action")

	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmachash.UserID(r.Context()) // verified
		fmt.Fprintln(w, "orders of customer", id)
	})
	handler, err := ainisa.Action("X-Api-Key", os.Getenv("AINISA_ACTION_KEY"), orders, &hmachash.ActionOptions{
		OnReject: func(_ *http.Request, err error) { log.Print(err) }, // the caller learns no reason
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/ainisa/orders", handler)

	for _, id := range []string{"1", "2"} {
		call := httptest.NewRequest("GET", "/ainisa/orders", nil)
		call.Header.Set("X-Api-Key", "the-key-of-the-action")
		call.Header.Set("X-User-Id", id)
		call.Header.Set("X-User-Hash", "c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b") // of 1
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, call)
		fmt.Print(answer.Body)
	}
	// Output:
	// orders of customer 1
	// {"error":"the caller or the customer could not be verified"}
}
