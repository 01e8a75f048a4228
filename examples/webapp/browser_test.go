package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/examples/internal/standin"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tab is a browser tab with a page of the shop.
type tab struct{ *browser.Browser }

// waitFor waits until a vendor's panels show the state, and returns what the vendor knows.
func (b tab) waitFor(vendor, state string) string {
	b.Do(chromedp.WaitVisible(chromedp.CSS("#" + vendor + "[data-state=" + state + "]")))
	return b.Text(chromedp.CSS("#" + vendor + " .known"))
}

func (b tab) signIn(url, name string) {
	b.Do(chromedp.Navigate(url + "/login"))
	b.Load(
		chromedp.SendKeys(chromedp.CSS("label input[name=username]"), name),
		chromedp.SendKeys(chromedp.CSS("label input[name=password]"), name+"\n"),
	)
	b.Do(chromedp.WaitVisible(chromedp.CSS("#signed-in")))
}

func (b tab) signOut() {
	b.Load(chromedp.Click(chromedp.CSS(".who button")))
	b.Do(chromedp.WaitVisible(chromedp.CSS("a[href^='/login']")))
}

// prefer sets the color scheme that the visitor prefers: light or dark.
func (b tab) prefer(t *testing.T, scheme string) {
	t.Helper()
	_, err := chromedp.Call(b.Context, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(t, err)
}

// values returns what a vendor knows about its only visitor, by name.
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

func TestHome_InABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)

	// Signed out, both vendors see an anonymous visitor.
	b.Do(chromedp.Navigate(s.url))
	assert.Contains(t, b.waitFor("megadesk", "accepted"), "anonymous visitor")
	assert.Contains(t, b.waitFor("ainisa", "accepted"), "anonymous visitor")
	assert.Empty(t, s.megadesk.Known())
	assert.Empty(t, s.ainisa.Known())
	assert.Contains(t, b.Text("main"), "You are not signed in")
	b.pictures(t, "signed-out")

	// Ada signs in with the form, and both vendors know her.
	b.Do(chromedp.Navigate(s.url + "/login"))
	b.Picture("sign-in")
	b.signIn(s.url, "ada")
	assert.Contains(t, b.waitFor("megadesk", "accepted"), "Ada Lovelace")
	ainisaPanel := b.waitFor("ainisa", "accepted")
	assert.Equal(t, 1, strings.Count(ainisaPanel, "\nverified"), ainisaPanel)
	assert.Equal(t, 3, strings.Count(ainisaPanel, "\nnot verified"), ainisaPanel)
	assert.Equal(t, "3", b.Evaluate(`String(document.querySelectorAll("#ainisa .tag.warn").length)`), "amber")
	titles := `[...document.querySelectorAll("%s .sent h3")].map((h) => h.textContent).join()`
	assert.Equal(t, "The shop responds,The browser passes it on", b.Evaluate(fmt.Sprintf(titles, "#megadesk")))
	assert.Equal(t, "The shop writes into the page,The browser passes it on", b.Evaluate(fmt.Sprintf(titles, "#ainisa")))
	assert.Equal(t, map[string]string{
		"userDetail.id": "cust-1001", "userDetail.name": "Ada Lovelace", "userDetail.email": "ada@example.com", "userDetail.plan": "pro",
		"userDetail.memberSince": "2024-12-10", "integrations.stripe.customerId": "cus_demo1001",
	}, values(t, s.megadesk.Known()))
	ada := map[string]string{"user_id": "cust-1001", "firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com"}
	assert.Equal(t, ada, values(t, s.ainisa.Known()))
	b.pictures(t, "signed-in")

	// She tries to be Grace, and to the vendor she is still Ada.
	b.Do(chromedp.Click(chromedp.CSS("#forge")))
	assert.Contains(t, b.waitFor("ainisa", "rejected"), "is not valid for this user_id")
	assert.Equal(t, ada, values(t, s.ainisa.Known()))
	b.pictures(t, "forged")

	// She changes only her e-mail address, which the hash does not cover.
	b.Do(chromedp.Click(chromedp.CSS("#change-email")))
	assert.Contains(t, b.waitFor("ainisa", "accepted"), "somebody.else@example.com")
	assert.Equal(t, "somebody.else@example.com", values(t, s.ainisa.Known())["email"])
	b.Picture("changed-email")
	b.Do(chromedp.Click(chromedp.CSS("#honest")), chromedp.WaitNotPresent(chromedp.CSS("#ainisa .changed")))
	assert.Equal(t, ada, values(t, s.ainisa.Known()))

	// After the sign-out, both vendors see an anonymous visitor again.
	b.signOut()
	assert.Contains(t, b.waitFor("megadesk", "accepted"), "anonymous visitor")
	assert.Contains(t, b.waitFor("ainisa", "accepted"), "anonymous visitor")
	assert.Empty(t, s.megadesk.Known())
	assert.Empty(t, s.ainisa.Known())
	b.Do(chromedp.Click(chromedp.CSS("#forge")))
	b.waitFor("ainisa", "rejected")
	assert.Empty(t, s.ainisa.Known())

	// Mallory's unconfirmed address reaches neither vendor.
	b.signIn(s.url, "mallory")
	assert.NotContains(t, b.waitFor("megadesk", "accepted"), "ada@example.com")
	assert.NotContains(t, b.waitFor("ainisa", "accepted"), "ada@example.com")
	assert.Equal(t, "cust-1003", values(t, s.megadesk.Known())["userDetail.id"])
	assert.Contains(t, b.Text("#unconfirmed"), "The shop does not send ada@example.com")
	b.Picture("mallory")

	// Grace is offered to forge Ada.
	b.signOut()
	b.signIn(s.url, "grace")
	assert.Equal(t, "Try to be Ada", b.Text("#forge"))

	// Every request to the vendors was cross-site, and none had a cookie.
	for _, arrivals := range [][]standin.Arrival{s.megadesk.Arrivals(), s.ainisa.Arrivals()} {
		assert.NotEmpty(t, arrivals)
		for _, a := range arrivals {
			assert.Equal(t, standin.Arrival{SecFetchSite: "cross-site"}, a)
		}
	}
	b.RequireQuietConsole()
}

// Tests do not load the real vendors' scripts. The page shows what it passes to them.
func TestHome_RealVendorsInABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, func(c *config) {
		c.realMegadesk, c.realAinisa, c.megadeskPublicID = true, true, "0123456789abcdef01234567"
	})
	b.signIn(s.url, "ada")
	b.Do(chromedp.WaitVisible(chromedp.CSS("#megadesk pre")), chromedp.WaitVisible(chromedp.CSS("#ainisa pre")))
	assert.Contains(t, b.Text("#megadesk .sent"), `"identity": "eyJ`)
	assert.Contains(t, b.Text("#ainisa .sent"), `"user_id": "cust-1001"`)
	assert.Contains(t, b.Text("#megadesk .known"), "embeds the real Megadesk")
	assert.Contains(t, b.Text("#ainisa .known"), "embeds the real Ainisa")
	assert.Empty(t, s.megadesk.Arrivals())
	assert.Empty(t, s.ainisa.Arrivals())
}

// Names and messages with markup are shown as text, and long ones make no page wider than a
// narrow screen.
func TestPages_HostileTextOnANarrowScreen(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.Do(chromedp.EmulateViewport(320, 700))
	b.signIn(s.url, "ada")
	const tag = "<img src=x onerror=alert(1)>"
	b.Do(chromedp.Navigate(s.url + "/account"))
	b.Load(
		chromedp.SetValue(chromedp.CSS("[name=first_name]"), tag),
		chromedp.SetValue(chromedp.CSS("[name=last_name]"), strings.Repeat("W", 60)),
		chromedp.Click(chromedp.CSS(".fields button")),
	)
	b.Do(chromedp.WaitVisible(chromedp.CSS("main > .note")))
	fits := func(name string) {
		t.Helper()
		assert.Equal(t, "320", b.Evaluate("String(document.documentElement.scrollWidth)"), name)
		assert.Equal(t, "0", b.Evaluate(`String(document.images.length)`), name)
		b.Picture("hostile-" + name)
	}
	for _, page := range []string{"", "login", "account", "actions", "attacks", "missing"} {
		b.Do(chromedp.Navigate(s.url + "/" + page))
		fits(page)
	}
	b.Do(chromedp.Navigate(s.url+"/chat"), chromedp.WaitVisible(chatText))
	b.send(tag + strings.Repeat("W", 300))
	assert.Contains(t, b.reply(1), tag, "the stand-in echoes it")
	b.send("Who am I?")
	assert.Contains(t, b.reply(2), tag)
	fits("chat")
	b.RequireQuietConsole(browser.ErrorStatus) // the missing page
}
