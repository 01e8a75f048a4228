package chatproxy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
				var answer struct{ Error struct{ Code string } }
				require.NoError(t, json.Unmarshal([]byte(result.Error), &answer), result.Error)
				assert.Equal(t, code, answer.Error.Code)
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

type (
	step   map[string]any
	result struct {
		Pieces []string
		Answer struct {
			Conversations []struct{ Conversation string }
			Messages      []struct {
				ID, Role string
				Parts    []chattest.Part
			}
			Feedback string
		}
		Error *struct {
			Name, Message, Code string
			Status              int
			RetryAfter          *int // nil where it is absent
		}
		Conversation, LastReply string
	}
)

func (r result) text() (text string) {
	for _, piece := range r.Pieces {
		text += piece
	}
	return text
}

// chat drives chatproxy.js as a visitor's browser.
func (e *site) chat(user string, steps ...step) (results []result) {
	e.Helper()
	input := map[string]any{"url": e.atPort(), "headers": visitorHeader(user), "steps": steps}
	testenv.Node(e, "chatproxy.mjs", input, &results)
	require.Len(e, results, len(steps))
	return results
}

func TestTheScript(t *testing.T) {
	e := newSite(t, setup{fake: replying(tricky)})
	got := e.chat("ada",
		step{"send": "Hello"}, step{"send": tricky}, step{"feedback": "positive"},
		step{"messages": step{}}, step{"history": step{"limit": 5}}, step{"feedback": nil})
	for i, r := range got {
		require.Nil(t, r.Error, i)
	}
	ticket := e.proxy.tickets.conversation(ada, "456")
	for i := range 2 {
		assert.Equal(t, tricky, got[i].text())
		assert.Greater(t, len(got[i].Pieces), 1)
		assert.Equal(t, ticket, got[i].Conversation)
	}
	assert.JSONEq(t, `{"message":`+quoted(tricky)+`,"userId":"ada","conversationId":456,"stream":true}`, string(e.fake.Requests()[1].Body))
	assert.Equal(t, e.proxy.tickets.message(ada, "456", "msg_4"), got[1].LastReply)
	assert.Equal(t, "positive", got[2].Answer.Feedback)
	require.Len(t, got[3].Answer.Messages, 4)
	assert.Equal(t, got[1].LastReply, got[3].Answer.Messages[3].ID)
	require.Len(t, got[4].Answer.Conversations, 1)
	assert.Equal(t, ticket, got[4].Answer.Conversations[0].Conversation)
	assert.Empty(t, got[5].Answer.Feedback)
}

// The ticket of a first reply comes with its end: stopped before, the visitor
// finds the conversation again in the history, and goes on with it.
func TestTheScriptFindsAStoppedReplyAgain(t *testing.T) {
	for name, send := range map[string]step{
		"stopped": {"send": "Hello", "stopAfter": 1}, "left": {"send": "Hello", "stopAfter": 1, "leave": true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newSite(t, setup{fake: &chattest.Options{Pace: 50 * time.Millisecond}})
			got := e.chat("ada", send, step{"history": step{"limit": 1}})
			require.Nil(t, got[0].Error, "to stop is no error")
			assert.Len(t, got[0].Pieces, 1)
			assert.Empty(t, got[0].Conversation)
			require.Len(t, got[1].Answer.Conversations, 1)

			ticket := got[1].Answer.Conversations[0].Conversation
			got = e.chat("ada", step{"conversation": ticket}, step{"send": "More"}, step{"send": "More", "stopAfter": 1})
			assert.Equal(t, "You said: More", got[1].text())
			assert.Equal(t, ticket, got[1].Conversation)
			assert.Equal(t, ticket, got[2].Conversation, "the start of a later reply has it")
			assert.Contains(t, string(e.fake.Requests()[2].Body), `"conversationId":456`)
		})
	}
}

func TestTheScriptWithAnothersTicket(t *testing.T) {
	e := newSite(t, setup{})
	ticket := e.send("Hello", "").Conversation
	got := e.chat("grace",
		step{"conversation": ticket}, step{"messages": step{}}, step{"send": "Mine"}, step{"send": "Mine"}, step{"messages": step{}})
	for _, i := range []int{1, 2} {
		require.NotNil(t, got[i].Error)
		assert.Equal(t, "ChatProxyError", got[i].Error.Name)
		assert.Equal(t, "conversation_not_found", got[i].Error.Code)
		assert.Equal(t, 404, got[i].Error.Status)
		assert.Equal(t, errConversationNotFound.sentence, got[i].Error.Message)
	}
	assert.Empty(t, got[2].Conversation, "the next begins anew")
	assert.Equal(t, "You said: Mine", got[3].text())
	assert.Len(t, got[4].Answer.Messages, 2)
	assert.NotEqual(t, ticket, got[3].Conversation)
}

func TestTheScriptsErrors(t *testing.T) {
	e := newSite(t, setup{})
	e.fake.Script(
		chattest.Cut(2), chattest.StreamError(1, "SQL: secret"), chattest.BadGateway(),
		chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Minute),
		chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING"))
	send := step{"send": "Hello"}
	got := e.chat("ada", send, send, send, send, send, send)
	for i, want := range []struct {
		code               string
		status, retryAfter int
	}{
		{"reply_cut", 0, 0}, {"reply_failed", 0, 0}, {"bot_unavailable", 502, 0}, {"busy", 429, 60}, {"conversation_ended", 409, 0},
	} {
		require.NotNil(t, got[i].Error, want.code)
		assert.Equal(t, want.code, got[i].Error.Code)
		assert.Equal(t, want.status, got[i].Error.Status, want.code)
		if want.retryAfter == 0 {
			assert.Nil(t, got[i].Error.RetryAfter, want.code)
		} else {
			assert.Equal(t, &want.retryAfter, got[i].Error.RetryAfter, want.code)
		}
		assert.Regexp(t, `^[A-Z].*\.$`, got[i].Error.Message, "a sentence")
	}
	assert.Equal(t, "You said: Hello", got[5].text())

	var results []result
	testenv.Node(t, "chatproxy.mjs", map[string]any{"url": "http://127.0.0.1:1", "steps": []step{send}}, &results)
	assert.Equal(t, "offline", results[0].Error.Code)
}

// chatWith drives chatproxy.js in front of a server that responds with whatever a test
// needs.
func chatWith(t *testing.T, respond http.HandlerFunc, prefix string, steps ...step) (results []result) {
	t.Helper()
	server := httptest.NewServer(respond)
	defer server.Close()
	testenv.Node(t, "chatproxy.mjs", map[string]any{"url": server.URL + prefix, "steps": steps}, &results)
	require.Len(t, results, len(steps))
	return results
}

// After a stop nothing comes, although more has arrived already.
func TestTheScript_NothingAfterAStop(t *testing.T) {
	got := chatWith(t, streaming(`{"type":"text-delta","text":"one"}`, `{"type":"text-delta","text":"two"}`, `{"type":"error","code":"x","message":"No."}`),
		"", step{"send": "Hello", "stopAfter": 1})
	assert.Nil(t, got[0].Error)
	assert.Equal(t, []string{"one"}, got[0].Pieces)
}

// What the class reads of a stream, by the rules of event streams.
func TestTheScript_Frames(t *testing.T) {
	var paths []string
	got := chatWith(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, ": comment\r\n\r\nid: 7\r\nevent: x\r\ndata: {\"type\":\"text-delta\",\"text\":\"a\"}\r\n\r\n"+
			"data:{\"type\":\"text-delta\",\ndata: \"text\":\"b\"}\n\n"+"data: {\"type\":\"text-delta\",\"text\":\"c\"}\r\r"+
			"data: {\"type\":\"new\",\"text\":\"no\",\"conversation\":\"no\",\"message\":\"no\"}\n\n"+"data:\n\nretry: 1\n\n"+
			"data: {\"type\":\"finish\",\"conversation\":\"v1.c.x\",\"message\":\"v1.m.x\"}\n\n"+"data: [DONE]\n\n"+
			"data: {\"type\":\"text-delta\",\"text\":\"no\"}\n\n")
	}, "/", step{"send": "Hello"})
	assert.Nil(t, got[0].Error)
	assert.Equal(t, []string{"a", "b", "c"}, got[0].Pieces)
	assert.Equal(t, "v1.c.x", got[0].Conversation)
	assert.Equal(t, "v1.m.x", got[0].LastReply)
	assert.Equal(t, []string{"/messages"}, paths)
}

// A later reply without tickets keeps that of the conversation, but not that of the
// reply before; other types of frames change neither.
func TestTheScript_Tickets(t *testing.T) {
	replies := []http.HandlerFunc{
		streaming(`{"type":"start","conversation":"v1.c.x"}`, `{"type":"finish","message":"v1.m.x"}`),
		streaming(`{"type":"new","conversation":"v1.no.x","message":"v1.no.x"}`, `{"type":"finish","message":"v1.n.x"}`, `{"type":"new"}`),
		streaming(`{"type":"finish"}`),
	}
	got := chatWith(t, func(w http.ResponseWriter, r *http.Request) {
		replies[0](w, r)
		replies = replies[1:]
	}, "", step{"send": "one"}, step{"send": "two"}, step{"send": "three"})
	for i, message := range []string{"v1.m.x", "v1.n.x", ""} {
		assert.Equal(t, "v1.c.x", got[i].Conversation)
		assert.Equal(t, message, got[i].LastReply)
	}
}

// A conversation that has ended, or is not found, is left: the next message begins anew.
// After any other error it goes on.
func TestTheScript_LeavesAConversation(t *testing.T) {
	for code, want := range map[string]string{"conversation_ended": "", "conversation_not_found": "", "busy": "v1.c.x", "conversation_ended_": "v1.c.x"} {
		var bodies []string
		got := chatWith(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if bodies = append(bodies, string(body)); len(bodies) != 2 {
				streaming(`{"type":"finish","conversation":"v1.c.x"}`)(w, r)
				return
			}
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"version":1,"error":{"code":"`+code+`","message":"No."}}`)
		}, "", step{"send": "one"}, step{"send": "two"}, step{"send": "three"})
		assert.Equal(t, want, got[1].Conversation, code)
		assert.Contains(t, bodies[1], "v1.c.x")
		assert.Equal(t, want != "", strings.Contains(bodies[2], "v1.c.x"), code)
	}
}

// A response that is not of the wire form is no success and no sentence for a visitor.
func TestTheScript_OtherResponses(t *testing.T) {
	for name, test := range map[string]struct {
		status            int
		contentType, body string
		code              string
	}{
		"a login page":         {200, "text/html", "<html>", "unavailable"},
		"another form":         {200, "application/json", `{"conversations":[]}`, "unavailable"},
		"another version":      {200, "application/json", `{"version":2}`, "unavailable"},
		"a failed status":      {500, "application/json", `{"version":1}`, "unavailable"},
		"an error of others":   {500, "application/json", `{"error":{"code":"other","message":"SQL"}}`, "unavailable"},
		"null":                 {200, "application/json", `null`, "unavailable"},
		"a stream for a list":  {200, "text/event-stream", `{"version":1}`, ""},
		"an error of ours":     {503, "application/json", `{"version":1,"error":{"code":"bot_paused","message":"Later."}}`, "bot_paused"},
		"a list instead of it": {200, "application/json", `[]`, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			respond := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}
			got := chatWith(t, respond, "", step{"history": step{}}, step{"conversation": "../..?a=/"}, step{"feedback": "positive", "on": "m/x#"})
			for _, r := range []result{got[0], got[2]} {
				if test.code == "" {
					assert.Nil(t, r.Error)
				} else if assert.NotNil(t, r.Error) {
					assert.Equal(t, test.code, r.Error.Code)
					assert.NotContains(t, r.Error.Message, "SQL")
					assert.Equal(t, test.status, r.Error.Status)
					assert.Nil(t, r.Error.RetryAfter)
				}
			}
		})
	}
}

// A connection that breaks is a reply that was cut short, not an error of the network's.
func TestTheScript_BrokenConnection(t *testing.T) {
	got := chatWith(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"one\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, "", step{"send": "Hello"})
	require.NotNil(t, got[0].Error)
	assert.Equal(t, "reply_cut", got[0].Error.Code)
	assert.Equal(t, "ChatProxyError", got[0].Error.Name)
}

// Ids stay one segment of the path, whatever is in them.
func TestTheScript_Paths(t *testing.T) {
	var paths []string
	chatWith(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
	}, "", step{"messages": step{"limit": 5}, "of": "a/../b?#"}, step{"conversation": "c/d"}, step{"feedback": nil, "on": "e/f"}, step{"history": step{"cursor": "&limit=7"}})
	assert.Equal(t, []string{
		"/conversations/a%2F..%2Fb%3F%23/messages?limit=5&cursor=", "/conversations/c%2Fd/messages/e%2Ff/feedback?", "/conversations?limit=&cursor=%26limit%3D7",
	}, paths)
}

// Sending again ends the reply before, and a loop that is left ends its own.
func TestTheScript_EndsTheReplyBefore(t *testing.T) {
	ended := make(chan bool, 2)
	got := chatWith(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			assert.True(t, <-ended, "before anything else is sent")
			return
		}
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "last") {
			streaming(`{"type":"text-delta","text":"end"}`)(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"one\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
		ended <- r.Context().Err() != nil
	}, "", step{"send": "left", "stopAfter": 1, "leave": true}, step{"history": step{}}, step{"send": "stays", "meanwhile": "last"})
	assert.True(t, <-ended)
	assert.Equal(t, []string{"one"}, got[0].Pieces)
	assert.Equal(t, []string{"one", "end"}, got[2].Pieces)
	assert.Nil(t, got[2].Error)
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
