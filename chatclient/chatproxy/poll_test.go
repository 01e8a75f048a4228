package chatproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// pollPage is what the responses about a conversation have in common.
type pollPage struct {
	Status   string
	Poll     string
	Messages []struct {
		ID    string
		Parts []json.RawMessage
	}
	Conversations []pollPage
}

func (e *site) page(path string, header ...string) (p pollPage) {
	e.Helper()
	res, text := e.do("GET", path, "", header...)
	require.Equal(e, 200, res.StatusCode, text)
	require.NoError(e, json.Unmarshal([]byte(text), &p))
	return p
}

// A page learns in each reading that a person has the conversation, in the history or
// with a message, and polls for what the person writes.
func TestPoll_TakenOver(t *testing.T) {
	for _, reading := range []string{"stored", "400", "replied"} {
		for _, status := range []string{"taken_over", "paused"} {
			eachForm(t, func() setup {
				return setup{fake: &chattest.Options{Readings: map[string]string{"taken-over": reading}}}
			}, func(f *chatForm) {
				own := f.send("m1", "hello")
				assert.Empty(f, own.Poll)
				path := "/conversations/" + own.Conversation + "/messages"
				assert.Empty(f, f.page(path, f.visitor...).Poll)
				f.fake.SetStatus("456", status)
				seen := f.page(path, f.visitor...)
				assert.Equal(f, status, seen.Status)
				require.NotEmpty(f, seen.Poll)
				if f.visitor == nil {
					assert.Equal(f, seen.Poll, f.page("/conversations").Conversations[0].Poll)
				}

				got := f.send("m2", "is anybody there?")
				switch reading {
				case "400":
					assert.Equal(f, outcome{status: 409, code: "conversation_held"}, got)
					_, text := f.site.do("POST", f.path(false), f.body("m3", "hello?", false), f.visitor...)
					assert.Contains(f, text, `"poll":"`+seen.Poll+`"}`)
				case "stored":
					assert.Equal(f, seen.Poll, got.Poll)
					assert.Empty(f, got.text)
					if f.native {
						assert.Equal(f, "held", got.reason)
					}
				case "replied":
					assert.NotEmpty(f, got.text)
				}
				assert.Empty(f, f.reports(), "it is no fault of the site's")

				id := f.fake.AddMessage("456", "This is Eve.")
				poll := "/conversations/" + seen.Poll + "/poll?after="
				page := f.page(poll+own.Message, f.visitor...)
				last := page.Messages[len(page.Messages)-1]
				assert.JSONEq(f, `{"type":"text","text":"This is Eve."}`, string(last.Parts[0]))
				assert.Equal(f, seen.Poll, page.Poll)
				assert.NotEqual(f, own.Message, page.Messages[0].ID)
				assert.Empty(f, f.page(poll+last.ID, f.visitor...).Messages)
				assert.NotEmpty(f, id)

				f.fake.SetStatus("456", "ongoing")
				time.Sleep(5 * time.Second)
				assert.Empty(f, f.page(poll, f.visitor...).Poll)
				f.rejected(409, "conversation_not_held", "GET", poll, "", f.visitor...)
				assert.Equal(f, "You said: again", f.send("m4", "again").text)

				time.Sleep(5 * time.Second)
				f.fake.SetStatus("456", "taken_over")
				f.page(path, f.visitor...)
				assert.Equal(f, seen.Poll, f.page(poll, f.visitor...).Poll)
			})
		}
	}
}

// Tabs share the calls of their polls: one for a conversation in 5 seconds.
func TestPoll_SharedByTabs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		own := e.send("hello", "")
		e.fake.SetStatus("456", "paused")
		poll := "/conversations/" + e.proxy.tickets.poll(ada, "456") + "/poll"
		before := len(e.fake.Requests())
		for i := range 3 {
			var tabs sync.WaitGroup
			for range 8 {
				tabs.Go(func() {
					res, _ := e.do("GET", poll+"?after="+own.Message, "")
					assert.Equal(t, 200, res.StatusCode)
				})
			}
			tabs.Wait()
			assert.Len(t, e.fake.Requests(), before+i+1)
			time.Sleep(5 * time.Second)
		}
		e.fake.Script(chattest.Status(500, ""), chattest.Status(500, ""), chattest.Status(500, ""))
		for range 3 { // a failure is shared as well
			e.failed(502, "bot_unavailable", "GET", poll, "")
		}
		assert.Len(t, e.fake.Requests(), before+6, "one call of three attempts")
		e.end()
	})
}

// All polls together use at most a fifth of the key's limit.
func TestPoll_FifthOfTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		for i := range 25 {
			e.send("hello", "", asUser, fmt.Sprint("user-", i))
			e.fake.SetStatus(fmt.Sprint(456+i), "taken_over")
		}
		before := len(e.fake.Requests())
		statuses := map[int]int{}
		for i := range 25 {
			who := subject{"user", fmt.Sprint("user-", i)}
			ticket := e.proxy.tickets.poll(who, chatclient.ConversationID(fmt.Sprint(456+i)))
			res, _ := e.do("GET", "/conversations/"+ticket+"/poll", "", asUser, who.id)
			statuses[res.StatusCode]++
			if res.StatusCode == 429 {
				assert.Equal(t, "10", res.Header.Get("Retry-After"))
			}
		}
		assert.Equal(t, map[int]int{200: 20, 429: 5}, statuses)
		assert.Len(t, e.fake.Requests(), before+20)
		e.end()
	})
}

func TestPoll_TicketsOfOthers(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Anonymous: true}})
	own := e.send("hello", "")
	poll := e.proxy.tickets.poll(ada, "456")
	for _, ticket := range []string{own.Conversation, own.Message, poll + "A", "v1.456.x"} {
		e.rejected(404, "conversation_not_found", "GET", "/conversations/"+ticket+"/poll", "")
	}
	e.rejected(404, "conversation_not_found", "GET", "/conversations/"+poll+"/poll", "", asUser, "grace")
	e.rejected(404, "conversation_not_found", "GET", "/conversations/"+poll+"/messages", "")
	e.rejected(404, "message_not_found", "GET", "/conversations/"+poll+"/poll?after=x", "")
	e.rejected(404, "conversation_not_found", "POST", "/messages", messageBody("a", poll))
}

// While the service thinks, the stream begins after 5 seconds, and an error
// after that is a frame.
func TestEventWriter_BeginsWhileTheServiceThinks(t *testing.T) {
	for _, path := range []string{"/messages", "/ai-sdk"} {
		synctest.Test(t, func(t *testing.T) {
			e := newSite(t, setup{bot: &chatclient.Options{MaxRetries: -1}})
			body := func() string {
				if path == "/ai-sdk" {
					return aiBody("hello", "")[:0] + `{"messages":[{"role":"user","parts":[{"type":"text","text":"hello"}]}]}`
				}
				return `{"message":"hello"}`
			}
			e.fake.Script(chattest.Slow(25 * time.Second))
			begun := time.Now()
			res := e.open("POST", path, body())
			assert.Equal(t, 5*time.Second, time.Since(begun))
			assert.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
			in := lines(res.Body)
			assert.Contains(t, <-in, `"type":"start"`)
			comments, text := 1, ""
			for line := range in {
				text += line
				if line == ":" {
					comments++
				}
			}
			assert.Equal(t, 3, comments, "at 5 and 20 seconds, and the one counted first")
			assert.Contains(t, text, "[DONE]")

			e.fake.Script(func(normal http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(6 * time.Second)
					chattest.Status(402, "CHAT_CREDITS_EXHAUSTED")(normal).ServeHTTP(w, r)
				})
			})
			_, stream := e.do("POST", path, body())
			assert.Contains(t, stream, "bot_paused")
			assert.Contains(t, stream, "[DONE]")
			assert.Len(t, e.reports(), 1)
			e.end()
		})
	}
}

// A panic in the call that tabs share, such as one of the client's Limiter, is the same error
// for each of them.
func TestPoll_Panics(t *testing.T) {
	var limiter panickingLimiter
	e := newSite(t, setup{bot: &chatclient.Options{Limiter: &limiter}})
	own := e.send("hello", "")
	e.fake.SetStatus("456", "taken_over")
	poll := e.page("/conversations/" + own.Conversation + "/messages").Poll
	limiter.panics.Store(true)
	for range 2 {
		res, err := e.client.Do(e.request("GET", "/conversations/"+poll+"/poll", ""))
		if err == nil {
			assert.Equal(t, 500, res.StatusCode)
			_ = res.Body.Close()
		}
	}
	e.failed(500, "internal_error", "GET", "/conversations/"+poll+"/poll", "")
}

type panickingLimiter struct{ panics atomic.Bool }

func (l *panickingLimiter) Wait(context.Context) error {
	if l.panics.Load() {
		panic("boom")
	}
	return nil
}

// OnReply gets what each reply cost, also when its page has left.
func TestProxy_OnReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		e := newSite(t, setup{fake: &chattest.Options{Pace: time.Second}, proxy: &Options{
			OnReply: func(ctx context.Context, v Visitor, m chatclient.Metadata) {
				assert.NoError(t, ctx.Err())
				got = append(got, fmt.Sprint(v.UserID, " ", m.ConversationID, " ", m.Usage.Credits))
				if len(got) == 3 {
					panic("boom")
				}
			}}})
		e.send("hello", "")
		(&chatForm{site: e, native: true, chat: "c"}).begin("m1", "hello", 2)()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"ada 456 1", "ada 457 1"}, got)
		assert.Empty(t, e.reports())
		e.send("hello", "")
		var p *PanicError
		if reports := e.reports(); assert.Len(t, reports, 1) {
			assert.ErrorAs(t, reports[0], &p)
		}
		e.fake.Script(chattest.Status(500, ""))
		_, _ = e.do("POST", "/messages", `{"message":"a"}`)
		assert.Len(t, got, 3, "without a reply it is not called")
		e.end()
	})
}

// Cases C14 and C22: each misconfiguration is reported once.
func TestProxy_ReportsNotStripped(t *testing.T) {
	for _, path := range []string{"/chat/ai-sdk", "/a/b/messages", "/chat/chatproxy.js", "/chat/conversations/x/messages"} {
		e := newSite(t, setup{})
		for range 3 {
			w := newRecorder()
			e.proxy.ServeHTTP(w, newRequest("POST", path, "{}"))
			assert.Equal(t, 404, w.Code)
		}
		assert.Equal(t, []error{ErrNotStripped}, e.reports(), path)
	}
	e := newSite(t, setup{})
	e.send("hello", "") // so the prefix is right
	e.rejected(404, "not_found", "POST", "/x/messages", "{}")
	assert.Empty(t, e.reports())
}

func TestProxy_ReportsAllowanceThatRejectsAll(t *testing.T) {
	e := newSite(t, setup{proxy: &Options{Allow: func(context.Context, Visitor) (time.Duration, bool) { return time.Second, false }}})
	for i := range 40 {
		e.rejected(429, "too_many_requests", "GET", "/conversations", "")
		assert.Equal(t, i == 19, len(e.reports()) == 1)
	}
	e = newSite(t, setup{counted: true})
	for range 60 {
		_, _ = e.do("GET", "/conversations", "")
	}
	assert.Empty(t, e.reports())
}

// withoutUnwrap is a middleware's writer that has Flush but no deadlines.
type withoutUnwrap struct{ opaque }

func (w withoutUnwrap) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func TestProxy_ReportsNoWriteDeadline(t *testing.T) {
	for timeout, want := range map[time.Duration][]error{time.Minute: {ErrNoWriteDeadline}, 0: nil} {
		e := newSite(t, setup{server: func(s *http.Server) {
			s.WriteTimeout = timeout
			inner := s.Handler
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(withoutUnwrap{opaque{w}}, r) })
		}})
		for range 3 {
			e.send("hello", "")
		}
		assert.Equal(t, want, e.reports(), timeout)
	}
}

// The server cuts the reply off, whose deadlines a middleware hides.
func TestProxy_ReportsACutByWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{fake: &chattest.Options{Pace: time.Second}, server: func(s *http.Server) {
			s.WriteTimeout = 4 * time.Second
			inner := s.Handler
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(withoutUnwrap{opaque{w}}, r) })
		}})
		for range 2 {
			res, err := e.client.Do(e.request("POST", "/messages", `{"message":"`+strings.Repeat("word ", 20)+`"}`))
			if err == nil {
				for range lines(res.Body) {
				}
			}
		}
		time.Sleep(time.Minute)
		reports := e.reports()
		require.NotEmpty(t, reports)
		assert.Contains(t, reports, ErrNoWriteDeadline)
		assert.LessOrEqual(t, len(reports), 2)
		for _, err := range reports {
			assert.True(t, errors.Is(err, ErrNoWriteDeadline) || errors.Is(err, ErrWriteFailed), err)
		}
		e.end()
	})
}
