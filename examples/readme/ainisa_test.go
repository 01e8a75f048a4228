package readme

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func Example_otherVendors() {
	os.Setenv("INTERCOM_SECRET", "abc123")

	hasher, err := hmachash.New(os.Getenv("INTERCOM_SECRET"), nil)
	if err != nil {
		log.Fatal(err)
	}
	userHash, err := hasher.Hash("1") // 64 lower-case hexadecimal digits
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(userHash)
	// Output: f02877f24c9dd37542268a28627ebaf2e07d0d114d9482abcdc20f60874b40b3
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
		OnReject: func(_ *http.Request, err error) { log.Print(err) }, // the caller gets no reason
	})
	if err != nil {
		log.Fatal("AINISA_ACTION_KEY: ", err)
	}
	mux.Handle("/ainisa/orders", handler)

	for _, id := range []string{"1", "2"} {
		call := httptest.NewRequest("GET", "/ainisa/orders", nil)
		call.Header.Set("X-Api-Key", "the-key-of-the-action")
		call.Header.Set("X-User-Id", id)
		call.Header.Set("X-User-Hash", "c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b") // of 1
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, call)
		fmt.Print(response.Body)
	}
	// Output:
	// orders of customer 1
	// {"error":"the caller or the customer could not be verified"}
}

// The page of the program with Turbo has the widget's tag in its head, and both
// blocks in its body: of the customer between sign-in and sign-out, and null else.
func TestAinisaGuide_Program(t *testing.T) {
	site := startAinisaGuide(t)
	head, body, found := strings.Cut(curl(t, "$ curl http://127.0.0.1:8080/", site), "<body>")
	require.True(t, found)
	assert.Regexp(t, `<script src="https://chatbot.ainisa.com/widget.js" defer nonce="\w+"></script>`, head)
	assert.Contains(t, body, `data-chatident="ainisa"`)
	assert.Contains(t, body, `data-chatident="bookbag"`)
	assert.Equal(t, 2, strings.Count(body, ">null</script>"))

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	for _, step := range []struct {
		path      string
		customers int
	}{{"/login", 2}, {"/logout", 0}} {
		response, err := browser.Post(site+step.path, "", http.NoBody)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		for _, page := range []string{"/", "/orders"} {
			response, err := browser.Get(site + page)
			require.NoError(t, err)
			text, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, step.customers, strings.Count(string(text), `"user_id":"1001"`), "%s after %s", page, step.path)
		}
	}
}

// startAinisaGuide runs the program of the guide, where npm has installed Turbo, and returns its URL.
func startAinisaGuide(t *testing.T) string {
	t.Helper()
	programs, _ := goBlocks(t, "docs/ainisa.md")
	require.Len(t, programs, 1)
	address := freeAddress(t)
	run := exec.Command(build(t, strings.Replace(programs[0].code, `"127.0.0.1:8080"`, `"`+address+`"`, 1)))
	run.Dir = "../pageblocks"
	run.Env = append(os.Environ(), "AINISA_SECRET_KEY=your_secret_key_here", "BOOKBAG_SIGNING_SECRET=the-signing-secret-of-an-agent")
	run.Stderr = t.Output()
	require.NoError(t, run.Start())
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	return "http://" + address
}

// The program with Turbo under its policy: pages are swapped, and a page that is open while the
// customer signs out in another tab is loaded whole by the next link.
func TestAinisaGuide_ProgramInABrowser(t *testing.T) {
	testenv.NodePackages(t, "examples/pageblocks")
	site := startAinisaGuide(t)
	request, err := http.NewRequest(http.MethodGet, site, http.NoBody)
	require.NoError(t, err)
	require.NoError(t, whenUp(t, request).Body.Close())
	b := browser.New(t)
	shows := func(b *browser.Browser, path, who string) {
		b.WaitFor(fmt.Sprintf(`document.readyState === "complete" && location.pathname === %q && document.getElementById("who")?.textContent === %q`, path, who))
	}
	b.Do(chromedp.Navigate(site), chromedp.Click(chromedp.CSS(`[action="/login"] button`)))
	shows(b, "/", "Signed in as Ada")
	b.WaitFor(`window.ainisaUser?.user_id === "1001" && "Turbo" in window`)
	b.Do(chromedp.Evaluate[chromedp.Void]("window.life = 1"), chromedp.Click(chromedp.CSS(`[href="/orders"]`)))
	shows(b, "/orders", "Signed in as Ada")
	b.WaitFor(`window.life === 1 && window.ainisaUser?.user_id === "1001"`)

	b.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector('[href="/"]').dispatchEvent(new MouseEvent("mouseenter"))`))
	other := b.Tab()
	other.Do(chromedp.Navigate(site), chromedp.Click(chromedp.CSS(`[action="/logout"] button`)))
	shows(other, "/", "Not signed in")
	b.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector('[href="/"]').click()`))
	shows(b, "/", "Not signed in")
	b.WaitFor(`!("life" in window) && !("ainisaUser" in window)`)
	other.RequireQuietConsole("net::ERR_NAME_NOT_RESOLVED") // of the vendor's script
	b.RequireQuietConsole("net::ERR_NAME_NOT_RESOLVED")
}

func TestAinisaGuide_Test(t *testing.T) {
	ainisa, err := hmachash.NewAinisa("the secret of a shop", nil)
	require.NoError(t, err)
	bookbag, err := hmachash.NewBookbag("the signing secret of an agent", nil)
	require.NoError(t, err)
	newSite := func(ainisa *hmachash.Ainisa, bookbag *hmachash.Bookbag) http.Handler {
		return signInSite("1001", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := sessions.GetString(r.Context(), "user")
			nonce := rand.Text()
			ainisaBlock, ainisaErr := ainisa.Script(hmachash.AinisaUser{ID: id}, nonce)
			bookbagBlock, bookbagErr := bookbag.Script(hmachash.BookbagUser{ID: id}, nonce)
			assert.NoError(t, errors.Join(ainisaErr, bookbagErr))
			w.Header().Set("Cache-Control", "private, no-store")
			w.Header().Set("Content-Security-Policy", "script-src 'nonce-"+nonce+"'")
			_, _ = fmt.Fprint(w, ainisaBlock, bookbagBlock)
		}))
	}

	wantAinisa, err := ainisa.Identify(hmachash.AinisaUser{ID: "1001"})
	require.NoError(t, err)
	wantBookbag, err := bookbag.Identify(hmachash.BookbagUser{ID: "1001"})
	require.NoError(t, err)
	site := httptest.NewServer(newSite(ainisa, bookbag))
	defer site.Close()
	jar, err := cookiejar.New(nil) // keeps the session's cookie, as a browser does
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	post := func(path string) (page string) { // follows the redirect
		response, err := browser.Post(site.URL+path, "", nil)
		require.NoError(t, err)
		defer response.Body.Close()
		assert.Equal(t, "private, no-store", response.Header.Get("Cache-Control"))
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		page = string(body)
		_, nonce, _ := strings.Cut(response.Header.Get("Content-Security-Policy"), "'nonce-")
		nonce, _, _ = strings.Cut(nonce, "'")
		require.NotEmpty(t, nonce)
		for _, tag := range regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1) {
			if !strings.Contains(tag, "application/json") { // data, which is not run
				assert.Contains(t, tag, `nonce="`+nonce+`"`)
			}
		}
		return page
	}

	signedIn := post("/login")
	assert.Contains(t, signedIn, wantAinisa.UserHash)
	assert.Contains(t, signedIn, wantBookbag.UserHash)
	signedOut := post("/logout")
	assert.NotContains(t, signedOut, "user_id")
	assert.Equal(t, 2, strings.Count(signedOut, ">null</script>"), "a block for each vendor, without a customer")
}

func TestAinisaGuide_Rotation(t *testing.T) {
	ainisa, err := hmachash.NewAinisa("the old secret", nil)
	require.NoError(t, err)
	action, err := ainisa.Action("X-Api-Key", "the-key-of-the-action", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil)
	require.NoError(t, err)

	call := func(user hmachash.AinisaIdentity) (status int) {
		r := httptest.NewRequest("POST", "/ainisa/orders", nil)
		r.Header.Set("X-Api-Key", "the-key-of-the-action")
		r.Header.Set("X-User-Id", user.UserID)
		r.Header.Set("X-User-Hash", user.UserHash)
		w := httptest.NewRecorder()
		action.ServeHTTP(w, r)
		return w.Code
	}
	user, err := ainisa.Identify(hmachash.AinisaUser{ID: "1001"}) // with the old secret
	require.NoError(t, err)
	require.NoError(t, ainisa.SetSecret("the new secret", &hmachash.Options{Previous: []string{"the old secret"}}))
	assert.Equal(t, http.StatusOK, call(user))
	require.NoError(t, ainisa.SetSecret("the new secret", nil)) // after a leak
	assert.Equal(t, http.StatusUnauthorized, call(user))
}
