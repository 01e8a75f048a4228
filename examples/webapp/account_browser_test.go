package main

import (
	"testing"

	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

func TestAccountInABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.signIn(s.url, "ada")
	account := func() {
		b.Do(chromedp.Click(chromedp.CSS("nav a[href='/account']")), chromedp.WaitVisible(chromedp.CSS("#contact")))
	}
	account()
	assert.Contains(t, b.Text("#contact"), "ada@example.com", "the sign-in made the contact")

	// Another name and plan, and the contact follows.
	save := func(firstName, plan string) {
		b.Do(
			chromedp.SetValue(chromedp.CSS("[name=first_name]"), firstName),
			chromedp.SetValue(chromedp.CSS("[name=plan]"), plan),
			chromedp.Click(chromedp.CSS(".fields button")),
			chromedp.WaitVisible(chromedp.CSS("main > .note")),
		)
	}
	save("Augusta Ada", "business")
	assert.Equal(t, "Saved. Bookbag knows it too.", b.Text(".done"))
	assert.Contains(t, b.Text("#contact"), "Augusta Ada Lovelace")
	assert.Contains(t, b.Text("#contact"), "business")
	b.Picture("account")
	contact := s.bookbag.Contacts.Contacts()[0]
	assert.Equal(t, "Augusta Ada Lovelace", *contact.Name)
	assert.JSONEq(t, `"business"`, string(contact.CustomAttributes["plan"]))
	b.Do(chromedp.Navigate(s.url+"/chat"), chromedp.WaitVisible(chatText))
	b.say("What is my plan?")
	assert.Contains(t, b.reply(1), `You are Augusta Ada Lovelace, customer cust-1001, on the plan "business".`)

	// What cannot be is said beside the form, with what was typed.
	account()
	save(" ", "pro")
	assert.Equal(t, "The first name is missing.", b.Text("[role=alert]:not([hidden])"))
	assert.Equal(t, "pro", b.Evaluate(`document.querySelector("[name=plan]").value`))
	assert.Equal(t, "Augusta Ada Lovelace", b.Text("#signed-in"), "it was not saved")
	b.Picture("account-fault")

	// Bookbag is away: the shop goes on, and the next sign-in brings it into step.
	account()
	s.bookbag.Contacts.Script(contactstest.Status(500, "no"), contactstest.Status(500, "no"), contactstest.Status(500, "no"))
	save("Ada", "pro")
	assert.Contains(t, b.Text(".done"), "Bookbag could not be told at the moment")
	assert.Equal(t, "Augusta Ada Lovelace", *s.bookbag.Contacts.Contacts()[0].Name)
	b.signIn(s.url, "ada")
	assert.Equal(t, "Ada Lovelace", *s.bookbag.Contacts.Contacts()[0].Name)

	// She asks to be deleted: not while the contact cannot be, then wholly.
	account()
	press := func(answer string) {
		b.Do(chromedp.Evaluate[chromedp.Void]("window.confirm = () => "+answer), chromedp.Click(chromedp.CSS(".danger")))
	}
	press("false")
	assert.Equal(t, "/account", b.Evaluate("location.pathname"))
	s.bookbag.Contacts.Script(contactstest.Status(403, "no"))
	press("true")
	b.Do(chromedp.WaitVisible(chromedp.CSS("main > .note")))
	assert.Contains(t, b.Text("main > .note"), "Your account is still there")
	press("true")
	b.Do(chromedp.WaitVisible(chromedp.CSS(".narrow h1")))
	assert.Equal(t, "Your account and your contact at Bookbag are deleted.", b.Text("h1"))
	b.Picture("account-deleted")
	assert.Empty(t, s.bookbag.Contacts.Contacts())
	b.Do(
		chromedp.Navigate(s.url+"/login"),
		chromedp.SendKeys(chromedp.CSS("label input[name=username]"), "ada"),
		chromedp.SendKeys(chromedp.CSS("label input[name=password]"), "ada\n"),
		chromedp.WaitVisible(chromedp.CSS(".narrow [role=alert]")),
	)
	assert.Contains(t, b.Text(".narrow [role=alert]"), "do not belong together")
	b.RequireQuietConsole(browser.Refused) // the form's 400, the deletion's 502, the sign-in's 401
}

func TestMalloryIsNoContactByAdasAddress(t *testing.T) {
	s := start(t, nil)
	v := newVisitor(t, s)
	v.signIn("mallory", "mallory")
	contact := s.bookbag.Contacts.Contacts()[0]
	assert.Equal(t, "cust-1003", contact.ExternalID)
	assert.Nil(t, contact.Email)
	assert.Contains(t, v.get("/account").body, "never confirmed: Bookbag does not get it")
}

func TestActionsInABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.Do(chromedp.Navigate(s.url + "/actions"))
	assert.Contains(t, b.Text("#refund"), "Nobody is signed in.")
	b.Do(chromedp.Click(chromedp.CSS("#ask")), chromedp.WaitVisible(chromedp.CSS("#orders .answer .refused")))
	assert.Contains(t, b.Text("#orders .answer"), "401")
	b.signIn(s.url, "ada")
	b.Do(chromedp.Click(chromedp.CSS("nav a[href='/actions']")), chromedp.WaitVisible(chromedp.CSS("#refund .panel:last-child pre")))
	preview := b.Text("#refund .panel:last-child pre")
	assert.Contains(t, preview, "POST https://api.example.com/customers/cust-1001/refunds")
	assert.Contains(t, preview, `"ada@example.com"`)
	assert.NotContains(t, preview, "the-key-of")
	b.Do(chromedp.Click(chromedp.CSS("#ask")), chromedp.WaitVisible(chromedp.CSS("#orders .answer .accepted")))
	assert.Contains(t, b.Text("#orders .answer"), `"customer":"cust-1001"`)
	assert.NotContains(t, b.Text("body"), s.shop.cfg.ainisaActionKey)
	b.Picture("actions")
	b.signIn(s.url, "mallory")
	b.Do(chromedp.Navigate(s.url+"/actions"), chromedp.WaitVisible(chromedp.CSS("#refund .refused")))
	assert.Contains(t, b.Text("#refund"), "Mallory never confirmed ada@example.com")
	b.Picture("actions-mallory")
	b.RequireQuietConsole()
}

func TestEachAttackFailsInABrowser(t *testing.T) {
	b := tab{browser.New(t)}
	s := start(t, nil)
	b.signIn(s.url, "ada")
	b.Do(chromedp.Navigate(s.url + "/attacks"))
	for _, attack := range []struct {
		name string
		want []string
	}{
		{"hash", []string{"the user_hash does not belong to this user_id"}},
		{"action", []string{"401", "could not be verified"}},
		{"key", []string{"401", "could not be verified"}},
		{"ticket", []string{"404", "conversation_not_found", "GET /api/chat/conversations/", "POST /api/chat/messages"}},
		{"userid", []string{"400", "invalid_request"}},
		{"origin", []string{"TypeError", "/api/megadesk-identity", "/api/chat/messages", "the same as before"}},
	} {
		card := chromedp.CSS("[data-attack=" + attack.name + "]")
		b.Do(chromedp.Click(card+" button"), chromedp.WaitVisible(card+"[data-state=done]"))
		outcome := b.Text(card + " .outcome")
		for _, want := range attack.want {
			assert.Contains(t, outcome, want, attack.name)
		}
		assert.Contains(t, outcome, "Stopped.", attack.name)
		assert.NotContains(t, outcome, "went through", attack.name)
	}
	b.Picture("attacks")
	assert.Empty(t, s.ainisa.Known()[1:], "Ainisa knows Ada alone")
	for _, request := range s.bookbag.Chat.Requests() {
		assert.NotContains(t, string(request.Body), "Refund all my orders")
		assert.NotContains(t, string(request.Body), "What did I say?")
	}

	// The same buttons succeed where they may: an attack that cannot be seen to
	// succeed proves nothing.
	ticket, err := s.shop.latestTicketOf(t.Context(), demoCustomers[0])
	assert.NoError(t, err)
	b.Do(chromedp.Navigate(s.url+"/chat#"+ticket), chromedp.WaitVisible(chromedp.CSS("#log .assistant")))
	assert.Contains(t, b.Text("#log"), "How long does a refund take?")

	// Nor does a shop that cannot answer.
	b.Do(
		chromedp.Navigate(s.url+"/attacks"),
		chromedp.Evaluate[chromedp.Void]("window.fetch = async () => new Response('', { status: 502 })"),
		chromedp.Click(chromedp.CSS("[data-attack=userid] button")),
		chromedp.WaitVisible(chromedp.CSS("[data-attack=userid] .verdict")),
	)
	assert.Contains(t, b.Text("[data-attack=userid] .outcome"), "could not be tried")
	b.RequireQuietConsole(browser.Refused, "net::ERR_FAILED", "CORS", "ERR_BLOCKED_BY_RESPONSE")
}

// The token and the chat are refused to the other site by the shop itself, and
// not only kept from it by the browser.
func TestTheShopRefusesAnotherSite(t *testing.T) {
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
