package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostileTargets are request targets that name another site, or that a browser
// would read as another site if they came back in Location.
var hostileTargets = []string{
	"x:@evil.example/", "x:evil.example/", "x:.evil.example", "x:1.evil.example", "x:%40evil.example/", "x:/%5cevil.example",
	"javascript:alert(1)", "data:text/html,x", "x:\\\\evil.example", "x:?@evil.example", "x:#@evil.example",
	"http://evil.example", "http://evil.example/", "https://evil.example/login?x=1", "ftp://evil.example/", "x://evil.example/",
	"http://ada@evil.example/", "http://127.0.0.1:8080@evil.example/", "http://[::1]/", "http:///evil.example", "http:/evil.example",
	"//evil.example", "//evil.example/", "///evil.example/", "////evil.example/..", "//evil.example/%2e%2e", "//evil.example/../x",
	"//evil.example/api/chat", "//@evil.example/", "//evil.example/api/chat/..", "/.//evil.example", "/x/..//evil.example", "/x/../..//evil.example",
	`/\evil.example`, `/\/evil.example/`, `\\evil.example/`, `\/evil.example`, `/x/../\evil.example/`, `/api/..\\evil.example`,
	"/%2f/evil.example", "/%2Fevil.example", "/%5cevil.example", "/%5c%5cevil.example/..", "/%2e%2e//evil.example", "/x/%2e%2e/%2fevil.example",
	"/%09/evil.example", "/%0a/evil.example", "/%0d%0aLocation:%20http://evil.example/", "/%00/evil.example", "/%e2%80%ae//evil.example",
	"/\t/evil.example", "/\x01/evil.example", "/\x7f/evil.example", "/\x80/evil.example", "/?//evil.example", "/@evil.example", "@evil.example", ":@evil.example", ".evil.example",
	"?@evil.example", "#@evil.example", "*", "/api/chat?x=//evil.example", "/login?next=//evil.example", `/login?next=/\evil.example`, "/account?next=//evil.example",
}

// A redirect leads to the site that sent it, whatever the request line contains.
func TestSite_RedirectsToItself(t *testing.T) {
	s := start(t, nil)
	public := start(t, func(c *config) { c.addr = "0.0.0.0:0" })
	for _, listener := range []struct {
		addr string
		own  []string // the site's names
	}{
		{s.shopListener.Addr().String(), []string{s.url}},
		{s.vendorListener.Addr().String(), []string{s.shop.vendorURL, "http://" + s.vendorListener.Addr().String()}},
		{strings.Replace(public.shopListener.Addr().String(), "[::]", "127.0.0.1", 1), []string{public.url}},
	} {
		_, port, err := net.SplitHostPort(listener.addr)
		require.NoError(t, err)
		redirects := 0
		for _, host := range []string{listener.addr, "localhost:" + port, "evil.example"} {
			for _, target := range hostileTargets {
				for _, method := range []string{"GET", "HEAD", "POST", "CONNECT"} {
					location := rawLocation(t, listener.addr, method, target, host)
					if location == "" {
						continue
					}
					redirects++
					assert.Contains(t, listener.own, siteOf(t, listener.own[0], location), "%s %q with Host %s: Location %q", method, target, host, location)
				}
			}
		}
		assert.NotZero(t, redirects, listener.addr)
	}
}

// rawLocation sends a request byte for byte and returns the response's Location.
func rawLocation(t *testing.T, addr, method, target, host string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, target, host)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(t, err, "%s %q", method, target)
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	location := res.Header.Get("Location")
	if res.StatusCode/100 == 3 && res.StatusCode != http.StatusNotModified {
		require.NotEmpty(t, location)
	}
	return location
}

// siteOf returns the origin that a browser goes to: it drops tabs and line ends,
// and reads a backslash as a slash.
func siteOf(t *testing.T, base, location string) string {
	t.Helper()
	location = strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(location)
	b, err := url.Parse(base)
	require.NoError(t, err)
	u, err := b.Parse(location)
	require.NoError(t, err)
	return u.Scheme + "://" + u.Host
}
