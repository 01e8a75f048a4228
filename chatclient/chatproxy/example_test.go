package chatproxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
)

// secret is in place of os.Getenv("CHATPROXY_SECRET").
const secret = "0123456789abcdef0123456789abcdef"

// exampleBot returns a client of a fake, in place of
//
//	chatclient.New(os.Getenv("BOOKBAG_API_KEY"), 123, nil)
func exampleBot() (bot *chatclient.Client, stop func()) {
	fake, err := chattest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	bot, err = chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	return bot, server.Close
}

// post is what a browser does, with the cookies of a session.
func post(url, cookie, body string) *http.Response {
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", cookie)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	return res
}

// show prints a reply, with the MACs of the tickets cut out.
func show(res *http.Response) {
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		fmt.Print(res.StatusCode, " ", string(body))
		return
	}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text := lines.Text(); text != "" {
			for _, ticket := range []string{"v1.456.", "v1.msg_1.", "v1.msg_2."} {
				if i := strings.Index(text, ticket); i >= 0 {
					text = text[:i+len(ticket)] + "..." + text[i+len(ticket)+43:]
				}
			}
			fmt.Println(text)
		}
	}
}

// A site whose sessions say who is signed in.
func Example() {
	bot, stop := exampleBot()
	defer stop()
	sessions := map[string]chatclient.UserID{"c0ffee": "user_8821"} // your own

	visitor := func(r *http.Request) (chatproxy.Visitor, error) {
		cookie, err := r.Cookie("session")
		if err != nil {
			return chatproxy.Visitor{}, nil // not signed in
		}
		return chatproxy.Visitor{UserID: sessions[cookie.Value]}, nil
	}
	proxy, err := chatproxy.New(bot, secret, visitor, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))

	site := httptest.NewServer(mux)
	defer site.Close()
	show(post(site.URL+"/chat/messages", "session=c0ffee", `{"message":"Hello"}`))
	show(post(site.URL+"/chat/messages", "", `{"message":"Hello"}`))
	// Output:
	// data: {"type":"start","version":1}
	// data: {"type":"text-delta","text":"You "}
	// data: {"type":"text-delta","text":"said: "}
	// data: {"type":"text-delta","text":"Hello"}
	// data: {"type":"finish","finishReason":"stop","conversation":"v1.456....","message":"v1.msg_2....","userMessage":"v1.msg_1...."}
	// data: [DONE]
	// 401 {"version":1,"error":{"code":"sign_in_required","message":"Please sign in to chat."}}
}

// Visitors who are not signed in may chat as well: they differ by the
// session that the site gives everybody, and counted by their address, since
// another session costs them nothing.
func Example_anonymous() {
	bot, stop := exampleBot()
	defer stop()

	visitor := func(r *http.Request) (chatproxy.Visitor, error) {
		cookie, err := r.Cookie("session")
		if err != nil {
			return chatproxy.Visitor{}, nil
		}
		return chatproxy.Visitor{Session: cookie.Value}, nil
	}
	proxy, err := chatproxy.New(bot, secret, visitor, &chatproxy.Options{Anonymous: true})
	if err != nil {
		log.Fatal(err)
	}
	site := httptest.NewServer(proxy)
	defer site.Close()
	res := post(site.URL+"/messages", "session=5e55104", `{"message":"Hello"}`)
	fmt.Println(res.StatusCode)
	show(post(site.URL+"/messages", "", `{"message":"Hello"}`))
	// Output:
	// 200
	// 401 {"version":1,"error":{"code":"sign_in_required","message":"Please sign in to chat."}}
}

// A page with useChat of the AI SDK needs nothing else than the path:
//
//	useChat({ transport: new DefaultChatTransport({ api: "/chat/ai-sdk" }) })
func Example_aiSDK() {
	bot, stop := exampleBot()
	defer stop()
	ada := func(*http.Request) (chatproxy.Visitor, error) { return chatproxy.Visitor{UserID: "user_8821"}, nil }
	proxy, err := chatproxy.New(bot, secret, ada, nil)
	if err != nil {
		log.Fatal(err)
	}
	site := httptest.NewServer(http.StripPrefix("/chat", proxy))
	defer site.Close()

	show(post(site.URL+"/chat/ai-sdk", "", `{"id":"chat-1","trigger":"submit-message","messages":[
		{"id":"1","role":"user","parts":[{"type":"text","text":"Hello"}]}]}`))
	// Output:
	// data: {"type":"start"}
	// data: {"type":"text-start","id":"1"}
	// data: {"type":"text-delta","id":"1","delta":"You "}
	// data: {"type":"text-delta","id":"1","delta":"said: "}
	// data: {"type":"text-delta","id":"1","delta":"Hello"}
	// data: {"type":"text-end","id":"1"}
	// data: {"type":"finish","messageMetadata":{"conversation":"v1.456....","message":"v1.msg_2....","userMessage":"v1.msg_1...."}}
	// data: [DONE]
}

// An allowance of one's own: three calls an hour for an address, say. On several
// machines, count in what they share.
func Example_allowance() {
	bot, stop := exampleBot()
	defer stop()
	type addressKey struct{}
	counts := map[string]int{} // your own, with a lock and an hour

	visitor := func(r *http.Request) (chatproxy.Visitor, error) { return chatproxy.Visitor{Session: "5e55104"}, nil }
	proxy, err := chatproxy.New(bot, secret, visitor, &chatproxy.Options{
		Anonymous: true,
		Allow: func(ctx context.Context, v chatproxy.Visitor) (retryAfter time.Duration, ok bool) {
			address := ctx.Value(addressKey{}).(string)
			counts[address]++
			return 20 * time.Minute, counts[address] <= 3
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address, _, _ := net.SplitHostPort(r.RemoteAddr)
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, address)))
	}))
	defer site.Close()
	for range 4 {
		res := post(site.URL+"/messages", "", `{"message":"Hello"}`)
		_, _ = io.Copy(io.Discard, res.Body)
		fmt.Printf("%d %q\n", res.StatusCode, res.Header.Get("Retry-After"))
	}
	// Output:
	// 200 ""
	// 200 ""
	// 200 ""
	// 429 "1200"
}
