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

// What the service rejects, and what the visitor gets.
func TestUpstream_Rejections(t *testing.T) {
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
		"credits":           {chattest.Status(402, "SOMETHING_NEW"), all, 503, "bot_paused", true},
		"credits by code":   {chattest.Status(400, "CHAT_CREDITS_EXHAUSTED"), all, 503, "bot_paused", true},
		"gone":              {chattest.Status(404, "RESOURCE_NOT_FOUND"), []string{chat, messages, feedback}, 404, "conversation_not_found", false},
		"message gone":      {chattest.Status(404, "RESOURCE_MESSAGE_NOT_FOUND"), []string{feedback}, 404, "message_not_found", false},
		"not the bot's":     {chattest.Status(400, "RESOURCE_MESSAGE_NOT_ASSISTANT"), []string{feedback}, 400, "not_assistant", false},
		"not the bot's 422": {chattest.Status(422, "RESOURCE_MESSAGE_NOT_ASSISTANT"), []string{feedback}, 400, "not_assistant", false},
		"ended":             {chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING"), []string{chat}, 409, "conversation_ended", false},
		"conflict":          {chattest.Status(409, "SOMETHING_NEW"), all, 502, "bot_unavailable", true},
		"500":               {chattest.Status(500, "INTERNAL_SERVER_ERROR"), all, 502, "bot_unavailable", true},
		"a proxy's page":    {chattest.BadGateway(), all, 502, "bot_unavailable", true},
		"dropped":           {chattest.Drop(), all, 502, "bot_unavailable", true},
		"a redirect": {chattest.Respond(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example", http.StatusFound)
		}), all, 502, "bot_unavailable", true},
		"another form": {chattest.Respond(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("<p>hi")) }), all, 502, "bot_unavailable", true},
	} {
		for _, call := range test.calls {
			t.Run(name+", "+call, func(t *testing.T) {
				e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
				own := e.send("Hello", "")
				e.bot.CloseIdleConnections() // what is dropped on one that was used before, net/http repeats by itself
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

func TestUpstream_NotFoundWithoutTicket(t *testing.T) {
	e := newSite(t, setup{})
	e.fake.Script(chattest.Status(404, "RESOURCE_NOT_FOUND"))
	e.failed(502, "bot_unavailable", "POST", "/messages", `{"message":"a"}`)
	assert.ErrorIs(t, e.reports()[0], chatclient.ErrNotFound, "the agent is gone")
	e.fake.Script(chattest.Status(404, "RESOURCE_NOT_FOUND"))
	res, list := e.do("GET", "/conversations", "")
	assert.Equal(t, 200, res.StatusCode)
	assert.JSONEq(t, `{"version":1,"conversations":[],"cursor":null}`, list)
}

func TestUpstream_NoConnection(t *testing.T) {
	e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
	e.fake.Close()
	e.failed(502, "bot_unavailable", "POST", "/messages", `{"message":"a"}`)
}

func TestUpstream_RateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		begun := time.Now()
		e.fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(2 * time.Second))
		e.send("Hello", "")
		assert.Equal(t, 2*time.Second, time.Since(begun), "so long a wait is accepted")

		begun = time.Now()
		e.fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(3 * time.Second))
		res := e.failed(429, "busy", "POST", "/messages", `{"message":"a"}`)
		assert.Equal(t, "3", res.Header.Get("Retry-After"))
		assert.Zero(t, time.Since(begun))
		assert.ErrorIs(t, e.reports()[0], chatclient.ErrRateLimited)
		e.end()
	})
}

// An earlier rejection does not hide the last one.
func TestUpstream_RejectionAfterRateLimit(t *testing.T) {
	for _, test := range []struct {
		fault  chattest.Fault
		status int
		code   string
	}{
		{chattest.Status(500, ""), 502, "bot_unavailable"},
		{chattest.Status(401, ""), 502, "bot_unavailable"},
		{chattest.Status(402, ""), 503, "bot_paused"},
		{chattest.Status(404, "RESOURCE_NOT_FOUND"), 404, "conversation_not_found"},
		{chattest.Status(400, "CHAT_CONVERSATION_NOT_ONGOING"), 409, "conversation_ended"},
		{chattest.Drop(), 502, "bot_unavailable"},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newSite(t, setup{})
			ticket := e.send("Hello", "").Conversation
			e.fake.Script(chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Second), test.fault)
			e.failed(test.status, test.code, "POST", "/messages", messageBody("a", ticket))
			e.end()
		})
	}
}

// The deadline of a request is no visitor who left: it gets a response, and is reported.
func TestProxy_DeadlineOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{server: func(s *http.Server) {
			inner := s.Handler
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
				defer cancel()
				inner.ServeHTTP(w, r.WithContext(ctx))
			})
		}})
		e.fake.Script(chattest.Slow(time.Minute), chattest.Silence(1))
		_, stream := e.do("POST", "/messages", `{"message":"a"}`)
		assert.Contains(t, stream, `"code":"bot_timeout"`)
		assert.ErrorIs(t, e.reports()[0], context.DeadlineExceeded)
		_, stream = e.do("POST", "/messages", `{"message":"a"}`)
		assert.Contains(t, stream, `"code":"reply_timeout"`)
		assert.ErrorIs(t, e.reports()[0], context.DeadlineExceeded)
		e.end()
	})
}

func TestProxy_RetryAfterRoundedUp(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) { return 1500 * time.Millisecond, false }}})
	res := e.rejected(429, "too_many_requests", "GET", "/conversations", "")
	assert.Equal(t, "2", res.Header.Get("Retry-After"))
}

// A panic is reported, even if nobody reads the response any more.
func TestProxy_PanicAfterVisitorLeft(t *testing.T) {
	e := newSite(t, setup{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	e.proxy.ServeHTTP(newRecorder(), newRequest("GET", "/conversations", "").WithContext(gone))
	assert.Empty(t, e.reports())
	r := newRequest("GET", "/conversations", "").WithContext(gone)
	r.Header.Set(asUser, "panics")
	e.proxy.ServeHTTP(newRecorder(), r)
	assert.Len(t, e.reports(), 1)
}

// The response reaches the visitor before OnError is called, whatever that does.
func TestProxy_OnErrorAfterTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{proxy: &Options{OnError: func(*http.Request, error) { time.Sleep(time.Minute) }}})
		begun := time.Now()
		e.fake.Script(chattest.Status(500, ""), chattest.Cut(1))
		e.failed(502, "bot_unavailable", "POST", "/messages", `{"message":"a"}`)
		assert.Zero(t, time.Since(begun))
		_, stream := e.do("POST", "/messages", `{"message":"a"}`)
		assert.NotContains(t, stream, ":\n\n", "no comments after the end")
		assert.True(t, e.proxy.streams.take(ada))
		e.end()
	})
}

// What a router in front has found is there for the visitor function.
func TestProxy_PathValues(t *testing.T) {
	e := newSite(t, setup{})
	var tenant string
	proxy, err := New(e.proxy.bot, testSecret, func(r *http.Request) (Visitor, error) {
		tenant = r.PathValue("tenant")
		return Visitor{UserID: "ada"}, nil
	}, nil)
	assert.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/{tenant}/chat/", func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/"+r.PathValue("tenant")+"/chat", proxy).ServeHTTP(w, r)
	})
	mux.ServeHTTP(newRecorder(), newRequest("GET", "/blue/chat/conversations", ""))
	assert.Equal(t, "blue", tenant)
}

type noBudget struct{}

func (noBudget) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestProxy_LimiterWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{bot: &chatclient.Options{Limiter: noBudget{}}})
		messages := "/conversations/" + e.proxy.tickets.conversation(ada, "456") + "/messages"
		feedback := messages + "/" + e.proxy.tickets.message(ada, "456", "msg_2") + "/feedback"
		for _, call := range [][3]string{
			{"POST", "/messages", `{"message":"a"}`}, {"GET", "/conversations", ""}, {"GET", messages, ""}, {"PATCH", feedback, `{"feedback":null}`},
		} {
			begun := time.Now()
			res := e.rejected(429, "busy", call[0], call[1], call[2])
			assert.Equal(t, "1", res.Header.Get("Retry-After"))
			assert.Equal(t, 2*time.Second, time.Since(begun))
			assert.ErrorIs(t, e.reports()[0], chatclient.ErrLimiter)
		}
		e.end()
	})
}

// A service that does not respond is a timeout, the client's or that of the whole reply.
func TestUpstream_Timeout(t *testing.T) {
	for timeout, want := range map[time.Duration]struct {
		took time.Duration
		err  error
	}{
		0:         {time.Minute, chatclient.ErrTimeout},
		time.Hour: {10 * time.Minute, context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newSite(t, setup{bot: &chatclient.Options{Timeout: timeout}})
			begun := time.Now()
			e.fake.Script(chattest.Slow(20 * time.Minute))
			_, stream := e.do("POST", "/messages", `{"message":"a"}`)
			assert.Contains(t, stream, `{"type":"error","code":"bot_timeout","message":"The assistant did not respond in time. Please try again."}`)
			assert.Equal(t, want.took, time.Since(begun))
			assert.ErrorIs(t, e.reports()[0], want.err)
			e.end()
		})
	}
}

func TestProxy_PanicInAllow(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) { panic("hunter2") }}})
	e.rejected(500, "internal_error", "GET", "/conversations", "")
	var p *PanicError
	assert.ErrorAs(t, e.reports()[0], &p)
}

func TestNew_BadArguments(t *testing.T) {
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
		"no secret":      {bot, "", byHeader, nil, FieldError{"secret", "must be at least 32 bytes, got 0 (is the variable set?)"}},
		"short secret":   {bot, testSecret[1:], byHeader, nil, FieldError{"secret", "must be at least 32 bytes, got 31 (is the variable set?)"}},
		"short previous": {bot, testSecret, byHeader, &Options{Previous: []string{testSecret, "x"}}, FieldError{"Options.Previous[1]", "must be at least 32 bytes, got 1 (is the variable set?)"}},
		"streams":        {bot, testSecret, byHeader, &Options{MaxStreamsPerVisitor: -1}, FieldError{"Options.MaxStreamsPerVisitor", "must not be negative"}},
	} {
		_, err := New(test.bot, test.secret, test.visitor, test.options)
		var f *FieldError
		if assert.ErrorAs(t, err, &f, name) {
			assert.Equal(t, test.want, *f, name)
			assert.Equal(t, "chatproxy: "+f.Field+": "+f.Rule, err.Error())
		}
	}
	_, err = New(bot, testSecret, byHeader, nil)
	assert.NoError(t, err)
}

func TestUpstream_OtherErrors(t *testing.T) {
	assert.Equal(t, "bot_unavailable", upstream(errors.New("x"), true).code)
	assert.Equal(t, "bot_unavailable", upstream(&chatclient.FieldError{Field: "user", Rule: "x"}, true).code)
}
