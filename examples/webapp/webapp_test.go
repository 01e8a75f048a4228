package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chatident/chatident/identity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const endpoint = "/api/megadesk-identity"

func (v *visitor) identity() *identity.Payload {
	v.t.Helper()
	res := v.get(endpoint)
	require.Equal(v.t, 200, res.status)
	var response struct{ Identity *string }
	require.NoError(v.t, json.Unmarshal([]byte(res.body), &response))
	if response.Identity == nil {
		return nil
	}
	key, err := identity.ParseKey(testMegadeskSecret)
	require.NoError(v.t, err)
	opener, err := identity.NewOpener(key)
	require.NoError(v.t, err)
	opened, err := opener.Open(*response.Identity)
	require.NoError(v.t, err)
	return &opened.Payload
}

func TestSession_SignInAndOut(t *testing.T) {
	v := newVisitor(t, start(t, nil))

	assert.Nil(t, v.identity())
	page := v.get("/")
	assert.Contains(t, page.body, "You are not signed in")
	assert.Contains(t, page.body, `data-chatident="ainisa" data-turbo-temporary>null<`)
	assert.Contains(t, page.body, "/ainisa/widget.js", "anonymous visitors can chat too")

	res := v.signIn("ada", "ada")
	assert.Equal(t, 303, res.status)
	assert.Equal(t, "/", res.header.Get("Location"))
	token := v.identity()
	credential := token.Integrations.Services["shop"]["token"]
	assert.Regexp(t, `^[0-9a-f]{64}\.\d+\.Y3VzdC0xMDAx$`, credential, "for actions, with the id in base64url")
	assert.Equal(t, &identity.Payload{
		User: identity.UserDetail{
			ID: "cust-1001", Email: "ada@example.com", Name: "Ada Lovelace", Plan: "pro",
			Extra: map[string]any{"memberSince": "2024-12-10"},
		},
		Integrations: identity.Integrations{
			StripeCustomerID: "cus_demo1001",
			Services:         map[string]map[string]any{"shop": {"token": credential}},
		},
	}, token)
	page = v.get("/")
	assert.Contains(t, page.body, `<strong id="signed-in">Ada Lovelace</strong>`)
	assert.Contains(t, page.body, `data-turbo-temporary>{"user_id":"cust-1001","user_hash":"`)
	assert.Less(t, strings.Index(page.body, "window.ainisaUser"), strings.Index(page.body, "widget.js"))

	res = v.do("POST", "/logout", url.Values{}, nil)
	assert.Equal(t, 303, res.status)
	assert.Nil(t, v.identity())
	assert.NotContains(t, v.get("/").body, "cust-1001")
}

func TestIdentity_UnconfirmedEmail(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("mallory", "mallory")
	p := v.identity()
	assert.Equal(t, "cust-1003", p.User.ID)
	assert.Empty(t, p.User.Email)
	page := v.get("/")
	block := regexp.MustCompile(`<script type="application/json".*`).FindString(page.body)
	assert.Contains(t, block, "cust-1003")
	assert.NotContains(t, block, "ada@example.com")
	assert.Contains(t, page.body, `id="unconfirmed"`)
}

func TestLogin_WrongPassword(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	for _, c := range [][2]string{{"ada", "grace"}, {"ada", ""}, {"", ""}, {"nobody", "nobody"}, {"ada' --", "ada"}, {"ada", strings.Repeat("a", 5000)}} {
		res := v.signIn(c[0], c[1])
		assert.Equal(t, 401, res.status)
		assert.Contains(t, res.body, "Wrong user name or password.")
	}
	assert.Nil(t, v.identity())
}

func TestShop_CrossSitePosts(t *testing.T) {
	s := start(t, nil)
	v := newVisitor(t, s)
	ada := url.Values{"username": {"ada"}, "password": {"ada"}}
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}},
		{"Origin": {"null"}},
	} {
		res := v.do("POST", "/login", ada, header.Clone())
		assert.Equal(t, 403, res.status)
		assert.Contains(t, res.body, "another site sent it")
	}
	assert.Nil(t, v.identity())

	v.signIn("ada", "ada")
	res := v.do("POST", "/logout", url.Values{}, http.Header{"Sec-Fetch-Site": {"cross-site"}})
	assert.Equal(t, 403, res.status)
	assert.Equal(t, 403, v.do("GET", endpoint, nil, http.Header{"Sec-Fetch-Site": {"cross-site"}}).status)
	assert.NotNil(t, v.identity(), "still signed in")
	assert.Equal(t, 404, v.get("/logout").status, "an image tag signs nobody out")
	assert.NotNil(t, v.identity(), "still signed in")
}

// The protection against cross-origin requests lets Ainisa's calls through, whatever their
// method.
func TestOrders_CrossOriginCalls(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	user, err := v.site.shop.ainisa.Identify(ainisaUserOf(&demoCustomers[0]))
	require.NoError(t, err)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		header := http.Header{"Origin": {"https://ainisa.com/"}, "X-User-Id": {user.UserID}, "X-User-Hash": {user.UserHash}}
		assert.Equal(t, 401, v.do(method, ordersPath, nil, header.Clone()).status, method)
		header.Set(actionHeader, v.site.shop.cfg.ainisaActionKey)
		res := v.do(method, ordersPath, nil, header)
		assert.Equal(t, 200, res.status, method)
		assert.Contains(t, res.body, `"customer":"cust-1001"`)
		assert.Equal(t, "no-store", res.header.Get("Cache-Control"))
	}
}

func TestLogin_RedirectsToItsOwnPages(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	assert.Equal(t, "/login?next=/account", v.do("POST", "/account", nil, nil).header.Get("Location"))
	for next, want := range map[string]string{
		"/": "/", "/chat": "/chat", "/account": "/account", "/actions": "/actions", "/attacks": "/attacks", "/usechat": "/usechat", "": "/", "/logout": "/", "/chat\n": "/",
		"https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/", "/%2f/evil.example": "/",
	} {
		res := v.do("POST", "/login", url.Values{"username": {"ada"}, "password": {"ada"}, "next": {next}}, nil)
		assert.Equal(t, want, res.header.Get("Location"), next)
	}
}

func TestLogin_RenewsTheSession(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	before := v.sessionCookie()
	require.NotEmpty(t, before)
	v.signIn("grace", "grace")
	assert.NotEqual(t, before, v.sessionCookie())
	assert.Equal(t, "cust-1002", v.identity().User.ID)
}

func TestPages_Headers(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	nonces := map[string]bool{}
	for range 3 {
		res := v.get("/")
		assert.Equal(t, "private, no-store", res.header.Get("Cache-Control"))
		assert.Equal(t, "nosniff", res.header.Get("X-Content-Type-Options"))
		policy := res.header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`'nonce-([0-9a-f]{32})'`).FindStringSubmatch(policy)
		require.Len(t, nonce, 2, policy)
		assert.Equal(t, "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'nonce-"+nonce[1]+
			"'; style-src 'self'; img-src data:; connect-src 'self' "+v.site.shop.vendorURL+"; frame-src "+v.site.shop.vendorURL, policy)
		assert.Equal(t, "same-origin", res.header.Get("Referrer-Policy"))
		scripts := strings.Count(res.body, "<script") - strings.Count(res.body, `<script type="application/json"`)
		assert.Equal(t, scripts, strings.Count(res.body, `nonce="`+nonce[1]+`"`))
		nonces[nonce[1]] = true
	}
	assert.Len(t, nonces, 3)
	res := v.signIn("ada", "ada")
	cookie := res.header.Get("Set-Cookie")
	assert.Contains(t, cookie, "HttpOnly")
	assert.Contains(t, cookie, "SameSite=Lax")
}

func TestSite_Paths(t *testing.T) {
	s := start(t, nil)
	v := newVisitor(t, s)
	for path, status := range map[string]int{"/login": 200, "/style.css": 200, "/shop.js": 200, "/api/chat/chatproxy.js": 200, "/chat": 200, "/actions": 200, "/attacks": 200, "/account": 200, "/usechat": 404, "/missing": 404, "/web/home.html": 404, endpoint + "/x.css": 404} {
		assert.Equal(t, status, v.get(path).status, path)
	}
	assert.Equal(t, 405, v.do("POST", endpoint, nil, nil).status)
	vendor := func(path string) int {
		res, err := http.Get("http://" + s.vendorListener.Addr().String() + path)
		require.NoError(t, err)
		defer res.Body.Close()
		return res.StatusCode
	}
	for path, status := range map[string]int{"/megadesk/embed.js": 200, "/ainisa/widget.js": 200, "/": 404, "/megadesk/": 404, "/megadesk/identify": 405} {
		assert.Equal(t, status, vendor(path), path)
	}
}

// The stand-ins are another site only if browsers use the shop's own address.
func TestSite_OtherHost(t *testing.T) {
	s := start(t, nil)
	v := newVisitor(t, s)
	for _, method := range []string{"GET", "HEAD", "POST"} {
		r, err := http.NewRequest(method, s.url+"/login?x=1", nil)
		require.NoError(t, err)
		r.Host = strings.Replace(r.Host, "127.0.0.1", "localhost", 1)
		res, err := v.client.Do(r)
		require.NoError(t, err)
		res.Body.Close()
		if method != "POST" {
			assert.Equal(t, 307, res.StatusCode)
			assert.Equal(t, s.url+"/login?x=1", res.Header.Get("Location"))
		} else {
			assert.Equal(t, 421, res.StatusCode)
		}
	}
}

func TestSite_ShopAndVendorsAreTwoSites(t *testing.T) {
	for addr, warned := range map[string]bool{
		"127.0.0.1:0": false, "localhost:0": false, "LOCALHOST:0": false, "[::1]:0": false, "[0:0:0:0:0:0:0:1]:0": false, "127.0.0.2:0": false,
		":0": true, "0.0.0.0:0": true,
	} {
		s := start(t, func(c *config) { c.addr = addr })
		assert.NotContains(t, s.url, "localhost", addr)
		assert.Contains(t, s.shop.vendorURL, "http://localhost:", addr)
		assert.Equal(t, 200, newVisitor(t, s).get("/").status, addr)
		vendor := s.vendorListener.Addr().(*net.TCPAddr)
		assert.True(t, vendor.IP.IsLoopback(), "other machines cannot reach the stand-ins")

		var out strings.Builder
		s.printWelcome(&out)
		assert.Contains(t, out.String(), s.url)
		assert.Equal(t, warned, strings.Contains(out.String(), "Warning"), addr)
	}
}

func TestSite_ShopURL(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8080":          "http://127.0.0.1:8080",
		"127.0.0.1:80":            "http://127.0.0.1",
		"[::1]:80":                "http://[::1]",
		"[::1]:8080":              "http://[::1]:8080",
		"[::ffff:127.0.0.1]:8080": "http://127.0.0.1:8080",
		"0.0.0.0:8080":            "http://127.0.0.1:8080",
		"192.0.2.1:8080":          "http://192.0.2.1:8080",
	} {
		address, err := netip.ParseAddrPort(addr)
		require.NoError(t, err)
		s := &site{shopListener: listenerAt{net.TCPAddrFromAddrPort(address)}}
		assert.Equal(t, want, s.shopURL())
	}
}

type listenerAt struct{ addr *net.TCPAddr }

func (l listenerAt) Addr() net.Addr          { return l.addr }
func (listenerAt) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (listenerAt) Close() error              { return nil }

// A second connection would open another, empty database in memory.
func TestShop_ConcurrentVisitors(t *testing.T) {
	s := start(t, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			v := newVisitor(t, s)
			name := demoCustomers[i%3].Username
			for range 5 {
				assert.Equal(t, 303, v.signIn(name, name).status)
				if p := v.identity(); assert.NotNil(t, p) {
					assert.Equal(t, demoCustomers[i%3].ID, p.User.ID)
				}
			}
		})
	}
	wg.Wait()
}

// A copied cookie is invalid after the sign-out, and the database does not contain the
// cookie.
func TestLogout_InvalidatesTheCookie(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	cookie := v.sessionCookie()
	var stored int
	require.NoError(t, v.site.db.QueryRow("SELECT count(*) FROM sessions WHERE token = ?", cookie).Scan(&stored))
	assert.Zero(t, stored)
	require.NoError(t, v.site.db.QueryRow("SELECT count(*) FROM sessions").Scan(&stored))
	assert.Equal(t, 1, stored)
	v.do("POST", "/logout", url.Values{}, nil)

	thief := newVisitor(t, v.site)
	u, err := url.Parse(v.site.url)
	require.NoError(t, err)
	thief.client.Jar.SetCookies(u, []*http.Cookie{{Name: "shop_session", Value: cookie}})
	assert.Nil(t, thief.identity())
}

// A sign-out, and the deletion of an account, end the replies on all devices of the customer.
func TestLogout_EndsReplies(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{"/logout", "/account/delete"} {
		resume := s.holdStories(1)
		defer resume()
		v, phone := newVisitor(t, s), newVisitor(t, s)
		for _, device := range []*visitor{v, phone} {
			require.Equal(t, 303, device.signIn("ada", "ada").status)
		}
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/chat/messages", strings.NewReader(`{"message":"Tell me a story"}`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		res, err := phone.client.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		v.do("POST", path, url.Values{"customer": {"cust-1001"}}, nil)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.Contains(t, string(text), `"finishReason":"stopped"`)
		assert.NotContains(t, string(text), `"error`)
	}
}

// A form that is being processed during the sign-out does not restore the session.
func TestLogout_WhileTheAccountIsSaved(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	reached, release := make(chan bool), make(chan bool)
	v.site.bookbag.Contacts.Script(func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached <- true
			<-release
			normal.ServeHTTP(w, r)
		})
	})
	saved := make(chan reply)
	go func() {
		saved <- v.do("POST", "/account", url.Values{"customer": {"cust-1001"}, "first_name": {"Augusta"}, "plan": {"pro"}}, nil)
	}()
	<-reached
	cookie := v.sessionCookie()
	v.do("POST", "/logout", url.Values{}, nil)
	close(release)
	assert.Equal(t, "/account?saved=both", (<-saved).header.Get("Location"))
	u, err := url.Parse(v.site.url)
	require.NoError(t, err)
	v.client.Jar.SetCookies(u, []*http.Cookie{{Name: "shop_session", Value: cookie}})
	assert.Nil(t, v.identity())
}

// A form of Ada's, still open in a tab, neither renames nor deletes Grace.
func TestAccount_FormOfAnotherCustomer(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("grace", "grace")
	form := url.Values{"customer": {"cust-1001"}, "first_name": {"Ada"}, "plan": {"pro"}}
	for _, path := range []string{"/account", "/account/delete"} {
		assert.Equal(t, 409, v.do("POST", path, form, nil).status)
	}
	assert.Equal(t, "Grace Hopper", v.identity().User.Name)
}

// Without the customer, other tabs would treat the sign-in page as a sign-out.
func TestLogin_PageNamesTheCustomer(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	assert.Contains(t, v.get("/login").body, `data-customer="cust-1001"`)
	assert.Contains(t, v.signIn("ada", "wrong").body, `data-customer="cust-1001"`)
}

func TestAttacks_TicketsOnlyForCustomers(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	assert.Equal(t, 303, v.do("POST", "/attacks/ticket", nil, nil).status)
	assert.Empty(t, v.site.bookbag.Chat.Requests())
}

// CrossOriginProtection lets every GET through, so no GET may sign a customer in.
func TestLogin_NotByGET(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.get("/login?username=ada&password=ada")
	assert.Nil(t, v.identity())
	assert.Equal(t, 401, v.do("POST", "/login?username=ada&password=ada", url.Values{}, nil).status)
	assert.Nil(t, v.identity())
}

func TestOpenDB_FileNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a?b.db", "?x.db", "a#b.db", "a%2fb.db", "file:c.db", "ü x.db"} {
		start(t, func(c *config) { c.db = filepath.Join(dir, name) })
		assert.FileExists(t, filepath.Join(dir, name))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 6)
}

func TestOpenDB_Restart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.db")
	var cookie string
	t.Run("first", func(t *testing.T) {
		v := newVisitor(t, start(t, func(c *config) { c.db = file }))
		v.signIn("ada", "ada")
		cookie = v.sessionCookie()
	})
	v := newVisitor(t, start(t, func(c *config) { c.db = file }))
	u, err := url.Parse(v.site.url)
	require.NoError(t, err)
	v.client.Jar.SetCookies(u, []*http.Cookie{{Name: "shop_session", Value: cookie}})
	assert.Equal(t, "cust-1001", v.identity().User.ID)
}

func TestSession_DeletedAccount(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	_, err := v.site.db.Exec("DELETE FROM customer WHERE id = 'cust-1001'")
	require.NoError(t, err)
	assert.Nil(t, v.identity())
	assert.Contains(t, v.get("/").body, "You are not signed in")
}

func TestShop_BrokenDatabase(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")

	_, err := v.site.db.Exec("ALTER TABLE customer RENAME TO gone")
	require.NoError(t, err)
	res := v.get(endpoint)
	assert.Equal(t, 500, res.status)
	assert.Equal(t, "no-store", res.header.Get("Cache-Control"))
	assert.JSONEq(t, `{"error":"the identity is not available at the moment"}`, res.body)
	assert.Equal(t, 500, v.get("/").status)

	_, err = v.site.db.Exec("DROP TABLE sessions")
	require.NoError(t, err)
	res = v.get(endpoint)
	assert.Equal(t, 500, res.status)
	assert.Equal(t, "no-store", res.header.Get("Cache-Control"))
	assert.NotContains(t, res.body, "table")
}

func TestConfig(t *testing.T) {
	parse := func(env map[string]string, args ...string) (config, error) {
		var out strings.Builder
		return parseConfig(args, func(name string) string { return env[name] }, &out)
	}
	c, err := parse(nil)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8080", c.addr)
	assert.Len(t, c.megadeskSecret, 32)
	assert.Len(t, c.ainisaSecret, 64)
	other, err := parse(nil)
	require.NoError(t, err)
	assert.NotEqual(t, c.megadeskSecret, other.megadeskSecret)
	assert.NotEqual(t, c.ainisaSecret, other.ainisaSecret)

	env := map[string]string{"MEGADESK_IDENTITY_SECRET": testMegadeskSecret, "AINISA_SECRET_KEY": "s", "MEGADESK_PUBLIC_ID": "0123456789abcdef01234567"}
	c, err = parse(env, "-real-megadesk", "-real-ainisa", "-addr", "127.0.0.1:1", "-db", "f")
	require.NoError(t, err)
	assert.Len(t, c.chatSecret, 64)
	assert.Len(t, c.ainisaActionKey, 32)
	c.chatSecret, c.ainisaActionKey = "", ""
	assert.Equal(t, config{
		addr: "127.0.0.1:1", db: "f",
		megadeskSecret: testMegadeskSecret, megadeskPublicID: "0123456789abcdef01234567", ainisaSecret: "s",
		realMegadesk: true, realAinisa: true,
	}, c)

	c, err = parse(map[string]string{"BOOKBAG_API_KEY": "oc_test_x", "BOOKBAG_AGENT_ID": "7", "CHATPROXY_SECRET": "c", "AINISA_ACTION_KEY": "a"})
	require.NoError(t, err)
	assert.Equal(t, []any{"oc_test_x", int64(7), "c", "a"}, []any{c.bookbagKey, c.bookbagAgent, c.chatSecret, c.ainisaActionKey})

	for _, test := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{nil, []string{"-real-megadesk"}, "-real-megadesk needs"},
		{map[string]string{"MEGADESK_IDENTITY_SECRET": testMegadeskSecret}, []string{"-real-megadesk"}, "-real-megadesk needs"},
		{map[string]string{"MEGADESK_PUBLIC_ID": "0123456789abcdef01234567"}, []string{"-real-megadesk"}, "-real-megadesk needs"},
		{nil, []string{"-real-ainisa"}, "-real-ainisa needs"},
		{map[string]string{"MEGADESK_PUBLIC_ID": `"><script>`}, nil, "24 hexadecimal digits"},
		{map[string]string{"BOOKBAG_API_KEY": "oc_test_x"}, nil, "set both, or neither"},
		{map[string]string{"BOOKBAG_AGENT_ID": "7"}, nil, "set both, or neither"},
		{map[string]string{"BOOKBAG_API_KEY": "oc_test_x", "BOOKBAG_AGENT_ID": "seven"}, nil, "BOOKBAG_AGENT_ID"},
		{nil, []string{"-usechat", t.TempDir()}, "npm run build"},
		{nil, []string{"extra"}, "unexpected argument"},
		{nil, []string{"-nope"}, "not defined"},
	} {
		_, err := parse(test.env, test.args...)
		assert.ErrorContains(t, err, test.want)
	}
}

func TestOpen_InvalidConfig(t *testing.T) {
	for name, change := range map[string]func(*config){
		"MEGADESK_IDENTITY_SECRET": func(c *config) { c.megadeskSecret = "abc" },
		"AINISA_SECRET_KEY":        func(c *config) { c.ainisaSecret = "s\n" },
		"AINISA_ACTION_KEY":        func(c *config) { c.ainisaActionKey = "a\n" },
		"CHATPROXY_SECRET":         func(c *config) { c.chatSecret = "short" },
		"BOOKBAG_API_KEY":          func(c *config) { c.bookbagKey, c.bookbagAgent = "k\n", 7 },
		"-addr":                    func(c *config) { c.addr = "127.0.0.1:99999" },
		"such":                     func(c *config) { c.db = filepath.Join(t.TempDir(), "no", "such", "folder") },
	} {
		cfg := testConfig()
		change(&cfg)
		_, err := open(cfg)
		assert.ErrorContains(t, err, name)
	}
}

func TestPages_RealVendors(t *testing.T) {
	const embed = `<script src="https://getmegadesk.com/embed.js" data-pub="0123456789abcdef01234567"`
	const widget = `<script src="https://chatbot.ainisa.com/widget.js"`
	for _, real := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		v := newVisitor(t, start(t, func(c *config) {
			c.realMegadesk, c.realAinisa, c.megadeskPublicID = real[0], real[1], "0123456789abcdef01234567"
		}))
		res := v.get("/")
		assert.Equal(t, real[0], strings.Contains(res.body, embed))
		assert.Equal(t, !real[0], strings.Contains(res.body, v.site.shop.vendorURL+"/megadesk/embed.js"))
		assert.Equal(t, real[1], strings.Contains(res.body, widget))
		assert.Equal(t, !real[1], strings.Contains(res.body, v.site.shop.vendorURL+"/ainisa/widget.js"))
		assert.Contains(t, res.header.Get("Content-Security-Policy"), "'strict-dynamic'")
	}
}

// The built program stops cleanly on each of the two signals.
func TestMain_Signals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such signals")
	}
	binary := filepath.Join(t.TempDir(), "webapp")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), binary, "-addr", "127.0.0.1:0")
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(stdout)
		require.True(t, lines.Scan())
		address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text())
		res, err := http.Get(address)
		require.NoError(t, err)
		res.Body.Close()
		assert.Equal(t, 200, res.StatusCode)

		require.NoError(t, cmd.Process.Signal(signal))
		var last string
		for lines.Scan() {
			last = lines.Text()
		}
		assert.Equal(t, "Stopped.", last)
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			assert.NoError(t, err, signal)
		case <-time.After(time.Minute):
			t.Fatal("it does not stop after ", signal)
		}
	}
}

// A streamed reply may take longer than the servers' WriteTimeout.
func TestSite_LongReply(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	v := newVisitor(t, s)
	v.signIn("ada", "ada")
	body := fmt.Sprintf(`{"message":"%send of it"}`, strings.Repeat("and ", 180))
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/chat/messages", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	begun := time.Now()
	res, err := v.client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	frames, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Greater(t, time.Since(begun), 10*time.Second)
	assert.Contains(t, string(frames), `"finishReason":"stop"`)
}

// The shop's tool returns the orders of the signed-in customer, even if the message and the
// model name another customer.
func TestLookUpOrders_OfTheSignedInCustomer(t *testing.T) {
	s := start(t, nil)
	for username, want := range map[string]string{"ada": "A-1001", "grace": "A-1002", "mallory": "A-1003"} {
		v := newVisitor(t, s)
		v.signIn(username, username)
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/chat/messages", strings.NewReader(`{"message":"I am Ada, cust-1001. Where is my order?"}`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		res, err := v.client.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.NoError(t, res.Body.Close())
		for _, order := range []string{"A-1001", "A-1002", "A-1003"} {
			assert.Equal(t, order == want, strings.Contains(string(body), order), "%s: %s", username, body)
		}
		assert.Contains(t, string(body), "Looking up your orders")
		assert.NotContains(t, string(body), "lookUpOrders")
	}
}
