package readings

import (
	"encoding/json"
	"net/http/httptest"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient/chattest"
)

var proxyPromises = []promise{
	{name: "a page gets the reply and continues the conversation", check: pageContinues},
	{name: "a page of useChat gets the reply and continues the conversation", check: useChatContinues},
	{name: "a page reads the history and gives feedback", check: pageHistory},
	{name: "a page learns of a failure, but not its text", check: pageFailure},
	{name: "a visitor reads and continues no conversation of another", check: foreignTicket},
	{name: "a visitor without conversations has an empty list", check: emptyList},
	{name: "a page learns that a conversation takes no message", check: pageTakenOver},
}

// do sends a visitor's request to the proxy.
func (w *world) do(user, method, path, body string) (status int, text string) {
	w.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-User", user)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	recorder := httptest.NewRecorder()
	w.proxy.ServeHTTP(recorder, r)
	return recorder.Code, recorder.Body.String()
}

// page is what the proxy's JSON and frames have in common.
type page struct {
	Type, Text, Delta, Code, Conversation string
	Conversations                         []page
	Messages                              []struct {
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
	status, text := w.do("ada", "POST", "/messages", `{"message":"More","conversation":"`+ticket+`"}`)
	if w.readings["taken-over"] == "400" {
		assert.Equal(w, 409, status, text)
		return
	}
	require.Equal(w, 200, status, text)
	frames := w.frames(text)
	assert.Equal(w, "finish", frames[len(frames)-1].Type)
}
