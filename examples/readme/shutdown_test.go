package readme

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server that shuts down finishes a reply whose browser has disconnected.
func TestChatGuide_Shutdown(t *testing.T) {
	fake, err := chattest.New(&chattest.Options{Pace: 10 * time.Millisecond, Reply: func(chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.Text(strings.Repeat("word ", 20))}
	}})
	require.NoError(t, err)
	service := fake.Start()
	defer service.Close()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: service.URL})
	require.NoError(t, err)
	visitor := func(*http.Request) (chatproxy.Visitor, error) { return chatproxy.Visitor{UserID: "ada"}, nil }
	proxy, err := chatproxy.New(bot, "0123456789abcdef0123456789abcdef", visitor, &chatproxy.Options{KeepReplies: true})
	require.NoError(t, err)
	site := httptest.NewServer(http.StripPrefix("/chat", proxy))
	defer site.Close()

	response, err := http.Post(site.URL+"/chat/messages", "application/json", strings.NewReader(`{"message":"Hello","chat":"a","id":"1"}`))
	require.NoError(t, err)
	_, err = response.Body.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	ctx, server := t.Context(), site.Config
	func() {
		err := errors.Join(server.Shutdown(ctx), proxy.Shutdown(ctx))
		require.NoError(t, err)
	}()
	for c, err := range bot.UserConversations(t.Context(), "ada") {
		require.NoError(t, err)
		page, err := bot.MessagesPage(t.Context(), c.ID, chatclient.PageRequest{})
		require.NoError(t, err)
		require.Len(t, page.Items, 2)
		assert.Equal(t, strings.Repeat("word ", 20), page.Items[1].Text())
		return
	}
	t.Error("no conversation")
}
