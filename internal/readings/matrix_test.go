package readings

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/internal/fake"
)

const testKey = "oc_test_0123456789abcdef"

// promise is what a caller may rely on, whichever way Bookbag is read.
type promise struct {
	name   string
	reply  func(chattest.Turn) []chattest.Part // nil: "You said: " and the message
	window bool                                // both fakes enforce the limit
	check  func(*world)
}

var promises = slices.Concat(chatPromises, proxyPromises, contactsPromises)

func TestMatrix(t *testing.T) {
	names, rows := matrix()
	for i, row := range rows {
		t.Run(names[i], func(t *testing.T) {
			for _, p := range promises {
				t.Run(p.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, row, &p)
						defer w.end()
						p.check(w)
					})
					if t.Failed() {
						t.Logf("readings: %v", row)
					}
				})
			}
		})
	}
}

// matrix returns the default readings, each other reading alone, and the pairs.
func matrix() (names []string, rows []map[string]string) {
	names, rows = []string{"default"}, []map[string]string{{}}
	points := tokens()
	for _, id := range slices.Sorted(maps.Keys(points)) {
		for _, token := range points[id][1:] {
			names = append(names, id+"="+token)
			rows = append(rows, map[string]string{id: token})
		}
	}
	for i, row := range pairs(points) {
		names = append(names, fmt.Sprint("pairs", i+1))
		rows = append(rows, row)
	}
	return names, rows
}

// tokens returns those of each open point by its id, the default first.
func tokens() map[string][]string {
	all := map[string][]string{}
	for _, p := range fake.Points {
		all[p[0]] = p[1:]
	}
	return all
}

// world is one service with both APIs, their clients, and a proxy.
type world struct {
	*testing.T
	readings map[string]string
	chat     *chattest.Fake
	contacts *contactstest.Fake
	bot      *chatclient.Client
	book     *contacts.Client
	proxy    *chatproxy.Proxy
	reported []error // by the proxy
}

func newWorld(t *testing.T, row map[string]string, p *promise) *world {
	// A bubble begins in 2000, when Unix seconds had nine digits.
	time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	w := &world{T: t, readings: map[string]string{}}
	for id, list := range tokens() {
		w.readings[id] = list[0]
	}
	maps.Copy(w.readings, row)
	var err error
	w.chat, err = chattest.New(&chattest.Options{APIKey: testKey, Readings: row, Reply: p.reply, Window: p.window})
	require.NoError(t, err)
	w.contacts, err = contactstest.New(&contactstest.Options{
		APIKey: testKey, Readings: row, Window: p.window, CountRequest: w.chat.CountRequest,
		Attributes: []contactstest.Attribute{{Name: "plan"}, {Name: "seats", Type: "number"}},
	})
	require.NoError(t, err)
	w.bot, err = chatclient.New(testKey, 123, &chatclient.Options{BaseURL: chattest.BaseURL, HTTPClient: w.chat.Client()})
	require.NoError(t, err)
	w.book, err = contacts.New(testKey, 123, &contacts.Options{BaseURL: contactstest.BaseURL, HTTPClient: w.contacts.Client()})
	require.NoError(t, err)
	w.proxy, err = chatproxy.New(w.bot, strings.Repeat("s", 32), func(r *http.Request) (chatproxy.Visitor, error) {
		return chatproxy.Visitor{UserID: chatclient.UserID(r.Header.Get("X-User")), Session: "a-session"}, nil
	}, &chatproxy.Options{
		Anonymous: true,
		PageTools: []string{"showMap"},
		Tools: map[string]chatproxy.Tool{"lookupOrder": {Run: func(_ context.Context, call chatproxy.ToolCall) (any, error) {
			return string(call.Visitor.UserID) + " " + string(call.Input), nil
		}}},
		OnError: func(_ *http.Request, err error) { w.reported = append(w.reported, err) },
	})
	require.NoError(t, err)
	return w
}

// end leaves no goroutine in the bubble.
func (w *world) end() {
	w.chat.Close()
	w.contacts.Close()
	synctest.Wait()
}
