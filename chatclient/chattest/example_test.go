package chattest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/chatident/chatident/chatclient/chattest"
)

// The first response is an error, as scripted, and the second is a stream.
func ExampleFake() {
	fake, err := chattest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	defer server.Close()
	fake.Script(chattest.Status(500, "INTERNAL_SERVER_ERROR"))

	for range 2 {
		r, err := http.NewRequest("POST", server.URL+"/api/v2/agents/123/chat", strings.NewReader(`{"message":"Hello"}`))
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer oc_test_chattest")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			log.Fatal(err)
		}
		_ = response.Body.Close()
		fmt.Printf("%s\n%s\n\n", response.Status, strings.TrimSpace(string(body)))
	}
	fmt.Println("requests:", len(fake.Requests()))
	// Output:
	// 500 Internal Server Error
	// {"error":{"code":"INTERNAL_SERVER_ERROR","message":"Internal Server Error"}}
	//
	// 200 OK
	// data: {"type":"text-delta","text":"You "}
	//
	// data: {"type":"text-delta","text":"said: "}
	//
	// data: {"type":"text-delta","text":"Hello"}
	//
	// data: {"type":"finish","finishReason":"stop","metadata":{"userMessageId":"msg_1","conversationId":"456","userId":null,"messageId":"msg_2","usage":{"credits":1}}}
	//
	// data: [DONE]
	//
	// requests: 2
}
