package main

import (
	"os"
	"testing"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// Signed out, each page shows what a customer would see, and a button that signs in and
// returns to the page.
func TestPages_SignedOut(t *testing.T) {
	b := tab{browser.New(t)}
	s := startUseChat(t)
	for path, want := range map[string]string{
		"/":        "Both vendors see an anonymous visitor.",
		"/chat":    "Order A-1001 (Punched cards, 500) is on its way.",
		"/usechat": "Order A-1001 (Punched cards, 500) is on its way.",
		"/account": "Ada Lovelace",
		"/actions": "fills her credential and her e-mail address",
		"/attacks": "forge the user hash",
	} {
		b.Do(chromedp.Navigate(s.url+path), chromedp.WaitVisible(chromedp.CSS(".sign-in")))
		assert.Contains(t, b.Text("main"), want, path)
		b.pictures(t, "signed-out-"+path[1:])
		b.Load(chromedp.Click(chromedp.CSS(".sign-in button")))
		assert.Equal(t, path, b.Evaluate("location.pathname"))
		assert.Equal(t, "Ada Lovelace", b.Text("#signed-in"))
		b.WaitFor(`document.querySelector(".sign-in, .preview") === null`)
		b.WaitFor(`document.getElementById("history-state")?.textContent !== ""`) // the chat has its list
		b.signOut()
	}
	b.RequireQuietConsole()
}

// After a sign-in from the chat, the same conversation is on screen.
func TestLogin_ReturnsToTheConversation(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("How long does a refund take?")
	b.reply(1)
	b.WaitFor(`location.hash !== ""`)
	ticket := b.ticket()
	signOut := func() {
		_, err := s.db.Exec("DELETE FROM sessions")
		assert.NoError(t, err)
	}
	returned := func() {
		t.Helper()
		b.Do(chromedp.WaitVisible(chatText))
		assert.Contains(t, b.reply(1), "three to five days")
		assert.Equal(t, ticket, b.ticket())
	}

	signOut()
	b.send("Hello")
	const demo = chromedp.CSS(".demo li:first-child button")
	b.Load(chromedp.Click(chromedp.CSS("#log a.button")))
	b.Load(chromedp.Click(demo))
	returned()
	for _, button := range []chromedp.CSS{".sign-in button", ".sign-in a", ".who a"} {
		signOut()
		b.Do(chromedp.Reload())
		b.Load(chromedp.Click(button))
		if button != ".sign-in button" {
			b.Load(chromedp.Click(demo))
		}
		returned()
	}
	b.RequireQuietConsole(browser.ErrorStatus)
}

// The header is one row of the same height on every page, at every width.
func TestPages_Header(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	check := func(path string) {
		t.Helper()
		b.Do(chromedp.Navigate(s.url+path), chromedp.WaitVisible(chromedp.CSS(".bar")))
		assert.Equal(t, "60", b.Evaluate(`String(document.querySelector(".bar").offsetHeight)`), path)
		assert.Equal(t, "[]", b.Evaluate(`JSON.stringify([...document.querySelectorAll(".bar > *")]
			.filter((e) => e.checkVisibility() && (e.offsetTop < 0 || e.offsetTop + e.offsetHeight > 60 || e.offsetLeft + e.offsetWidth > innerWidth))
			.map((e) => e.className))`), path)
		assert.Equal(t, b.Evaluate("String(innerWidth)"), b.Evaluate("String(document.documentElement.scrollWidth)"), path)
	}
	for _, name := range []string{"", "ada", "mallory"} {
		if name != "" {
			b.signIn(s.url, name)
		}
		for _, width := range []int64{1280, 768, 390, 320} {
			b.Do(chromedp.EmulateViewport(width, 844))
			for _, path := range []string{"/", "/chat", "/account", "/actions", "/attacks", "/login", "/missing"} {
				check(path)
			}
		}
		b.Do(chromedp.EmulateViewport(1280, 844))
	}

	// On a phone, the links are in a menu.
	b.Do(
		chromedp.EmulateViewport(390, 844),
		chromedp.Navigate(s.url),
		chromedp.Click(chromedp.CSS(".menu")),
		chromedp.WaitVisible(chromedp.CSS("#menu a[href='/account']")),
	)
	b.pictures(t, "menu")
	b.signIn(s.url, "ada")
	b.Do(chromedp.EmulateViewport(390, 844))
	assert.Equal(t, "true", b.Evaluate(`{ const name = document.querySelector(".name"); String(name.scrollWidth <= name.clientWidth) }`), "the whole name")
	b.Do(
		chromedp.Click(chromedp.CSS(".menu")),
		chromedp.WaitVisible(chromedp.CSS("#menu a[href='/account']")),
	)
	b.Load(chromedp.Click(chromedp.CSS("#menu a[href='/account']")))
	b.Do(chromedp.WaitVisible(chromedp.CSS("#contact")))
	b.RequireQuietConsole(browser.ErrorStatus) // of the missing page
}

// The titles of past chats are their first messages.
func TestChat_Titles(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.openChat(s.url, "ada")
	b.send("Where is my order?")
	assert.Contains(t, b.reply(1), "A-1001")
	b.send("Thank you")
	b.reply(2)
	b.WaitFor(`document.querySelector("#history a")?.textContent === "Where is my order?"`)
	assert.NotContains(t, b.Text("#history"), "Thank you")
	b.RequireQuietConsole()
}

// Each page, for looking at it.
func TestPages_Pictures(t *testing.T) {
	if os.Getenv("CHATIDENT_SCREENSHOTS") == "" {
		t.Skip("CHATIDENT_SCREENSHOTS names no folder for pictures")
	}
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.signIn(s.url, "mallory")
	b.waitFor("ainisa", "accepted")
	b.waitFor("megadesk", "accepted")
	b.pictures(t, "mallory")
	for _, page := range []string{"login", "account", "actions", "attacks", "missing"} {
		b.Do(chromedp.Navigate(s.url + "/" + page))
		b.pictures(t, page)
	}
}
