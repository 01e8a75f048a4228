package chatproxy

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/internal/testenv"
)

type (
	step   map[string]any
	result struct {
		Pieces   []string
		Tools    []*string // labels, and nil after them
		Response struct {
			Conversations []struct{ Conversation string }
			Messages      []struct {
				ID, Role string
				Parts    []chattest.Part
			}
			Waits                  []int // in milliseconds
			Feedback, Conversation string
		}
		Error *struct {
			Name, Message, Code string
			Status              int
			RetryAfter          *int // nil where it is absent
		}
		ID, Conversation string
		Reply            struct{ Message, UserMessage, Poll, FinishReason string }
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
	return e.chatAs(visitorHeader(user), steps...)
}

func (e *site) chatAs(visitor map[string]string, steps ...step) (results []result) {
	e.Helper()
	input := map[string]any{"url": e.atPort(), "headers": visitor, "steps": steps}
	testenv.Node(e, "chatproxy.mjs", input, &results)
	require.Len(e, results, len(steps))
	return results
}

func TestScript_Chat(t *testing.T) {
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
	assert.Equal(t, e.proxy.tickets.message(ada, "456", "msg_4"), got[1].Reply.Message)
	assert.Equal(t, "positive", got[2].Response.Feedback)
	require.Len(t, got[3].Response.Messages, 4)
	assert.Equal(t, got[1].Reply.Message, got[3].Response.Messages[3].ID)
	require.Len(t, got[4].Response.Conversations, 1)
	assert.Equal(t, ticket, got[4].Response.Conversations[0].Conversation)
	assert.Empty(t, got[5].Response.Feedback)
}

// The next message continues the conversation of a first reply that was stopped, that the
// page left, or that was cut, although no ticket has arrived.
func TestScript_ContinuesAfterAStop(t *testing.T) {
	for name, send := range map[string]step{
		"stopped": {"send": "Hello", "stopAfter": 1}, "left": {"send": "Hello", "stopAfter": 1, "leave": true},
	} {
		for _, visitor := range []map[string]string{{asUser: "ada"}, {asSession: "s1"}} {
			t.Run(name, func(t *testing.T) {
				e := newSite(t, setup{fake: &chattest.Options{Pace: 50 * time.Millisecond}, proxy: &Options{Anonymous: true}})
				got := e.chatAs(visitor, send, step{"send": "More"}, send, step{"conversation": nil}, send, step{"find": true}, step{"messages": step{}})
				require.Nil(t, got[0].Error, "to stop is no error")
				assert.Len(t, got[0].Pieces, 1)
				assert.Empty(t, got[0].Conversation)
				assert.Equal(t, "You said: More", got[1].text())
				assert.NotEmpty(t, got[1].Conversation)
				assert.Equal(t, got[1].Conversation, got[2].Conversation)
				assert.Empty(t, got[4].Conversation)
				assert.NotEqual(t, got[1].Conversation, got[5].Conversation)
				assert.Len(t, got[6].Response.Messages, 2)
				assert.Contains(t, string(e.fake.Requests()[1].Body), `"conversationId":456`)
			})
		}
	}
}

// A retry is the service's, whether the reply was good or failed, and has new tickets.
func TestScript_Retry(t *testing.T) {
	e := newSite(t, setup{})
	e.fake.Script(postFaults(e.fake, chattest.Pass(), chattest.Pass(), chattest.Pass(), chattest.StreamError(1, "SQL: secret")))
	got := e.chat("ada", step{"send": "One"}, step{"send": "Two"}, step{"retry": nil}, step{"send": "Three"}, step{"retry": nil}, step{"messages": step{}})
	assert.Equal(t, "You said: Two", got[2].text())
	assert.NotEmpty(t, got[1].Reply.Message)
	assert.NotEqual(t, got[1].Reply.Message, got[2].Reply.Message)
	assert.Equal(t, "reply_failed", got[3].Error.Code)
	assert.Equal(t, "You said: Three", got[4].text())
	messages := got[5].Response.Messages
	require.Len(t, messages, 6, "no turn is doubled")
	assert.Equal(t, got[2].Reply.Message, messages[3].ID)
	assert.Equal(t, got[4].Reply.UserMessage, messages[4].ID)
	assert.Equal(t, got[4].Reply.Message, messages[5].ID)
}

// postFaults gives each of the next POST requests a fault. Others get the normal response.
func postFaults(fake *chattest.Fake, faults ...chattest.Fault) chattest.Fault {
	return func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				fake.Script(postFaults(fake, faults...))
				normal.ServeHTTP(w, r)
				return
			}
			if len(faults) > 1 {
				fake.Script(postFaults(fake, faults[1:]...))
			}
			faults[0](normal).ServeHTTP(w, r)
		})
	}
}

// While a person has the conversation, the page gets their messages by polling.
func TestScript_Person(t *testing.T) {
	e := newSite(t, setup{})
	e.chat("ada", step{"send": "Hello"})
	ticket := e.proxy.tickets.conversation(ada, "456")
	e.fake.SetStatus("456", "taken_over")
	got := e.chat("ada", step{"conversation": ticket}, step{"send": "Is anybody there?"})
	held := got[1].Reply
	assert.Equal(t, "held", held.FinishReason)
	assert.Empty(t, got[1].Pieces)
	e.fake.AddMessage("456", "A person is.")
	e.fake.SetStatus("456", "ongoing")
	got = e.chat("ada", step{"watch": held.Poll, "after": held.UserMessage}, step{"watch": held.Poll})
	require.Nil(t, got[0].Error)
	require.Len(t, got[0].Response.Messages, 1)
	assert.Equal(t, "A person is.", got[0].Response.Messages[0].Parts[0].Text)
	assert.Empty(t, got[1].Response.Messages, "which nobody has any more")
}

// The class waits as long as the server wants it to, asks for what is new, and ends when the
// assistant has the conversation again or the ticket is unknown.
func TestScript_Watch(t *testing.T) {
	page := func(poll string, ids ...string) http.HandlerFunc {
		messages := []string{}
		for _, id := range ids {
			messages = append(messages, `{"id":"`+id+`","role":"assistant","parts":[]}`)
		}
		return responding(`{"version":1,"poll":` + poll + `,"messages":[` + strings.Join(messages, ",") + `]}`)
	}
	fail := func(status int, retryAfter string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", retryAfter)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"version":1,"error":{"code":"x","message":"No."}}`)
		}
	}
	for name, test := range map[string]struct {
		responses []http.HandlerFunc
		targets   []string
		ids       []string
		waits     []int
	}{
		"to its end": {
			[]http.HandlerFunc{page(`"p/2"`, "a", "b"), fail(429, "7"), fail(502, ""), page(`"p/2"`), page("null", "c")},
			[]string{"p1/poll?after=m%26", "p%2F2/poll?after=b", "p%2F2/poll?after=b", "p%2F2/poll?after=b", "p%2F2/poll?after=b"},
			[]string{"a", "b", "c"}, []int{5000, 5000, 7000, 5000, 5000},
		},
		"released": {[]http.HandlerFunc{fail(409, "")}, []string{"p1/poll?after=m%26"}, nil, []int{5000}},
		"unknown":  {[]http.HandlerFunc{fail(404, "")}, []string{"p1/poll?after=m%26"}, nil, []int{5000}},
	} {
		t.Run(name, func(t *testing.T) {
			left := test.responses
			s := &scriptServer{respond: func(w http.ResponseWriter, r *http.Request) {
				left[0](w, r)
				left = left[1:]
			}}
			got := s.chat(t, "", step{"watch": "p1", "after": "m&"})
			require.Nil(t, got[0].Error)
			assert.Empty(t, left)
			for i := range test.targets {
				test.targets[i] = "/conversations/" + test.targets[i]
			}
			assert.Equal(t, test.targets, s.targets())
			var ids []string
			for _, m := range got[0].Response.Messages {
				ids = append(ids, m.ID)
			}
			assert.Equal(t, test.ids, ids)
			assert.Equal(t, test.waits, got[0].Response.Waits)
		})
	}
}

func TestScript_TicketOfAnotherVisitor(t *testing.T) {
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
	assert.Len(t, got[4].Response.Messages, 2)
	assert.NotEqual(t, ticket, got[3].Conversation)
}

func TestScript_Errors(t *testing.T) {
	e := newSite(t, setup{})
	e.fake.Script(postFaults(e.fake,
		chattest.Cut(2), chattest.StreamError(1, "SQL: secret"), chattest.BadGateway(),
		chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Minute),
		chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING")))
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
	assert.Equal(t, got[0].ID, got[5].ID, "the chat stays")

	var results []result
	testenv.Node(t, "chatproxy.mjs", map[string]any{"url": "http://127.0.0.1:1", "steps": []step{send}}, &results)
	assert.Equal(t, "offline", results[0].Error.Code)
}

// scriptServer responds with whatever a test of chatproxy.js needs, and keeps what it gets.
type scriptServer struct {
	respond http.HandlerFunc // to everything but a stop
	onStop  func()           // before the response to a stop

	mu       sync.Mutex
	requests []scriptRequest
}

// scriptRequest is what the class sends. The fields come from its body.
type scriptRequest struct {
	target                          string // path and query
	ID, Chat, Message, Conversation string
}

func (s *scriptServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := scriptRequest{target: r.URL.EscapedPath() + "?" + r.URL.RawQuery}
	_ = json.Unmarshal(body, &got)
	s.mu.Lock()
	s.requests = append(s.requests, got)
	s.mu.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if r.URL.Path != "/stop" {
		s.respond(w, r)
		return
	}
	if s.onStop != nil {
		s.onStop()
	}
	responding(`{"version":1,"stopped":true}`)(w, r)
}

// targets returns the paths of the requests.
func (s *scriptServer) targets() (paths []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		paths = append(paths, strings.TrimSuffix(r.target, "?"))
	}
	return paths
}

// chat drives chatproxy.js, whose prefix is the root and what is added to it.
func (s *scriptServer) chat(t *testing.T, prefix string, steps ...step) (results []result) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	testenv.Node(t, "chatproxy.mjs", map[string]any{"url": server.URL + prefix, "steps": steps}, &results)
	require.Len(t, results, len(steps))
	return results
}

// chatWith drives chatproxy.js with a server that responds with whatever a test needs.
func chatWith(t *testing.T, respond http.HandlerFunc, prefix string, steps ...step) (results []result) {
	t.Helper()
	return (&scriptServer{respond: respond}).chat(t, prefix, steps...)
}

// Each message has an id, a retry has that of the latest one, and the chat's id changes only
// with the conversation that the page chooses.
func TestScript_IDs(t *testing.T) {
	reply := streaming(`{"type":"finish","conversation":"v1.c.x"}`)
	s := &scriptServer{respond: reply}
	got := s.chat(t, "", step{"send": "one"}, step{"send": "one"}, step{"retry": nil}, step{"retry": nil},
		step{"conversation": "v1.older.x"}, step{"send": "two"}, step{"conversation": nil}, step{"send": "three"})
	for _, r := range got {
		require.Nil(t, r.Error)
	}
	r := s.requests
	require.Equal(t, []string{"/messages", "/messages", "/retry", "/retry", "/messages", "/messages"}, s.targets())
	assert.Regexp(t, `^[a-z0-9]{20,28}$`, r[0].ID)
	assert.Regexp(t, `^[a-z0-9]{20,28}$`, r[0].Chat)
	assert.NotEqual(t, r[0].ID, r[1].ID)
	assert.Equal(t, r[1], scriptRequest{"/messages?", r[2].ID, r[2].Chat, r[2].Message, r[2].Conversation})
	assert.Equal(t, r[2], r[3])
	assert.Equal(t, []string{"", "v1.c.x", "v1.c.x", "v1.c.x", "v1.older.x", ""},
		[]string{r[0].Conversation, r[1].Conversation, r[2].Conversation, r[3].Conversation, r[4].Conversation, r[5].Conversation})
	assert.Equal(t, r[0].Chat, r[3].Chat)
	chats := []string{r[3].Chat, r[4].Chat, r[5].Chat}
	slices.Sort(chats)
	assert.Len(t, slices.Compact(chats), 3)
}

// The server tells the ticket of a chat that no reply has brought. A message of the history is
// retried by its ticket.
func TestScript_Find(t *testing.T) {
	s := &scriptServer{respond: func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			responding(`{"version":1,"conversation":"v1.c.x"}`)(w, r)
			return
		}
		streaming(`{"type":"error","code":"reply_failed","message":"No.","userMessage":"v1.u.x"}`)(w, r)
	}}
	got := s.chat(t, "", step{"find": true}, step{"retry": step{"id": "v1.m.x", "message": "Hello"}}, step{"conversation": "v1.older.x"}, step{"find": true})
	assert.Equal(t, "v1.c.x", got[0].Response.Conversation)
	assert.Equal(t, "v1.c.x", got[0].Conversation)
	assert.Equal(t, "/conversation?chat="+got[0].ID, s.requests[0].target)
	assert.Equal(t, scriptRequest{"/retry?", "v1.m.x", got[0].ID, "Hello", "v1.c.x"}, s.requests[1])
	assert.Equal(t, "v1.u.x", got[1].Reply.UserMessage)
	assert.Empty(t, got[1].Reply.Message, "which is a sentence")
	assert.Equal(t, "No.", got[1].Error.Message)
	assert.Equal(t, "v1.older.x", got[3].Response.Conversation, "the page has chosen it")
}

// A page resumes the reply of the page before from its first piece, and can stop it. Then there
// is none, as for others.
func TestScript_Resume(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	see := Tool{Run: func(ctx context.Context, _ ToolCall) (any, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}}
	e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("1", "see", `{}`))}, proxy: &Options{KeepReplies: true, Tools: map[string]Tool{"see": see}}})
	ctx, leave := context.WithCancel(t.Context())
	res, err := e.client.Do(e.request("POST", "/messages", `{"message":"Hello","chat":"x"}`).WithContext(ctx))
	require.NoError(t, err)
	defer res.Body.Close()
	<-begun
	leave()
	got := append(e.chat("grace", step{"id": "x"}, step{"resume": true}),
		e.chat("ada", step{"resume": true}, step{"id": "x"}, step{"resume": true, "stopAfter": 1}, step{"resume": true})...)
	<-ended
	for i, r := range got {
		require.Nil(t, r.Error, i)
		assert.Equal(t, map[bool][]string{true: {"Let "}, false: {}}[i == 4], r.Pieces, i)
	}
	require.NoError(t, e.proxy.Shutdown(t.Context()))
	assert.Empty(t, e.reports())
}

// A reply that is resumed brings its tickets, and a retry is still that of the latest message.
func TestScript_ResumedTickets(t *testing.T) {
	s := &scriptServer{respond: func(w http.ResponseWriter, r *http.Request) {
		streaming(`{"type":"start"}`, `{"type":"text-delta","text":"one"}`, `{"type":"finish","conversation":"v1.c.x","message":"v1.m.x"}`)(w, r)
	}}
	got := s.chat(t, "", step{"send": "Hello"}, step{"resume": true}, step{"retry": nil})
	assert.Equal(t, "one", got[1].text())
	assert.Equal(t, "v1.m.x", got[1].Reply.Message)
	assert.Equal(t, "/reply?chat="+got[0].ID, s.requests[1].target)
	assert.Equal(t, s.requests[0].ID, s.requests[2].ID)
	assert.Equal(t, "Hello", s.requests[2].Message)
}

// The page gets the label of each tool, and its end: also that of a reply that is cut or stopped.
func TestScript_Tools(t *testing.T) {
	const looking, paying = `{"type":"data-tool","data":{"label":"Looking"}}`, `{"type":"data-tool","data":{"label":"Paying"}}`
	replies := []http.HandlerFunc{
		streaming(`{"type":"text-delta","text":"one"}`, looking, paying, `{"type":"start-step"}`, `{"type":"text-delta","text":"two"}`, `{"type":"finish"}`),
		streaming(looking, `{"type":"error","code":"reply_failed","message":"No."}`),
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: "+looking+"\n\n")
		},
		streaming(looking, looking, `{"type":"text-delta","text":"one"}`, `{"type":"finish"}`),
	}
	got := chatWith(t, func(w http.ResponseWriter, r *http.Request) {
		replies[0](w, r)
		replies = replies[1:]
	}, "", step{"send": "1"}, step{"send": "2"}, step{"send": "3"}, step{"send": "4"})
	for i, want := range []string{"Looking Paying - ", "Looking - ", "Looking - ", "Looking Looking - "} {
		labels := ""
		for _, label := range got[i].Tools {
			if label == nil {
				label = new("-")
			}
			labels += *label + " "
		}
		assert.Equal(t, want, labels, i)
	}
	assert.Equal(t, "one\n\ntwo", got[0].text())
	assert.Equal(t, "reply_cut", got[2].Error.Code)
}

// A stop reaches the server once, with the chat's id, and the next message waits for its
// response. A reply that has ended is not stopped.
func TestScript_TellsTheServerOfAStop(t *testing.T) {
	for name, test := range map[string]struct {
		first step
		want  []string
	}{
		"stopped":    {step{"send": "one", "stopAfter": 1}, []string{"/messages", "/stop", "/messages"}},
		"left":       {step{"send": "one", "stopAfter": 1, "leave": true}, []string{"/messages", "/stop", "/messages"}},
		"sent again": {step{"send": "one", "meanwhile": "between"}, []string{"/messages", "/stop", "/messages", "/messages"}},
		"retried":    {step{"retry": nil, "stopAfter": 1}, []string{"/retry", "/stop", "/messages"}},
		"ended":      {step{"send": "last"}, []string{"/messages", "/messages"}},
		"failed":     {step{"send": "fails"}, []string{"/messages", "/messages"}},
	} {
		t.Run(name, func(t *testing.T) {
			var stopped atomic.Bool
			s := &scriptServer{onStop: func() {
				time.Sleep(50 * time.Millisecond) // for a message that does not wait
				stopped.Store(true)
			}}
			s.respond = func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				switch {
				case strings.Contains(string(body), "fails"):
					streaming(`{"type":"error","code":"reply_failed","message":"No."}`)(w, r)
				case strings.Contains(string(body), "last"), strings.Contains(string(body), "between"):
					assert.Equal(t, slices.Contains(s.targets(), "/stop"), stopped.Load(), "before the response to the stop")
					streaming(`{"type":"text-delta","text":"end"}`, `{"type":"finish"}`)(w, r)
				default:
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, "data: {\"type\":\"text-delta\",\"text\":\"one\"}\n\n")
					_ = http.NewResponseController(w).Flush()
					<-r.Context().Done()
				}
			}
			got := s.chat(t, "", test.first, step{"send": "last"})
			assert.Equal(t, "end", got[1].text())
			assert.Equal(t, test.want, s.targets())
			for _, r := range s.requests {
				assert.Equal(t, got[0].ID, r.Chat)
			}
		})
	}
}

// A stop that does not reach the server ends the reply all the same.
func TestScript_StopThatFails(t *testing.T) {
	s := &scriptServer{respond: streaming(`{"type":"text-delta","text":"one"}`, `{"type":"text-delta","text":"two"}`),
		onStop: func() { panic(http.ErrAbortHandler) }}
	got := s.chat(t, "", step{"send": "Hello", "stopAfter": 1}, step{"send": "Hello"})
	assert.Nil(t, got[0].Error)
	assert.Equal(t, []string{"one"}, got[0].Pieces)
	assert.Equal(t, "onetwo", got[1].text())
}

// After a stop nothing comes, although more has arrived already.
func TestScript_NothingAfterAStop(t *testing.T) {
	got := chatWith(t, streaming(`{"type":"text-delta","text":"one"}`, `{"type":"text-delta","text":"two"}`, `{"type":"error","code":"x","message":"No."}`),
		"", step{"send": "Hello", "stopAfter": 1})
	assert.Nil(t, got[0].Error)
	assert.Equal(t, []string{"one"}, got[0].Pieces)
}

// What the class reads of a stream, by the rules of event streams.
func TestScript_Frames(t *testing.T) {
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
	assert.Equal(t, "v1.m.x", got[0].Reply.Message)
	assert.Equal(t, []string{"/messages"}, paths)
}

// A later reply without tickets keeps that of the conversation, but not that of the
// reply before; other types of frames change neither.
func TestScript_Tickets(t *testing.T) {
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
		assert.Equal(t, message, got[i].Reply.Message)
	}
}

// A conversation that has ended, or is not found, is left: the next message begins anew.
// After any other error it goes on.
func TestScript_LeavesAConversation(t *testing.T) {
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
		}, "", step{"send": "one"}, step{"send": "two"}, step{"retry": nil})
		assert.Equal(t, want, got[1].Conversation, code)
		assert.Equal(t, got[0].ID, got[2].ID, "the chat stays")
		assert.Contains(t, bodies[1], "v1.c.x")
		assert.Equal(t, want != "", strings.Contains(bodies[2], "v1.c.x"), code)
		assert.Contains(t, bodies[2], "two")
	}
}

// A response that is not of the wire form is no success and no sentence for a visitor.
func TestScript_OtherResponses(t *testing.T) {
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
func TestScript_BrokenConnection(t *testing.T) {
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
func TestScript_Paths(t *testing.T) {
	var paths []string
	chatWith(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
	}, "", step{"messages": step{"limit": 5}, "of": "a/../b?#"}, step{"conversation": "c/d"}, step{"feedback": nil, "on": "e/f"}, step{"history": step{"cursor": "&limit=7"}}, step{"messages": step{"cursor": nil}})
	assert.Equal(t, []string{
		"/conversations/a%2F..%2Fb%3F%23/messages?limit=5", "/conversations/c%2Fd/messages/e%2Ff/feedback?", "/conversations?cursor=%26limit%3D7",
		"/conversations/c%2Fd/messages?",
	}, paths)
}
