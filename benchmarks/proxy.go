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

// visitors is how many visitors read a stream at the same time.
const visitors = 16

func proxyOneByOne() (*Group, error) {
	return proxies(fmt.Sprintf("chatproxy, %d visitors, %d pieces one by one", visitors, writes*single), single)
}

func proxyInBursts() (*Group, error) {
	return proxies(fmt.Sprintf("chatproxy, %d visitors, %d pieces in bursts of %d", visitors, writes*burst, burst), burst)
}

// proxies measures this process between the service and all visitors at once, because a
// stream costs less in a busy process.
func proxies(task string, pieces int) (*Group, error) {
	s, err := startService()
	if err != nil {
		return nil, err
	}
	vendor := fmt.Sprintf("%s/%d", s.url, pieces)
	ours, err := newChatProxy(vendor)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(vendor + "/api/v2/agents/123/chat")
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
		do := func() (string, error) { return s.post(site.URL+path, visitors) }
		return call(name, do, func(response string) error { return isStream(response, writes*pieces) })
	}
	return &Group{
		Task:   task,
		Ours:   item("chatident", "/chat/messages"),
		Floor:  item("floor: httputil.ReverseProxy", "/reverse"),
		AtMost: 1.25,
		Close:  func() { site.Close(); s.stop() },
	}, nil
}

func newChatProxy(vendor string) (http.Handler, error) {
	bot, err := chatclient.New(apiKey, agent, &chatclient.Options{BaseURL: vendor, HTTPClient: &http.Client{Transport: transport()}})
	if err != nil {
		return nil, err
	}
	visitor := func(*http.Request) (chatproxy.Visitor, error) { return chatproxy.Visitor{UserID: "user_8821"}, nil }
	return chatproxy.New(bot, strings.Repeat("s", 32), visitor, &chatproxy.Options{
		Allow:                func(context.Context, chatproxy.Visitor) (time.Duration, bool) { return 0, true },
		MaxStreamsPerVisitor: 1000,
	})
}

// bodyFirst reads the body before it passes the request on. Otherwise, if a response begins
// early, the server sometimes closes a body that the transport still reads, and both fail.
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
