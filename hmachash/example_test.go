package hmachash_test

import (
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/chatident/chatident/hmachash"
)

// A page of a customer who is signed in: the block, then the widget.
func Example() {
	secret := "your_secret_key_here" // in a program: os.Getenv("AINISA_SECRET_KEY")
	ainisa, err := hmachash.NewAinisa(secret, nil)
	if err != nil {
		log.Fatal(err)
	}

	page := template.Must(template.New("page").Parse("{{.Block}}\n{{.Widget}}\n"))
	nonce := "MTIzNDU2Nzg5MDEyMzQ1Ng" // a new random one for each answer
	block, err := ainisa.Script(hmachash.AinisaUser{ID: "1", FirstName: "Miles O'Brien"}, nonce)
	if err != nil {
		log.Fatal(err)
	}
	widget, err := ainisa.Widget(nonce)
	if err != nil {
		log.Fatal(err)
	}
	if err := page.Execute(os.Stdout, map[string]any{"Block": block, "Widget": widget}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// <script nonce="MTIzNDU2Nzg5MDEyMzQ1Ng">window.ainisaUser={"user_id":"1","user_hash":"c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b","firstname":"Miles O'Brien"};</script>
	// <script src="https://chatbot.ainisa.com/widget.js" nonce="MTIzNDU2Nzg5MDEyMzQ1Ng"></script>
}

// An endpoint of your own API that only Ainisa reaches, for a known customer.
func ExampleAinisa_Action() {
	ainisa, _ := hmachash.NewAinisa("your_secret_key_here", nil)
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmachash.UserID(r.Context())
		fmt.Fprintln(w, "orders of customer", id)
	})
	// The header and the key are the ones set for the action in the dashboard.
	handler, err := ainisa.Action("X-Api-Key", "the key of the action", orders)
	if err != nil {
		log.Fatal(err)
	}

	for _, id := range []string{"1", "2"} {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("X-Api-Key", "the key of the action")
		r.Header.Set("X-User-Id", id)
		r.Header.Set("X-User-Hash", "c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 orders of customer 1
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

// The block stands beside the agent's own embed tag. The value of a key becomes
// an attribute of the contact.
func ExampleBookbag_Script() {
	bookbag, _ := hmachash.NewBookbag("the signing secret of the agent", nil)
	block, err := bookbag.Script(hmachash.BookbagUser{ID: "user_8821", Metadata: map[string]any{"plan": "pro"}}, "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(block)

	block, err = bookbag.Script(hmachash.BookbagUser{}, "") // nobody is signed in
	fmt.Printf("%q %v\n", block, err)
	// Output:
	// <script>(function(user){function identify(){window.bookbag("identify",user)}typeof window.bookbag==="function"?identify():window.addEventListener("load",identify)})(JSON.parse("{\"user_id\":\"user_8821\",\"user_hash\":\"8c0a087a3e29cc511fc6d66f9840ac3d8ddef6299b69a8a0f4814a93823f6107\",\"user_metadata\":{\"plan\":\"pro\"}}"));</script>
	// "" <nil>
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
