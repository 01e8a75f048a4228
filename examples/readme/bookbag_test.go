package readme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/hmachash"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func Example_bookbagNew() {
	os.Setenv("BOOKBAG_API_KEY", "oc_test_chattest")
	os.Setenv("USERID_SECRET", "a secret of at least 32 bytes, for ids")
	_, stop := useFakeBookbag(nil)
	defer stop()

	bot, err := chatclient.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
	if err != nil {
		log.Fatal(err)
	}
	user, err := chatclient.DeriveUserID(os.Getenv("USERID_SECRET"), "ada@example.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bot.Check(context.Background()), len(user))
	// Output: <nil> 54
}

func Example_bookbagStream() {
	ctx := context.Background()
	_, stop := useFakeBookbag(nil)
	defer stop()
	bot := newBot()

	stream, err := bot.Stream(ctx, chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
	if err != nil {
		log.Fatal(err) // rejected: nothing was streamed
	}
	for text, err := range stream.Text() {
		if err != nil {
			log.Fatal(err) // cut short: what was printed is not the whole reply
		}
		fmt.Print(text)
	}
	reply, err := stream.Reply()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println()
	next, err := bot.Send(ctx, chatclient.Message{
		Text:           "And when does it arrive?",
		UserID:         "user_8821",
		ConversationID: reply.Metadata.ConversationID,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(next.Text())
	if _, err := bot.SetFeedback(ctx, reply.Metadata.ConversationID, reply.Metadata.MessageID, chatclient.FeedbackPositive); err != nil {
		log.Fatal(err)
	}
	again, err := bot.Retry(ctx, reply.Metadata.ConversationID, reply.Metadata.MessageID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Text())
	// Output:
	// You said: Where is my order?
	// You said: And when does it arrive?
	// You said: Where is my order?
}

func explain(err error) string {
	var field *chatclient.FieldError
	var e *chatclient.Error
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &field):
		return "a mistake of ours: " + field.Error() // names the field, without its value
	case errors.Is(err, context.Canceled):
		return "the visitor left"
	case errors.Is(err, chatclient.ErrStreamCut), errors.Is(err, chatclient.ErrStreamFailed):
		return "the reply is not complete"
	case errors.Is(err, chatclient.ErrRateLimited) && errors.As(err, &e):
		return "try again in " + e.RetryAfter.String()
	case errors.Is(err, chatclient.ErrUnauthorized), errors.Is(err, chatclient.ErrForbidden):
		return "the key is wrong, or is another agent's"
	case errors.As(err, &e) && e.Code == chatclient.CodeCreditsExhausted:
		return "the credits are used up"
	case errors.As(err, &e) && e.OutcomeUnknown:
		return "the message may have arrived" // look into the conversation before you send it again
	case errors.As(err, &e):
		return "for Bookbag's support: " + e.RequestID
	}
	return "unexpected"
}

func TestBookbagGuide_Errors(t *testing.T) {
	fake, stop := useFakeBookbag(nil)
	defer stop()
	bot := newBot()
	send := func(ctx context.Context, text string) string {
		stream, err := bot.Stream(ctx, chatclient.Message{Text: text})
		if err != nil {
			return explain(err)
		}
		for _, err := range stream.Text() {
			if err != nil {
				return explain(err)
			}
		}
		return explain(nil)
	}
	assert.Equal(t, "done", send(t.Context(), "Hello"))
	assert.Contains(t, send(t.Context(), " "), "a mistake of ours: ")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, "the visitor left", send(cancelled, "Hello"))
	for want, fault := range map[string]chattest.Fault{
		"the reply is not complete":               chattest.Cut(1),
		"try again in 2m0s":                       chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(2 * time.Minute),
		"the key is wrong, or is another agent's": chattest.Status(401, "AUTH_INVALID_API_KEY"),
		"the credits are used up":                 chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"),
		"for Bookbag's support: ":                 chattest.Status(404, "RESOURCE_NOT_FOUND"),
		"the message may have arrived":            chattest.Status(500, "INTERNAL_SERVER_ERROR"),
	} {
		fake.Script(fault)
		assert.Contains(t, send(t.Context(), "Hello"), want)
	}
}

func owns(ctx context.Context, bot *chatclient.Client, user chatclient.UserID, id chatclient.ConversationID) (bool, error) {
	for conversation, err := range bot.UserConversations(ctx, user) {
		if err != nil {
			return false, err
		}
		if conversation.ID == id {
			return true, nil
		}
	}
	return false, nil
}

func Example_bookbagConversations() {
	ctx := context.Background()
	_, stop := useFakeBookbag(nil)
	defer stop()
	bot := newBot()
	if _, err := bot.Send(ctx, chatclient.Message{Text: "Hello", UserID: "user_8821"}); err != nil {
		log.Fatal(err)
	}

	for conversation, err := range bot.UserConversations(ctx, "user_8821") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(conversation.ID, conversation.Status)
		for message, err := range bot.Messages(ctx, conversation.ID) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(message.Role+":", message.Text())
		}
	}
	for conversation, err := range bot.Export(ctx) {
		if err != nil {
			log.Fatal(err) // the export is not complete
		}
		fmt.Println(conversation.ID, len(conversation.Messages))
	}
	fmt.Println(owns(ctx, bot, "user_8821", "456"))
	fmt.Println(owns(ctx, bot, "user_1", "456"))
	// Output:
	// 456 ongoing
	// user: Hello
	// assistant: You said: Hello
	// 456 2
	// true <nil>
	// false <nil>
}

func Example_bookbagTools() {
	ctx := context.Background()
	_, stop := useFakeBookbag(&chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
		if len(turn.ToolResults) == 0 {
			return []chattest.Part{chattest.ToolCall("call_1", "lookUpOrder", `{"customer":"user_1"}`)}
		}
		return []chattest.Part{chattest.Text("Found: " + string(turn.ToolResults[0].Output))}
	}})
	defer stop()
	bot := newBot()
	user := chatclient.UserID("user_8821")
	lookUpOrder := func(user chatclient.UserID, _ json.RawMessage) string { return "shipped to " + string(user) }

	reply, err := bot.Send(ctx, chatclient.Message{Text: "Where is my order?", UserID: user})
	for rounds := 0; err == nil && len(reply.ToolCalls()) > 0 && rounds < 5; rounds++ {
		conversation := reply.Metadata.ConversationID
		for _, call := range reply.ToolCalls() {
			result := chatclient.ToolResult{ToolCallID: call.ToolCallID, Output: lookUpOrder(user, call.Input)}
			if _, err := bot.SubmitToolResult(ctx, conversation, result); err != nil {
				log.Fatal(err)
			}
		}
		reply, err = bot.Continue(ctx, conversation)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Text())
	// Output: Found: "shipped to user_8821"
}

func Example_bookbagWebhooks() {
	os.Setenv("BOOKBAG_WEBHOOK_SECRET", "the secret of a webhook")
	mux := http.NewServeMux()

	webhooks, err := hmachash.NewBookbagWebhooks(os.Getenv("BOOKBAG_WEBHOOK_SECRET"), &hmachash.WebhookOptions{
		OnReject: func(_ *http.Request, err error) { log.Print(err) }, // the caller gets no reason
	})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhooks.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		event, _ := hmachash.Event(r.Context()) // verified
		fmt.Println(event.Name, string(event.Data))
	}))
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/bookbag/events", handler)

	body := `{"event":"lead.created","data":{"id":7},"ts":` + strconv.FormatInt(time.Now().UnixMilli(), 10) + `}`
	event := httptest.NewRequest("POST", "/bookbag/events", strings.NewReader(body))
	event.Header.Set("X-Bookbag-Signature", webhooks.Sign([]byte(body)))
	mux.ServeHTTP(httptest.NewRecorder(), event)
	// Output: lead.created {"id":7}
}

func TestBookbagGuide_Webhook(t *testing.T) {
	webhooks, err := hmachash.NewBookbagWebhooks("the secret of a webhook", nil)
	require.NoError(t, err)
	handler, err := webhooks.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		event, ok := hmachash.Event(r.Context())
		assert.True(t, ok)
		assert.Equal(t, "lead.created", event.Name)
		assert.JSONEq(t, `{"id":7}`, string(event.Data))
	}))
	require.NoError(t, err)

	post := func(body, signature string) (status int) {
		r := httptest.NewRequest("POST", "/bookbag/events", strings.NewReader(body))
		r.Header.Set("X-Bookbag-Signature", signature)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	body := fmt.Sprintf(`{"event":"lead.created","data":{"id":7},"ts":%d}`, time.Now().UnixMilli())
	signature := webhooks.Sign([]byte(body))
	assert.Equal(t, http.StatusOK, post(body, signature))
	assert.Equal(t, http.StatusUnauthorized, post(body+" ", signature), "another body")
	old := fmt.Sprintf(`{"event":"lead.created","data":{},"ts":%d}`, time.Now().Add(-time.Hour).UnixMilli())
	assert.Equal(t, http.StatusUnauthorized, post(old, webhooks.Sign([]byte(old))), "outside the window")
}

func Example_chattest() {
	ctx := context.Background()

	fake, err := chattest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	defer server.Close()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	fake.Script(chattest.Status(402, "CHAT_CREDITS_EXHAUSTED")) // of the next request
	_, err = bot.Send(ctx, chatclient.Message{Text: "Hello", UserID: "user_8821"})
	fmt.Println(errors.Is(err, chatclient.ErrCreditsExhausted))
	// Output: true
}

func Example_readings() {
	readings := map[string]string{"stream-metadata": "messageMetadata", "upsert-batch": "partial"}
	chat, err := chattest.New(&chattest.Options{Readings: readings})
	if err != nil {
		log.Fatal(err)
	}
	contacts, err := contactstest.New(&contactstest.Options{Readings: readings})
	if err != nil {
		log.Fatal(err)
	}
	chat.Close()
	contacts.Close()
	// Output:
}
