package hmachash_test

import (
	"errors"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/chatident/chatident/hmachash"
)

// A page of a customer who is signed in: the block, then the widget.
func Example() {
	secret := "your_secret_key_here" // in a program: os.Getenv("AINISA_SECRET_KEY")
	ainisa, err := hmachash.NewAinisa(secret, nil)
	if err != nil {
		log.Fatal(err)
	}

	// The site serves the script itself, so "script-src 'self' https://chatbot.ainisa.com"
	// is all the policy that a page needs. With Script instead of Data, it is inline.
	http.Handle("/chatident.js", hmachash.ScriptFile())
	page := template.Must(template.New("page").Parse("{{.Block}}\n<script src=\"/chatident.js\"></script>\n{{.Widget}}\n"))
	block, err := ainisa.Data(hmachash.AinisaUser{ID: "1", FirstName: "Miles O'Brien"})
	if err != nil {
		log.Fatal(err)
	}
	widget, err := ainisa.Widget("")
	if err != nil {
		log.Fatal(err)
	}
	if err := page.Execute(os.Stdout, map[string]any{"Block": block, "Widget": widget}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// <script type="application/json" data-chatident="ainisa" data-turbo-temporary>{"user_id":"1","user_hash":"c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b","firstname":"Miles O'Brien"}</script>
	// <script src="/chatident.js"></script>
	// <script src="https://chatbot.ainisa.com/widget.js" defer></script>
}

// An endpoint of your own API that only Ainisa reaches, for a known customer.
func ExampleAinisa_Action() {
	ainisa, _ := hmachash.NewAinisa("your_secret_key_here", nil)
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmachash.UserID(r.Context())
		fmt.Fprintln(w, "orders of customer", id)
	})
	// The header and the key are the ones set for the action in the dashboard.
	handler, err := ainisa.Action("X-Api-Key", "the-key-of-the-action", orders, &hmachash.ActionOptions{
		OnReject: func(_ *http.Request, err error) { fmt.Println(errors.Is(err, hmachash.ErrWrongHash)) },
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, id := range []string{"1", "2"} {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("X-Api-Key", "the-key-of-the-action")
		r.Header.Set("X-User-Id", id)
		r.Header.Set("X-User-Hash", "c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 orders of customer 1
	// true
	// 401 {"error":"the caller or the customer could not be verified"}
}

func ExampleBookbag_Identify() {
	bookbag, _ := hmachash.NewBookbag("the signing secret of the agent", nil)
	identity, err := bookbag.Identify(hmachash.BookbagUser{
		ID:       "user_8821",
		Name:     "Ada Lovelace",
		Metadata: map[string]any{"plan": "pro"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(identity.UserID, len(identity.UserHash), identity.UserMetadata)
	// Output:
	// user_8821 64 map[name:Ada Lovelace plan:pro]
}

// One policy by hash fits every page of every visitor, so that it may be set in one
// place, and pages may be swapped.
func ExampleBookbag_Script() {
	bookbag, _ := hmachash.NewBookbag("the signing secret of the agent", nil)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		block, err := bookbag.Script(hmachash.BookbagUser{ID: "user_8821", Metadata: map[string]any{"plan": "pro"}}, "")
		if err != nil {
			http.Error(w, "the page is not available", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", "script-src "+hmachash.ScriptHash+" https://app.bookbag.ai")
		w.Header().Set("Cache-Control", "private, no-store")
		fmt.Fprint(w, "<body>", block, "</body>") // and the embed tag of the agent
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(strings.Contains(w.Body.String(), `"user_id":"user_8821"`))
	// Output: true
}

// A site with two vendors: one function says who is signed in, and each vendor's user
// comes from it.
func Example_twoVendors() {
	type customer struct{ id, first, last, email, plan string }
	currentCustomer := func(*http.Request) (*customer, error) { // your session; nil for an anonymous visitor
		return &customer{"1", "Ada", "Lovelace", "ada@example.com", "pro"}, nil
	}
	ainisaUser := func(r *http.Request) (hmachash.AinisaUser, error) {
		c, err := currentCustomer(r)
		if err != nil || c == nil {
			return hmachash.AinisaUser{}, err
		}
		return hmachash.AinisaUser{ID: c.id, FirstName: c.first, LastName: c.last, Email: c.email}, nil
	}
	bookbagUser := func(r *http.Request) (hmachash.BookbagUser, error) {
		c, err := currentCustomer(r)
		if err != nil || c == nil {
			return hmachash.BookbagUser{}, err
		}
		return hmachash.BookbagUser{ID: c.id, Name: c.first + " " + c.last, Email: c.email, Metadata: map[string]any{"plan": c.plan}}, nil
	}
	ainisa, _ := hmachash.NewAinisa("the secret key of Ainisa", nil)
	bookbag, _ := hmachash.NewBookbag("the signing secret of the agent", nil)
	mux := http.NewServeMux()
	mux.Handle("/api/ainisa-identity", ainisa.Handler(ainisaUser, nil))
	mux.Handle("/api/bookbag-identity", bookbag.Handler(bookbagUser, nil))

	for _, path := range []string{"/api/ainisa-identity", "/api/bookbag-identity"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Print(w.Body)
	}
	// Output:
	// {"identity":{"user_id":"1","user_hash":"850d30578712a3f9ecdb34fa419219583d81ce9a9a18b569b49d80ed0344e2de","firstname":"Ada","lastname":"Lovelace","email":"ada@example.com"}}
	// {"identity":{"user_id":"1","user_hash":"330444b7b946bec8e297743ebf1f6d8d8d3348b39523d84c628e559089670ecd","user_metadata":{"email":"ada@example.com","name":"Ada Lovelace","plan":"pro"}}}
}

// The event is in the context once its signature and time are right. In a test, Sign
// makes the signature.
func ExampleBookbagWebhooks_Handler() {
	webhooks, _ := hmachash.NewBookbagWebhooks("the secret of the webhook", nil)
	handler, err := webhooks.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, _ := hmachash.Event(r.Context())
		fmt.Println(event.Name, string(event.Data))
	}))
	if err != nil {
		log.Fatal(err)
	}
	body := fmt.Sprintf(`{"event":"lead.created","data":{"email":"ada@example.com"},"ts":%d}`, time.Now().UnixMilli())
	r := httptest.NewRequest("POST", "/bookbag", strings.NewReader(body))
	r.Header.Set("X-Bookbag-Signature", webhooks.Sign([]byte(body)))
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output: lead.created {"email":"ada@example.com"}
}

func ExampleHasher_Verify() {
	hasher, _ := hmachash.New("the new secret", &hmachash.Options{Previous: []string{"your_secret_key_here"}})
	old := "c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b"
	fmt.Println(hasher.Verify("1", old))
	fmt.Println(hasher.Verify("2", old))
	// Output:
	// true
	// false
}
