package readme

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// orderBook is the shop of docs/tools.md.
type orderBook struct {
	owners map[string]chatclient.UserID // of the orders

	mu      sync.Mutex
	refunds map[string]string // results by their key
}

// Order returns the state of a customer's order.
func (s *orderBook) Order(_ context.Context, customer chatclient.UserID, id string) (any, error) {
	if s.owners[id] != customer {
		return "no such order", nil
	}
	return "on its way", nil
}

// Refund refunds a customer's order, once for each key.
func (s *orderBook) Refund(_ context.Context, key string, customer chatclient.UserID, id string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[id] != customer {
		return "no such order", nil
	}
	if s.refunds[key] == "" {
		s.refunds[key] = "refunded as number " + fmt.Sprint(len(s.refunds)+1)
	}
	return s.refunds[key], nil
}

func newOrderBook() *orderBook {
	return &orderBook{owners: map[string]chatclient.UserID{"1001": "ada", "2001": "grace"}, refunds: map[string]string{}}
}

// ask sends a message of a customer to a proxy, and returns the frames of the reply.
func ask(proxy http.Handler, customer string) string {
	r := httptest.NewRequest("POST", "/messages", strings.NewReader(`{"message":"Where is my order?"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Customer", customer)
	w := httptest.NewRecorder()
	proxy.ServeHTTP(w, r)
	text, _ := io.ReadAll(w.Result().Body)
	return string(text)
}

func byHeader(r *http.Request) (chatproxy.Visitor, error) {
	return chatproxy.Visitor{UserID: chatclient.UserID(r.Header.Get("X-Customer"))}, nil
}

func TestToolsGuide_OrderOfWhoeverIsSignedIn(t *testing.T) {
	visitor, shop := byHeader, newOrderBook()
	t.Setenv("CHATPROXY_SECRET", "a secret of the tests, of 32 bytes")

	fake, err := chattest.New(&chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
		if len(turn.ToolResults) > 0 {
			return []chattest.Part{chattest.Text("The shop says: " + string(turn.ToolResults[0].Output))}
		}
		return []chattest.Part{chattest.ToolCall("call_"+rand.Text(), "lookUpOrder", `{"order":"2001"}`)}
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer useFake(fake.Client(), fake.Close)()
	bot := newBot()

	proxy, err := chatproxy.New(bot, os.Getenv("CHATPROXY_SECRET"), visitor, &chatproxy.Options{
		Tools: map[string]chatproxy.Tool{
			"lookUpOrder": {
				Label: "Looking up your order",
				Run: func(ctx context.Context, call chatproxy.ToolCall) (any, error) {
					var input struct{ Order string }
					if err := json.Unmarshal(call.Input, &input); err != nil {
						return nil, err
					}
					return shop.Order(ctx, call.Visitor.UserID, input.Order) // of this customer, or none
				},
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	assert.Contains(t, ask(proxy, "grace"), "way")
	reply := ask(proxy, "ada")
	assert.Contains(t, reply, "such ")
	assert.Contains(t, reply, `"label":"Looking up your order"`)
	assert.NotContains(t, reply, "lookUpOrder")
}

// Another reply to the same message calls the tool again, and refunds once.
func TestToolsGuide_RefundsOnce(t *testing.T) {
	shop := newOrderBook()
	refund := chatproxy.Tool{
		Label: "Refunding your order",
		Run: func(ctx context.Context, call chatproxy.ToolCall) (any, error) {
			var input struct{ Order string }
			if err := json.Unmarshal(call.Input, &input); err != nil {
				return nil, err
			}
			key := "refund/" + string(call.Visitor.UserID) + "/" + input.Order // one refund for each order
			return shop.Refund(ctx, key, call.Visitor.UserID, input.Order)
		},
	}
	for _, id := range []string{"call_1", "call_2"} {
		call := chatproxy.ToolCall{ID: id, Visitor: chatproxy.Visitor{UserID: "ada"}, Input: json.RawMessage(`{"order":"1001"}`)}
		result, err := refund.Run(t.Context(), call)
		require.NoError(t, err)
		assert.Equal(t, "refunded as number 1", result)
	}
	assert.Len(t, shop.refunds, 1)
}

func TestToolsGuide_PageTools(t *testing.T) {
	options := &chatproxy.Options{PageTools: []string{"showMap"}}
	_, stop := useFakeBookbag(&chattest.Options{Reply: func(chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.ToolCall("call_1", "showMap", `{"at":"Ulm"}`)}
	}})
	defer stop()
	proxy, err := chatproxy.New(newBot(), "a secret of the tests, of 32 bytes", byHeader, options)
	require.NoError(t, err)
	assert.Contains(t, ask(proxy, "ada"), `"toolName":"showMap","input":{"at":"Ulm"}`)
}
