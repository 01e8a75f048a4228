package mistakes

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
	"github.com/chatident/chatident/internal/testenv"
)

func TestEmptyVariable(t *testing.T) {
	previous := &hmachash.Options{Previous: []string{""}}
	check(t, map[string]error{
		"identity: key: must not be empty (is the variable set?)":                                                   second(identity.ParseKey("")),
		"hmachash: secret: must not be empty (is the variable set?)":                                                second(hmachash.New("", nil)),
		"hmachash: Options.Previous[0]: must not be empty (is the variable set?)":                                   second(hmachash.New("x", previous)),
		"chatclient: apiKey: must not be empty (is the variable set?)":                                              second(chatclient.New("", 123, nil)),
		"chatclient: agent: must be positive (see the agent's page in Bookbag)":                                     second(chatclient.New(key, 0, nil)),
		"chatclient: secret: must be at least 32 bytes, got 0 (is the variable set?)":                               second(chatclient.DeriveUserID("", "ada@example.com")),
		"chatproxy: secret: must be at least 32 bytes, got 0 (is the variable set?)":                                second(chatproxy.New(newBot(t), "", nobody, nil)),
		"contacts: apiKey: must not be empty (is the variable set?)":                                                second(contacts.New("", 123, nil)),
		"contacts: agent: must be positive (see the agent's page in Bookbag)":                                       second(contacts.New(key, 0, nil)),
		"hmachash: apiKey: must not be empty (is the variable set?)":                                                second(newAinisa(t).Action("X-Api-Key", "", http.NotFoundHandler(), nil)),
		"hmachash: header: must be the name of an HTTP header":                                                      second(newAinisa(t).Action("", key, http.NotFoundHandler(), nil)),
		"identity: userDetail: must have an id or an email (for a visitor who is not signed in, return no payload)": second(newMinter(t).Mint(identity.Payload{})),
	})
	for _, err := range []error{
		second(hmachash.NewAinisa("", nil)), second(hmachash.NewBookbag("", nil)), second(hmachash.NewBookbagWebhooks("", nil)),
	} {
		assert.EqualError(t, err, "hmachash: secret: must not be empty (is the variable set?)")
	}
}

// A key that was not pasted as it is.
func TestPastedKey(t *testing.T) {
	const (
		visible = "must have only visible ASCII characters (paste it without spaces, and without \"Bearer \" before it)"
		edge    = "must not begin or end with white space (is there a line end after it?)"
		inside  = "must not contain control characters or others that do not print (paste it again)"
	)
	ainisa := newAinisa(t)
	for pasted, rule := range map[string]string{
		"Bearer " + key: visible, "oc_live 0123": visible, key + "\n": edge, " " + key: edge, "oc_live\n0123": inside,
	} {
		check(t, map[string]error{
			"chatclient: apiKey: " + rule: second(chatclient.New(pasted, 123, nil)),
			"contacts: apiKey: " + rule:   second(contacts.New(pasted, 123, nil)),
			"hmachash: apiKey: " + rule:   second(ainisa.Action("X-Api-Key", pasted, http.NotFoundHandler(), nil)),
		})
	}
	for pasted, rule := range map[string]string{secret + "\n": edge, " " + secret: edge, "a\nsecret": inside} {
		for _, err := range []error{
			second(hmachash.NewAinisa(pasted, nil)), second(hmachash.NewBookbag(pasted, nil)), second(hmachash.NewBookbagWebhooks(pasted, nil)),
		} {
			assert.EqualError(t, err, "hmachash: secret: "+rule)
		}
	}
	const digits = "000102030405060708090a0b0c0d0e0f"
	check(t, map[string]error{
		"identity: key: must be 32 hexadecimal digits, got 39 characters":                                 second(identity.ParseKey("Bearer " + digits)),
		"identity: key: must be 32 hexadecimal digits, got 33 characters":                                 second(identity.ParseKey(digits[:16] + " " + digits[16:])),
		"identity: key: must not contain control characters or others that do not print (paste it again)": second(identity.ParseKey(digits[:16] + "\n" + digits[16:])),
	})
}

// The service rejects the key or the agent, or something else responds.
func TestWrongKeyAgentOrBaseURL(t *testing.T) {
	chat, err := chattest.New(&chattest.Options{ForeignAgentID: 124})
	require.NoError(t, err)
	contact, err := contactstest.New(&contactstest.Options{ForeignAgentID: 124})
	require.NoError(t, err)
	chatServer, contactServer, noServer, page := chat.Start(), contact.Start(), chat.Start(), httptest.NewServer(http.FileServer(http.Dir("testdata")))
	noServer.Close()
	defer chatServer.Close()
	defer contactServer.Close()
	defer page.Close()

	chatKey, contactKey := "oc_test_chattest", "oc_test_contactstest"
	for _, test := range []struct {
		chatKey, contactKey string
		agent               int64
		chatURL, contactURL string
		message             string
	}{
		{key, key, 123, chatServer.URL, contactServer.URL, "(check BOOKBAG_API_KEY)"},
		{chatKey, contactKey, 124, chatServer.URL, contactServer.URL, "(is the key for this agent?)"},
		{chatKey, contactKey, 99, chatServer.URL, contactServer.URL, "(check the agent, the ids of the call and Options.BaseURL)"},
		{chatKey, contactKey, 123, chatServer.URL + "/x", contactServer.URL + "/x", "(check the agent, the ids of the call and Options.BaseURL)"},
		{chatKey, contactKey, 123, page.URL, page.URL, "(check the agent, the ids of the call and Options.BaseURL)"},
		{chatKey, contactKey, 123, noServer.URL, noServer.URL, "(check Options.BaseURL and the network)"},
	} {
		bot, err := chatclient.New(test.chatKey, test.agent, &chatclient.Options{BaseURL: test.chatURL, MaxRetries: -1})
		require.NoError(t, err)
		assert.ErrorContains(t, bot.Check(t.Context()), test.message)
		_, err = bot.Send(t.Context(), chatclient.Message{Text: "a"})
		assert.ErrorContains(t, err, test.message)

		client, err := contacts.New(test.contactKey, test.agent, &contacts.Options{BaseURL: test.contactURL, MaxRetries: -1})
		require.NoError(t, err)
		assert.ErrorContains(t, second(client.Page(t.Context(), contacts.PageRequest{})), test.message)
	}
	for url, rule := range map[string]string{
		"app.bookbag.ai":          "must be an absolute URL, such as https://app.bookbag.ai",
		"http://app.bookbag.ai":   "must be https, unless its host is this machine",
		"https://app.bookbag.ai?": "must have no query and no fragment",
	} {
		check(t, map[string]error{
			"chatclient: Options.BaseURL: " + rule: second(chatclient.New(key, 123, &chatclient.Options{BaseURL: url})),
			"contacts: Options.BaseURL: " + rule:   second(contacts.New(key, 123, &contacts.Options{BaseURL: url})),
		})
	}
}

// A page with status 200, as a site has it for all paths.
func TestBaseURLOfASite(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer site.Close()
	const message = "unexpected response format (is Options.BaseURL right, or does a proxy respond?)"
	bot, err := chatclient.New(key, 123, &chatclient.Options{BaseURL: site.URL})
	require.NoError(t, err)
	assert.ErrorContains(t, bot.Check(t.Context()), message)
	client, err := contacts.New(key, 123, &contacts.Options{BaseURL: site.URL})
	require.NoError(t, err)
	assert.ErrorContains(t, second(client.Get(t.Context(), "1")), message)
}

func TestEmailAsUserID(t *testing.T) {
	const rule = "must have only letters, digits, dot, underscore and hyphen: byte 4 is another (chatclient.DeriveUserID makes one of an e-mail address)"
	client, err := contacts.New(key, 123, &contacts.Options{RequireUserIDs: true})
	require.NoError(t, err)
	_, err = client.Upsert(t.Context(), []contacts.Fields{{ExternalID: contacts.Set("ada@example.com")}})
	check(t, map[string]error{
		"contacts: inputs[0].ExternalID: " + rule: err,
		"chatclient: userID: " + rule:             second(chatclient.ParseUserID("ada@example.com")),
		"chatclient: Message.UserID: " + rule:     second(newBot(t).Send(t.Context(), chatclient.Message{Text: "a", UserID: "ada@example.com"})),
		"chatclient: user: " + rule:               second(newBot(t).UserConversationsPage(t.Context(), "ada@example.com", chatclient.PageRequest{})),
	})
	errs := proxyErrors(t, "/conversations", func(*http.Request) (chatproxy.Visitor, error) {
		return chatproxy.Visitor{UserID: "ada@example.com"}, nil
	})
	assert.EqualError(t, errs, "chatclient: userID: "+rule)
}

func TestAttributeOfAnotherType(t *testing.T) {
	fake, err := contactstest.New(&contactstest.Options{Attributes: []contactstest.Attribute{{Name: "orders", Type: "number"}}})
	require.NoError(t, err)
	defer fake.Close()
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: contactstest.BaseURL, HTTPClient: fake.Client()})
	require.NoError(t, err)
	schema, err := client.Schema(t.Context())
	require.NoError(t, err)
	_, err = client.EnsureAttributes(t.Context(), []contacts.Attribute{{Name: "orders", Type: contacts.TypeText}})
	assert.ErrorContains(t, err, `the attribute orders has type "number", expected "text"`)
	check(t, map[string]error{
		`contacts: input.CustomAttributes["orders"]: expected number, got text`:           schema.Check(contacts.Fields{CustomAttributes: contacts.Set(contacts.Values{"orders": "3"})}),
		`contacts: input.CustomAttributes["plan"]: is not defined (see EnsureAttributes)`: schema.Check(contacts.Fields{CustomAttributes: contacts.Set(contacts.Values{"plan": "pro"})}),
	})
}

// The visitor function reads a session without the middleware of alexedwards/scs.
func TestMissingSessionMiddleware(t *testing.T) {
	const (
		scs     = "scs: no session data in context"
		message = "panic of type string: " + scs + " (is the handler inside the session middleware?)"
	)
	var reported error
	onError := func(_ *http.Request, err error) { reported = err }
	for path, h := range map[string]http.Handler{
		"/api/megadesk-identity": identity.Handler(newMinter(t), func(*http.Request) (*identity.Payload, error) { panic(scs) }, &identity.HandlerOptions{OnError: onError}),
		"/api/ainisa-identity":   newAinisa(t).Handler(func(*http.Request) (hmachash.AinisaUser, error) { panic(scs) }, &hmachash.HandlerOptions{OnError: onError}),
	} {
		reported = nil
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		assert.ErrorContains(t, reported, message)
	}
	reported = proxyErrors(t, "/conversations", func(*http.Request) (chatproxy.Visitor, error) { panic(scs) })
	assert.EqualError(t, reported, "chatproxy: "+message)
}

func TestPrefixOfAMount(t *testing.T) {
	const message = "chatproxy: the path begins with a prefix (mount the handler as http.StripPrefix(\"/chat\", proxy))"
	assert.EqualError(t, proxyErrors(t, "/chat/conversations", nobody), message)

	var reported error
	h := identity.Handler(newMinter(t), func(*http.Request) (*identity.Payload, error) { return nil, nil },
		&identity.HandlerOptions{OnError: func(_ *http.Request, err error) { reported = err }})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/shop/api/megadesk-identity", nil))
	assert.EqualError(t, reported, `identity: HandlerOptions.Path: expected requests for "/api/megadesk-identity", got one for "/shop/api/megadesk-identity" `+
		`(mount it at the root, where the embed requests it; set Path only if a proxy rewrites paths; reported once)`)
}

// A page with type="module" in the tag has to make its own ChatProxy.
func TestScriptWithoutPrefix(t *testing.T) {
	var message string
	testenv.Node(t, "prefix.mjs", nil, &message)
	assert.Equal(t, `ChatProxy needs the path of the handler, as in new ChatProxy("/chat")`, message)
}

// What a constructor returns beside an error that was ignored.
func TestNil(t *testing.T) {
	const from = "must come from New (was its error ignored?)"
	ctx, next := t.Context(), http.NotFoundHandler()
	id, user := chatclient.ConversationID("1"), chatclient.UserID("u")
	for _, bot := range []*chatclient.Client{nil, {}} {
		for name, err := range map[string]error{
			"Check":             bot.Check(ctx),
			"Send":              second(bot.Send(ctx, chatclient.Message{Text: "a"})),
			"Stream":            second(bot.Stream(ctx, chatclient.Message{Text: "a"})),
			"Continue":          second(bot.Continue(ctx, id)),
			"ContinueStream":    second(bot.ContinueStream(ctx, id)),
			"Retry":             second(bot.Retry(ctx, id, "")),
			"RetryStream":       second(bot.RetryStream(ctx, id, "")),
			"SubmitToolResult":  second(bot.SubmitToolResult(ctx, id, chatclient.ToolResult{ToolCallID: "c"})),
			"Conversations":     last(bot.Conversations(ctx)),
			"UserConversations": last(bot.UserConversations(ctx, user)),
			"Conversation":      second(bot.Conversation(ctx, id)),
			"Messages":          last(bot.Messages(ctx, id)),
			"Export":            last(bot.Export(ctx)),
			"SetFeedback":       second(bot.SetFeedback(ctx, id, "m", chatclient.FeedbackNone)),
			"Health":            second(bot.Health(ctx)),
			"WithMaxWait":       bot.WithMaxWait(0).Check(ctx),
		} {
			assert.EqualError(t, err, "chatclient: Client: "+from, name)
		}
		assert.Zero(t, bot.Agent())
	}
	in := contacts.Fields{ExternalID: contacts.Set("1")}
	for _, client := range []*contacts.Client{nil, {}} {
		for name, err := range map[string]error{
			"Upsert":           second(client.Upsert(ctx, []contacts.Fields{in})),
			"All":              last(client.All(ctx)),
			"Page":             second(client.Page(ctx, contacts.PageRequest{})),
			"Get":              second(client.Get(ctx, "1")),
			"Update":           second(client.Update(ctx, "1", in)),
			"MergeAttributes":  second(client.MergeAttributes(ctx, "1", contacts.Values{"a": 1})),
			"Delete":           second(client.Delete(ctx, "1")),
			"DeleteAll":        second(client.DeleteAll(ctx, func(yield func(string, error) bool) { yield("1", nil) }, nil)),
			"Attributes":       second(client.Attributes(ctx)),
			"DefineAttribute":  second(client.DefineAttribute(ctx, contacts.Attribute{Name: "a"})),
			"UpdateAttribute":  second(client.UpdateAttribute(ctx, "a", contacts.AttributeUpdate{Archived: contacts.Set(true)})),
			"Schema":           second(client.Schema(ctx)),
			"EnsureAttributes": second(client.EnsureAttributes(ctx, nil)),
			"Sync":             second(client.Sync(ctx, func(func(contacts.Row, error) bool) {}, nil)),
		} {
			assert.EqualError(t, err, "contacts: Client: "+from, name)
		}
	}
	assert.EqualError(t, second(chatproxy.New(nil, secret, nobody, nil)), "chatproxy: bot: must not be nil")

	var (
		minter   *identity.Minter
		ainisa   *hmachash.Ainisa
		bookbag  *hmachash.Bookbag
		webhooks *hmachash.BookbagWebhooks
		hasher   *hmachash.Hasher
	)
	for want, errs := range map[string][]error{
		"identity: Minter: must come from NewMinter (was its error ignored?)": {
			minter.SetKey(identity.Key{}), second(minter.Mint(identity.Payload{})),
		},
		"hmachash: Hasher: must come from New (was its error ignored?)": {
			second(hasher.Hash("1")), second(hasher.AppendHash(nil, "1")), hasher.SetSecret(secret, nil),
		},
		"hmachash: Ainisa: must come from NewAinisa (was its error ignored?)": {
			ainisa.SetSecret(secret, nil), second(ainisa.Identify(hmachash.AinisaUser{ID: "1"})), second(ainisa.Data(hmachash.AinisaUser{})),
			second(ainisa.Script(hmachash.AinisaUser{}, "")), second(ainisa.Action("X-Api-Key", key, next, nil)),
			panicOf(func() { ainisa.Handler(func(*http.Request) (u hmachash.AinisaUser, err error) { return u, nil }, nil) }),
		},
		"hmachash: Bookbag: must come from NewBookbag (was its error ignored?)": {
			bookbag.SetSecret(secret, nil), second(bookbag.Identify(hmachash.BookbagUser{ID: "1"})), second(bookbag.Data(hmachash.BookbagUser{})),
			second(bookbag.Script(hmachash.BookbagUser{}, "")),
			panicOf(func() {
				bookbag.Handler(func(*http.Request) (u hmachash.BookbagUser, err error) { return u, nil }, nil)
			}),
		},
		"hmachash: BookbagWebhooks: must come from NewBookbagWebhooks (was its error ignored?)": {
			webhooks.SetSecret(secret, nil), second(webhooks.Handler(next)),
		},
	} {
		for i, err := range errs {
			assert.EqualError(t, err, want, i)
		}
	}
	assert.PanicsWithValue(t, "identity: Handler: minter and lookup must not be nil (was the error of NewMinter ignored?)", func() {
		identity.Handler(nil, func(*http.Request) (*identity.Payload, error) { return nil, nil }, nil)
	})
}
