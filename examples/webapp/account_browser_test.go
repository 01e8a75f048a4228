package main

import (
	"testing"

	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

func TestAccount_InABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.signIn(s.url, "ada")
	account := func() {
		b.Load(chromedp.Click(chromedp.CSS("nav a[href='/account']")))
		b.Do(chromedp.WaitVisible(chromedp.CSS("#contact")))
	}
	account()
	assert.Contains(t, b.Text("#contact"), "ada@example.com", "the sign-in made the contact")

	// The contact gets another name and plan.
	save := func(firstName, plan string) {
		b.Load(
			chromedp.SetValue(chromedp.CSS("[name=first_name]"), firstName),
			chromedp.SetValue(chromedp.CSS("[name=plan]"), plan),
			chromedp.Click(chromedp.CSS(".fields button")),
		)
		b.Do(chromedp.WaitVisible(chromedp.CSS("main > .note")))
	}
	save("Augusta Ada", "business")
	assert.Equal(t, "Saved in the shop and at Bookbag.", b.Text(".done"))
	assert.Contains(t, b.Text("#contact"), "Augusta Ada Lovelace")
	assert.Contains(t, b.Text("#contact"), "business")
	b.Picture("account")
	contact := s.bookbag.Contacts.Contacts()[0]
	assert.Equal(t, "Augusta Ada Lovelace", *contact.Name)
	assert.JSONEq(t, `"business"`, string(contact.CustomAttributes["plan"]))
	b.Do(chromedp.Navigate(s.url+"/chat"), chromedp.WaitVisible(chatText))
	b.send("What is my plan?")
	assert.Contains(t, b.reply(1), `You are Augusta Ada Lovelace, customer cust-1001, on the plan "business".`)

	// An error is shown beside the form, which keeps the typed values.
	account()
	save(" ", "pro")
	assert.Equal(t, "The first name is missing.", b.Text("[role=alert]:not([hidden])"))
	assert.Equal(t, "pro", b.Evaluate(`document.querySelector("[name=plan]").value`))
	assert.Equal(t, "Augusta Ada Lovelace", b.Text("#signed-in"), "it was not saved")
	b.Picture("account-fault")

	// While Bookbag fails, the shop saves the change. The next sign-in updates the contact.
	account()
	s.bookbag.Contacts.Script(contactstest.Status(500, "no"), contactstest.Status(500, "no"), contactstest.Status(500, "no"))
	save("Ada", "pro")
	assert.Contains(t, b.Text(".done"), "Bookbag did not respond")
	assert.Equal(t, "Augusta Ada Lovelace", *s.bookbag.Contacts.Contacts()[0].Name)
	b.signIn(s.url, "ada")
	assert.Equal(t, "Ada Lovelace", *s.bookbag.Contacts.Contacts()[0].Name)

	// The account is deleted only once its contact can be deleted.
	account()
	const remove = chromedp.CSS(".danger")
	b.Do(chromedp.Evaluate[chromedp.Void]("window.confirm = () => false"), chromedp.Click(remove))
	assert.Equal(t, "/account", b.Evaluate("location.pathname"))
	s.bookbag.Contacts.Script(contactstest.Status(403, "no"))
	b.Load(chromedp.Evaluate[chromedp.Void]("window.confirm = () => true"), chromedp.Click(remove))
	b.Do(chromedp.WaitVisible(chromedp.CSS("main > .note")))
	assert.Contains(t, b.Text("main > .note"), "Your account is not deleted")
	b.Load(chromedp.Evaluate[chromedp.Void]("window.confirm = () => true"), chromedp.Click(remove))
	b.Do(chromedp.WaitVisible(chromedp.CSS(".narrow h1")))
	assert.Equal(t, "Your account and your contact at Bookbag are deleted", b.Text("h1"))
	b.Picture("account-deleted")
	assert.Empty(t, s.bookbag.Contacts.Contacts())
	b.Do(chromedp.Navigate(s.url + "/login"))
	b.Load(
		chromedp.SendKeys(chromedp.CSS("label input[name=username]"), "ada"),
		chromedp.SendKeys(chromedp.CSS("label input[name=password]"), "ada\n"),
	)
	assert.Contains(t, b.Text(".narrow [role=alert]"), "Wrong user name or password.")
	b.RequireQuietConsole(browser.ErrorStatus) // the form's 400, the deletion's 502, the sign-in's 401
}

func TestAccount_UnconfirmedEmail(t *testing.T) {
	s := start(t, nil)
	v := newVisitor(t, s)
	v.signIn("mallory", "mallory")
	contact := s.bookbag.Contacts.Contacts()[0]
	assert.Equal(t, "cust-1003", contact.ExternalID)
	assert.Nil(t, contact.Email)
	assert.Contains(t, v.get("/account").body, "The shop does not send this address to Bookbag.")
}

func TestActions_InABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.Do(chromedp.Navigate(s.url + "/actions"))
	assert.Contains(t, b.Text("#refund"), "You are not signed in")
	b.Do(chromedp.Click(chromedp.CSS("#ask")), chromedp.WaitVisible(chromedp.CSS("#orders .response .rejected")))
	assert.Contains(t, b.Text("#orders .response"), "401")
	b.signIn(s.url, "ada")
	b.Load(chromedp.Click(chromedp.CSS("nav a[href='/actions']")))
	preview := b.Text("#refund .panel:last-child pre")
	assert.Contains(t, preview, "POST https://api.example.com/refunds\nAuthorization: [redacted]\n")
	assert.Contains(t, preview, `"ada@example.com"`)
	assert.NotContains(t, preview, "cust-1001", "the credential, which names the customer")
	b.Do(chromedp.Click(chromedp.CSS("#ask")), chromedp.WaitVisible(chromedp.CSS("#orders .response .accepted")))
	assert.Contains(t, b.Text("#orders .response"), `"customer":"cust-1001"`)
	assert.NotContains(t, b.Text("body"), s.shop.cfg.ainisaActionKey)
	b.Picture("actions")
	b.signIn(s.url, "mallory")
	b.Do(chromedp.Navigate(s.url+"/actions"), chromedp.WaitVisible(chromedp.CSS("#refund .unknown")))
	assert.Contains(t, b.Text("#refund"), "Mallory never confirmed ada@example.com")
	b.Picture("actions-mallory")
	b.RequireQuietConsole()
}

func TestAttacks_InABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.signIn(s.url, "ada")
	b.Do(chromedp.Navigate(s.url + "/attacks"))
	for _, attack := range []struct {
		name     string
		sentence string
		want     []string // in the details
	}{
		{"hash", "not for cust-1002.", []string{"the user_hash is not valid for this user_id"}},
		{"action", "Grace's id", []string{"401", "could not be verified"}},
		{"key", "API key is missing", []string{"401", "could not be verified"}},
		{"ticket", "bound to Grace's id", []string{"404", "conversation_not_found", "GET /api/chat/conversations/", "POST /api/chat/messages"}},
		{"userid", "may not name a user", []string{"400", "invalid_request"}},
		{"origin", "gets no token", []string{"TypeError", "/api/megadesk-identity", "/api/chat/messages", "the same as before"}},
	} {
		card := chromedp.CSS("[data-attack=" + attack.name + "]")
		b.Do(chromedp.Click(card+" button"), chromedp.WaitVisible(card+"[data-state=done]"))
		assert.Equal(t, "Stopped", b.Text(card+" .outcome > :first-child > .tag:first-child"), attack.name)
		assert.Contains(t, b.Text(card+" .verdict"), attack.sentence)
		assert.Equal(t, "Requests and responses", b.Text(card+" .outcome details"), "folded")
		if attack.name == "origin" {
			b.pictures(t, "attacks")
		}
		b.Do(chromedp.Click(card + " summary"))
		details := b.Text(card + " details")
		for _, want := range attack.want {
			assert.Contains(t, details, want, attack.name)
		}
	}
	b.pictures(t, "attacks-details")
	assert.Empty(t, s.ainisa.Known()[1:], "Ainisa knows only Ada")
	for _, request := range s.bookbag.Chat.Requests() {
		assert.NotContains(t, string(request.Body), "Refund all my orders")
		assert.NotContains(t, string(request.Body), "What did I say?")
	}

	// The stolen ticket is valid: it opens the conversation for its owner.
	ticket, err := s.shop.latestTicketOf(t.Context(), demoCustomers[0])
	assert.NoError(t, err)
	b.Do(chromedp.Navigate(s.url+"/chat#"+ticket), chromedp.WaitVisible(chromedp.CSS("#log .assistant")))
	assert.Contains(t, b.Text("#log"), "How long does a refund take?")

	// A failing shop stops no attack, and an attack that succeeds is reported.
	b.Do(
		chromedp.Navigate(s.url+"/attacks"),
		chromedp.Evaluate[chromedp.Void]("window.fetch = async () => new Response('', { status: 502 })"),
		chromedp.Click(chromedp.CSS("[data-attack=userid] button")),
		chromedp.WaitVisible(chromedp.CSS("[data-attack=userid] .verdict .warn")),
	)
	assert.Contains(t, b.Text("[data-attack=userid] .outcome"), "No result")
	b.Do(
		chromedp.Evaluate[chromedp.Void]("window.fetch = async () => new Response('', { status: 200 })"),
		chromedp.Click(chromedp.CSS("[data-attack=userid] button")),
		chromedp.WaitVisible(chromedp.CSS("[data-attack=userid] .verdict .bad")),
	)
	assert.Contains(t, b.Text("[data-attack=userid] .outcome"), "Not stopped")
	b.Picture("attacks-not-stopped")
	b.RequireQuietConsole(browser.ErrorStatus, "net::ERR_FAILED", "CORS", "ERR_BLOCKED_BY_RESPONSE")
}

// The shop itself rejects requests from other sites, so that the protection does not depend
// on the browser alone.
func TestShop_RejectsOtherSites(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	for _, path := range []string{"/api/megadesk-identity", "/api/chat/conversations"} {
		for _, site := range []string{"cross-site", "same-site"} {
			assert.Equal(t, 403, v.do("GET", path, nil, map[string][]string{"Sec-Fetch-Site": {site}}).status, path)
		}
	}
	assert.Equal(t, 403, v.do("POST", "/api/chat/messages", nil, map[string][]string{"Sec-Fetch-Site": {"cross-site"}}).status)
	assert.Empty(t, v.site.bookbag.Chat.Requests())
}
