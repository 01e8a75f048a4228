package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
)

const (
	apiKey = "oc_test_0123456789abcdef"
	agent  = 123
)

// visitors read a stream each, all at the same time.
const visitors = 16

func proxyOneByOne() (*Group, error) {
	return proxies(fmt.Sprintf("chatproxy, %d visitors, %d pieces one by one", visitors, writes*single), single)
}

func proxyInBursts() (*Group, error) {
	return proxies(fmt.Sprintf("chatproxy, %d visitors, %d pieces in bursts of %d", visitors, writes*burst, burst), burst)
}

// proxies has this process between the service and the visitors. One time is all of
// them: in a process that is busy, a stream costs less.
func proxies(work string, pieces int) (*Group, error) {
	path := fmt.Sprintf("/%d", pieces)
	s, err := startService()
	if err != nil {
		return nil, err
	}
	bot, err := chatclient.New(apiKey, agent, &chatclient.Options{BaseURL: s.url + path, HTTPClient: &http.Client{Transport: transport()}})
	if err != nil {
		return nil, err
	}
	ours, err := chatproxy.New(bot, strings.Repeat("s", 32), func(*http.Request) (chatproxy.Visitor, error) {
		return chatproxy.Visitor{UserID: "user_8821"}, nil
	}, &chatproxy.Options{
		Allow:                func(context.Context, chatproxy.Visitor) (time.Duration, bool) { return 0, true },
		MaxStreamsPerVisitor: 1000,
	})
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(s.url + path + "/api/v2/agents/123/chat")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", ours))
	mux.Handle("/reverse", bodyFirst(&httputil.ReverseProxy{
		Transport: transport(),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL, r.Out.Host = target, ""
			r.Out.Header.Set("Authorization", "Bearer "+apiKey)
		},
	}))
	site := httptest.NewServer(mux)
	item := func(name, path string) Item {
		return Item{
			Name: name,
			Run: func(n int) (time.Duration, error) {
				return cpuOf(func() error {
					for range n {
						if _, err := s.visit(site.URL+path, visitors); err != nil {
							return err
						}
					}
					return nil
				})
			},
			Check: func() error {
				got, err := s.visit(site.URL+path, visitors)
				if err != nil {
					return err
				}
				return isStream(got, writes*pieces)
			},
		}
	}
	return &Group{
		Work:   work,
		Ours:   item("chatident", "/chat/messages"),
		Floor:  item("floor: httputil.ReverseProxy", "/reverse"),
		AtMost: 1.25,
		Close:  func() { site.Close(); s.stop() },
	}, nil
}

// bodyFirst reads the request before it is passed on. Otherwise a response that begins
// early has the server close a body that the transport still reads, now and then,
// and that ends both.
func bodyFirst(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// transport keeps a connection for each visitor.
func transport() *http.Transport { return &http.Transport{MaxIdleConnsPerHost: 64} }

func isStream(got string, pieces int) error {
	if n := strings.Count(got, `"text":"`+piece+`"`); n != pieces {
		return fmt.Errorf("%d pieces instead of %d", n, pieces)
	}
	if !strings.HasSuffix(got, "data: [DONE]\n\n") {
		return fmt.Errorf("no end: %.200q", got[max(0, len(got)-200):])
	}
	return nil
}
