package main

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/examples/internal/standin"
	"github.com/chatident/chatident/internal/proof"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// browser drives one tab of a headless Chromium.
type browser struct {
	t       *testing.T
	ctx     context.Context
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(proof.Chromium(t)),
		chromedp.NoSandbox, // the tests may run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"), // no test calls the vendors
		chromedp.WindowSize(1200, 1000),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return &browser{t, ctx, chromedp.Console(ctx)}
}

type action = chromedp.Action[chromedp.Void]

func (b *browser) do(actions ...action) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

func (b *browser) text(selector chromedp.CSS) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(selector))
	require.NoError(b.t, err)
	return text
}

// requireQuietConsole ends the browser: the messages end with it.
func (b *browser) requireQuietConsole() {
	b.t.Helper()
	require.NoError(b.t, chromedp.Cancel(b.ctx))
	for message, err := range b.console {
		if err != nil {
			break
		}
		assert.Fail(b.t, "the console is not empty", message.String())
	}
}

// waitFor waits until a vendor's panels show this state, then returns what it knows.
func (b *browser) waitFor(vendor, state string) string {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS("#" + vendor + "[data-state=" + state + "]")))
	return b.text(chromedp.CSS("#" + vendor + " .known"))
}

func (b *browser) signIn(url, name string) {
	b.t.Helper()
	b.do(
		chromedp.Navigate(url+"/login"),
		chromedp.SendKeys(chromedp.CSS("label input[name=username]"), name),
		chromedp.SendKeys(chromedp.CSS("label input[name=password]"), name+"\n"),
		chromedp.WaitVisible(chromedp.CSS("#signed-in")),
	)
}

// picture keeps a screenshot in the folder that CHATIDENT_SCREENSHOTS names.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("CHATIDENT_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

// values returns what a vendor keeps of its one visitor, by name.
func values(t *testing.T, known [][]standin.Field) map[string]string {
	t.Helper()
	if len(known) == 0 {
		return nil
	}
	require.Len(t, known, 1)
	m := map[string]string{}
	for _, f := range known[0] {
		m[f.Name] = f.Value
	}
	return m
}

func TestInABrowser(t *testing.T) {
	b := newBrowser(t)
	s := start(t, nil)

	// Nobody is signed in, and both vendors know nobody.
	b.do(chromedp.Navigate(s.url))
	assert.Contains(t, b.waitFor("megadesk", "accepted"), "anonymous visitor")
	assert.Contains(t, b.waitFor("ainisa", "accepted"), "anonymous visitor")
	assert.Empty(t, s.megadesk.Known())
	assert.Empty(t, s.ainisa.Known())
	b.picture("signed-out")

	// Ada signs in by the form, and both vendors know her.
	b.do(chromedp.Navigate(s.url + "/login"))
	b.picture("sign-in")
	b.signIn(s.url, "ada")
	assert.Contains(t, b.waitFor("megadesk", "accepted"), "Ada Lovelace")
	ainisaPanel := b.waitFor("ainisa", "accepted")
	assert.Equal(t, 1, strings.Count(ainisaPanel, "\nverified"), ainisaPanel)
	assert.Equal(t, 3, strings.Count(ainisaPanel, "\nnot verified"), ainisaPanel)
	assert.Equal(t, map[string]string{
		"userDetail.id": "cust-1001", "userDetail.name": "Ada Lovelace", "userDetail.email": "ada@example.com", "userDetail.plan": "pro",
		"userDetail.memberSince": "2024-12-10", "integrations.stripe.customerId": "cus_demo1001",
	}, values(t, s.megadesk.Known()))
	ada := map[string]string{"user_id": "cust-1001", "firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com"}
	assert.Equal(t, ada, values(t, s.ainisa.Known()))
	b.picture("signed-in")

	// She tries to be Grace, and the vendor still takes her for Ada.
	b.do(chromedp.Click(chromedp.CSS("#forge")))
	assert.Contains(t, b.waitFor("ainisa", "refused"), "does not belong to this user_id")
	assert.Equal(t, ada, values(t, s.ainisa.Known()))
	b.picture("forged")

	// She changes only her e-mail, and the vendor cannot tell.
	b.do(chromedp.Click(chromedp.CSS("#change-email")))
	assert.Contains(t, b.waitFor("ainisa", "accepted"), "somebody.else@example.com")
	assert.Equal(t, "somebody.else@example.com", values(t, s.ainisa.Known())["email"])
	b.picture("changed-email")
	b.do(chromedp.Click(chromedp.CSS("#honest")), chromedp.WaitNotPresent(chromedp.CSS("#ainisa .changed")))
	assert.Equal(t, ada, values(t, s.ainisa.Known()))

	// Signed out, both vendors know nobody again.
	b.do(chromedp.Click(chromedp.CSS(".who button")), chromedp.WaitVisible(chromedp.CSS("a[href='/login']")))
	assert.Contains(t, b.waitFor("megadesk", "accepted"), "anonymous visitor")
	assert.Contains(t, b.waitFor("ainisa", "accepted"), "anonymous visitor")
	assert.Empty(t, s.megadesk.Known())
	assert.Empty(t, s.ainisa.Known())
	b.do(chromedp.Click(chromedp.CSS("#forge")))
	b.waitFor("ainisa", "refused")
	assert.Empty(t, s.ainisa.Known())

	// Mallory's unconfirmed address reaches neither vendor.
	b.signIn(s.url, "mallory")
	assert.NotContains(t, b.waitFor("megadesk", "accepted"), "ada@example.com")
	assert.NotContains(t, b.waitFor("ainisa", "accepted"), "ada@example.com")
	assert.Equal(t, "cust-1003", values(t, s.megadesk.Known())["userDetail.id"])
	assert.Contains(t, b.text("#unconfirmed"), "The shop leaves ada@example.com out")
	b.picture("mallory")

	// Grace is forged by nobody but offered to be Ada.
	b.do(chromedp.Click(chromedp.CSS(".who button")), chromedp.WaitVisible(chromedp.CSS("a[href='/login']")))
	b.signIn(s.url, "grace")
	assert.Equal(t, "Try to be Ada", b.text("#forge"))

	// Every request to the vendors was cross-site, and none had a cookie.
	for _, arrivals := range [][]standin.Arrival{s.megadesk.Arrivals(), s.ainisa.Arrivals()} {
		assert.NotEmpty(t, arrivals)
		for _, a := range arrivals {
			assert.Equal(t, standin.Arrival{SecFetchSite: "cross-site"}, a)
		}
	}
	b.requireQuietConsole()
}

// The vendors' own scripts are not called by a test: what can be seen is that the
// page shows what it would give them.
func TestRealVendorsInABrowser(t *testing.T) {
	b := newBrowser(t)
	s := start(t, func(c *config) {
		c.realMegadesk, c.realAinisa, c.megadeskPublicID = true, true, "0123456789abcdef01234567"
	})
	b.signIn(s.url, "ada")
	b.do(chromedp.WaitVisible(chromedp.CSS("#megadesk pre")), chromedp.WaitVisible(chromedp.CSS("#ainisa pre")))
	assert.Contains(t, b.text("#megadesk .sent"), `"identity": "eyJ`)
	assert.Contains(t, b.text("#ainisa .sent"), `"user_id": "cust-1001"`)
	assert.Contains(t, b.text("#megadesk .known"), "The real Megadesk is on this page")
	assert.Contains(t, b.text("#ainisa .known"), "The real Ainisa is on this page")
	assert.Empty(t, s.megadesk.Arrivals())
	assert.Empty(t, s.ainisa.Arrivals())
}

func TestPicturesOfOtherScreens(t *testing.T) {
	if os.Getenv("CHATIDENT_SCREENSHOTS") == "" {
		t.Skip("CHATIDENT_SCREENSHOTS names no folder for pictures")
	}
	b := newBrowser(t)
	s := start(t, nil)
	b.signIn(s.url, "mallory")
	b.waitFor("ainisa", "accepted")
	b.waitFor("megadesk", "accepted")
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	require.NoError(t, err)
	b.picture("dark")
	b.do(chromedp.EmulateViewport(390, 844))
	b.picture("narrow")
	b.do(chromedp.Navigate(s.url + "/login"))
	b.picture("narrow-sign-in")
}
