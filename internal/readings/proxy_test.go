package readings

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
)

var proxyPromises = []promise{
	{name: "a page gets the reply and continues the conversation", check: pageContinues},
	{name: "a page of useChat gets the reply and continues the conversation", check: useChatContinues},
	{name: "a page reads the history and gives feedback", check: pageHistory},
	{name: "a page learns of a failure, but not its text", check: pageFailure},
	{name: "a visitor reads and continues no conversation of another", check: foreignTicket},
	{name: "a visitor without conversations has an empty list", check: emptyList},
	{name: "a page learns that a person has the conversation, and polls", check: pageTakenOver},
	{name: "a chat continues after its first reply was left", check: chatContinues},
	{name: "a chat gets another reply without a second turn", check: chatRetries},
	{name: "a reply continues with the result of a tool, or fails", reply: lookup, check: toolOfTheSite},
	{name: "a reply continues with the results of the site and the page, or fails", reply: lookupAndShow, check: toolOfThePage},
}

// do sends a visitor's request to the proxy.
func (w *world) do(user, method, path, body string) (status int, text string) {
	w.Helper()
	recorder := httptest.NewRecorder()
	w.proxy.ServeHTTP(recorder, newRequest(user, method, path, body))
	return recorder.Code, recorder.Body.String()
}

func newRequest(user, method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-User", user)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// page is what the proxy's JSON and frames have in common.
type page struct {
	Type, Text, Delta, Code, Conversation, Poll string
	Conversations                               []page
	Messages                                    []struct {
		ID    string
		Role  string
		Parts []struct{ Text string }
	}
	Metadata, MessageMetadata *page
	Error                     *page
}

// frames returns those of an event stream.
func (w *world) frames(stream string) (frames []page) {
	w.Helper()
	for line := range strings.Lines(stream) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if ok && data != "[DONE]" {
			frames = append(frames, decode(w, data))
		}
	}
	require.NotEmpty(w, frames, stream)
	return frames
}

func decode(w *world, text string) (p page) {
	w.Helper()
	require.NoError(w, json.Unmarshal([]byte(text), &p), text)
	return p
}

// send sends a message and returns the reply and the ticket.
func (w *world) send(user, message, ticket string) (text, newTicket string) {
	w.Helper()
	status, stream := w.do(user, "POST", "/messages", `{"message":"`+message+`","conversation":`+orNull(ticket)+`}`)
	require.Equal(w, 200, status, stream)
	frames := w.frames(stream)
	for _, f := range frames {
		text += f.Text
	}
	last := frames[len(frames)-1]
	assert.Equal(w, "finish", last.Type, stream)
	return text, last.Conversation
}

func orNull(ticket string) string {
	if ticket == "" {
		return "null"
	}
	return `"` + ticket + `"`
}

func pageContinues(w *world) {
	text, ticket := w.send("ada", "Hello there", "")
	assert.Equal(w, "You said: Hello there", text)
	require.NotEmpty(w, ticket)
	text, again := w.send("ada", "More", ticket)
	assert.Equal(w, "You said: More", text)
	assert.Equal(w, ticket, again)
	assert.Len(w, collect(w, w.bot.Conversations(w.Context())), 1)
}

func useChatContinues(w *world) {
	const first = `{"id":"chat","messages":[{"id":"1","role":"user","parts":[{"type":"text","text":"Hello there"}]}]}`
	status, stream := w.do("ada", "POST", "/ai-sdk", first)
	require.Equal(w, 200, status, stream)
	text, ticket := "", ""
	for _, f := range w.frames(stream) {
		text += f.Delta
		if f.MessageMetadata != nil {
			ticket = f.MessageMetadata.Conversation
		}
	}
	assert.Equal(w, "You said: Hello there", text)
	require.NotEmpty(w, ticket)
	status, stream = w.do("ada", "POST", "/ai-sdk", `{"id":"chat","messages":[
		{"id":"1","role":"user","parts":[{"type":"text","text":"Hello there"}]},
		{"id":"2","role":"assistant","metadata":{"conversation":"`+ticket+`"},"parts":[{"type":"text","text":"You said"}]},
		{"id":"3","role":"user","parts":[{"type":"text","text":"More"}]}]}`)
	require.Equal(w, 200, status, stream)
	assert.Len(w, collect(w, w.bot.Conversations(w.Context())), 1)
}

func pageHistory(w *world) {
	w.begin("ada")
	status, text := w.do("ada", "GET", "/conversations", "")
	require.Equal(w, 200, status, text)
	list := decode(w, text).Conversations
	require.Len(w, list, 1)
	path := "/conversations/" + list[0].Conversation + "/messages"
	status, text = w.do("ada", "GET", path, "")
	require.Equal(w, 200, status, text)
	messages := decode(w, text).Messages
	require.Len(w, messages, 2)
	assert.Equal(w, "You said: Hello", messages[1].Parts[0].Text)
	status, text = w.do("ada", "PATCH", path+"/"+messages[1].ID+"/feedback", `{"feedback":"negative"}`)
	assert.Equal(w, 200, status, text)
}

func pageFailure(w *world) {
	w.chat.Script(chattest.StreamError(1, "The database db7 is down"))
	_, stream := w.do("ada", "POST", "/messages", `{"message":"Hello there"}`)
	frames := w.frames(stream)
	assert.Equal(w, "error", frames[len(frames)-1].Type, stream)
	assert.Equal(w, "reply_failed", frames[len(frames)-1].Code)
	assert.NotContains(w, stream, "db7")
}

func foreignTicket(w *world) {
	w.begin("ada")
	_, text := w.do("ada", "GET", "/conversations", "")
	ticket := decode(w, text).Conversations[0].Conversation
	for _, request := range [][3]string{
		{"POST", "/messages", `{"message":"I am Bob","conversation":"` + ticket + `"}`},
		{"GET", "/conversations/" + ticket + "/messages", ""},
	} {
		status, text := w.do("bob", request[0], request[1], request[2])
		assert.Equal(w, 404, status, text)
		assert.Equal(w, "conversation_not_found", decode(w, text).Error.Code)
	}
	assert.Len(w, collect(w, w.bot.Messages(w.Context(), firstConversation)), 2)
}

func emptyList(w *world) {
	w.begin("ada")
	status, text := w.do("bob", "GET", "/conversations", "")
	require.Equal(w, 200, status, text)
	assert.Empty(w, decode(w, text).Conversations)
}

func pageTakenOver(w *world) {
	w.begin("ada")
	_, text := w.do("ada", "GET", "/conversations", "")
	ticket := decode(w, text).Conversations[0].Conversation
	w.chat.SetStatus(string(firstConversation), "paused")
	_, text = w.do("ada", "GET", "/conversations/"+ticket+"/messages", "")
	poll := decode(w, text).Poll
	require.NotEmpty(w, poll, text)
	status, text := w.do("ada", "POST", "/messages", `{"message":"More","conversation":"`+ticket+`"}`)
	switch w.readings["taken-over"] {
	case "400":
		assert.Equal(w, 409, status, text)
		assert.Equal(w, "conversation_held", decode(w, text).Error.Code)
	default:
		require.Equal(w, 200, status, text)
		frames := w.frames(text)
		assert.Equal(w, "finish", frames[len(frames)-1].Type)
		assert.Equal(w, w.readings["taken-over"] == "stored", frames[len(frames)-1].Poll == poll, text)
	}
	w.chat.AddMessage(string(firstConversation), "This is Eve.")
	status, text = w.do("ada", "GET", "/conversations/"+poll+"/poll", "")
	require.Equal(w, 200, status, text)
	messages := decode(w, text).Messages
	assert.Equal(w, "This is Eve.", messages[len(messages)-1].Parts[0].Text)
}

// chatBodies returns the bodies of a message of a chat, natively and as useChat sends it.
func chatBodies(id, text string, again bool) map[string]string {
	native, trigger := "/messages", "submit-message"
	if again {
		native, trigger = "/retry", "regenerate-message"
	}
	return map[string]string{
		native:    `{"chat":"c","id":"` + id + `","message":"` + text + `"}`,
		"/ai-sdk": `{"id":"c2","trigger":"` + trigger + `","messages":[{"id":"` + id + `","role":"user","parts":[{"type":"text","text":"` + text + `"}]}]}`,
	}
}

// doBodies sends the message of each form, for a user and for an anonymous visitor.
func (w *world) doBodies(bodies map[string]string) {
	w.Helper()
	for path, body := range bodies {
		for _, user := range []string{"ada", ""} {
			status, text := w.do(user, "POST", path, body)
			assert.Equal(w, 200, status, text)
			assert.Contains(w, text, "finish")
			assert.NotContains(w, text, "conversationLost")
		}
	}
}

// turns returns the texts of the visitors in each conversation.
func (w *world) turns() (turns []string) {
	w.Helper()
	for _, c := range collect(w, w.bot.Conversations(w.Context())) {
		texts := []string{}
		for _, m := range collect(w, w.bot.Messages(w.Context(), c.ID)) {
			if m.Role == "user" {
				texts = append(texts, m.Text())
			}
		}
		turns = append(turns, strings.Join(texts, ", "))
	}
	return turns
}

func chatContinues(w *world) {
	for path, body := range chatBodies("m1", "Hello there", false) {
		for _, user := range []string{"ada", ""} {
			w.chat.Script(chattest.Slow(2 * time.Second))
			ctx, leave := context.WithCancel(w.Context())
			time.AfterFunc(time.Second, leave)
			r := newRequest(user, "POST", path, body).WithContext(ctx)
			w.proxy.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	w.doBodies(chatBodies("m2", "More", false))
	assert.Equal(w, slices.Repeat([]string{"Hello there, More"}, 4), w.turns())
}

func chatRetries(w *world) {
	w.doBodies(chatBodies("m1", "Hello there", false))
	w.doBodies(chatBodies("m2", "More", false))
	w.doBodies(chatBodies("m2", "More", true))
	assert.Equal(w, slices.Repeat([]string{"Hello there, More"}, 4), w.turns())
}

func toolOfTheSite(w *world) {
	_, stream := w.do("ada", "POST", "/messages", `{"message":"Where is my order?"}`)
	checkAfterTools(w, stream, `Let me see. It is "ada {\"order\":7}"`)
}

func lookupAndShow(turn chattest.Turn) []chattest.Part {
	if len(turn.ToolResults) > 0 {
		return lookup(turn)
	}
	return append(lookup(turn), chattest.ToolCall("call_2", "showMap", `{}`))
}

func toolOfThePage(w *world) {
	_, stream := w.do("ada", "POST", "/messages", `{"message":"Where is my order?"}`)
	frames := w.frames(stream)
	last := frames[len(frames)-1]
	require.Equal(w, "finish", last.Type, stream)
	assert.Contains(w, stream, `"toolName":"showMap"`)
	assert.NotContains(w, stream, "lookupOrder")
	_, stream = w.do("ada", "POST", "/tool-results", `{"conversation":"`+last.Conversation+`","results":[{"toolCallId":"call_2","output":true}]}`)
	checkAfterTools(w, stream, `It is "ada {\"order\":7}"`)
}

// checkAfterTools checks the end of a reply, which continues if the service does without a
// message.
func checkAfterTools(w *world, stream, want string) {
	w.Helper()
	text := ""
	frames := w.frames(stream)
	for _, f := range frames {
		text += f.Text
	}
	if w.readings["continue-without-message"] == "400" {
		assert.Equal(w, "reply_failed", frames[len(frames)-1].Code, stream)
		require.Len(w, w.reported, 1)
		assert.ErrorIs(w, w.reported[0], chatproxy.ErrNoContinuation)
		return
	}
	assert.Equal(w, want, text)
	assert.Equal(w, "finish", frames[len(frames)-1].Type)
	assert.Empty(w, w.reported)
}
