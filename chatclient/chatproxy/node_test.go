package chatproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/internal/testenv"
)

// atPort serves the site's proxy to Node, and returns the URL of its prefix.
func (e *site) atPort() string {
	server := httptest.NewServer(http.StripPrefix("/chat", e.proxy))
	e.Cleanup(server.Close)
	return server.URL + "/chat"
}

func visitorHeader(user string) map[string]string { return map[string]string{asUser: user} }

// tricky is text that a reader of bytes, of lines or of JSON can get wrong.
const tricky = "Grüße, 日本 👩‍👩‍👧! </script> \"quoted\" back\\slash\r\nnew line\u2028data: x\n\n"

func replying(text string) *chattest.Options {
	return &chattest.Options{Reply: func(chattest.Turn) []chattest.Part { return []chattest.Part{chattest.Text(text)} }}
}

var aiSDKs = []string{"ai", "ai-v5", "ai-v6"}

type aiChat struct {
	SDK      string            `json:"sdk"`
	URL      string            `json:"url"`
	Headers  map[string]string `json:"headers"`
	Messages []json.RawMessage `json:"messages,omitempty"`
	Turns    []string          `json:"turns"`
	Then     string            `json:"then,omitempty"`
}

type aiResult struct {
	Messages []struct {
		Role, Text string
		Metadata   replyTickets
	}
	Status, Error string
	LastBodyBytes int
}

func (e *site) aiSDK(chat aiChat) (result aiResult) {
	e.Helper()
	chat.URL = e.atPort() + "/ai-sdk"
	chat.Headers = visitorHeader("ada")
	testenv.Node(e, "aisdk.mjs", chat, &result)
	return result
}

// In a chat of 100 turns, of which useChat sends all each time, the service gets
// the last message and the conversation's id.
func TestUseChat_LongChat(t *testing.T) {
	for _, sdk := range aiSDKs {
		t.Run(sdk, func(t *testing.T) {
			e := newSite(t, setup{fake: replying(tricky)})
			var turns []string
			for i := range 100 {
				turns = append(turns, fmt.Sprintf("Turn %d", i))
			}
			result := e.aiSDK(aiChat{SDK: sdk, Turns: turns})
			assert.Empty(t, result.Error)
			assert.Equal(t, "ready", result.Status)
			require.Len(t, result.Messages, 200)
			last := result.Messages[199]
			assert.Equal(t, "assistant", last.Role)
			assert.Equal(t, tricky, last.Text)
			ticket := e.proxy.tickets.conversation(ada, "456")
			assert.Equal(t, replyTickets{Conversation: ticket, Message: e.proxy.tickets.message(ada, "456", "msg_200"), UserMessage: e.proxy.tickets.message(ada, "456", "msg_199")}, last.Metadata)
			assert.Greater(t, result.LastBodyBytes, 30_000)

			requests := e.fake.Requests()
			require.Len(t, requests, 100)
			assert.JSONEq(t, `{"message":"Turn 0","userId":"ada","stream":true}`, string(requests[0].Body))
			for i, r := range requests[1:] {
				want := fmt.Sprintf(`{"message":"Turn %d","userId":"ada","conversationId":456,"stream":true}`, i+1)
				assert.JSONEq(t, want, string(r.Body))
			}
			assert.Empty(t, e.reports())
		})
	}
}

// The messages of the history are useChat's, as they come.
func TestUseChat_History(t *testing.T) {
	for _, sdk := range aiSDKs {
		t.Run(sdk, func(t *testing.T) {
			e := newSite(t, setup{})
			ticket := e.send("Hello", "").Conversation
			_, page := e.do("GET", "/conversations/"+ticket+"/messages", "")
			var history struct{ Messages []json.RawMessage }
			require.NoError(t, json.Unmarshal([]byte(page), &history))

			result := e.aiSDK(aiChat{SDK: sdk, Messages: history.Messages, Turns: []string{"More"}})
			assert.Empty(t, result.Error)
			require.Len(t, result.Messages, 4)
			assert.Equal(t, "You said: Hello", result.Messages[1].Text)
			assert.Equal(t, "You said: More", result.Messages[3].Text)
			assert.Equal(t, ticket, result.Messages[3].Metadata.Conversation)
		})
	}
}

// regenerate() is the service's retry: the turn is not doubled.
func TestUseChat_Regenerate(t *testing.T) {
	for _, sdk := range aiSDKs {
		t.Run(sdk, func(t *testing.T) {
			e := newSite(t, setup{})
			result := e.aiSDK(aiChat{SDK: sdk, Turns: []string{"Hello"}, Then: "regenerate"})
			assert.Empty(t, result.Error)
			require.Len(t, result.Messages, 2)
			assert.Equal(t, "You said: Hello", result.Messages[1].Text)
			assert.Equal(t, e.proxy.tickets.message(ada, "456", "msg_4"), result.Messages[1].Metadata.Message, "the ids are new")
			requests := e.fake.Requests()
			assert.Equal(t, "/api/v2/agents/123/conversations/456/retry", requests[len(requests)-1].Path)
			_, messages := e.do("GET", "/conversations/"+result.Messages[1].Metadata.Conversation+"/messages", "")
			assert.Equal(t, 2, strings.Count(messages, `"role"`))
		})
	}
}

func TestUseChat_Unsupported(t *testing.T) {
	for _, sdk := range aiSDKs {
		for then, code := range map[string]string{
			"edit": "edit_unsupported", "file": "files_unsupported", "resume": "",
		} {
			t.Run(sdk+" "+then, func(t *testing.T) {
				e := newSite(t, setup{})
				result := e.aiSDK(aiChat{SDK: sdk, Turns: []string{"Hello"}, Then: then})
				assert.Len(t, e.fake.Requests(), 1, "the turn alone")
				if code == "" {
					assert.Empty(t, result.Error)
					assert.NotEqual(t, "error", result.Status)
					assert.Len(t, result.Messages, 2)
					return
				}
				assert.Equal(t, "error", result.Status)
				var body struct{ Error struct{ Code string } }
				require.NoError(t, json.Unmarshal([]byte(result.Error), &body), result.Error)
				assert.Equal(t, code, body.Error.Code)
			})
		}
	}
}

// A reply that fails on its way is useChat's error, and the conversation goes on.
func TestUseChat_ContinuesAfterAnError(t *testing.T) {
	for _, sdk := range aiSDKs {
		t.Run(sdk, func(t *testing.T) {
			e := newSite(t, setup{})
			e.fake.Script(chattest.Pass(), chattest.StreamError(1, "SQL: secret"), chattest.Pass())
			result := e.aiSDK(aiChat{SDK: sdk, Turns: []string{"One", "Two", "Three"}})
			assert.Equal(t, "ready", result.Status)
			assert.Equal(t, "You said: Three", result.Messages[len(result.Messages)-1].Text)
			assert.Contains(t, string(e.fake.Requests()[2].Body), `"conversationId":456`)
		})
	}
}

// The reader of the vendor's documentation gets the same text from the proxy as
// from the service.
func TestTheVendorsReader(t *testing.T) {
	e := newSite(t, setup{fake: replying(tricky)})
	service := e.fake.Start()
	defer service.Close()
	for url, headers := range map[string]map[string]string{
		service.URL + "/api/v2/agents/123/chat": {"Authorization": "Bearer " + testKey},
		e.atPort() + "/messages":                visitorHeader("ada"),
	} {
		var got struct{ Text string }
		input := map[string]any{"url": url, "headers": headers, "body": step{"message": "Hello"}}
		testenv.Node(t, "lines.mjs", input, &got)
		assert.Equal(t, tricky, got.Text, url)
	}
}
