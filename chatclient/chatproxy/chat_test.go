package chatproxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// asAnonymous are the headers of a visitor who is not signed in.
var asAnonymous = []string{asUser, "", asSession, "s1"}

// chatForm sends the messages of a page's chat, in one of the two forms.
type chatForm struct {
	*site
	native  bool
	chat    string
	visitor []string
	tickets []string // that were seen
}

// outcome is a response to a message: an error, or the frames that matter.
type outcome struct {
	replyTickets
	status int
	code   string // of an error, also of one within the reply
	reason string // of a finish, of the native form alone
	text   string
}

func (f *chatForm) path(again bool) string {
	switch {
	case !f.native:
		return "/ai-sdk"
	case again:
		return "/retry"
	}
	return "/messages"
}

// body is that of a message, or of one that is sent again.
func (f *chatForm) body(id, text string, again bool) string {
	if f.native {
		return fmt.Sprintf(`{"chat":%q,"id":%q,"message":%q}`, f.chat, id, text)
	}
	trigger := "submit-message"
	if again {
		trigger = "regenerate-message"
	}
	return fmt.Sprintf(`{"id":%q,"trigger":%q,"message":{"id":%q,"role":"user","parts":[{"type":"text","text":%q}]}}`, f.chat, trigger, id, text)
}

func (f *chatForm) send(id, text string) outcome { return f.do(id, text, false) }

func (f *chatForm) again(id, text string) outcome { return f.do(id, text, true) }

func (f *chatForm) do(id, text string, again bool) outcome {
	f.Helper()
	res, body := f.site.do("POST", f.path(again), f.body(id, text, again), f.visitor...)
	return readOutcome(f.T, res, body)
}

func readOutcome(t *testing.T, res *http.Response, body string) (o outcome) {
	t.Helper()
	o.status = res.StatusCode
	if o.status != 200 {
		var e struct{ Error struct{ Code string } }
		require.NoError(t, json.Unmarshal([]byte(body), &e), body)
		o.code = e.Error.Code
		return o
	}
	for _, frame := range framesOf(body) {
		var f struct {
			replyTickets
			Type, Code, FinishReason, Text, Delta, ErrorText string
			MessageMetadata                                  *replyTickets
		}
		if frame == "[DONE]" {
			continue
		}
		require.NoError(t, json.Unmarshal([]byte(frame), &f), frame)
		o.text += f.Text + f.Delta
		switch {
		case f.MessageMetadata != nil:
			o.replyTickets = *f.MessageMetadata
		case f.Type == "start" || f.Type == "finish" || f.Type == "error":
			o.replyTickets, o.reason = f.replyTickets, f.FinishReason
		}
		if f.Type == "error" {
			o.code = f.Code
			var e struct{ Error struct{ Code string } }
			if json.Unmarshal([]byte(f.ErrorText), &e) == nil {
				o.code = e.Error.Code
			}
		}
	}
	return o
}

// begin sends a message, reads n lines that are not empty and returns what ends the
// connection.
func (f *chatForm) begin(id, text string, n int) (leave func()) {
	f.Helper()
	res, leave := f.openToLeave("POST", f.path(false), f.body(id, text, false), f.visitor...)
	require.Equal(f, 200, res.StatusCode)
	for in := bufio.NewScanner(res.Body); n > 0 && in.Scan(); {
		if in.Text() != "" {
			n--
		}
	}
	return leave
}

// turns returns the visitor's texts of each conversation at the service.
func (e *site) turns() map[string][]string {
	e.Helper()
	turns := map[string][]string{}
	for c, err := range e.proxy.bot.Conversations(e.Context()) {
		require.NoError(e, err)
		turns[string(c.ID)] = nil
		page, err := e.proxy.bot.MessagesPage(e.Context(), c.ID, chatclient.PageRequest{Limit: 100})
		require.NoError(e, err)
		for _, m := range page.Items {
			if m.Role == "user" {
				turns[string(c.ID)] = append(turns[string(c.ID)], m.Text())
			}
		}
	}
	return turns
}

func (e *site) streamsInUse() int {
	e.proxy.streams.mu.Lock()
	defer e.proxy.streams.mu.Unlock()
	return len(e.proxy.streams.used)
}

// eachForm runs a test in a bubble for both forms, signed in and not.
func eachForm(t *testing.T, s func() setup, test func(f *chatForm)) {
	for _, native := range []bool{true, false} {
		for name, visitor := range map[string][]string{"signed in": nil, "anonymous": asAnonymous} {
			t.Run(fmt.Sprintf("native %t, %s", native, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := s()
					if s.proxy == nil {
						s.proxy = &Options{}
					}
					s.proxy.Anonymous = true
					f := &chatForm{site: newSite(t, s), native: native, chat: "the-chat", visitor: visitor}
					defer f.end()
					test(f)
				})
			})
		}
	}
}

func paced() setup { return setup{fake: &chattest.Options{Pace: time.Second}} }

func plain() setup { return setup{} }

const longText = "one two three four five six seven eight"

// After a lost connection in the first reply, the next message continues it.
func TestChat_ContinuesAfterALostConnection(t *testing.T) {
	for _, disconnect := range []string{"turn-continues", "turn-ends"} {
		eachForm(t, func() setup {
			s := paced()
			s.fake.Readings = map[string]string{"disconnect": disconnect}
			return s
		}, func(f *chatForm) {
			f.begin("m1", longText, 3)()
			got := f.send("m2", "more")
			assert.Equal(f, map[string][]string{"456": {longText, "more"}}, f.turns())
			assert.NotEmpty(f, got.Conversation)
			assert.False(f, got.ConversationLost)
			assert.Empty(f, f.reports())
		})
	}
}

func TestChat_ContinuesAfterLeavingBeforeTheReply(t *testing.T) {
	eachForm(t, paced, func(f *chatForm) {
		f.fake.Script(chattest.Slow(3 * time.Second))
		ctx, leave := context.WithTimeout(f.Context(), time.Second)
		defer leave()
		_, err := f.client.Do(f.request("POST", f.path(false), f.body("m1", longText, false), f.visitor...).WithContext(ctx))
		require.Error(f, err)
		f.send("m2", "more")
		assert.Equal(f, map[string][]string{"456": {longText, "more"}}, f.turns())
	})
}

// A stop ends the reply for the page at once, and the call too if the conversation is
// known; else the next message waits for it.
func TestStop_InTheFirstExchange(t *testing.T) {
	eachForm(t, paced, func(f *chatForm) {
		res := f.open("POST", f.path(false), f.body("m1", longText, false), f.visitor...)
		in := lines(res.Body)
		<-in
		_, stopped := f.site.do("POST", "/stop", `{"chat":"the-chat"}`, f.visitor...)
		assert.JSONEq(f, `{"version":1,"stopped":true}`, stopped)
		begun := time.Now()
		rest, took := "", time.Duration(-1)
		for line := range in {
			if rest += line + "\n"; line == "data: [DONE]" {
				took = time.Since(begun)
			}
		}
		assert.Less(f, took, time.Second, "the page gets its end at once")
		assert.GreaterOrEqual(f, took, time.Duration(0))
		assert.NotContains(f, rest, "eight")
		if f.native {
			assert.Contains(f, rest, `"finishReason":"stopped"`)
		}
		_ = res.Body.Close()
		f.send("m2", "more")
		assert.Equal(f, map[string][]string{"456": {longText, "more"}}, f.turns())
		assert.Empty(f, f.reports())
	})
}

func TestStop_AfterTheConversationIsKnown(t *testing.T) {
	eachForm(t, paced, func(f *chatForm) {
		f.send("m1", "hello")
		ended := make(chan time.Time, 1)
		f.fake.Script(func(normal http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				normal.ServeHTTP(w, r)
				ended <- time.Now()
			})
		})
		res := f.open("POST", f.path(false), f.body("m2", longText, false), f.visitor...)
		in := lines(res.Body)
		<-in
		_, stopped := f.site.do("POST", "/stop", `{"chat":"the-chat"}`, f.visitor...)
		assert.Contains(f, stopped, "true")
		begun := time.Now()
		for range in {
		}
		assert.LessOrEqual(f, (<-ended).Sub(begun), time.Second, "the service's next word finds nobody")
		f.send("m3", "more")
		assert.Equal(f, map[string][]string{"456": {"hello", longText, "more"}}, f.turns())
		assert.Empty(f, f.reports())
	})
}

func TestStop_OfNothing(t *testing.T) {
	e := newSite(t, setup{})
	_, stopped := e.do("POST", "/stop", `{"chat":"c"}`)
	assert.JSONEq(t, `{"version":1,"stopped":false}`, stopped)
	for _, body := range []string{`{}`, `{"chat":""}`, `{"chat":"a b"}`, `{"chat":7}`, `{"chat":"c","id":"1"}`, `{"chat":"ü"}`, `{"chat":"` + strings.Repeat("c", 129) + `"}`} {
		e.rejected(400, "invalid_request", "POST", "/stop", body)
	}
}

// A visitor without any allowance can stop a reply. Stops use up none, and their bodies have bounds.
func TestStop_DoesNotCount(t *testing.T) {
	eachForm(t, func() setup { s := paced(); s.counted = true; return s }, func(f *chatForm) {
		ended := make(chan string)
		go func() {
			_, body := f.site.do("POST", f.path(false), f.body("m1", longText, false), f.visitor...)
			ended <- body
		}()
		synctest.Wait()
		nothing := func() int {
			res, _ := f.site.do("GET", "/reply?chat=another", "", f.visitor...)
			return res.StatusCode
		}
		for range 19 {
			assert.Equal(f, 204, nothing())
		}
		assert.Equal(f, 429, nothing())
		_, stopped := f.site.do("POST", "/stop", `{"chat":"the-chat"}`, f.visitor...)
		assert.JSONEq(f, `{"version":1,"stopped":true}`, stopped)
		assert.NotContains(f, <-ended, "eight")

		time.Sleep(10 * time.Second)
		for range 30 {
			res, _ := f.site.do("POST", "/stop", `{"chat":"the-chat"}`, f.visitor...)
			assert.Equal(f, 200, res.StatusCode)
		}
		assert.Equal(f, 204, nothing())
		f.rejected(413, "too_large", "POST", "/stop", strings.Repeat(" ", maxBody+1), f.visitor...)
		assert.Equal(f, map[int]int{400: 4, 429: 6}, f.atOnce(10, "POST", "/stop", `{"chat":7}`, func(int) []string { return f.visitor }))
		assert.Empty(f, f.reports())
	})
}

// Another visitor's chat of the same name is another chat.
func TestStop_OfAnotherVisitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, paced())
		mine, hers := &chatForm{site: e, native: true, chat: "c", visitor: nil}, &chatForm{site: e, native: true, chat: "c", visitor: []string{asUser, "grace"}}
		leave := mine.begin("m1", longText, 2)
		_, stopped := e.do("POST", "/stop", `{"chat":"c"}`, hers.visitor...)
		assert.Contains(t, stopped, "false")
		leave()
		hers.send("m1", "hers")
		mine.send("m2", "mine")
		assert.Equal(t, map[string][]string{"456": {longText, "mine"}, "457": {"hers"}}, e.turns())
		e.end()
	})
}

// A message for a chat whose first exchange is being read waits for it, and gets a code
// after 30 seconds; the stream has begun by then.
func TestChat_SecondMessageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{fake: &chattest.Options{Pace: 6 * time.Second}})
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		leave := f.begin("m1", longText, 2)
		begun := time.Now()
		res, body := e.do("POST", "/messages", f.body("m2", "more", false))
		assert.Equal(t, 30*time.Second, time.Since(begun).Round(time.Second))
		assert.Contains(t, body, `"retryAfter":5`)
		got := readOutcome(t, res, body)
		assert.Equal(t, "reply_pending", got.code)
		leave()
		time.Sleep(20 * time.Second)
		got = f.send("m2", "more")
		assert.Empty(t, got.code)
		assert.Equal(t, map[string][]string{"456": {longText, "more"}}, e.turns())
		assert.Empty(t, e.reports())
		e.end()
	})
}

// Reading on is bounded in time: the conversation may be lost then, but is found again
// for a user who is signed in.
func TestChat_ReadingOnIsBounded(t *testing.T) {
	for name, visitor := range map[string][]string{"signed in": nil, "anonymous": asAnonymous} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newSite(t, setup{fake: &chattest.Options{Pace: 20 * time.Second}, proxy: &Options{Anonymous: true}})
				f := &chatForm{site: e, native: true, chat: "c", visitor: visitor}
				f.begin("m1", longText, 2)()
				time.Sleep(59 * time.Second)
				assert.Equal(t, 1, e.streamsInUse(), "it counts in MaxStreamsPerVisitor")
				time.Sleep(time.Second)
				synctest.Wait()
				assert.Zero(t, e.streamsInUse())
				got := f.send("m2", "more")
				if visitor == nil {
					assert.Equal(t, map[string][]string{"456": {longText, "more"}}, e.turns())
					assert.False(t, got.ConversationLost)
				} else {
					assert.Equal(t, map[string][]string{"456": {longText}, "457": {"more"}}, e.turns())
					assert.True(t, got.ConversationLost)
				}
				e.end()
			})
		})
	}
}

func TestChat_ReadingOnIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		word := strings.Repeat("x", 300<<10) + " "
		e := newSite(t, setup{fake: &chattest.Options{Pace: time.Second, Reply: func(chattest.Turn) []chattest.Part {
			return []chattest.Part{chattest.Text("a " + strings.Repeat(word, 8))}
		}}})
		f := &chatForm{site: e, native: true, chat: "c", visitor: nil}
		f.begin("m1", "hello", 2)()
		time.Sleep(3 * time.Second)
		assert.Equal(t, 1, e.streamsInUse())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Zero(t, e.streamsInUse(), "after a megabyte")
		e.end()
	})
}

// Without a chat, a lost connection ends the call at once.
func TestChat_NoneReadsNothingOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, paced())
		_, leave := e.openToLeave("POST", "/messages", `{"message":"`+longText+`"}`)
		leave()
		assert.Zero(t, e.streamsInUse())
		e.end()
	})
}
