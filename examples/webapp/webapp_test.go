package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
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
	var answer struct{ Identity *string }
	require.NoError(v.t, json.Unmarshal([]byte(res.body), &answer))
	if answer.Identity == nil {
		return nil
	}
	key, err := identity.ParseKey(testMegadeskSecret)
	require.NoError(v.t, err)
	opener, err := identity.NewOpener(key)
	require.NoError(v.t, err)
	opened, err := opener.Open(*answer.Identity)
	require.NoError(v.t, err)
	return &opened.Payload
}

func TestSignInAndOut(t *testing.T) {
	v := newVisitor(t, start(t, nil))

	assert.Nil(t, v.identity())
	page := v.get("/")
	assert.Contains(t, page.body, "Nobody is signed in")
	assert.NotContains(t, page.body, "window.ainisaUser")
	assert.Contains(t, page.body, "/ainisa/widget.js", "anonymous visitors chat too")

	res := v.signIn("ada", "ada")
	assert.Equal(t, 303, res.status)
	assert.Equal(t, "/", res.header.Get("Location"))
	assert.Equal(t, &identity.Payload{
		User: identity.UserDetail{
			ID: "cust-1001", Email: "ada@example.com", Name: "Ada Lovelace", Plan: "pro",
			Extra: map[string]any{"memberSince": "2024-12-10"},
		},
		Integrations: identity.Integrations{StripeCustomerID: "cus_demo1001"},
	}, v.identity())
	page = v.get("/")
	assert.Contains(t, page.body, `<strong id="signed-in">Ada Lovelace</strong>`)
	assert.Contains(t, page.body, `window.ainisaUser={"user_id":"cust-1001","user_hash":"`)
	assert.Less(t, strings.Index(page.body, "window.ainisaUser"), strings.Index(page.body, "widget.js"))

	res = v.do("POST", "/logout", url.Values{}, nil)
	assert.Equal(t, 303, res.status)
	assert.Nil(t, v.identity())
	assert.NotContains(t, v.get("/").body, "window.ainisaUser")
}

func TestAnUnconfirmedAddressIsLeftOut(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("mallory", "mallory")
	p := v.identity()
	assert.Equal(t, "cust-1003", p.User.ID)
	assert.Empty(t, p.User.Email)
	page := v.get("/")
	block := regexp.MustCompile(`window\.ainisaUser=.*`).FindString(page.body)
	assert.Contains(t, block, "cust-1003")
	assert.NotContains(t, block, "ada@example.com")
	assert.Contains(t, page.body, `id="unconfirmed"`)
}

func TestSignInRefuses(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	for _, c := range [][2]string{{"ada", "grace"}, {"ada", ""}, {"", ""}, {"nobody", "nobody"}, {"ada' --", "ada"}, {"ada", strings.Repeat("a", 5000)}} {
		res := v.signIn(c[0], c[1])
		assert.Equal(t, 401, res.status)
		assert.Contains(t, res.body, "do not belong together")
	}
	assert.Nil(t, v.identity())
}

func TestCrossSitePostsDoNothing(t *testing.T) {
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
		assert.Contains(t, res.body, "from another site")
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

func TestSignInRenewsTheSession(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	before := v.sessionCookie()
	require.NotEmpty(t, before)
	v.signIn("grace", "grace")
	assert.NotEqual(t, before, v.sessionCookie())
	assert.Equal(t, "cust-1002", v.identity().User.ID)
}

func TestPageHeaders(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	nonces := map[string]bool{}
	for range 3 {
		res := v.get("/")
		assert.Equal(t, "private, no-store", res.header.Get("Cache-Control"))
		assert.Equal(t, "nosniff", res.header.Get("X-Content-Type-Options"))
		policy := res.header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`'nonce-([0-9a-f]{32})'`).FindStringSubmatch(policy)
		require.Len(t, nonce, 2, policy)
		assert.NotContains(t, policy, "unsafe")
		assert.Contains(t, policy, "default-src 'none'")
		assert.Equal(t, strings.Count(res.body, "<script"), strings.Count(res.body, `nonce="`+nonce[1]+`"`))
		nonces[nonce[1]] = true
	}
	assert.Len(t, nonces, 3)
	res := v.signIn("ada", "ada")
	cookie := res.header.Get("Set-Cookie")
	assert.Contains(t, cookie, "HttpOnly")
	assert.Contains(t, cookie, "SameSite=Lax")
}

func TestOtherPaths(t *testing.T) {
	s := start(t, nil)
	v := newVisitor(t, s)
	for path, status := range map[string]int{"/login": 200, "/style.css": 200, "/app.js": 200, "/missing": 404, "/web/home.html": 404, endpoint + "/x.css": 404} {
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

// The stand-ins are another site only while the shop keeps its own name.
func TestAnotherNameOfTheMachineIsRedirected(t *testing.T) {
	s := start(t, nil)
	v := newVisitor(t, s)
	for _, method := range []string{"GET", "POST"} {
		r, err := http.NewRequest(method, s.url+"/login?x=1", nil)
		require.NoError(t, err)
		r.Host = strings.Replace(r.Host, "127.0.0.1", "localhost", 1)
		res, err := v.client.Do(r)
		require.NoError(t, err)
		res.Body.Close()
		if method == "GET" {
			assert.Equal(t, 307, res.StatusCode)
			assert.Equal(t, s.url+"/login?x=1", res.Header.Get("Location"))
		} else {
			assert.Equal(t, 421, res.StatusCode)
		}
	}
}

func TestShopAndVendorsAreTwoSites(t *testing.T) {
	for addr, hosts := range map[string][2]string{
		"127.0.0.1:0": {"127.0.0.1", "localhost"},
		"localhost:0": {"localhost", "127.0.0.1"},
		":0":          {"127.0.0.1", "localhost"},
		"0.0.0.0:0":   {"127.0.0.1", "localhost"},
	} {
		s := start(t, func(c *config) { c.addr = addr })
		shop, err := url.Parse(s.url)
		require.NoError(t, err)
		vendor, err := url.Parse(s.shop.vendorURL)
		require.NoError(t, err)
		assert.Equal(t, hosts, [2]string{shop.Hostname(), vendor.Hostname()}, addr)
		assert.Equal(t, 200, newVisitor(t, s).get("/").status)

		var out strings.Builder
		s.greet(&out)
		assert.Contains(t, out.String(), s.url)
		assert.Equal(t, !strings.Contains(addr, "1") && addr != "localhost:0", strings.Contains(out.String(), "Warning"), addr)
	}
}

func TestCustomersAndSessionsOutliveARestartInAFile(t *testing.T) {
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

func TestADeletedAccountIsNobody(t *testing.T) {
	v := newVisitor(t, start(t, nil))
	v.signIn("ada", "ada")
	_, err := v.site.db.Exec("DELETE FROM customer WHERE id = 'cust-1001'")
	require.NoError(t, err)
	assert.Nil(t, v.identity())
	assert.Contains(t, v.get("/").body, "Nobody is signed in")
}

func TestABrokenDatabase(t *testing.T) {
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
	assert.Equal(t, config{"127.0.0.1:1", "f", testMegadeskSecret, "0123456789abcdef01234567", "s", true, true}, c)

	for _, test := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{nil, []string{"-real-megadesk"}, "-real-megadesk needs"},
		{map[string]string{"MEGADESK_IDENTITY_SECRET": testMegadeskSecret}, []string{"-real-megadesk"}, "-real-megadesk needs"},
		{nil, []string{"-real-ainisa"}, "-real-ainisa needs"},
		{map[string]string{"MEGADESK_PUBLIC_ID": `"><script>`}, nil, "24 hexadecimal digits"},
		{nil, []string{"extra"}, "unexpected argument"},
		{nil, []string{"-nope"}, "not defined"},
	} {
		_, err := parse(test.env, test.args...)
		assert.ErrorContains(t, err, test.want)
	}
}

func TestBadSecretsStopTheStart(t *testing.T) {
	for name, change := range map[string]func(*config){
		"key":    func(c *config) { c.megadeskSecret = "abc" },
		"secret": func(c *config) { c.ainisaSecret = "s\n" },
		"addr":   func(c *config) { c.addr = "127.0.0.1:99999" },
		"db":     func(c *config) { c.db = filepath.Join(t.TempDir(), "no", "such", "folder") },
	} {
		cfg := config{addr: "127.0.0.1:0", megadeskSecret: testMegadeskSecret, ainisaSecret: testAinisaSecret}
		change(&cfg)
		_, err := open(cfg)
		assert.Error(t, err, name)
	}
}

func TestRealVendors(t *testing.T) {
	v := newVisitor(t, start(t, func(c *config) {
		c.realMegadesk, c.realAinisa, c.megadeskPublicID = true, true, "0123456789abcdef01234567"
	}))
	res := v.get("/")
	assert.Contains(t, res.body, `<script src="https://getmegadesk.com/embed.js" data-pub="0123456789abcdef01234567"`)
	assert.Contains(t, res.body, `<script src="https://chatbot.ainisa.com/widget.js"`)
	assert.NotContains(t, res.body, v.site.shop.vendorURL)
	assert.Contains(t, res.header.Get("Content-Security-Policy"), "'strict-dynamic'")
}

// The program itself: built, started, and stopped by each of the two signals.
func TestSignalsStopItCleanly(t *testing.T) {
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
		case <-time.After(10 * time.Second):
			t.Fatal("it goes on after ", signal)
		}
	}
}
