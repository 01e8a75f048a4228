package chattest_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatident/chatident/chatclient/chattest"
)

// walk reads every page, and fails when a cursor and hasMore contradict.
func (e *env) walk(path string, limit int) (pages [][]string) {
	e.Helper()
	query := fmt.Sprintf("?limit=%d", limit)
	for {
		a := e.ok("GET", path+query, "")
		pages = append(pages, a.ids(e))
		assert.Equal(e, a.Pagination.Cursor != nil, a.Pagination.HasMore)
		if a.Pagination.Cursor == nil {
			return pages
		}
		query = fmt.Sprintf("?limit=%d&cursor=%s", limit, *a.Pagination.Cursor)
	}
}

func TestConversations_Lists(t *testing.T) {
	both(t, nil, func(e *env) {
		for _, user := range []string{"ada", "bob", "ada", "a.b"} {
			e.ok("POST", chat, `{"message":"Hello","stream":false,"userId":"`+user+`"}`)
		}
		e.message("I am nobody")
		e.ok("POST", chat, `{"message":"Again","stream":false,"conversationId":457}`)
		assert.Equal(e, [][]string{{"457", "460"}, {"459", "458"}, {"456"}}, e.walk(list, 2))

		const users = "/api/v2/agents/123/users/"
		assert.Equal(e, [][]string{{"458", "456"}}, e.walk(users+"ada/conversations", 2))
		assert.Equal(e, [][]string{{"458"}, {"456"}}, e.walk(users+"ada/conversations", 1))
		assert.Equal(e, [][]string{{"459"}}, e.walk(users+"a%2Eb/conversations", 2))
		assert.Equal(e, [][]string{{}}, e.walk(users+"nobody/conversations", 2))
		e.rejected(400, "VALIDATION_INVALID_BODY", "GET", users+"a%40b/conversations", "")
		e.rejected(400, "VALIDATION_INVALID_BODY", "GET", users+"a%2Fb/conversations", "")
		e.rejected(400, "VALIDATION_INVALID_BODY", "GET", users+"a%0A/conversations", "")

		a := e.ok("GET", users+"bob/conversations", "")
		assert.Regexp(e, `^\[\{"id":"457","title":null,"createdAt":\d+,"updatedAt":\d+,"userId":"bob","status":"ongoing"\}\]$`, string(a.Data))
		assert.Equal(e, 1, a.Pagination.Total)
	})
}

func TestConversations_PagesAreStable(t *testing.T) {
	e := inMemory(t, nil)
	for range 4 {
		e.message("Hello")
	}
	first := e.ok("GET", list+"?limit=2", "")
	assert.Equal(t, []string{"459", "458"}, first.ids(t))
	e.message("A new one")
	second := e.ok("GET", list+"?limit=2&cursor="+*first.Pagination.Cursor, "")
	assert.Equal(t, []string{"457", "456"}, second.ids(t))
}

func TestMessages_Pages(t *testing.T) {
	both(t, nil, func(e *env) {
		e.message("1")
		for i := 2; i <= 5; i++ {
			e.ok("POST", chat, fmt.Sprintf(`{"message":"%d","stream":false,"conversationId":456}`, i))
		}
		pages := e.walk(list+"/456/messages", 4)
		assert.Equal(e, []int{4, 4, 2}, []int{len(pages[0]), len(pages[1]), len(pages[2])})
		slices.Reverse(pages)
		all := e.ok("GET", list+"/456/messages?limit=100", "")
		assert.Equal(e, slices.Concat(pages...), all.ids(e))
		assert.Equal(e, 10, all.Pagination.Total)
		assert.Regexp(e, `^\[\{"id":"msg_1","role":"user","parts":\[\{"type":"text","text":"1"\}\],"createdAt":\d+\},`+
			`\{"id":"msg_2","role":"assistant","parts":\[\{"type":"text","text":"You said: 1"\}\],"createdAt":\d+,"feedback":null\},`, string(all.Data))
		e.rejected(404, "RESOURCE_NOT_FOUND", "GET", list+"/457/messages", "")
	})
}

func TestMessages_ConcurrentReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delay := map[string]time.Duration{"slow": time.Second}
		e := inMemory(t, &chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
			time.Sleep(delay[turn.Message])
			return []chattest.Part{chattest.Text(turn.Message)}
		}})
		e.message("first")
		go func() {
			response, err := e.send("POST", chat, `{"message":"slow","conversationId":456}`)
			if assert.NoError(t, err) {
				_ = response.Body.Close()
			}
		}()
		synctest.Wait()
		e.ok("POST", chat, `{"message":"fast","conversationId":456,"stream":false}`)
		time.Sleep(time.Minute)
		synctest.Wait()
		all := e.ok("GET", list+"/456/messages", "").ids(t)
		assert.Equal(t, []string{"msg_1", "msg_2", "msg_3", "msg_5", "msg_6", "msg_4"}, all)
		pages := e.walk(list+"/456/messages", 1)
		slices.Reverse(pages)
		assert.Equal(t, all, slices.Concat(pages...))
	})
}

func TestOneConversation(t *testing.T) {
	both(t, nil, func(e *env) {
		e.message("Hello")
		a := e.ok("GET", list+"/456?limit=1", "")
		assert.Regexp(e, `^\{"id":"456",.*"messages":\[\{"id":"msg_2","role":"assistant",[^]]*\],"createdAt":\d+,"feedback":null\}\]\}$`, string(a.Data))
		assert.Equal(e, 2, a.Pagination.Total)
		older := e.ok("GET", list+"/456/messages?cursor="+*a.Pagination.Cursor, "")
		assert.Equal(e, []string{"msg_1"}, older.ids(e))
		e.rejected(404, "RESOURCE_NOT_FOUND", "GET", list+"/457", "")
		e.rejected(404, "RESOURCE_NOT_FOUND", "GET", list+"/conv_123", "")
		e.rejected(404, "RESOURCE_NOT_FOUND", "GET", list+"/0456", "")
	})
}

func TestExport_Unpaged(t *testing.T) {
	both(t, nil, func(e *env) {
		a := e.ok("GET", list+"/export", "")
		assert.Equal(e, "[]", string(a.Data))
		for range 25 {
			e.message("Hello")
		}
		a = e.ok("GET", list+"/export", "")
		assert.Len(e, a.ids(e), 25)
		assert.Equal(e, 25, a.Pagination.Total)
		assert.Nil(e, a.Pagination.Cursor)
		assert.False(e, a.Pagination.HasMore)
		assert.Contains(e, string(a.Data), `"text":"You said: Hello"`)
	})
}

func TestPages_Rejections(t *testing.T) {
	both(t, nil, func(e *env) {
		e.message("Hello")
		wrong := base64.RawURLEncoding.EncodeToString([]byte("before:0"))
		for _, query := range []string{"limit=0", "limit=101", "limit=-1", "limit=", "limit=ten", "cursor=", "cursor=%20", "cursor=abc", "cursor=" + wrong} {
			e.rejected(400, "VALIDATION_INVALID_BODY", "GET", list+"?"+query, "")
			e.rejected(400, "VALIDATION_INVALID_BODY", "GET", list+"/456?"+query, "")
			e.rejected(400, "VALIDATION_INVALID_BODY", "GET", list+"/456/messages?"+query, "")
			e.rejected(400, "VALIDATION_INVALID_BODY", "GET", "/api/v2/agents/123/users/u/conversations?"+query, "")
		}
		for range 25 {
			e.message("Hello")
		}
		assert.Len(e, e.ok("GET", list, "").ids(e), 20, "the default limit")
	})
}

func TestRequests_Recorded(t *testing.T) {
	both(t, &chattest.Options{APIKey: "another"}, func(e *env) {
		body := fmt.Sprintf("%070000d", 0)
		e.rejected(401, "AUTH_INVALID_API_KEY", "POST", "/api/v2/agents/1%2F3/chat?a=1&a=2", body)
		got := e.fake.Requests()
		assert.Len(e, got, 1)
		assert.Equal(e, "POST", got[0].Method)
		assert.Equal(e, "/api/v2/agents/1%2F3/chat", got[0].Path)
		assert.Equal(e, []string{"1", "2"}, got[0].Query["a"])
		assert.Equal(e, "Bearer "+key, got[0].Header.Get("Authorization"))
		assert.Equal(e, body[:64*1024], string(got[0].Body))
	})
}

func TestRequests_Bounded(t *testing.T) {
	e := inMemory(t, nil)
	for i := range 1003 {
		e.do("GET", fmt.Sprintf("/api/v2/health?n=%d", i), "")
	}
	got := e.fake.Requests()
	assert.Len(t, got, 1000)
	assert.Equal(t, "3", got[0].Query.Get("n"))
	assert.Equal(t, "1002", got[999].Query.Get("n"))
}
