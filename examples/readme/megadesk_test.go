package readme

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/identity"
	"github.com/chatident/chatident/placeholders"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMegadeskGuide_Test(t *testing.T) {
	key, err := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	minter, err := identity.NewMinter(key, nil)
	require.NoError(t, err)
	newSite := func(minter *identity.Minter) http.Handler {
		return signInSite("user-123", identity.Handler(minter, func(r *http.Request) (*identity.Payload, error) {
			id := sessions.GetString(r.Context(), "user")
			if id == "" {
				return nil, nil
			}
			return &identity.Payload{User: identity.UserDetail{ID: id}}, nil
		}, nil))
	}

	opener, err := identity.NewOpener(key)
	require.NoError(t, err)
	site := httptest.NewServer(newSite(minter))
	defer site.Close()
	jar, err := cookiejar.New(nil) // keeps the session's cookie, as a browser does
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	post := func(path string) {
		response, err := browser.Post(site.URL+path, "", nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	token := func() string {
		response, err := browser.Get(site.URL + "/api/megadesk-identity")
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
		var body struct{ Identity string } // empty if it is null
		require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
		return body.Identity
	}

	assert.Empty(t, token(), "not signed in")
	post("/login")
	opened, err := opener.Open(token())
	require.NoError(t, err)
	assert.Equal(t, "user-123", opened.Payload.User.ID)
	post("/logout")
	assert.Empty(t, token(), "signed out")
}

// signInSite is next in sessions, with /login, which signs in a user, and /logout.
func signInSite(user string, next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		sessions.Put(r.Context(), "user", user)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		_ = sessions.Destroy(r.Context())
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	return sessions.LoadAndSave(mux)
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
		log.Fatal(err) // every fault, with its place
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

func TestMegadeskGuide_Payload(t *testing.T) {
	type row struct {
		ID, Name, Email, StripeID string
		EmailConfirmed            bool
		CreatedAt                 time.Time
		Orders                    int
		AccountID                 sql.NullString
	}
	customer := row{ID: "user-123", Name: "Ada Lovelace", Email: "ada@example.com", StripeID: "cus_123",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Orders: 3, AccountID: sql.NullString{String: "acc_1", Valid: true}}

	payload := &identity.Payload{
		User: identity.UserDetail{
			ID:    customer.ID,
			Name:  customer.Name,
			Extra: map[string]any{"memberSince": customer.CreatedAt, "orders": customer.Orders},
		},
		Integrations: identity.Integrations{
			StripeCustomerID: customer.StripeID, // from your billing records, or empty
			Services:         map[string]map[string]any{"shop": {"accountId": customer.AccountID}},
		},
	}
	if customer.EmailConfirmed {
		payload.User.Email = customer.Email
	}

	key, err := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	minter, err := identity.NewMinter(key, nil)
	require.NoError(t, err)
	opener, err := identity.NewOpener(key)
	require.NoError(t, err)
	token, err := minter.Mint(*payload)
	require.NoError(t, err)
	opened, err := opener.Open(token)
	require.NoError(t, err)
	assert.Empty(t, opened.Payload.User.Email, "an address that is not confirmed")
	assert.Equal(t, "cus_123", opened.Payload.Integrations.StripeCustomerID)
	assert.Equal(t, "acc_1", opened.Payload.Integrations.Services["shop"]["accountId"])
	assert.Equal(t, "2026-01-02T03:04:05Z", opened.Payload.User.Extra["memberSince"])
}

// The program with chi, scs and a strict policy: what a visitor gets before and
// after signing in and out.
func TestMegadeskGuide_Program(t *testing.T) {
	programs, _ := goBlocks(t, "docs/megadesk.md")
	require.Len(t, programs, 1)
	site := start(t, programs[0].code, "$ MEGADESK_IDENTITY_SECRET=$(openssl rand -hex 16) go run .")
	first, err := http.NewRequest("GET", site+"/api/megadesk-identity", http.NoBody)
	require.NoError(t, err)
	require.NoError(t, whenUp(t, first).Body.Close())

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	text := func(response *http.Response, err error) string {
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return string(body)
	}
	endpoint := site + "/api/megadesk-identity"
	assert.Equal(t, `{"identity":null}`, strings.TrimSpace(text(browser.Get(endpoint))))
	page := text(browser.Post(site+"/login", "", http.NoBody))
	assert.Contains(t, page, `src="https://getmegadesk.com/embed.js"`)
	assert.Contains(t, text(browser.Get(endpoint)), `{"identity":"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..`)
	_ = text(browser.Post(site+"/logout", "", http.NoBody))
	assert.Equal(t, `{"identity":null}`, strings.TrimSpace(text(browser.Get(endpoint))))

	home, err := browser.Get(site)
	require.NoError(t, err)
	assert.Equal(t, "private, no-store", home.Header.Get("Cache-Control"))
	policy := home.Header.Get("Content-Security-Policy")
	_, rest, found := strings.Cut(policy, "'nonce-")
	require.True(t, found, policy)
	nonce, _, _ := strings.Cut(rest, "'")
	assert.Contains(t, text(home, nil), `<script nonce="`+nonce+`" src=`)
}
