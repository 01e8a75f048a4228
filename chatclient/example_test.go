package chatclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// exampleBot returns a client of a fake, in place of
//
//	chatclient.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
func exampleBot(o *chattest.Options) (bot *chatclient.Client, fake *chattest.Fake, stop func()) {
	fake, err := chattest.New(o)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	bot, err = chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	return bot, fake, server.Close
}

// One question, one reply.
func Example() {
	bot, _, stop := exampleBot(nil)
	defer stop()

	reply, err := bot.Send(context.Background(), chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Text())
	// Output: You said: Where is my order?
}

// The reply word by word, as it comes.
func ExampleClient_Stream() {
	bot, _, stop := exampleBot(nil)
	defer stop()

	stream, err := bot.Stream(context.Background(), chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
	if err != nil {
		log.Fatal(err) // rejected: nothing was streamed
	}
	for text, err := range stream.Text() {
		if err != nil {
			log.Fatal(err) // cut short: what was printed is no whole reply
		}
		fmt.Printf("%q ", text)
	}
	reply, err := stream.Reply()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Metadata.FinishReason)
	// Output: "You " "said: " "Where " "is " "my " "order?" stop
}

// The second message goes to the conversation of the first.
func ExampleMessage_conversation() {
	bot, _, stop := exampleBot(nil)
	defer stop()
	ctx := context.Background()

	first, err := bot.Send(ctx, chatclient.Message{Text: "Hello", UserID: "user_8821"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = bot.Send(ctx, chatclient.Message{
		Text:           "Where is my order?",
		UserID:         "user_8821",
		ConversationID: first.Metadata.ConversationID,
	})
	if err != nil {
		log.Fatal(err)
	}
	for message, err := range bot.Messages(ctx, first.Metadata.ConversationID) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(message.Role+":", message.Text())
	}
	// Output:
	// user: Hello
	// assistant: You said: Hello
	// user: Where is my order?
	// assistant: You said: Where is my order?
}

// One customer's past conversations.
func ExampleClient_UserConversations() {
	bot, _, stop := exampleBot(nil)
	defer stop()
	ctx := context.Background()
	for _, user := range []chatclient.UserID{"user_8821", "user_2", "user_8821"} {
		if _, err := bot.Send(ctx, chatclient.Message{Text: "Hello", UserID: user}); err != nil {
			log.Fatal(err)
		}
	}

	for conversation, err := range bot.UserConversations(ctx, "user_8821") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(conversation.ID, conversation.Status)
	}
	// Output:
	// 458 ongoing
	// 456 ongoing
}

// Short waits are made by the client itself. A long one is for you to decide.
func ExampleError_rateLimited() {
	bot, fake, stop := exampleBot(nil)
	defer stop()
	fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(2 * time.Minute))

	_, err := bot.Send(context.Background(), chatclient.Message{Text: "Hello", UserID: "user_8821"})
	if errors.Is(err, chatclient.ErrRateLimited) {
		var e *chatclient.Error
		errors.As(err, &e)
		fmt.Println("Please try again in", e.RetryAfter)
	}
	// Output: Please try again in 2m0s
}

// A tool that runs on your side: the assistant calls it, you submit what it
// gave, and the assistant goes on.
func ExampleClient_SubmitToolResult() {
	bot, _, stop := exampleBot(&chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
		if len(turn.ToolResults) == 0 {
			return []chattest.Part{chattest.ToolCall("call_1", "lookupOrder", `{"id":7}`)}
		}
		return []chattest.Part{chattest.Text("Your order is " + string(turn.ToolResults[0].Output))}
	}})
	defer stop()
	ctx := context.Background()

	reply, err := bot.Send(ctx, chatclient.Message{Text: "Where is my order?", UserID: "user_8821"})
	if err != nil {
		log.Fatal(err)
	}
	id := reply.Metadata.ConversationID
	for _, call := range reply.ToolCalls() {
		fmt.Println("call:", call.ToolName, string(call.Input))
		result := chatclient.ToolResult{ToolCallID: call.ToolCallID, Output: "on its way"}
		if _, err := bot.SubmitToolResult(ctx, id, result); err != nil {
			log.Fatal(err)
		}
	}
	if reply, err = bot.Continue(ctx, id); err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Text())
	// Output:
	// call: lookupOrder {"id":7}
	// Your order is "on its way"
}

// For customers whose only id is an e-mail address, which is not a UserID.
func ExampleDeriveUserID() {
	secret := "a secret of your own, of 32 bytes or more" // never the API key
	_, err := chatclient.ParseUserID("ada@example.com")
	fmt.Println(err)
	id, err := chatclient.DeriveUserID(secret, "ada@example.com")
	if err != nil {
		log.Fatal(err)
	}
	again, _ := chatclient.DeriveUserID(secret, "ada@example.com")
	fmt.Println(len(id), id == again)
	// Output:
	// chatclient: userID: must have only letters, digits, dot, underscore and hyphen: byte 4 is another (chatclient.DeriveUserID makes one of an e-mail address)
	// 54 true
}

// A test of your own program: the fake plays the service, also its faults.
func Example_testing() {
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

	fake.Script(chattest.Cut(2)) // the connection breaks after two events
	stream, err := bot.Stream(context.Background(), chatclient.Message{Text: "Hello", UserID: "user_8821"})
	if err != nil {
		log.Fatal(err)
	}
	for text, err := range stream.Text() {
		if err != nil {
			fmt.Println("cut short:", errors.Is(err, chatclient.ErrStreamCut))
			break
		}
		fmt.Printf("%q\n", text)
	}
	fmt.Println(string(fake.Requests()[0].Body))
	// Output:
	// "You "
	// "said: "
	// cut short: true
	// {"message":"Hello","userId":"user_8821","stream":true}
}
