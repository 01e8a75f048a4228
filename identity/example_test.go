package identity_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/chatident/chatident/identity"
)

// The whole of it: read the key, say who is signed in, mount the handler.
func Example() {
	secret := "000102030405060708090a0b0c0d0e0f" // in a program: os.Getenv("MEGADESK_IDENTITY_SECRET")
	key, err := identity.ParseKey(secret)
	if err != nil {
		log.Fatal(err)
	}
	minter, err := identity.NewMinter(key, nil)
	if err != nil {
		log.Fatal(err)
	}

	currentUser := func(r *http.Request) (*identity.Payload, error) {
		cookie, err := r.Cookie("session") // in place of your own session
		if err != nil {
			return nil, nil // an anonymous visitor
		}
		return &identity.Payload{
			User: identity.UserDetail{
				ID:    cookie.Value,
				Email: "ada@example.com", // only one that she has confirmed
				Name:  "Ada Lovelace",
				Plan:  "pro",
			},
		}, nil
	}
	mux := http.NewServeMux()
	mux.Handle("/api/megadesk-identity", identity.Handler(minter, currentUser, nil))

	visit := func(cookie *http.Cookie) string {
		r := httptest.NewRequest("GET", "/api/megadesk-identity", nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return strings.TrimSpace(w.Body.String())
	}
	fmt.Println(visit(nil))
	fmt.Println(visit(&http.Cookie{Name: "session", Value: "user-123"})[:50] + "...")
	// Output:
	// {"identity":null}
	// {"identity":"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNI...
}

// A look-up that fails is a 500, and never an anonymous visitor. OnError is
// called with the reason, which the visitor does not see.
func ExampleHandler() {
	key, _ := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	minter, _ := identity.NewMinter(key, nil)
	currentUser := func(*http.Request) (*identity.Payload, error) {
		return nil, errors.New("the session store is down")
	}
	handler := identity.Handler(minter, currentUser, &identity.HandlerOptions{
		OnError: func(r *http.Request, err error) { fmt.Println(r.URL.Path, "failed:", err) },
	})

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/api/megadesk-identity", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// /api/megadesk-identity failed: the session store is down
	// 500 {"error":"the identity is not available at the moment"}
}

// What a token says can be read back in a test of your own look-up.
func ExampleOpener_Open() {
	key, _ := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	minter, _ := identity.NewMinter(key, nil)
	opener, _ := identity.NewOpener(key)

	token, err := minter.Mint(identity.Payload{
		User: identity.UserDetail{
			ID:    "user-123",
			Name:  "Ada Lovelace",
			Extra: map[string]any{"orders": 3},
		},
		Integrations: identity.Integrations{StripeCustomerID: "cus_123"},
	})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := opener.Open(token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opened.Payload.User.Name, opened.Payload.User.Extra["orders"], opened.Payload.Integrations.StripeCustomerID)
	fmt.Println(opened.ExpiresAt.Sub(opened.IssuedAt))
	// Output:
	// Ada Lovelace 3 cus_123
	// 1h0m0s
}

// The error names the field and the rule.
func ExampleMinter_Mint_rejected() {
	key, _ := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	minter, _ := identity.NewMinter(key, nil)
	_, err := minter.Mint(identity.Payload{
		User: identity.UserDetail{ID: "1", Extra: map[string]any{"email": "ada@example.com"}},
	})
	if fe, ok := errors.AsType[*identity.FieldError](err); ok {
		fmt.Println("field:", fe.Field)
		fmt.Println("rule: ", fe.Rule)
	}
	// Output:
	// field: userDetail["email"]
	// rule:  must be set by the field of that name
}

// A new key mints from now on, and both are opened while old tokens live.
func ExampleMinter_SetKey() {
	oldKey, _ := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	newKey, _ := identity.ParseKey("f0e0d0c0b0a090807060504030201000")
	minter, _ := identity.NewMinter(oldKey, nil)
	opener, _ := identity.NewOpener(newKey, oldKey)

	before, _ := minter.Mint(identity.Payload{User: identity.UserDetail{ID: "1"}})
	if err := minter.SetKey(newKey); err != nil {
		log.Fatal(err)
	}
	after, _ := minter.Mint(identity.Payload{User: identity.UserDetail{ID: "1"}})

	for _, token := range []string{before, after} {
		_, err := opener.Open(token)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
}

func ExamplePayload_Lookup() {
	p := identity.Payload{User: identity.UserDetail{ID: "1", Email: "ada@example.com"}}
	fmt.Println(p.Lookup("userDetail.email"))
	fmt.Println(p.Lookup("userDetail.plan"))
	// Output:
	// ada@example.com true
	// <nil> false
}
