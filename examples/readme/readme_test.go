// Package readme runs the code of the README: each of its Go blocks stands,
// word for word, in an Example of this file.
package readme

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
	"github.com/chatident/chatident/placeholders"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryGoBlockOfTheReadmeIsRun(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		var indented strings.Builder
		for line := range strings.Lines(string(block[1])) {
			indented.WriteString("\t" + line)
		}
		assert.Contains(t, string(source), indented.String())
	}
}

// What the README leaves to the reader: a session, and who is in it.
type user struct {
	ID, Name, Email string
	EmailConfirmed  bool
}

func sessionUser(r *http.Request) (*user, error) {
	if _, err := r.Cookie("session"); err != nil {
		return nil, nil
	}
	return &user{ID: "user-123", Name: "Ada", Email: "ada@example.com", EmailConfirmed: true}, nil
}

func visit(h http.Handler, path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var signedIn = http.Header{"Cookie": {"session=1"}}

func Example_megadesk() {
	mux := http.NewServeMux()
	os.Setenv("MEGADESK_IDENTITY_SECRET", "000102030405060708090a0b0c0d0e0f")

	key, err := identity.ParseKey(os.Getenv("MEGADESK_IDENTITY_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	minter, err := identity.NewMinter(key, nil)
	if err != nil {
		log.Fatal(err)
	}
	currentUser := func(r *http.Request) (*identity.Payload, error) {
		user, err := sessionUser(r) // your own session
		if err != nil || user == nil {
			return nil, err // a nil payload: nobody is signed in
		}
		p := &identity.Payload{User: identity.UserDetail{ID: user.ID, Name: user.Name}}
		if user.EmailConfirmed {
			p.User.Email = user.Email
		}
		return p, nil
	}
	mux.Handle("/api/megadesk-identity", identity.Handler(minter, currentUser, nil))

	fmt.Print(visit(mux, "/api/megadesk-identity", http.Header{}).Body)
	fmt.Println(visit(mux, "/api/megadesk-identity", signedIn).Body.String()[:40])
	// Output:
	// {"identity":null}
	// {"identity":"eyJhbGciOiJkaXIiLCJlbmMiOiJ
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
		log.Fatal(err) // all values that are missing, or one that cannot stand in its place
	}
	fmt.Print(preview)
	// Output:
	// POST https://api.example.com/customers/user-123/refunds
	// Content-Type: application/json
	// X-Plan: [redacted]
	//
	// {"email": "ada@example.com"}
}

func Example_contacts() {
	ctx := context.Background()
	os.Setenv("BOOKBAG_API_KEY", "oc_test_contactstest")
	fake := contactstest.New(nil)
	defer play(fake.Client(), fake.Close)()

	client, err := contacts.New(os.Getenv("BOOKBAG_API_KEY"), 123, &contacts.Options{RequireUserIDs: true})
	if err != nil {
		log.Fatal(err)
	}
	schema, err := client.EnsureAttributes(ctx, []contacts.Attribute{{Name: "orders", Type: contacts.TypeNumber}})
	if err != nil {
		log.Fatal(err) // perhaps an attribute of that name has another type
	}
	ada := contacts.Input{
		ExternalID:       contacts.Set("user_8821"),
		Name:             contacts.Set("Ada"),
		PhoneNumber:      contacts.Null[string](), // to be cleared; what is not set stays
		CustomAttributes: contacts.Set(contacts.Values{"orders": 3}),
	}
	if err := schema.Check(ada); err != nil {
		log.Fatal(err) // the service might drop the attribute without a word
	}
	if _, err := client.Upsert(ctx, []contacts.Input{ada}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(fake.Contacts()[0].ExternalID)
	// Output: user_8821
}

func Example_chatInYourPages() {
	mux := http.NewServeMux()
	os.Setenv("CHATPROXY_SECRET", "0123456789abcdef0123456789abcdef")
	defer playBookbag()()
	bot, err := chatclient.New("oc_test_chattest", 123, nil)
	if err != nil {
		log.Fatal(err)
	}

	visitor := func(r *http.Request) (chatproxy.Visitor, error) {
		user, err := sessionUser(r) // your own session
		if err != nil || user == nil {
			return chatproxy.Visitor{}, err // nobody is signed in: refused with 401
		}
		return chatproxy.Visitor{UserID: chatclient.UserID(user.ID)}, nil
	}
	proxy, err := chatproxy.New(bot, os.Getenv("CHATPROXY_SECRET"), visitor, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.Handle("/chat/chatproxy.js", chatproxy.Script())

	fmt.Print(visit(mux, "/chat/conversations", http.Header{}).Body)
	fmt.Print(visit(mux, "/chat/conversations", signedIn).Body)
	fmt.Println(visit(mux, "/chat/chatproxy.js", http.Header{}).Code)
	// Output:
	// {"version":1,"error":{"code":"sign_in_required","message":"Please sign in to chat."}}
	// {"version":1,"conversations":[],"cursor":null}
	// 200
}

// playBookbag has the default transport, whatever the host, talk to a fake.
func playBookbag() (stop func()) {
	fake := chattest.New(nil)
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

	fake := chattest.New(nil)
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

func Example_ainisa() {
	mux := http.NewServeMux()
	os.Setenv("AINISA_SECRET_KEY", "your_secret_key_here")

	ainisa, err := hmachash.NewAinisa(os.Getenv("AINISA_SECRET_KEY"), nil)
	if err != nil {
		log.Fatal(err)
	}
	page := template.Must(template.New("page").Parse(`<h1>Shop</h1>{{.Block}}{{.Widget}}`))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		user, err := sessionUser(r) // your own session
		if err != nil {
			http.Error(w, "Try again in a minute.", http.StatusInternalServerError)
			return
		}
		var visitor hmachash.AinisaUser // without an ID: not signed in
		if user != nil {
			visitor = hmachash.AinisaUser{ID: user.ID, FirstName: user.Name}
		}
		nonce := "" // or the nonce of your Content-Security-Policy
		block, err := ainisa.Script(visitor, nonce)
		if err != nil {
			http.Error(w, "Try again in a minute.", http.StatusInternalServerError)
			return
		}
		widget, err := ainisa.Widget(nonce)
		if err != nil {
			http.Error(w, "Try again in a minute.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Cache-Control", "private, no-store")
		_ = page.Execute(w, map[string]any{"Block": block, "Widget": widget}) // the visitor may be gone
	})

	os.Setenv("AINISA_ACTION_KEY", "the key of the action")
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmachash.UserID(r.Context()) // verified
		fmt.Fprintln(w, "orders of customer", id)
	})
	handler, err := ainisa.Action("X-Api-Key", os.Getenv("AINISA_ACTION_KEY"), orders)
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/ainisa/orders", handler)

	fmt.Println(visit(mux, "/", http.Header{}).Body)
	fmt.Println(visit(mux, "/", signedIn).Body)
	fmt.Print(visit(mux, "/ainisa/orders", http.Header{
		"X-Api-Key":   {"the key of the action"},
		"X-User-Id":   {"1"},
		"X-User-Hash": {"c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b"},
	}).Body)
	fmt.Print(visit(mux, "/ainisa/orders", http.Header{}).Body)
	// Output:
	// <h1>Shop</h1><script src="https://chatbot.ainisa.com/widget.js"></script>
	// <h1>Shop</h1><script>window.ainisaUser={"user_id":"user-123","user_hash":"160b551ca77286c5d22e2d3bc6fec8ac4426121ce51c84cc2ad059ada6f90841","firstname":"Ada"};</script><script src="https://chatbot.ainisa.com/widget.js"></script>
	// orders of customer 1
	// {"error":"the caller or the customer could not be verified"}
}
