// Package mounting shows chatident's handlers under five routers, each with its usual
// middlewares, and tests that they lose nothing there.
package mounting

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var routers = map[string]func(identityHandler, proxy, orders http.Handler) http.Handler{
	"net/http": underNetHTTP,
	"chi":      underChi,
	"echo":     underEcho,
	"gin":      underGin,
	"gorilla":  underGorilla,
}

const (
	actionKey    = "the-key-of-the-action"
	writeTimeout = time.Second
)

// site is a shop with the handlers under a router, and a fake of Bookbag. Every
// visitor is Ada.
type site struct {
	*testing.T
	url    string
	fake   *chattest.Fake
	ainisa *hmachash.Ainisa
}

func serve(t *testing.T, router func(identityHandler, proxy, orders http.Handler) http.Handler) *site {
	key, err := identity.ParseKey("000102030405060708090a0b0c0d0e0f")
	require.NoError(t, err)
	minter, err := identity.NewMinter(key, nil)
	require.NoError(t, err)
	identityHandler := identity.Handler(minter, func(*http.Request) (*identity.Payload, error) {
		return &identity.Payload{User: identity.UserDetail{ID: "ada"}}, nil
	}, nil)

	fake, err := chattest.New(nil)
	require.NoError(t, err)
	service := fake.Start()
	t.Cleanup(service.Close)
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: service.URL})
	require.NoError(t, err)
	proxy, err := chatproxy.New(bot, "0123456789abcdef0123456789abcdef", func(*http.Request) (chatproxy.Visitor, error) {
		return chatproxy.Visitor{UserID: "ada"}, nil
	}, nil)
	require.NoError(t, err)

	ainisa, err := hmachash.NewAinisa("your_secret_key_here", nil)
	require.NoError(t, err)
	orders, err := ainisa.Action("X-Api-Key", actionKey, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmachash.UserID(r.Context())
		fmt.Fprint(w, "orders of ", id)
	}), nil)
	require.NoError(t, err)

	server := httptest.NewUnstartedServer(router(identityHandler, proxy, orders))
	server.Config.WriteTimeout = writeTimeout
	server.Start()
	t.Cleanup(server.Close)
	return &site{t, server.URL, fake, ainisa}
}

// underEach runs a test under each router.
func underEach(t *testing.T, test func(*site)) {
	for name, router := range routers {
		t.Run(name, func(t *testing.T) { test(serve(t, router)) })
	}
}

// ask sends a request and returns the response, for the test to read.
func (s *site) ask(method, path, body string, header http.Header) *http.Response {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s, err)
	if body == "" {
		r.Body = http.NoBody
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := http.DefaultTransport.RoundTrip(r) // no redirects
	require.NoError(s, err)
	s.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func text(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestIdentityHandler_UnderEachRouter(t *testing.T) {
	underEach(t, func(s *site) {
		const path = "/api/megadesk-identity"
		private := func(response *http.Response) {
			s.Helper()
			assert.Equal(s, "application/json", response.Header.Get("Content-Type"))
			assert.Equal(s, "no-store", response.Header.Get("Cache-Control"))
			assert.Contains(s, response.Header.Values("Vary"), "Cookie")
			assert.Equal(s, "nosniff", response.Header.Get("X-Content-Type-Options"))
			assert.Equal(s, "same-origin", response.Header.Get("Cross-Origin-Resource-Policy"))
		}
		response := s.ask("GET", path, "", nil)
		assert.Equal(s, 200, response.StatusCode)
		private(response)
		assert.Contains(s, text(s.T, response), `{"identity":"eyJ`)

		response = s.ask("GET", path, "", http.Header{"Sec-Fetch-Site": {"cross-site"}})
		assert.Equal(s, 403, response.StatusCode)
		private(response)
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			response = s.ask(method, path, "", nil)
			assert.Equal(s, 405, response.StatusCode, method)
			assert.Equal(s, "GET, HEAD", response.Header.Get("Allow"), method)
			private(response)
		}
		response = s.ask("HEAD", path, "", nil)
		assert.Equal(s, 200, response.StatusCode)
		private(response)

		// What a cache might keep for its ending is not there.
		for _, sub := range []string{"/x.css", "/"} {
			response = s.ask("GET", path+sub, "", nil)
			assert.NotEqual(s, 200, response.StatusCode, sub)
			assert.NotContains(s, text(s.T, response), "eyJ", sub)
		}
		assert.Equal(s, 404, s.ask("GET", path+"/x.css", "", nil).StatusCode)
	})
}

// The client receives the first piece before the fake sends the second, which it sends after
// the server's WriteTimeout.
func TestProxy_StreamsUnderEachRouter(t *testing.T) {
	underEach(t, func(s *site) {
		s.Parallel()
		firstWasRead := make(chan bool)
		s.fake.Script(chattest.Respond(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"one \"}\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-firstWasRead:
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"two\"}\n\ndata: [DONE]\n\n")
		}))
		response := s.ask("POST", "/chat/messages", `{"message":"Hello"}`, http.Header{"Content-Type": {"application/json"}})
		assert.Equal(s, 200, response.StatusCode)
		assert.Equal(s, "text/event-stream", response.Header.Get("Content-Type"))
		assert.Equal(s, "no", response.Header.Get("X-Accel-Buffering"))
		var said strings.Builder
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			said.WriteString(lines.Text())
			if strings.Contains(lines.Text(), "one ") {
				time.Sleep(writeTimeout + writeTimeout/4)
				close(firstWasRead)
			}
		}
		assert.Contains(s, said.String(), "two")
		assert.Contains(s, said.String(), "[DONE]")
	})
}

// A ticket is one segment of the path, however the browser has escaped it.
func TestProxy_TicketsUnderEachRouter(t *testing.T) {
	underEach(t, func(s *site) {
		_ = text(s.T, s.ask("POST", "/chat/messages", `{"message":"Where is my order?"}`, http.Header{"Content-Type": {"application/json"}}))
		var list struct {
			Conversations []struct{ Conversation string }
		}
		require.NoError(s, json.Unmarshal([]byte(text(s.T, s.ask("GET", "/chat/conversations?limit=5", "", nil))), &list))
		require.Len(s, list.Conversations, 1)
		ticket := list.Conversations[0].Conversation

		for _, escaped := range []string{ticket, fmt.Sprintf("%%%02X", ticket[0]) + ticket[1:], strings.ReplaceAll(ticket, ".", "%2E")} {
			response := s.ask("GET", "/chat/conversations/"+escaped+"/messages", "", nil)
			assert.Equal(s, 200, response.StatusCode, escaped)
			assert.Contains(s, text(s.T, response), "Where is my order?")
		}
		for _, other := range []string{ticket + "%2F", ticket + "%00", "%2e%2e", ticket + "%20"} {
			response := s.ask("GET", "/chat/conversations/"+other+"/messages", "", nil)
			assert.Equal(s, 404, response.StatusCode, other)
			assert.Contains(s, text(s.T, response), `"version":1`, other)
		}
		assert.Equal(s, 405, s.ask("DELETE", "/chat/conversations", "", nil).StatusCode)
	})
}

func TestScript_UnderEachRouter(t *testing.T) {
	underEach(t, func(s *site) {
		const path = "/chat/chatproxy.js"
		response := s.ask("GET", path, "", nil)
		assert.Equal(s, 200, response.StatusCode)
		assert.Equal(s, "text/javascript; charset=utf-8", response.Header.Get("Content-Type"))
		assert.Contains(s, text(s.T, response), "class ChatProxy")
		again := s.ask("GET", path, "", http.Header{"If-None-Match": {response.Header.Get("ETag")}})
		assert.Equal(s, 304, again.StatusCode)
	})
}

func TestAction_UnderEachRouter(t *testing.T) {
	underEach(t, func(s *site) {
		visitor, err := s.ainisa.Identify(hmachash.AinisaUser{ID: "1001"})
		require.NoError(s, err)
		call := http.Header{"X-Api-Key": {actionKey}, "X-User-Id": {visitor.UserID}, "X-User-Hash": {visitor.UserHash}}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			response := s.ask(method, "/ainisa/orders", "", call)
			assert.Equal(s, 200, response.StatusCode, method)
			assert.Equal(s, "no-store", response.Header.Get("Cache-Control"))
			assert.Equal(s, "orders of 1001", text(s.T, response), method)
		}
		call.Set("X-User-Id", "1002")
		response := s.ask("POST", "/ainisa/orders", "", call)
		assert.Equal(s, 401, response.StatusCode)
		assert.Contains(s, text(s.T, response), "could not be verified")
	})
}
