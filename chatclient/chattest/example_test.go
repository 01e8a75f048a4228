package chattest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/chatident/chatident/chatclient/chattest"
)

// newServer starts a fake, as a test does.
func newServer(options *chattest.Options) (*chattest.Fake, *chattest.Server) {
	fake, err := chattest.New(options)
	if err != nil {
		log.Fatal(err)
	}
	return fake, fake.Start()
}

// post sends a request and prints the response. The program that you test does
// this in its own way.
func post(url, body string) {
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer oc_test_chattest")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode, strings.TrimSpace(string(text)))
}

// The first response is an error, as scripted, and the second is a stream.
func ExampleFake() {
	fake, server := newServer(nil)
	defer server.Close()
	fake.Script(chattest.Status(500, "INTERNAL_SERVER_ERROR"))
	for range 2 {
		post(server.URL+"/api/v2/agents/123/chat", `{"message":"Hello"}`)
	}
	fmt.Println("requests:", len(fake.Requests()))
	// Output:
	// 500 {"error":{"code":"INTERNAL_SERVER_ERROR","message":"Internal Server Error"}}
	// 200 data: {"type":"text-delta","text":"You "}
	//
	// data: {"type":"text-delta","text":"said: "}
	//
	// data: {"type":"text-delta","text":"Hello"}
	//
	// data: {"type":"finish","finishReason":"stop","metadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"messageId":"msg_2","usage":{"credits":1}}}
	//
	// data: [DONE]
	// requests: 2
}

// The assistant calls a tool, and then uses its result.
func ExampleToolCall() {
	_, server := newServer(&chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
		if len(turn.ToolResults) == 0 {
			return []chattest.Part{chattest.ToolCall("call_1", "lookupOrder", `{"order":7}`)}
		}
		return []chattest.Part{chattest.Text("It is " + string(turn.ToolResults[0].Output))}
	}})
	defer server.Close()
	chat := server.URL + "/api/v2/agents/123/chat"
	post(chat, `{"message":"Where is my order?","stream":false}`)
	post(server.URL+"/api/v2/agents/123/conversations/456/tool-result", `{"toolCallId":"call_1","output":"on its way"}`)
	post(chat, `{"conversationId":456,"stream":false}`)
	// Output:
	// 200 {"data":{"id":"msg_2","role":"assistant","parts":[{"type":"tool-call","toolCallId":"call_1","toolName":"lookupOrder","input":{"order":7}}],"metadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"finishReason":"tool-calls","usage":{"credits":1}}}}
	// 200 {"data":{"success":true}}
	// 200 {"data":{"id":"msg_3","role":"assistant","parts":[{"type":"text","text":"It is \"on its way\""}],"metadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"finishReason":"stop","usage":{"credits":1}}}}
}

// A person takes a conversation over, writes in it, and gives it back.
func ExampleFake_SetStatus() {
	fake, server := newServer(&chattest.Options{Readings: map[string]string{"taken-over": "400"}})
	defer server.Close()
	id := fake.AddWidgetConversation("user_8821", "Hello")
	fake.SetStatus(id, "taken_over")
	fake.AddMessage(id, "I am Eve. How can I help?")
	chat := server.URL + "/api/v2/agents/123/chat"
	post(chat, `{"message":"Where is my order?","conversationId":456,"stream":false}`)
	fake.SetStatus(id, "ongoing")
	post(chat, `{"message":"Thanks","conversationId":456,"stream":false}`)
	// Output:
	// 400 {"error":{"code":"CHAT_CONVERSATION_NOT_ONGOING","message":"The conversation is not ongoing"}}
	// 200 {"data":{"id":"msg_4","role":"assistant","parts":[{"type":"text","text":"You said: Thanks"}],"metadata":{"userMessageId":"msg_3","conversationId":"456","userId":"user_8821","finishReason":"stop","usage":{"credits":1}}}}
}

// A client must understand each form of a stream, whichever Bookbag sends.
func ExampleOptions_readings() {
	_, server := newServer(&chattest.Options{Readings: map[string]string{"stream-metadata": "messageMetadata", "message-id": "number"}})
	defer server.Close()
	post(server.URL+"/api/v2/agents/123/chat", `{"message":"Hello"}`)
	// Output:
	// 200 data: {"type":"text-delta","text":"You "}
	//
	// data: {"type":"text-delta","text":"said: "}
	//
	// data: {"type":"text-delta","text":"Hello"}
	//
	// data: {"type":"finish","finishReason":"stop","messageMetadata":{"userMessageId":1,"conversationId":"456","userId":null,"messageId":2,"usage":{"credits":1}}}
	//
	// data: [DONE]
}
