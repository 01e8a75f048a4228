package chatproxy

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// What the service refuses, and what the visitor is told.
func TestUpstreamRefusals(t *testing.T) {
	const chat, list, messages, feedback = "chat", "list", "messages", "feedback"
	all := []string{chat, list, messages, feedback}
	for name, test := range map[string]struct {
		fault    chattest.Fault
		calls    []string
		status   int
		code     string
		reported bool
	}{
		"the message":       {chattest.Status(400, "VALIDATION_INVALID_BODY"), []string{chat}, 400, "message_refused", true},
		"a long message":    {chattest.Status(413, ""), []string{chat}, 413, "message_refused", true},
		"our JSON":          {chattest.Status(400, "VALIDATION_INVALID_JSON"), []string{chat}, 502, "bot_unavailable", true},
		"our request":       {chattest.Status(400, "VALIDATION_INVALID_BODY"), []string{list, messages, feedback}, 502, "bot_unavailable", true},
		"the key":           {chattest.Status(401, "AUTH_INVALID_API_KEY"), all, 502, "bot_unavailable", true},
		"another agent":     {chattest.Status(403, "AUTH_INSUFFICIENT_PERMISSIONS"), all, 502, "bot_unavailable", true},
		"credits":           {chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"), all, 503, "bot_paused", true},
		"gone":              {chattest.Status(404, "RESOURCE_NOT_FOUND"), []string{chat, messages, feedback}, 404, "conversation_not_found", false},
		"message gone":      {chattest.Status(404, "RESOURCE_MESSAGE_NOT_FOUND"), []string{feedback}, 404, "message_not_found", false},
		"not the bot's":     {chattest.Status(400, "RESOURCE_MESSAGE_NOT_ASSISTANT"), []string{feedback}, 400, "not_assistant", false},
		"not the bot's 422": {chattest.Status(422, "RESOURCE_MESSAGE_NOT_ASSISTANT"), []string{feedback}, 400, "not_assistant", false},
		"ended":             {chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING"), []string{chat}, 409, "conversation_ended", false},
		"conflict":          {chattest.Status(409, "SOMETHING_NEW"), all, 502, "bot_unavailable", true},
		"500":               {chattest.Status(500, "INTERNAL_SERVER_ERROR"), all, 502, "bot_unavailable", true},
		"a proxy's page":    {chattest.BadGateway(), all, 502, "bot_unavailable", true},
		"dropped":           {chattest.Drop(), all, 502, "bot_unavailable", true},
		"a redirect": {chattest.Answer(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example", http.StatusFound)
		}), all, 502, "bot_unavailable", true},
		"another form": {chattest.Answer(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("<p>hi")) }), all, 502, "bot_unavailable", true},
	} {
		for _, call := range test.calls {
			t.Run(name+", "+call, func(t *testing.T) {
				e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
				own := e.say("Hello", "")
				e.fake.Script(test.fault)
				path := "/conversations/" + own.Conversation + "/messages"
				switch call {
				case chat:
					e.failed(test.status, test.code, "POST", "/messages", `{"message":"a","conversation":"`+own.Conversation+`"}`)
				case list:
					e.failed(test.status, test.code, "GET", "/conversations", "")
				case messages:
					e.failed(test.status, test.code, "GET", path, "")
				case feedback:
					e.failed(test.status, test.code, "PATCH", path+"/"+own.Message+"/feedback", `{"feedback":null}`)
				}
				if reports := e.reports(); test.reported {
					var c *chatclient.Error
					assert.Len(t, reports, 1)
					assert.ErrorAs(t, reports[0], &c)
				} else {
					assert.Empty(t, reports)
				}
			})
		}
	}
}

func TestNotFoundWithoutATicket(t *testing.T) {
	e := newSite(t, setup{})
	e.fake.Script(chattest.Status(404, "RESOURCE_NOT_FOUND"))
	e.failed(502, "bot_unavailable", "POST", "/messages", `{"message":"a"}`)
	assert.ErrorIs(t, e.reports()[0], chatclient.ErrNotFound, "the agent is gone")
	e.fake.Script(chattest.Status(404, "RESOURCE_NOT_FOUND"))
	res, list := e.do("GET", "/conversations", "")
	assert.Equal(t, 200, res.StatusCode)
	assert.Equal(t, `{"version":1,"conversations":[],"cursor":null}`+"\n", list)
}

func TestNoConnection(t *testing.T) {
	e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
	e.fake.Close()
	e.failed(502, "bot_unavailable", "POST", "/messages", `{"message":"a"}`)
}

func TestRateLimitOfTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		begun := time.Now()
		e.fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(2 * time.Second))
		e.say("Hello", "")
		assert.Equal(t, 2*time.Second, time.Since(begun), "as much is waited for")

		begun = time.Now()
		e.fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(3 * time.Second))
		res := e.failed(429, "busy", "POST", "/messages", `{"message":"a"}`)
		assert.Equal(t, "3", res.Header.Get("Retry-After"))
		assert.Zero(t, time.Since(begun))
		assert.ErrorIs(t, e.reports()[0], chatclient.ErrRateLimited)
		e.client.CloseIdleConnections()
		e.fake.Close()
		synctest.Wait()
	})
}

type noBudget struct{}

func (noBudget) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestTheLimiterIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{bot: &chatclient.Options{Limiter: noBudget{}}})
		for _, path := range []string{"/messages", "/conversations"} {
			begun := time.Now()
			method, body := "GET", ""
			if path == "/messages" {
				method, body = "POST", `{"message":"a"}`
			}
			res := e.refused(429, "busy", method, path, body)
			assert.Equal(t, "1", res.Header.Get("Retry-After"))
			assert.Equal(t, 2*time.Second, time.Since(begun))
			assert.ErrorIs(t, e.reports()[0], chatclient.ErrLimiter)
		}
		e.client.CloseIdleConnections()
		synctest.Wait()
	})
}

func TestNoAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		begun := time.Now()
		e.fake.Script(chattest.Slow(2 * time.Minute))
		e.failed(504, "bot_timeout", "POST", "/messages", `{"message":"a"}`)
		assert.Equal(t, time.Minute, time.Since(begun))
		assert.ErrorIs(t, e.reports()[0], chatclient.ErrTimeout)
		e.client.CloseIdleConnections()
		e.fake.Close()
		synctest.Wait()
	})
}

func TestAPanicInAllow(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) { panic("hunter2") }}})
	e.refused(500, "internal_error", "GET", "/conversations", "")
	var p *PanicError
	assert.ErrorAs(t, e.reports()[0], &p)
}

func TestNewRefusesItsArguments(t *testing.T) {
	bot, err := chatclient.New(testKey, 123, nil)
	assert.NoError(t, err)
	for name, test := range map[string]struct {
		bot     *chatclient.Client
		secret  string
		visitor func(*http.Request) (Visitor, error)
		options *Options
		want    FieldError
	}{
		"no bot":         {nil, testSecret, byHeader, nil, FieldError{"bot", "must not be nil"}},
		"no visitor":     {bot, testSecret, nil, nil, FieldError{"visitor", "must not be nil"}},
		"no secret":      {bot, "", byHeader, nil, FieldError{"secret", "must have at least 32 bytes"}},
		"short secret":   {bot, testSecret[1:], byHeader, nil, FieldError{"secret", "must have at least 32 bytes"}},
		"short previous": {bot, testSecret, byHeader, &Options{Previous: []string{testSecret, "x"}}, FieldError{"Options.Previous[1]", "must have at least 32 bytes"}},
		"streams":        {bot, testSecret, byHeader, &Options{MaxStreamsPerVisitor: -1}, FieldError{"Options.MaxStreamsPerVisitor", "must not be negative"}},
	} {
		_, err := New(test.bot, test.secret, test.visitor, test.options)
		var f *FieldError
		if assert.ErrorAs(t, err, &f, name) {
			assert.Equal(t, test.want, *f, name)
			assert.Equal(t, "chatproxy: "+f.Field+" "+f.Rule, err.Error())
		}
	}
	_, err = New(bot, testSecret, byHeader, nil)
	assert.NoError(t, err)
}

func TestErrorsThatAreNobodysFault(t *testing.T) {
	assert.Equal(t, "bot_unavailable", upstream(errors.New("x"), true).code)
	assert.Equal(t, "bot_unavailable", upstream(&chatclient.FieldError{Field: "user", Rule: "x"}, true).code)
}
