package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

const (
	testMegadeskSecret = "000102030405060708090a0b0c0d0e0f"
	testAinisaSecret   = "the secret key of the tests"
)

func testConfig() config {
	return config{
		addr:            "127.0.0.1:0",
		passwordCost:    bcrypt.MinCost,
		megadeskSecret:  testMegadeskSecret,
		ainisaSecret:    testAinisaSecret,
		ainisaActionKey: "the-key-of-Ainisas-action",
		chatSecret:      "the secret of the chat, of 32 bytes",
	}
}

// start opens a site on free ports and serves it until the test ends.
func start(t *testing.T, change func(*config)) *site {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	s, err := open(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-served)
		s.close()
	})
	return s
}

// visitor is an HTTP client with cookies. It follows no redirects.
type visitor struct {
	t      *testing.T
	site   *site
	client *http.Client
}

func newVisitor(t *testing.T, s *site) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &visitor{t, s, &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (v *visitor) do(method, path string, form url.Values, header http.Header) reply {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.site.url+path, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	if header != nil {
		r.Header = header
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(r)
	require.NoError(v.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(v.t, err)
	return reply{res.StatusCode, res.Header, string(b)}
}

func (v *visitor) get(path string) reply { return v.do("GET", path, nil, nil) }

func (v *visitor) signIn(username, password string) reply {
	return v.do("POST", "/login", url.Values{"username": {username}, "password": {password}}, nil)
}

func (v *visitor) sessionCookie() string {
	u, err := url.Parse(v.site.url)
	require.NoError(v.t, err)
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == "shop_session" {
			return c.Value
		}
	}
	return ""
}
