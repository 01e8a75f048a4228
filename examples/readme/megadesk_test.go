package readme

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/format"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
	"github.com/chatident/chatident/placeholders"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test of the guide passes with the program of the guide.
func TestMegadeskGuide_Test(t *testing.T) {
	programs, pieces := goBlocks(t, "docs/megadesk.md")
	require.Len(t, programs, 1)
	folder, tests := t.TempDir(), 0
	for _, piece := range pieces {
		if strings.HasPrefix(piece.code, "import (\n") {
			tests++
			formatted, err := format.Source([]byte("package main\n\n" + piece.code))
			require.NoError(t, err)
			assert.Equal(t, string(formatted), "package main\n\n"+piece.code, "gofmt would change it")
			require.NoError(t, os.WriteFile(filepath.Join(folder, "main_test.go"), formatted, 0o600))
		}
	}
	require.Equal(t, 1, tests)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(programs[0].code), 0o600))
	out, err := exec.Command("go", "test", "-v", filepath.Join(folder, "main.go"), filepath.Join(folder, "main_test.go")).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: TestIdentity")
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

// actionToken returns a credential for calls on behalf of a customer. It expires after an hour, the default
// TTL of the identity token that contains it.
func actionToken(hasher *hmachash.Hasher, customer string) (string, error) {
	expiry := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	claim := expiry + "." + base64.RawURLEncoding.EncodeToString([]byte(customer)) // a header has only ASCII
	hash, err := hasher.Hash(claim)
	return hash + "." + claim, err
}

// customerOf returns the customer on whose behalf a call is made, or "" if its token is not valid.
func customerOf(hasher *hmachash.Hasher, r *http.Request) string {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	hash, claim, _ := strings.Cut(token, ".")
	if !isBearer || !hasher.Verify(claim, hash) {
		return ""
	}
	expiry, encoded, _ := strings.Cut(claim, ".")
	seconds, badExpiry := strconv.ParseInt(expiry, 10, 64)
	customer, badCustomer := base64.RawURLEncoding.DecodeString(encoded)
	if badExpiry != nil || badCustomer != nil || time.Now().Unix() >= seconds {
		return ""
	}
	return string(customer)
}

func refunds(hasher *hmachash.Hasher) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		customer := customerOf(hasher, r)
		if customer == "" {
			http.Error(w, "The customer must sign in.", http.StatusUnauthorized)
			return
		}
		var input struct{ Email string }
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&input)
		if _, invalid := mail.ParseAddress(input.Email); err != nil || invalid != nil { // such as "" or "{{userEmail}}"
			http.Error(w, "email: must be an address", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "The order of %s is refunded, and a receipt goes to %s.\n", customer, input.Email)
	})
}

// withActionToken is the part of a currentUser that adds the token.
func withActionToken(hasher *hmachash.Hasher, payload *identity.Payload) (*identity.Payload, error) {
	customer := payload.User

	token, err := actionToken(hasher, customer.ID)
	if err != nil {
		return nil, err
	}
	payload.Integrations.Services = map[string]map[string]any{"shop": {"token": token}}

	return payload, nil
}

func newActionPayload(t testing.TB, hasher *hmachash.Hasher, id string) *identity.Payload {
	t.Helper()
	payload, err := withActionToken(hasher, &identity.Payload{User: identity.UserDetail{ID: id, Email: "ada@example.com"}})
	require.NoError(t, err)
	return payload
}

func newHasher(t testing.TB, secret string) *hmachash.Hasher {
	t.Helper()
	hasher, err := hmachash.New(secret, nil)
	require.NoError(t, err)
	return hasher
}

func Example_actions() {
	payload := identity.Payload{
		User:         identity.UserDetail{ID: "user-123", Email: "ada@example.com"},
		Integrations: identity.Integrations{Services: map[string]map[string]any{"shop": {"token": "a-token"}}},
	}

	action := placeholders.Action{
		Method:    "POST",
		URL:       "https://api.example.com/refunds",
		Header:    map[string]string{"Authorization": "Bearer {{shopToken}}"},
		Body:      `{"email": "{{userEmail}}"}`,
		Variables: map[string]string{"shopToken": "integrations.shop.token", "userEmail": "userDetail.email"},
	}
	compiled, err := placeholders.Compile(action, nil)
	if err != nil {
		log.Fatal(err) // every fault, with its place
	}
	preview, err := compiled.Preview(payload) // of an identity.Payload
	if err != nil {
		log.Fatal(err) // all values that are missing or null, with their paths, or one that cannot be in its place
	}
	fmt.Print(preview)
	// Output:
	// POST https://api.example.com/refunds
	// Authorization: [redacted]
	// Content-Type: application/json
	//
	// {"email": "ada@example.com"}
}

// compileRefund compiles the action of the guide.
func compileRefund(t *testing.T) *placeholders.CompiledAction {
	t.Helper()
	compiled, err := placeholders.Compile(placeholders.Action{
		Method:    "POST",
		URL:       "https://api.example.com/refunds",
		Header:    map[string]string{"Authorization": "Bearer {{shopToken}}"},
		Body:      `{"email": "{{userEmail}}"}`,
		Variables: map[string]string{"shopToken": "integrations.shop.token", "userEmail": "userDetail.email"},
	}, nil)
	require.NoError(t, err)
	return compiled
}

func TestMegadeskGuide_ActionInATest(t *testing.T) {
	hasher := newHasher(t, "a secret of the actions")
	compiled, payload := compileRefund(t), newActionPayload(t, hasher, "user-123")

	request, err := compiled.Request(t.Context(), payload)
	require.NoError(t, err)
	response := httptest.NewRecorder()
	refunds(hasher).ServeHTTP(response, request)
	assert.Equal(t, http.StatusOK, response.Code, response.Body)

	request.Header.Set("Authorization", "Bearer {{shopToken}}") // the value is missing
	response = httptest.NewRecorder()
	refunds(hasher).ServeHTTP(response, request)
	assert.Equal(t, http.StatusUnauthorized, response.Code)
}

// The customer is the one of the token, and a call without a valid token is rejected.
func TestMegadeskGuide_Refunds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hasher := newHasher(t, "a secret of the actions")
		call := func(authorization, body string) (status int, text string) {
			request := httptest.NewRequest("POST", "/refunds", strings.NewReader(body))
			request.Header.Set("Authorization", authorization)
			response := httptest.NewRecorder()
			refunds(hasher).ServeHTTP(response, request)
			return response.Code, response.Body.String()
		}
		token := func(hasher *hmachash.Hasher, id string) string {
			shop := newActionPayload(t, hasher, id).Integrations.Services["shop"]
			return "Bearer " + shop["token"].(string)
		}
		encoded := func(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }
		const body = `{"email":"ada@example.com","customer":"user-456"}`
		ada := token(hasher, "user-123")
		status, text := call(ada, body)
		assert.Equal(t, 200, status)
		assert.Equal(t, "The order of user-123 is refunded, and a receipt goes to ada@example.com.\n", text)
		status, text = call(token(hasher, "shop.1"), body)
		assert.Equal(t, 200, status, "an id with a dot")
		assert.Contains(t, text, "The order of shop.1 is")
		status, _ = call(strings.TrimPrefix(ada, "Bearer "), body)
		assert.Equal(t, 401, status, "without the scheme")

		for _, invalid := range []string{
			"", "Bearer ", "Bearer {{shopToken}}", "Bearer a.b.c",
			strings.Replace(ada, encoded("user-123"), encoded("user-456"), 1),
			strings.Replace(ada, "."+encoded("user-123"), "", 1),
			token(newHasher(t, "another secret"), "user-123"),
			token(hasher, ""),
		} {
			status, _ := call(invalid, body)
			assert.Equal(t, 401, status, invalid)
		}
		for _, invalid := range []string{"", "{}", `{"email":""}`, `{"email":"{{userEmail}}"}`, `{"email":1}`, `{"email":"` + strings.Repeat("a", 64<<10) + `@example.com"}`} {
			status, _ := call(ada, invalid)
			assert.Equal(t, 400, status, invalid)
		}

		time.Sleep(time.Hour - time.Second)
		status, _ = call(ada, body)
		assert.Equal(t, 200, status, "the last second")
		time.Sleep(time.Second)
		status, _ = call(ada, body)
		assert.Equal(t, 401, status, "expired")
	})
}

// An id outside ASCII reaches the API in the header of a rendered action.
func TestMegadeskGuide_CustomerOutsideASCII(t *testing.T) {
	const id = "kundin/zoë@example.com"
	hasher := newHasher(t, "a secret of the actions")
	request, err := compileRefund(t).Request(t.Context(), newActionPayload(t, hasher, id))
	require.NoError(t, err)
	assert.Equal(t, id, customerOf(hasher, request))
}

// After the secret has changed, tokens of the previous one are valid as long as it is in
// Options.Previous.
func TestMegadeskGuide_ActionSecretChanges(t *testing.T) {
	const oldSecret, newSecret = "a secret of the actions", "the next secret of the actions"
	hasher := newHasher(t, oldSecret)
	request, err := compileRefund(t).Request(t.Context(), newActionPayload(t, hasher, "user-123"))
	require.NoError(t, err)

	require.NoError(t, hasher.SetSecret(newSecret, &hmachash.Options{Previous: []string{oldSecret}}))
	assert.Equal(t, "user-123", customerOf(hasher, request))
	next, err := compileRefund(t).Request(t.Context(), newActionPayload(t, hasher, "user-123"))
	require.NoError(t, err)

	require.NoError(t, hasher.SetSecret(newSecret, nil))
	assert.Empty(t, customerOf(hasher, request))
	assert.Equal(t, "user-123", customerOf(hasher, next))
}

// An empty string in Extra is a value of an action. In Services, it is missing.
func TestMegadeskGuide_EmptyString(t *testing.T) {
	compile := func(path string) *placeholders.CompiledAction {
		compiled, err := placeholders.Compile(placeholders.Action{
			Method: "POST", URL: "https://api.example.com/refunds", Body: `{"order": "{{order}}"}`,
			Variables: map[string]string{"order": path},
		}, nil)
		require.NoError(t, err)
		return compiled
	}
	payload := identity.Payload{
		User:         identity.UserDetail{ID: "user-123", Extra: map[string]any{"order": ""}},
		Integrations: identity.Integrations{Services: map[string]map[string]any{"shop": {"order": ""}}},
	}
	request, err := compile("userDetail.order").Request(t.Context(), payload)
	require.NoError(t, err)
	body, err := io.ReadAll(request.Body)
	require.NoError(t, err)
	assert.Equal(t, `{"order": ""}`, string(body))

	_, err = compile("integrations.shop.order").Request(t.Context(), payload)
	var missing *placeholders.MissingError
	assert.ErrorAs(t, err, &missing)
}

func TestMegadeskGuide_Payload(t *testing.T) {
	type row struct {
		ID, Name, Email, StripeID string
		EmailConfirmed            bool
		CreatedAt                 time.Time
		Orders                    int
		Phone                     sql.NullString
	}
	customer := row{ID: "user-123", Name: "Ada Lovelace", Email: "ada@example.com", StripeID: "cus_123",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Orders: 3, Phone: sql.NullString{String: "+15550001", Valid: true}}

	payload := &identity.Payload{
		User: identity.UserDetail{
			ID:    customer.ID,
			Name:  customer.Name,
			Extra: map[string]any{"phone": customer.Phone, "memberSince": customer.CreatedAt, "orders": customer.Orders},
		},
		Integrations: identity.Integrations{StripeCustomerID: customer.StripeID}, // from your billing records, or empty
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
	assert.Equal(t, "+15550001", opened.Payload.User.Extra["phone"])
	assert.Equal(t, "2026-01-02T03:04:05Z", opened.Payload.User.Extra["memberSince"])
}

// startMegadesk runs the program of the guide until the test ends.
func startMegadesk(t *testing.T) (site string) {
	t.Helper()
	programs, _ := goBlocks(t, "docs/megadesk.md")
	require.Len(t, programs, 1)
	command := regexp.MustCompile(`(?m)^\$ .* go run \.$`).FindString(read(t, "docs/megadesk.md"))
	site = start(t, programs[0].code, command)
	first, err := http.NewRequest("GET", site+"/api/megadesk-identity", http.NoBody)
	require.NoError(t, err)
	require.NoError(t, whenUp(t, first).Body.Close())
	return site
}

// The program with chi, scs and a strict policy: what a visitor gets before and
// after signing in and out.
func TestMegadeskGuide_Program(t *testing.T) {
	site := startMegadesk(t)
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
	page := text(browser.PostForm(site+"/login", url.Values{"name": {"ada"}}))
	assert.Contains(t, page, `src="https://getmegadesk.com/embed.js" data-pub="0123456789abcdef01234567"`)
	assert.Contains(t, text(browser.Get(endpoint)), `{"identity":"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..`)
	_ = text(browser.Post(site+"/logout", "", http.NoBody))
	assert.Equal(t, "Wrong user name or password.\n", text(browser.PostForm(site+"/login", url.Values{"name": {"eve"}})))
	assert.Equal(t, `{"identity":null}`, strings.TrimSpace(text(browser.Get(endpoint))))

	forged, err := http.NewRequest("POST", site+"/login", strings.NewReader("name=ada"))
	require.NoError(t, err)
	forged.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	forged.Header.Set("Sec-Fetch-Site", "cross-site")
	rejected, err := browser.Do(forged)
	require.NoError(t, err)
	require.NoError(t, rejected.Body.Close())
	assert.Equal(t, http.StatusForbidden, rejected.StatusCode)

	home, err := browser.Get(site)
	require.NoError(t, err)
	assert.Equal(t, "private, no-store", home.Header.Get("Cache-Control"))
	policy := home.Header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "frame-ancestors 'none'")
	_, rest, found := strings.Cut(policy, "'nonce-")
	require.True(t, found, policy)
	nonce, _, _ := strings.Cut(rest, "'")
	assert.Contains(t, text(home, nil), `<script nonce="`+nonce+`" src=`)
}

// A handler that is mounted where the program's comment says is outside the session and
// CSRF middlewares.
func TestMegadeskGuide_ProgramWithAnAction(t *testing.T) {
	programs, _ := goBlocks(t, "docs/megadesk.md")
	require.Len(t, programs, 1)
	const place = "	// Mount the handlers of actions here, outside the group.\n"
	require.Equal(t, 1, strings.Count(programs[0].code, place))
	code := strings.Replace(programs[0].code, place, `router.Method("POST", "/refunds", refunds("a hasher"))`+"\n", 1) + `
func refunds(string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
}
`
	command := regexp.MustCompile(`(?m)^\$ .* go run \.$`).FindString(read(t, "docs/megadesk.md"))
	call, err := http.NewRequest("POST", start(t, code, command)+"/refunds", http.NoBody)
	require.NoError(t, err)
	call.Header.Set("Sec-Fetch-Site", "cross-site")
	response := whenUp(t, call)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusAccepted, response.StatusCode)
	assert.NotContains(t, response.Header, "Vary", "the session middleware adds it")
}

// The program stops without its variables, and names the one that is missing.
func TestMegadeskGuide_ProgramWithoutAVariable(t *testing.T) {
	programs, _ := goBlocks(t, "docs/megadesk.md")
	require.Len(t, programs, 1)
	executable := build(t, programs[0].code)
	for variable, want := range map[string]string{
		"MEGADESK_IDENTITY_SECRET=000102030405060708090a0b0c0d0e0f": "MEGADESK_PUBLIC_ID: must be the data-pub",
		"MEGADESK_PUBLIC_ID=0123456789abcdef01234567":               "MEGADESK_IDENTITY_SECRET: identity: key: must not be empty",
	} {
		run := exec.Command(executable)
		run.Env = []string{variable}
		out, err := run.CombinedOutput()
		assert.Error(t, err)
		assert.Contains(t, string(out), want)
	}
}
