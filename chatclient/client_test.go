package chatclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/chatident/chatident/internal/value"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	lengthRule = "must have 1 to 128 characters, has %d"
	userRule   = "must have only letters, digits, dot, underscore and hyphen: byte %d is another (chatclient.DeriveUserID makes one of an e-mail address)"
	idRule     = "must have only letters, digits, underscore and hyphen: byte %d is another"
)

func TestParseUserID_Rules(t *testing.T) {
	for _, id := range []string{"a", "user_8821", "A-Z.0_9", "...", ".a", "-", strings.Repeat("x", 128)} {
		got, err := ParseUserID(id)
		require.NoError(t, err, id)
		assert.Equal(t, UserID(id), got)
	}
	for id, rule := range badUserIDs {
		_, err := ParseUserID(id)
		requireField(t, err, "userID", rule)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := ParseUserID("user_8821"); err != nil {
			t.Fatal(err)
		}
	}))
}

var badUserIDs = map[string]string{
	"":                       fmt.Sprintf(lengthRule, 0),
	strings.Repeat("x", 129): fmt.Sprintf(lengthRule, 129),
	"ada@example.com":        fmt.Sprintf(userRule, 4),
	"user_8821\n":            fmt.Sprintf(userRule, 10),
	"\nuser":                 fmt.Sprintf(userRule, 1),
	"a b":                    fmt.Sprintf(userRule, 2),
	"undefined":              "must be the id of a customer, got a text that programs write when there is none, such as undefined or <nil>",
	"null":                   "must be the id of a customer, got a text that programs write when there is none, such as undefined or <nil>",
	"0":                      "must be the id of a customer, got one of zeros only, as an unset number or UUID has",
	"a/b":                    fmt.Sprintf(userRule, 2),
	"ü":                      fmt.Sprintf(userRule, 1),
	"a\x00":                  fmt.Sprintf(userRule, 2),
	"%2e%2e":                 fmt.Sprintf(userRule, 1),
	".":                      "must not be . or ..",
	"..":                     "must not be . or ..",
}

func TestDeriveUserID_KnownVector(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	id, err := DeriveUserID(secret, "ada@example.com")
	require.NoError(t, err)
	_, err = ParseUserID(string(id))
	require.NoError(t, err)
	assert.Len(t, string(id), 54)
	// By openssl and coreutils: openssl dgst -sha256 -hmac ... -binary | base32
	assert.Equal(t, UserID("u_4prqwtkqejfexikaqrqhbboqojaccrbbfijc5ncqdww52256b3rq"), id)
	other, err := DeriveUserID(secret, "Ada@example.com")
	require.NoError(t, err)
	assert.NotEqual(t, id, other)
	_, err = DeriveUserID(secret[1:], "a")
	requireField(t, err, "secret", "must be at least 32 bytes, got 31 (is the variable set?)")
	_, err = DeriveUserID(secret, "")
	requireField(t, err, "text", "must not be empty")
}

func TestConversationID_JSON(t *testing.T) {
	for text, want := range map[string]ConversationID{"456": "456", `"456"`: "456", `"conv_123"`: "conv_123", "null": "1", `""`: "1", "{}": "1", "[]": "1", "true": "1"} {
		id := ConversationID("1")
		require.NoError(t, json.Unmarshal([]byte(text), &id))
		assert.Equal(t, want, id)
	}
	for id, want := range map[ConversationID]string{"456": "456", "conv_123": `"conv_123"`, "007": `"007"`, "99999999999999999999": `"99999999999999999999"`, "-1": "-1", "+1": `"+1"`} {
		b, err := json.Marshal(id)
		require.NoError(t, err)
		assert.Equal(t, want, string(b))
	}
}

func TestUserID_UnmarshalJSON(t *testing.T) {
	for text, want := range map[string]UserID{
		`"user_8821"`: "user_8821", "8821": "8821", "null": "before", `""`: "before", "{}": "{}", `{"id":"ada"}`: `{"id":"ada"}`, `["ada"]`: `["ada"]`, "true": "true",
	} {
		id := UserID("before")
		require.NoError(t, json.Unmarshal([]byte(text), &id))
		assert.Equal(t, want, id)
	}
}

// Each of these is rejected before anything is sent.
func TestClient_BadArguments(t *testing.T) {
	c := newTestClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("something was sent")
		return nil, errors.New("unexpected")
	}, nil)
	ctx := t.Context()
	type m = Message
	check := func(err error, field, rule string) {
		t.Helper()
		requireField(t, err, field, rule)
	}
	for _, test := range []struct {
		message     m
		field, rule string
	}{
		{m{}, "Message.Text", "must not be empty"},
		{m{Text: " \n\t\u00a0"}, "Message.Text", "must not be empty"},
		{m{Text: "a\xff"}, "Message.Text", value.Text("\xff")},
		{m{Text: "a\x00"}, "Message.Text", "must not contain NUL"},
		{m{Text: "a", ConversationID: "../x"}, "Message.ConversationID", fmt.Sprintf(idRule, 1)},
	} {
		_, err := c.Send(ctx, test.message)
		check(err, test.field, test.rule)
		_, err = c.Stream(ctx, test.message)
		check(err, test.field, test.rule)
	}
	for id, rule := range badUserIDs {
		if id != "" {
			_, err := c.Send(ctx, m{Text: "a", UserID: UserID(id)})
			check(err, "Message.UserID", rule)
		}
		_, err := c.UserConversationsPage(ctx, UserID(id), PageRequest{})
		check(err, "user", rule)
	}
	for id, rule := range map[string]string{
		"": fmt.Sprintf(lengthRule, 0), "..": fmt.Sprintf(idRule, 1), "a.b": fmt.Sprintf(idRule, 2), "a/b": fmt.Sprintf(idRule, 2), "%2e": fmt.Sprintf(idRule, 1),
		"1?x": fmt.Sprintf(idRule, 2), "1#": fmt.Sprintf(idRule, 2), "1\n": fmt.Sprintf(idRule, 2), "export": "must not be export", strings.Repeat("1", 129): fmt.Sprintf(lengthRule, 129),
	} {
		conversation := ConversationID(id)
		for _, call := range []func() error{
			func() error { _, err := c.Conversation(ctx, conversation); return err },
			func() error { _, err := c.MessagesPage(ctx, conversation, PageRequest{}); return err },
			func() error { _, err := c.Continue(ctx, conversation); return err },
			func() error { _, err := c.ContinueStream(ctx, conversation); return err },
			func() error { _, err := c.Retry(ctx, conversation, ""); return err },
			func() error { _, err := c.RetryStream(ctx, conversation, ""); return err },
			func() error { _, err := c.SubmitToolResult(ctx, conversation, ToolResult{ToolCallID: "c"}); return err },
			func() error { _, err := c.SetFeedback(ctx, conversation, "m", FeedbackNone); return err },
		} {
			check(call(), "conversation", rule)
		}
		if id == "export" {
			continue
		}
		_, err := c.SetFeedback(ctx, "1", id, FeedbackNone)
		check(err, "messageID", rule)
		if id != "" {
			_, err = c.Retry(ctx, "1", id)
			check(err, "messageID", rule)
		}
	}
	_, err := c.SetFeedback(ctx, "1", "m", "good")
	check(err, "feedback", "must be positive, negative or empty")
	_, err = c.SubmitToolResult(ctx, "1", ToolResult{})
	check(err, "ToolResult.ToolCallID", "must not be empty")
	_, err = c.SubmitToolResult(ctx, "1", ToolResult{ToolCallID: "c\xff"})
	check(err, "ToolResult.ToolCallID", value.Text("\xff"))
	_, err = c.SubmitToolResult(ctx, "1", ToolResult{ToolCallID: "c", Output: map[string]any{"orders": []any{1, math.NaN()}}})
	check(err, `ToolResult.Output["orders"][1]`, "must be a finite number (leave it out, or pass nil)")
	for _, output := range []any{[]byte("a"), time.Time{}, time.Second, "a\xff", "a\x00", 1 << 53, make(chan int), struct{}{}, strings.Repeat("a", 17<<20)} {
		_, err = c.SubmitToolResult(ctx, "1", ToolResult{ToolCallID: "c", Output: output})
		var fe *FieldError
		require.ErrorAs(t, err, &fe)
		assert.Equal(t, "ToolResult.Output", fe.Field)
	}
	for _, limit := range []int{-1, 101} {
		_, err = c.ConversationsPage(ctx, PageRequest{Limit: limit})
		check(err, "PageRequest.Limit", "must be from 1 to 100, or 0 for the default")
	}
}

func TestNew_BadOptions(t *testing.T) {
	for _, test := range []struct {
		key         string
		agent       int64
		options     *Options
		field, rule string
	}{
		{"", 1, nil, "apiKey", "must not be empty (is the variable set?)"},
		{testKey + "\n", 1, nil, "apiKey", "must not begin or end with white space (is there a line end after it?)"},
		{testKey, 0, nil, "agent", "must be positive (see the agent's page in Bookbag)"},
		{testKey, -1, nil, "agent", "must be positive (see the agent's page in Bookbag)"},
		{testKey, 1, &Options{BaseURL: "http://app.bookbag.ai"}, "Options.BaseURL", "must be https, unless its host is this machine"},
		{testKey, 1, &Options{BaseURL: "https://u:p@app.bookbag.ai"}, "Options.BaseURL", "must have no user information"},
		{testKey, 1, &Options{BaseURL: "https://app.bookbag.ai?x"}, "Options.BaseURL", "must have no query and no fragment"},
		{testKey, 1, &Options{Timeout: -1}, "Options.Timeout", "must not be negative"},
		{testKey, 1, &Options{IdleTimeout: -1}, "Options.IdleTimeout", "must not be negative"},
		{testKey, 1, &Options{MaxEvent: -1}, "Options.MaxEvent", "must be from 0 to 1 GB"},
		{testKey, 1, &Options{MaxEvent: 1<<30 + 1}, "Options.MaxEvent", "must be from 0 to 1 GB"},
		{testKey, 1, &Options{MaxBody: -1}, "Options.MaxBody", "must be from 0 to 1073741824 bytes"},
		{testKey, 1, &Options{MaxWait: -1}, "Options.MaxWait", "must not be negative"},
		{testKey, 1, &Options{MaxRetries: 11}, "Options.MaxRetries", "must be at most 10"},
	} {
		_, err := New(test.key, test.agent, test.options)
		requireField(t, err, test.field, test.rule)
	}
	_, err := New(testKey, 1, nil)
	require.NoError(t, err)
}

// Always an *Error, and everything that a caller may want to find is in it.
func TestError_FieldsAndText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t, func(*http.Request) (*http.Response, error) {
			res := newResponse(429, "application/json", strings.NewReader(`{"error":{"code":"RATE_LIMIT_TOO_MANY_REQUESTS","message":"Slow down.","details":{"window":10}}}`))
			res.Header.Set("Retry-After", "3")
			return res, nil
		}, nil)
		_, err := c.Send(t.Context(), hello)
		e := requireError(t, err)
		assert.Equal(t, &Error{
			Operation: "POST /agents/{agentId}/chat", StatusCode: 429, Code: CodeTooManyRequests, Message: "Slow down.",
			Details: json.RawMessage(`{"window":10}`), RetryAfter: 3 * time.Second, Attempts: 3,
			ResponseInfo: ResponseInfo{"req_1", RateLimit{Limit: 100, Remaining: 99}},
		}, e)
		assert.ErrorIs(t, err, ErrRateLimited)
		assert.NotErrorIs(t, err, ErrNotFound)
		assert.Equal(t, `chatclient: POST /agents/{agentId}/chat: status 429 "RATE_LIMIT_TOO_MANY_REQUESTS" (retry after 3s) (request id "req_1")`, err.Error())

		// Given up while waiting: the context's end, its cause, and the rejection.
		cause := errors.New("the visitor has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		_, err = c.Send(ctx, hello)
		e = requireError(t, err)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, cause)
		assert.NotErrorIs(t, err, ErrRateLimited)
		assert.ErrorIs(t, e.LastRejection, ErrRateLimited)
		assert.Equal(t, "Slow down.", e.LastRejection.Message)
	})
	for status, want := range map[int]error{400: ErrBadRequest, 401: ErrUnauthorized, 402: ErrCreditsExhausted, 403: ErrForbidden, 404: ErrNotFound} {
		_, err := newTestClient(t, jsonResponse(status, `{"error":{"code":"SOMETHING_NEW","message":"m"}}`), nil).Send(t.Context(), hello)
		assert.ErrorIs(t, err, want)
		assert.Equal(t, "SOMETHING_NEW", requireError(t, err).Code, "unknown codes stay usable")
	}
}

func TestError_PageOfAProxy(t *testing.T) {
	page := "<html>\r\n<body>" + strings.Repeat("x", 100_000)
	_, err := newTestClient(t, func(*http.Request) (*http.Response, error) {
		return newResponse(502, "text/html", strings.NewReader(page)), nil
	}, nil).Send(t.Context(), hello)
	e := requireError(t, err)
	assert.Equal(t, 502, e.StatusCode)
	assert.ErrorIs(t, err, ErrServer)
	assert.NotErrorIs(t, err, ErrNotFound)
	assert.Empty(t, e.Code)
	assert.True(t, strings.HasPrefix(e.Message, "<html>  <body>xxx"))
	assert.Len(t, e.Message, 512)
	assert.NotContains(t, e.Error(), "xxx")

	for _, body := range []string{"", "<html>", `{}`, `{"data":null}`, `[]`, `{"data":[]}`, `{"error":{"code":"A"}}`} {
		_, err = newTestClient(t, jsonResponse(200, body), nil).Send(t.Context(), hello)
		requireError(t, err)
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
	}
	_, err = newTestClient(t, jsonResponse(200, "{}"), nil).Conversation(t.Context(), "1")
	assert.ErrorIs(t, err, ErrUnexpectedResponse)
	_, err = newTestClient(t, jsonResponse(302, ""), nil).Send(t.Context(), hello)
	assert.Equal(t, 302, requireError(t, err).StatusCode)
}

// A field of another type is left out, not the reply that was made and paid for.
func TestReply_FieldsOfAnotherType(t *testing.T) {
	for _, body := range []string{
		`{"data":{"id":789,"parts":[{"type":"text","text":"a"}],"metadata":{"conversationId":"456"}}}`,
		`{"data":{"parts":[{"type":"text","text":"a"}],"metadata":{"userMessageId":788,"userId":8821,"usage":{"credits":"1"},"conversationId":{}}}}`,
		`{"data":{"parts":[{"type":"text","text":"a"}],"metadata":[]}}`,
		`{"data":{"parts":[7,{"type":"text","text":"a"},null]}}`,
	} {
		reply, err := newTestClient(t, jsonResponse(200, body), nil).Send(t.Context(), hello)
		require.NoError(t, err, body)
		assert.Equal(t, "a", reply.Text(), body)
	}
	page, err := newTestClient(t, jsonResponse(200, `{"data":[{"id":1,"userId":7,"messages":{}},{"id":2}],"pagination":{"cursor":7,"hasMore":true,"total":"2"}}`), nil).
		ConversationsPage(t.Context(), PageRequest{})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	assert.Equal(t, "7", page.NextCursor)
	assert.Zero(t, page.Total)
	assert.Equal(t, ConversationID("2"), page.Items[1].ID)
}

func TestPage_OtherMembers(t *testing.T) {
	c := newTestClient(t, jsonResponse(200, `{"message":"Success","data":[{"id":1}],"pagination":{"cursor":"next","hasMore":true},"later":[1]}`), nil)
	page, err := c.ConversationsPage(t.Context(), PageRequest{})
	require.NoError(t, err)
	assert.Equal(t, "next", page.NextCursor)
	c = newTestClient(t, jsonResponse(200, `{"data":[{"id":1}],"pagination":{"later":[`+strings.Repeat("1,", 200_000)+`1]}}`), nil)
	_, err = c.ConversationsPage(t.Context(), PageRequest{})
	assert.ErrorIs(t, err, ErrTooLong)
	c = newTestClient(t, jsonResponse(200, `{"data":[`+strings.Repeat(`{"id":1},`, 2)+`{"id":1}]}`), nil)
	_, err = c.ConversationsPage(t.Context(), PageRequest{Limit: 2})
	assert.ErrorIs(t, err, ErrUnexpectedResponse, "more than the limit")
}

// An error is not the end of a list.
func TestLists_Errors(t *testing.T) {
	n := 0
	c := newTestClient(t, func(*http.Request) (*http.Response, error) {
		if n++; n%2 == 1 {
			return newResponse(200, "application/json", strings.NewReader(`{"data":[{"id":1}],"pagination":{"cursor":"next","hasMore":true}}`)), nil
		}
		return newResponse(403, "application/json", strings.NewReader(`{}`)), nil
	}, nil)
	for name, list := range map[string]func() error{
		"conversations": func() (last error) {
			for _, last = range c.Conversations(t.Context()) {
			}
			return last
		},
		"of a user": func() (last error) {
			for _, last = range c.UserConversations(t.Context(), "a") {
			}
			return last
		},
		"messages": func() (last error) {
			for _, last = range c.Messages(t.Context(), "1") {
			}
			return last
		},
	} {
		assert.ErrorIs(t, list(), ErrForbidden, name)
	}
}

// A list that cannot be followed to its end is no list that has ended.
func TestLists_PaginationWithoutCursor(t *testing.T) {
	for pagination, want := range map[string]error{
		`{"cursor":null,"hasMore":false}`: nil,
		`{"cursor":"","hasMore":false}`:   nil,
		`{}`:                              nil,
		`null`:                            nil,
		`{"cursor":null,"hasMore":true}`:  ErrUnexpectedResponse,
		`{"hasMore":true}`:                ErrUnexpectedResponse,
		`{"cursor":{"a":1}}`:              ErrUnexpectedResponse,
		`[]`:                              ErrUnexpectedResponse,
	} {
		c := newTestClient(t, jsonResponse(200, `{"data":[],"pagination":`+pagination+`}`), nil)
		_, err := c.ConversationsPage(t.Context(), PageRequest{})
		assert.ErrorIs(t, err, want, pagination)
		c = newTestClient(t, jsonResponse(200, `{"data":{"id":1},"pagination":`+pagination+`}`), nil)
		_, err = c.Conversation(t.Context(), "1")
		assert.ErrorIs(t, err, want, pagination)
	}
}

// A captive portal's page, or a rejection with status 200, is no success.
func TestClient_UnexpectedResponses(t *testing.T) {
	for _, body := range []string{"<html>login", "null", "[]", "{}", `{"data":null}`, `{"data":7}`, `{"error":{"code":"AUTH_INVALID_API_KEY"}}`} {
		c := newTestClient(t, jsonResponse(200, body), nil)
		assert.ErrorIs(t, c.Check(t.Context()), ErrUnexpectedResponse, body)
		n, err := readExport(c.Export(t.Context()))
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
		assert.Zero(t, n)
		_, err = c.Health(t.Context())
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
		_, err = c.Conversation(t.Context(), "1")
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
		assert.Equal(t, 1, requireError(t, err).Attempts)
		_, err = c.SetFeedback(t.Context(), "1", "m", FeedbackNone)
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
	}
	for body, ok := range map[string]bool{
		`{"data":{"success":true}}`: true, `{}`: true, `{"data":null}`: true, `{"data":{"success":false}}`: false, "<html>": false, "null": false, "[]": false,
	} {
		_, err := newTestClient(t, jsonResponse(200, body), nil).SubmitToolResult(t.Context(), "1", ToolResult{ToolCallID: "c"})
		assert.Equal(t, ok, err == nil, body)
	}
}

func TestSend_NoConnection(t *testing.T) {
	rejected := &net.OpError{Op: "dial", Err: errors.New("connection rejected")}
	synctest.Test(t, func(t *testing.T) {
		var attempts []Attempt
		c := newTestClient(t, func(*http.Request) (*http.Response, error) { return nil, rejected }, func(o *Options) {
			o.OnAttempt = func(_ context.Context, a Attempt) { attempts = append(attempts, a) }
		})
		_, err := c.Send(t.Context(), hello)
		e := requireError(t, err)
		assert.ErrorIs(t, err, rejected)
		assert.Equal(t, 3, e.Attempts)
		assert.Len(t, attempts, 3)
		assert.NotContains(t, err.Error(), "bookbag.ai", "no URL")
	})
}

// blocked is a limiter that lets nothing through.
type blocked struct{}

func (blocked) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestClient_MaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t, jsonResponse(200, "{}"), func(o *Options) { o.Limiter, o.MaxWait = blocked{}, time.Minute })
		for _, test := range []struct {
			client *Client
			wait   time.Duration
		}{{c.WithMaxWait(2 * time.Second), 2 * time.Second}, {c.WithMaxWait(0), 0}, {c.WithMaxWait(-1), 0}, {c, time.Minute}} {
			begun := time.Now()
			assert.ErrorIs(t, test.client.Check(t.Context()), ErrLimiter)
			assert.Equal(t, test.wait, time.Since(begun))
		}
	})
}

func TestConversations_RepeatedCursor(t *testing.T) {
	c := newTestClient(t, jsonResponse(200, `{"data":[{"id":1}],"pagination":{"cursor":"same","hasMore":true}}`), nil)
	var n int
	var last error
	for _, err := range c.Conversations(t.Context()) {
		if n++; n > 10 {
			t.Fatal("it goes round in circles")
		}
		last = err
	}
	requireError(t, last)
	assert.ErrorIs(t, last, ErrRepeatedPage)
	assert.Contains(t, last.Error(), "GET /agents/{agentId}/conversations")
	assert.Contains(t, last.Error(), "req_1")
}

func TestUserConversations_UnknownCustomer(t *testing.T) {
	for _, f := range []transport{
		jsonResponse(404, `{"error":{"code":"RESOURCE_NOT_FOUND","message":"m"}}`),
		jsonResponse(200, `{"data":[],"pagination":{"cursor":null,"hasMore":false,"total":0}}`),
	} {
		for range newTestClient(t, f, nil).UserConversations(t.Context(), "nobody") {
			t.Error("there is one")
		}
	}
	unknown := jsonResponse(404, `{"error":{"code":"RESOURCE_NOT_FOUND","message":"m"}}`)
	for name, test := range map[string]struct {
		response transport
		cursor   string
		want     error
	}{
		"a rejection":     {jsonResponse(401, "{}"), "", ErrUnauthorized},
		"a proxy's page":  {jsonResponse(404, "<html>"), "", ErrNotFound},
		"the second page": {unknown, "next", ErrNotFound},
	} {
		_, err := newTestClient(t, test.response, nil).UserConversationsPage(t.Context(), "nobody", PageRequest{Cursor: test.cursor})
		assert.ErrorIs(t, err, test.want, name)
	}
}

func TestConversation_TolerantDecoding(t *testing.T) {
	c := newTestClient(t, jsonResponse(200, `{"data":{"id":"m","role":"assistant","parts":[
		{"type":"text","text":"a"},
		{"type":"image","url":"x"},
		{"type":"tool-call","toolCallId":"c","toolName":"t","input":{"n":9007199254740993}},
		{"type":"tool-result","toolCallId":"c","toolName":"t","output":[1]},
		{"type":"text","text":7},
		{"type":"text","text":"b"}],
		"metadata":{"conversationId":456,"usage":{"credits":0.5}},"later":true}}`), nil)
	reply, err := c.Send(t.Context(), hello)
	require.NoError(t, err)
	assert.Equal(t, "ab", reply.Text())
	assert.Equal(t, ConversationID("456"), reply.Metadata.ConversationID)
	assert.Equal(t, 0.5, reply.Metadata.Usage.Credits)
	assert.Equal(t, "req_1", reply.ResponseInfo.RequestID)
	require.Len(t, reply.Parts, 6)
	assert.JSONEq(t, `{"type":"image","url":"x"}`, string(reply.Parts[1].Raw))
	assert.Equal(t, `{"n":9007199254740993}`, string(reply.Parts[2].Input))
	assert.Equal(t, `[1]`, string(reply.Parts[3].Output))
	assert.Equal(t, Part{Raw: json.RawMessage(`{"type":"text","text":7}`)}, reply.Parts[4])
	assert.Len(t, reply.ToolCalls(), 1)

	c = newTestClient(t, jsonResponse(200, `{"data":{"id":456,"title":null,"createdAt":1700000000,"updatedAt":"1700000001","userId":null,"status":"new"}}`), nil)
	conversation, err := c.Conversation(t.Context(), "456")
	require.NoError(t, err)
	assert.Equal(t, int64(1700000000), conversation.CreatedAt.Unix())
	assert.Equal(t, int64(1700000001), conversation.UpdatedAt.Unix())
	assert.Empty(t, conversation.Title)
	c = newTestClient(t, jsonResponse(200, `{"data":{"id":456,"messages":[{"id":"m"}]},"pagination":{"cursor":"next","hasMore":true}}`), nil)
	conversation, err = c.Conversation(t.Context(), "456")
	require.NoError(t, err)
	assert.Equal(t, "next", conversation.MessagesCursor)
	for _, text := range []string{"null", `"x"`, "{}", "-1", "1e300"} {
		at := Time{time.Now()}
		require.NoError(t, json.Unmarshal([]byte(text), &at))
		assert.True(t, at.IsZero(), text)
	}
}

func TestClient_PrintsNoKey(t *testing.T) {
	c := newTestClient(t, jsonResponse(401, `{"error":{"code":"AUTH_INVALID_API_KEY","message":"no"}}`), nil)
	testenv.Redacted(t, []byte(testKey), c)
	_, err := c.Send(t.Context(), hello)
	s := openStream(t, newTestClient(t, streamOf(sample), nil))
	_, streamErr := read(s)
	require.NoError(t, streamErr)
	reply, _ := s.Reply()
	testenv.Redacted(t, []byte(testKey), s)
	for name, v := range map[string]any{
		"Error": requireError(t, err), "Reply": reply, "Options": &Options{BaseURL: "x"}, "ResponseInfo": s.ResponseInfo, "Message": hello,
		"FieldError": &FieldError{"apiKey", "must not be empty"}, "Attempt": Attempt{Number: 1},
	} {
		t.Run(name, func(t *testing.T) { testenv.Keyless(t, []byte(testKey), v) })
	}
	_, err = New(testKey+"\n", 1, nil)
	testenv.NoKey(t, []byte(testKey), err.Error())
}

// What a transport says may be anything: it is cut, and one line.
func TestError_TextOfATransport(t *testing.T) {
	long := errors.New("\x1b[2J" + strings.Repeat("x", 100_000) + "\n")
	_, err := newTestClient(t, func(*http.Request) (*http.Response, error) { return nil, long }, nil).Send(t.Context(), hello)
	assert.ErrorIs(t, err, long)
	assert.Less(t, len(err.Error()), 700)
	assert.NotContains(t, err.Error(), "\x1b")
}

// What arrives is what was passed, with all its characters.
func TestSend_TextAsItIs(t *testing.T) {
	const text = "<b>\"ü\"</b> \u2028 \ufffd \\ufffd 😀"
	var sent struct {
		Message string
		Output  any
	}
	c := newTestClient(t, func(r *http.Request) (*http.Response, error) {
		return newResponse(200, "application/json", strings.NewReader(`{"data":{"success":true}}`)), json.NewDecoder(r.Body).Decode(&sent)
	}, nil)
	_, err := c.Send(t.Context(), Message{Text: text})
	require.NoError(t, err)
	assert.Equal(t, text, sent.Message)
	_, err = c.SubmitToolResult(t.Context(), "1", ToolResult{ToolCallID: "c", Output: map[string]any{text: []any{text, 1.5, nil, true}}})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{text: []any{text, 1.5, nil, true}}, sent.Output)
}

const misleading = "\u2028\u2029\u202e\u2066\u200f\u061c\u0085\x1b\n"

func TestError_ForeignTexts(t *testing.T) {
	plain := func(s string) { assert.False(t, strings.ContainsAny(s, misleading), "%q", s) }
	f := func(*http.Request) (*http.Response, error) {
		body, err := json.Marshal(map[string]any{"error": map[string]any{"code": "A B" + misleading + strings.Repeat("C", 1000), "message": "m" + misleading}})
		res := newResponse(400, "application/json"+misleading, bytes.NewReader(body))
		res.Header.Set("X-Request-Id", "r"+misleading)
		return res, err
	}
	_, err := newTestClient(t, f, nil).Send(t.Context(), hello)
	e := requireError(t, err)
	plain(e.Error() + string(e.Code) + e.Message + e.RequestID)
	assert.Contains(t, e.Error(), ` status 400 "A B `, "a code is quoted")
	assert.Less(t, len(e.Error()), 400)

	_, err = read(openStream(t, newTestClient(t, streamOf("data: {\"type\":\"error\",\"errorText\":\"boom\u202e\"}\n\ndata: [DONE]\n\n"), nil)))
	assert.Equal(t, "boom ", requireError(t, err).Message)
	plain((&Error{Operation: "GET /", err: errors.New(misleading), Code: misleading, ResponseInfo: ResponseInfo{RequestID: misleading}}).Error())
}

func TestError_KeySentBack(t *testing.T) {
	_, err := read(openStream(t, newTestClient(t, streamOf("data: {\"type\":\"error\",\"errorText\":\"no "+testKey+"\"}\n\ndata: [DONE]\n\n"), nil)))
	assert.NotContains(t, requireError(t, err).Message, testKey)
	body := io.MultiReader(strings.NewReader("data: {}\n\n"), &failingReader{errors.New("GOAWAY " + testKey)})
	c := newTestClient(t, func(*http.Request) (*http.Response, error) { return newResponse(200, "text/event-stream", body), nil }, nil)
	_, err = read(openStream(t, c))
	assert.ErrorIs(t, err, ErrStreamCut)
	for _, err := range append(requireError(t, err).Unwrap(), err) {
		assert.NotContains(t, err.Error(), testKey)
	}
}

// readExport counts the conversations, and returns the last error.
func readExport(export iter.Seq2[Conversation, error]) (n int, err error) {
	for _, e := range export {
		if err = e; err == nil {
			n++
		}
	}
	return n, err
}

func FuzzIDs(f *testing.F) {
	f.Add("user_8821")
	f.Add("..")
	f.Add("a\n")
	f.Fuzz(func(t *testing.T, id string) {
		if _, err := ParseUserID(id); err == nil {
			require.Regexp(t, `\A[a-zA-Z0-9._-]{1,128}\z`, id)
			require.NotContains(t, []string{".", ".."}, id)
		}
		if ConversationID(id).check("conversation") == nil {
			require.Regexp(t, `\A[a-zA-Z0-9_-]{1,128}\z`, id)
			b, err := json.Marshal(ConversationID(id))
			require.NoError(t, err)
			var back ConversationID
			require.NoError(t, json.Unmarshal(b, &back))
			require.Equal(t, ConversationID(id), back)
		}
	})
}
