package readme

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
)

// The chat under a real session library, whose middleware wraps the writer: the
// text arrives in pieces, and a ticket is useless after sign-out.
func TestProxy_UnderASessionMiddleware(t *testing.T) {
	fake, err := chattest.New(nil)
	require.NoError(t, err)
	service := fake.Start()
	defer service.Close()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: service.URL})
	require.NoError(t, err)
	sessions := scs.New()
	proxy, err := chatproxy.New(bot, "0123456789abcdef0123456789abcdef", func(r *http.Request) (chatproxy.Visitor, error) {
		return chatproxy.Visitor{UserID: chatclient.UserID(sessions.GetString(r.Context(), "user"))}, nil
	}, nil)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { sessions.Put(r.Context(), "user", "ada") })
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) { _ = sessions.Destroy(r.Context()) })
	site := httptest.NewServer(sessions.LoadAndSave(mux))
	defer site.Close()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	post := func(path, body string) *http.Response {
		res, err := browser.Post(site.URL+path, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}

	assert.Equal(t, 401, post("/chat/messages", `{"message":"Hello"}`).StatusCode)
	post("/login", "")
	firstWasRead := make(chan bool)
	fake.Script(chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"one \"}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-firstWasRead
		_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"two\"}\n\ndata: [DONE]\n\n")
	}))
	var text string
	for lines := bufio.NewScanner(post("/chat/messages", `{"message":"Hello"}`).Body); lines.Scan(); {
		text += lines.Text()
		if strings.Contains(lines.Text(), "one ") {
			close(firstWasRead)
		}
	}
	assert.Contains(t, text, "two")

	post("/logout", "")
	before := len(fake.Requests())
	assert.Equal(t, 401, post("/chat/messages", `{"message":"Hello"}`).StatusCode)
	assert.Len(t, fake.Requests(), before)
}
