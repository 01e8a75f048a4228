package readme

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	sessions = scs.New()
	proxy    *chatproxy.Proxy
)

func visitor(r *http.Request) (chatproxy.Visitor, error) {
	return chatproxy.Visitor{
		UserID:         chatclient.UserID(sessions.GetString(r.Context(), "user")),
		Session:        sessions.GetString(r.Context(), "chat"),
		EarlierSession: sessions.GetString(r.Context(), "earlierChat"),
	}, nil
}

// signIn is called once the password is checked.
func signIn(ctx context.Context, user string) error {
	if err := sessions.RenewToken(ctx); err != nil { // the token from before is worth nothing now
		return err
	}
	sessions.Put(ctx, "user", user)
	sessions.Put(ctx, "earlierChat", sessions.PopString(ctx, "chat"))
	return nil
}

func signOut(w http.ResponseWriter, r *http.Request) {
	leaving, err := visitor(r) // before the session ends
	if err == nil {
		err = sessions.Destroy(r.Context())
	}
	if err != nil {
		log.Print(err)
		http.Error(w, "Try again in a minute.", http.StatusInternalServerError)
		return
	}
	proxy.StopReplies(leaving) // after the session has ended
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// newSignInSite is a site with scs. Whoever opens a page is signed in or gets a chat session.
func newSignInSite(t *testing.T) *httptest.Server {
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: chattest.BaseURL, HTTPClient: fake.Client()})
	require.NoError(t, err)
	proxy, err = chatproxy.New(bot, "0123456789abcdef0123456789abcdef", visitor, &chatproxy.Options{Anonymous: true, ContinueAfterSignIn: true})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.HandleFunc("GET /{$}", func(_ http.ResponseWriter, r *http.Request) {
		if !sessions.Exists(r.Context(), "user") && !sessions.Exists(r.Context(), "chat") {
			sessions.Put(r.Context(), "chat", rand.Text())
		}
	})
	mux.HandleFunc("POST /sign-in", func(_ http.ResponseWriter, r *http.Request) {
		assert.NoError(t, signIn(r.Context(), r.FormValue("user")))
	})
	mux.HandleFunc("POST /sign-out", signOut)
	site := httptest.NewServer(sessions.LoadAndSave(mux))
	t.Cleanup(site.Close)
	return site
}

// The code of the guide: a chat continues after the sign-in, only for that user, until the user
// signs out.
func TestSignInGuide_ChatGoesOn(t *testing.T) {
	site := newSignInSite(t)
	newBrowser := func() *http.Client {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		return &http.Client{Jar: jar}
	}
	do := func(b *http.Client, method, path, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, site.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		if r.Header.Set("Content-Type", "application/json"); strings.HasPrefix(body, "user=") {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := b.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(text)
	}
	ticketIn := regexp.MustCompile(`"conversation":"([^"]+)"`)
	customer, thief := newBrowser(), newBrowser()
	do(thief, "GET", "/", "")
	at, err := url.Parse(site.URL)
	require.NoError(t, err)
	customer.Jar.SetCookies(at, thief.Jar.Cookies(at)) // the thief has set the session
	_, text := do(customer, "POST", "/chat/messages", `{"message":"one"}`)
	before := ticketIn.FindStringSubmatch(text)[1]
	history := "/chat/conversations/" + before + "/messages"
	status, _ := do(thief, "GET", history, "")
	assert.Equal(t, 200, status, "before the sign-in")

	do(customer, "POST", "/sign-in", "user=ada")
	_, text = do(customer, "POST", "/chat/messages", `{"message":"two","conversation":`+string(must(json.Marshal(before)))+`}`)
	after := ticketIn.FindStringSubmatch(text)[1]
	assert.NotEqual(t, before, after)
	_, text = do(customer, "GET", history, "")
	assert.Contains(t, text, "You said: one")
	assert.Contains(t, text, "You said: two")
	for range 2 {
		status, _ = do(thief, "GET", history, "")
		assert.Contains(t, []int{401, 404}, status)
		do(thief, "GET", "/", "") // a new session
	}

	do(customer, "POST", "/sign-out", "")
	do(customer, "GET", "/", "")
	for range 2 {
		for _, ticket := range []string{before, after} {
			status, _ = do(customer, "GET", "/chat/conversations/"+ticket+"/messages", "")
			assert.Equal(t, 404, status)
		}
		do(customer, "POST", "/sign-in", "user=grace")
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestSignInGuide_IsThisFile(t *testing.T) {
	guide, err := os.ReadFile("../../docs/chat-in-the-browser.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(guide), "With scs:\n\n```go\n")
	require.True(t, found)
	code, _, _ := strings.Cut(after, "```")
	file, err := os.ReadFile("signin_test.go")
	require.NoError(t, err)
	assert.Contains(t, string(file), code)
}
