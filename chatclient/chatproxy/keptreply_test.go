package chatproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"runtime"
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

// keeping is a site that keeps replies, at a service that ends a turn whose reader leaves.
func keeping() setup {
	return setup{
		fake:  &chattest.Options{Pace: time.Second, Readings: map[string]string{"disconnect": "turn-ends"}},
		proxy: &Options{KeepReplies: true},
	}
}

func (f *chatForm) resumePath() string {
	if f.native {
		return "/reply?chat=" + f.chat
	}
	return "/ai-sdk/" + f.chat + "/stream"
}

// resume picks the reply of the chat up, and reads it to its end.
func (f *chatForm) resume() (*http.Response, string) {
	f.Helper()
	return f.site.do("GET", f.resumePath(), "", f.visitor...)
}

func (f *chatForm) nothingToResume(header ...string) {
	f.Helper()
	res, body := f.site.do("GET", f.resumePath(), "", header...)
	assert.Equal(f, 204, res.StatusCode, body)
	assert.Empty(f, body)
}

// history returns the messages of a conversation as the visitor gets them.
func (f *chatForm) history(ticket string) string {
	f.Helper()
	res, body := f.site.do("GET", "/conversations/"+ticket+"/messages", "", f.visitor...)
	require.Equal(f, 200, res.StatusCode, body)
	return body
}

// keptBytes returns the bytes of all kept replies.
func (e *site) keptBytes() int {
	e.proxy.kept.mu.Lock()
	defer e.proxy.kept.mu.Unlock()
	return e.proxy.kept.bytes
}

func (e *site) running() (exchanges []any) {
	for x := range e.proxy.running.Range {
		exchanges = append(exchanges, x)
	}
	return exchanges
}

// nothingKept checks that all of it was given back.
func (e *site) nothingKept() {
	e.Helper()
	synctest.Wait()
	assert.Zero(e, e.keptBytes())
	assert.Zero(e, e.proxy.kept.count)
	assert.Empty(e, e.proxy.streams.used)
	assert.Empty(e, e.proxy.resumed.used)
	assert.Empty(e, e.running())
}

// A phone that leaves in mid-reply finds the whole reply, by resume while it goes on
// and in the history after that.
func TestKeepReplies_PageThatLeft(t *testing.T) {
	var replies atomic.Int32
	eachForm(t, func() setup {
		s := keeping()
		replies.Store(0)
		s.proxy.OnReply = func(context.Context, Visitor, chatclient.Metadata) { replies.Add(1) }
		return s
	}, func(f *chatForm) {
		f.begin("m1", longText, 4)()
		assert.Equal(f, 1, f.streamsInUse(), "it goes on")
		var all [2]string
		var resumers sync.WaitGroup
		for i := range all {
			resumers.Go(func() {
				res, body := f.resume()
				assert.Equal(f, 200, res.StatusCode)
				assert.Equal(f, "text/event-stream", res.Header.Get("Content-Type"))
				assert.Equal(f, "no-store, no-transform", res.Header.Get("Cache-Control"))
				assert.Equal(f, !f.native, res.Header.Get("X-Vercel-AI-UI-Message-Stream") == "v1")
				all[i] = body
			})
			time.Sleep(time.Second)
		}
		resumers.Wait()
		assert.Equal(f, all[0], all[1], "from the first frame")
		got := readOutcome(f.T, &http.Response{StatusCode: 200}, all[0])
		assert.Equal(f, "You said: "+longText, got.text)
		assert.True(f, strings.HasSuffix(all[0], done))
		assert.Contains(f, framesOf(all[0])[0], `"start"`)
		assert.Contains(f, f.history(got.Conversation), "You said: "+longText)
		f.failed(404, "conversation_not_found", "GET", "/conversations/"+got.Conversation+"/messages", "", asUser, "grace")
		res, body := f.site.do("PATCH", "/conversations/"+got.Conversation+"/messages/"+got.Message+"/feedback", `{"feedback":"positive"}`, f.visitor...)
		assert.Equal(f, 200, res.StatusCode, body)
		synctest.Wait()
		assert.EqualValues(f, 1, replies.Load(), "once")
		f.nothingToResume(f.visitor...)
		assert.Equal(f, "You said: more", f.send("m2", "more").text)
		assert.Equal(f, map[string][]string{"456": {longText, "more"}}, f.turns())
		synctest.Wait()
		assert.EqualValues(f, 2, replies.Load())
		assert.Empty(f, f.reports())
		f.nothingKept()
	})
}

// Without the option, or without a chat, a reply ends with its request.
func TestKeepReplies_Off(t *testing.T) {
	eachForm(t, func() setup { s := keeping(); s.proxy.KeepReplies = false; return s }, func(f *chatForm) {
		ticket := f.send("m1", "a").Conversation
		f.begin("m2", longText, 4)()
		assert.Zero(f, f.streamsInUse())
		f.nothingToResume(f.visitor...)
		time.Sleep(time.Minute)
		assert.NotContains(f, f.history(ticket), "You said: "+longText)
		assert.NoError(f, f.proxy.Shutdown(f.Context()))
	})
	eachForm(t, keeping, func(f *chatForm) {
		ticket := f.send("m1", "a").Conversation
		f.chat = ""
		_, leave := f.openToLeave("POST", "/messages", messageBody("Hello", ticket), f.visitor...)
		leave()
		assert.Zero(f, f.streamsInUse())
	})
}

func TestResume_OfOthers(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.begin("m1", longText, 4)()
		f.nothingToResume(asUser, "grace")
		f.nothingToResume(asUser, "", asSession, "another")
		other := *f
		other.chat = "another-chat"
		other.nothingToResume(f.visitor...)
		other = *f
		other.native = !f.native
		other.nothingToResume(f.visitor...)
		f.rejected(401, "sign_in_required", "GET", f.resumePath(), "", asUser, "")
		f.rejected(403, "cross_site", "GET", f.resumePath(), "", "Sec-Fetch-Site", "cross-site")
		f.rejected(500, "internal_error", "GET", f.resumePath(), "", asUser, "broken")
		f.rejected(400, "invalid_request", "GET", f.resumePath(), "{}", f.visitor...)
		f.rejected(400, "invalid_request", "GET", "/reply", "", f.visitor...)
		f.rejected(400, "invalid_request", "GET", "/reply?chat="+strings.Repeat("a", 129), "", f.visitor...)
		f.rejected(405, "method_not_allowed", "DELETE", "/reply?chat=a", "", f.visitor...)
		res, _ := f.resume()
		assert.Equal(f, 200, res.StatusCode, "his own")
	})
}

func TestResume_Allowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keeping()
		s.counted = true
		e := newSite(t, s)
		for range allowedRequests {
			res, _ := e.do("GET", "/reply?chat=a", "")
			require.Equal(t, 204, res.StatusCode)
		}
		e.rejected(429, "too_many_requests", "GET", "/reply?chat=a", "")
		e.end()
	})
}

// The newest reply of a chat is the one that is resumed.
func TestResume_Newest(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.send("m1", "a")
		f.begin("m2", longText, 4)()
		f.begin("m3", "new "+longText, 4)()
		_, body := f.resume()
		assert.Equal(f, "You said: new "+longText, readOutcome(f.T, &http.Response{StatusCode: 200}, body).text)
	})
}

// A reply that ends after that of a later message does not pass for the newest.
func TestKeepReplies_EndsAfterALaterOne(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.send("m1", "a")
		f.begin("m2", longText, 4)()
		assert.Equal(f, "You said: b", f.send("m3", "b").text)
		time.Sleep(time.Minute)
		again := f.again("m3", "b")
		assert.Equal(f, "You said: b", again.text, again.code)
		assert.Equal(f, map[string][]string{"456": {"a", longText, "b"}}, f.turns())
		f.nothingKept()
	})
}

// A message that comes again while its reply is read waits for the end of that.
func TestKeepReplies_RetryWaits(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.send("m1", "a")
		f.begin("m2", longText, 4)()
		assert.Equal(f, "You said: "+longText, f.again("m2", longText).text)
		assert.Equal(f, map[string][]string{"456": {"a", longText}}, f.turns())
		f.nothingKept()
	})
}

// Once the message is known to have arrived, another reply to it replaces the one that goes on.
func TestKeepReplies_RetryReplaces(t *testing.T) {
	for _, native := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, calls, ended := keeping(), 0, 0
			s.fake.Reply = func(turn chattest.Turn) []chattest.Part {
				if calls++; calls > 1 {
					return []chattest.Part{chattest.Text("another reply")}
				}
				return []chattest.Part{chattest.Text("Let me see."), chattest.ToolCall("call_1", "slow", `{}`)}
			}
			s.proxy.Tools = map[string]Tool{"slow": {Timeout: time.Minute, Run: func(ctx context.Context, _ ToolCall) (any, error) {
				<-ctx.Done()
				ended++
				return nil, ctx.Err()
			}}}
			f := &chatForm{site: newSite(t, s), native: native, chat: "c"}
			defer f.end()
			f.begin("m1", "a", 2)()
			time.Sleep(10 * time.Second)
			assert.Equal(t, 1, f.streamsInUse())
			begun := time.Now()
			assert.Equal(t, "another reply", f.again("m1", "a").text)
			assert.Less(t, time.Since(begun), 10*time.Second)
			assert.Equal(t, 1, ended)
			assert.Equal(t, map[string][]string{"456": {"a"}}, f.turns())
			f.nothingKept()
		})
	}
}

// Two retries at once do not end each other.
func TestKeepReplies_RetriesOfTwoTabs(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.send("m1", "a")
		f.fake.Script(chattest.Slow(2*time.Second), chattest.Slow(2*time.Second))
		var wait sync.WaitGroup
		texts := make([]string, 2)
		for i := range texts {
			wait.Go(func() { texts[i] = f.again("m1", "a").text })
		}
		wait.Wait()
		assert.Contains(f, texts, "You said: a", "one of the two, or both")
		assert.Equal(f, map[string][]string{"456": {"a"}}, f.turns())
	})
}

// A retry that the service rejects replaces no reply.
func TestKeepReplies_RejectedRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, calls := keeping(), 0
		var ended atomic.Bool
		s.fake.Reply = func(chattest.Turn) []chattest.Part {
			if calls++; calls > 1 {
				return []chattest.Part{chattest.Text("It took too long.")}
			}
			return []chattest.Part{chattest.Text("Let me see."), chattest.ToolCall("call_1", "slow", `{}`)}
		}
		s.proxy.Tools = map[string]Tool{"slow": {Timeout: time.Minute, Run: func(ctx context.Context, _ ToolCall) (any, error) {
			<-ctx.Done()
			ended.Store(true)
			return nil, ctx.Err()
		}}}
		f := &chatForm{site: newSite(t, s), native: true, chat: "c"}
		f.begin("m1", "a", 2)()
		time.Sleep(10 * time.Second)
		f.fake.Script(chattest.Pass(), chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"))
		assert.Equal(t, "bot_paused", f.again("m1", "a").code)
		assert.False(t, ended.Load())
		time.Sleep(2 * time.Minute)
		assert.True(t, ended.Load())
		f.nothingKept()
		f.end()
	})
}

// A stop ends the reply for all who read it, and it cannot be resumed.
func TestStop_KeptReply(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		ticket := f.send("m1", "a").Conversation
		f.begin("m2", longText, 4)()
		ended := make(chan string)
		go func() {
			_, body := f.resume()
			ended <- body
		}()
		time.Sleep(time.Second)
		_, stopped := f.site.do("POST", "/stop", `{"chat":"the-chat"}`, f.visitor...)
		assert.JSONEq(f, `{"version":1,"stopped":true}`, stopped)
		begun := time.Now()
		body := <-ended
		assert.Less(f, time.Since(begun), time.Second)
		assert.Equal(f, f.native, strings.Contains(body, `"finishReason":"stopped"`))
		assert.True(f, strings.HasSuffix(body, done))
		f.nothingToResume(f.visitor...)
		time.Sleep(time.Minute)
		assert.NotContains(f, f.history(ticket), "You said: "+longText)
		assert.Empty(f, f.reports())
		f.nothingKept()
	})
}

// A stop in the first exchange ends it for the page at once; the conversation is still found.
func TestStop_FirstKeptReply(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.begin("m1", longText, 4)()
		_, _ = f.site.do("POST", "/stop", `{"chat":"the-chat"}`, f.visitor...)
		f.nothingToResume(f.visitor...)
		f.send("m2", "more")
		assert.Equal(f, map[string][]string{"456": {longText, "more"}}, f.turns())
		f.nothingKept()
	})
}

// A browser that reads nothing holds neither the reply nor the others, and loses its
// connection after 30 seconds.
func TestResume_SlowBrowser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keeping()
		s.proxy.OnReply = func(context.Context, Visitor, chatclient.Metadata) {}
		f := &chatForm{site: newSite(t, s), native: true, chat: "c"}
		defer f.end()
		f.begin("m1", longText, 4)()
		slow := f.open("GET", f.resumePath(), "")
		begun := time.Now()
		_, body := f.resume()
		assert.Equal(t, "You said: "+longText, readOutcome(t, &http.Response{StatusCode: 200}, body).text)
		assert.Less(t, time.Since(begun), 15*time.Second)
		f.handlers.Wait()
		assert.LessOrEqual(t, time.Since(begun), 45*time.Second)
		_, err := io.ReadAll(slow.Body)
		assert.Error(t, err)
		assert.Empty(t, f.reports())
		f.nothingKept()
	})
}

func TestResume_TooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &chatForm{site: newSite(t, keeping()), native: true, chat: "c"}
		defer f.end()
		f.begin("m1", longText, 4)()
		for range defaultMaxStreams {
			f.open("GET", f.resumePath(), "")
		}
		f.rejected(429, "too_many_streams", "GET", f.resumePath(), "")
		f.nothingToResume(asUser, "grace")
	})
}

func TestKeepReplies_TooManyOfAVisitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &chatForm{site: newSite(t, keeping()), native: true}
		defer f.end()
		for i := range defaultMaxStreams {
			f.chat = fmt.Sprint("c", i)
			f.begin("m", longText, 4)()
		}
		f.rejected(429, "too_many_streams", "POST", "/messages", f.body("m", "more", false))
		time.Sleep(time.Minute)
		assert.Equal(t, "You said: more", f.send("m2", "more").text, "they have ended")
	})
}

// A reply counts as long as its first browser reads, also when the service has long ended it.
func TestKeepReplies_SlotOfASlowBrowser(t *testing.T) {
	var released int
	eachForm(t, func() setup {
		s := keeping()
		s.fake.Pace, released = 0, 0
		s.proxy.MaxStreamsPerVisitor = 1
		s.proxy.AcquireStream = func(context.Context, Visitor) func() { return func() { released++ } }
		return s
	}, func(f *chatForm) {
		large := strings.Repeat("a", 20<<10) // more than the connection buffers
		res := f.open("POST", f.path(false), f.body("m1", large, false), f.visitor...)
		synctest.Wait()
		assert.Empty(f, f.running(), "the exchange has ended")
		assert.Equal(f, 1, f.streamsInUse())
		assert.Zero(f, released)
		f.rejected(429, "too_many_streams", "POST", f.path(false), f.body("m2", "more", false), f.visitor...)
		_, err := io.Copy(io.Discard, res.Body)
		require.NoError(f, err)
		synctest.Wait()
		assert.Equal(f, 2, released, "that of the one that was rejected, too")
		f.nothingKept()
	})
}

// What a kept reply holds of its request counts, too.
func TestKeepReplies_RequestCounts(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.visitor = append([]string{"X-Large", strings.Repeat("a", 500<<10)}, f.visitor...)
		f.begin("m1", longText, 4)()
		assert.Greater(f, f.keptBytes(), 500<<10)
		time.Sleep(time.Minute)
		f.nothingKept()
	})
	assert.Nil(t, newKeptReplies().begin(maxKeptAllBytes/2+1, nil))
}

// Among the replies of a chat, one that goes on is resumed rather than one that waits for it.
func TestResume_NotTheOneThatWaits(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.fake.Script(chattest.Slow(3 * time.Second))
		left := make(chan bool)
		for _, id := range []string{"m1", "m2"} {
			go func() {
				res, err := f.client.Do(f.request("POST", f.path(false), f.body(id, id+" "+longText, false), f.visitor...))
				if assert.NoError(f, err) {
					_, _ = io.Copy(io.Discard, res.Body)
				}
				left <- true
			}()
			time.Sleep(time.Second)
		}
		_, body := f.resume()
		assert.Equal(f, "You said: m1 "+longText, readOutcome(f.T, &http.Response{StatusCode: 200}, body).text)
		<-left
		<-left
	})
}

// A stop ends a message as stopped also while its call has not begun or has no response.
func TestStop_BeforeTheReply(t *testing.T) {
	for _, kept := range []bool{false, true} {
		eachForm(t, func() setup {
			s := paced()
			s.proxy = &Options{KeepReplies: kept}
			return s
		}, func(f *chatForm) {
			f.send("m1", "a")
			f.fake.Script(chattest.Slow(4 * time.Second))
			outcomes := make(chan outcome)
			for range 2 { // the second one waits for the first
				go func() { outcomes <- f.send("m2", longText) }()
				time.Sleep(time.Second)
			}
			_, stopped := f.site.do("POST", "/stop", `{"chat":"the-chat"}`, f.visitor...)
			assert.JSONEq(f, `{"version":1,"stopped":true}`, stopped)
			for range 2 {
				got := <-outcomes
				assert.Equal(f, 200, got.status)
				assert.Empty(f, got.code)
				if f.native {
					assert.Equal(f, "stopped", got.reason)
				}
			}
			synctest.Wait()
			assert.Empty(f, f.reports())
			f.nothingKept()
		})
	}
}

// What Shutdown drops is no failure.
func TestProxy_ShutdownReportsNothing(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		f.fake.Script(chattest.Slow(4 * time.Second))
		left := make(chan outcome)
		go func() { left <- f.send("m1", longText) }()
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(f.Context())
		cancel()
		assert.ErrorIs(f, f.proxy.Shutdown(ctx), context.Canceled)
		<-left
		synctest.Wait()
		assert.Empty(f, f.reports())
	})
}

// What there is no room for ends with its request, as without the option.
func TestKeepReplies_NoRoom(t *testing.T) {
	for name, fill := range map[string]func(*keptReplies){
		"number": func(k *keptReplies) {
			for range maxKeptReplies {
				require.NotNil(t, k.begin(0, nil))
			}
		},
		"bytes": func(k *keptReplies) { k.grow(maxKeptAllBytes/2 + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &chatForm{site: newSite(t, keeping()), native: true, chat: "c"}
				defer f.end()
				require.Equal(t, "You said: a", f.send("m1", "a").text)
				synctest.Wait()
				fill(f.proxy.kept)
				assert.Equal(t, "You said: b", f.send("m2", "b").text)
				f.begin("m3", longText, 4)()
				assert.Zero(t, f.streamsInUse())
				f.nothingToResume()
			})
		})
	}
}

// A reply that becomes too large ends with an error, whoever reads it.
func TestKeepReplies_TooLarge(t *testing.T) {
	for name, fill := range map[string]int{"one": 0, "all": maxKeptAllBytes/2 - 1<<20} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := keeping()
				s.fake.Pace = time.Millisecond
				s.fake.Reply = func(chattest.Turn) []chattest.Part {
					return []chattest.Part{chattest.Text(strings.Repeat(strings.Repeat("x", 100<<10)+" ", 60))}
				}
				f := &chatForm{site: newSite(t, s), native: true, chat: "c"}
				defer f.end()
				f.proxy.kept.grow(fill)
				if fill > 0 { // what others take while it goes on
					time.AfterFunc(5*time.Millisecond, func() { f.proxy.kept.grow(maxKeptAllBytes / 2) })
				}
				got := f.send("m1", "a")
				assert.Equal(t, "reply_too_long", got.code)
				assert.Less(t, len(got.text), maxKeptBytes+1<<20)
				assert.Equal(t, fill == 0, len(got.text) > maxKeptBytes/2, "the others' bytes count")
				synctest.Wait() // the report comes after the response
				reports := f.reports()
				require.Len(t, reports, 1)
				require.ErrorIs(t, reports[0], ErrReplyTooLong)
				assert.Equal(t, fill > 0, f.keptBytes() > 0, "its own are free again")
			})
		})
	}
}

func TestKeepReplies_TooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keeping()
		s.fake.Reply = func(chattest.Turn) []chattest.Part {
			return []chattest.Part{chattest.Text(strings.Repeat("word ", 700))}
		}
		f := &chatForm{site: newSite(t, s), native: true, chat: "c"}
		defer f.end()
		f.begin("m1", "a", 4)()
		time.Sleep(9 * time.Minute)
		assert.Equal(t, 1, f.streamsInUse())
		_, body := f.resume()
		assert.Equal(t, "reply_too_long", readOutcome(t, &http.Response{StatusCode: 200}, body).code)
		synctest.Wait() // the report comes after the response
		reports := f.reports()
		require.Len(t, reports, 1)
		require.ErrorIs(t, reports[0], ErrReplyTooLong)
		f.nothingKept()
	})
}

// A message that is rejected has the same response for its page and for another that resumes,
// and is reported once, also if no page is left.
func TestKeepReplies_Rejected(t *testing.T) {
	eachForm(t, keeping, func(f *chatForm) {
		for _, leaves := range []bool{false, true} {
			f.fake.Script(func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(3 * time.Second)
					w.WriteHeader(http.StatusPaymentRequired)
				})
			})
			ctx, leave := context.WithCancel(f.Context())
			if leaves {
				time.AfterFunc(time.Second, leave)
			}
			resumed := make(chan int)
			go func() {
				time.Sleep(2 * time.Second)
				res, _ := f.resume()
				resumed <- res.StatusCode
			}()
			res, err := f.client.Do(f.request("POST", f.path(false), f.body("m1", "a", false), f.visitor...).WithContext(ctx))
			if leaves {
				require.Error(f, err)
			} else {
				require.NoError(f, err)
				assert.Equal(f, 503, res.StatusCode)
				_ = res.Body.Close()
			}
			assert.Equal(f, 503, <-resumed)
			leave()
			synctest.Wait()
			assert.Len(f, f.reports(), 1)
		}
		f.nothingKept()
	})
}

// The tools of a reply run as the visitor who sent the message, when the browser belongs to
// another already. Each round counts in Allow, whose context has not ended.
func TestKeepReplies_Tools(t *testing.T) {
	eachForm(t, func() setup {
		s := keeping()
		s.fake.Reply = calling(chattest.ToolCall("call_1", "slow", `{}`))
		s.proxy.Tools = map[string]Tool{"slow": {Anonymous: true, Timeout: time.Minute, Run: func(ctx context.Context, call ToolCall) (any, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(20 * time.Second):
				return "for " + string(call.Visitor.UserID) + call.Visitor.Session, nil
			}
		}}}
		s.proxy.Allow = func(ctx context.Context, _ Visitor) (time.Duration, bool) { return time.Second, ctx.Err() == nil }
		return s
	}, func(f *chatForm) {
		f.begin("m1", "a", 4)()
		f.nothingToResume(asUser, "grace")
		_, body := f.resume()
		got := readOutcome(f.T, &http.Response{StatusCode: 200}, body)
		who := "ada"
		if len(f.visitor) > 0 {
			who = f.visitor[3]
		}
		assert.Equal(f, `Let me see.Results: call_1="for `+who+`";`, got.text)
		assert.Contains(f, f.history(got.Conversation), "Results: ")
		assert.Empty(f, f.reports())
		f.nothingKept()
	})
}

// A panic outside of a request ends its reply, not the process.
func TestKeepReplies_Panics(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*setup)
		status  int
		done    bool
		reports int
	}{
		"a tool that aborts": {func(s *setup) {
			s.proxy.Tools = map[string]Tool{"t": {Run: func(context.Context, ToolCall) (any, error) { panic(http.ErrAbortHandler) }}}
			s.fake.Reply = calling(chattest.ToolCall("call_1", "t", `{}`))
		}, 200, false, 0},
		"AcquireStream": {func(s *setup) {
			s.proxy.AcquireStream = func(context.Context, Visitor) func() { return func() { panic("boom") } }
		}, 200, true, 1},
		"OnError": {func(s *setup) {
			s.fake.APIKey = "another"
			s.proxy.OnError = func(*http.Request, error) { panic("boom") }
		}, 502, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := keeping()
				test.change(&s)
				f := &chatForm{site: newSite(t, s), native: true, chat: "c"}
				defer f.end()
				res, body := f.site.do("POST", "/messages", f.body("m1", "a", false))
				assert.Equal(t, test.status, res.StatusCode)
				assert.Equal(t, test.done, strings.HasSuffix(body, done))
				synctest.Wait()
				reports := f.reports()
				require.Len(t, reports, test.reports)
				for _, err := range reports {
					_, ok := errors.AsType[*PanicError](err)
					assert.True(t, ok)
				}
				f.nothingKept()
			})
		})
	}
}

// goroutines returns how many there are in the bubbles of tests.
func goroutines() int {
	stacks := make([]byte, 1<<22)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), ", synctest bubble ")
}

// beginMany has n replies whose browsers have left.
func beginMany(t *testing.T, n int, options *Options) (e *site, server *http.Server) {
	s := keeping()
	s.proxy = options
	s.server = func(s *http.Server) { server = s }
	e = newSite(t, s)
	for i := range n {
		f := &chatForm{site: e, native: true, chat: fmt.Sprint("c", i), visitor: []string{asUser, fmt.Sprint("user", i/3)}}
		f.begin("m1", longText, 2)()
	}
	return e, server
}

func TestProxy_ShutdownFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines()
		var replies atomic.Int32
		e, server := beginMany(t, 100, &Options{KeepReplies: true, OnReply: func(context.Context, Visitor, chatclient.Metadata) { replies.Add(1) }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		assert.Positive(t, e.proxy.kept.count)
		assert.Greater(t, goroutines(), before)
		require.NoError(t, e.proxy.Shutdown(ctx))
		assert.EqualValues(t, 100, replies.Load())
		assert.Empty(t, e.reports())
		e.nothingKept()
		for c, err := range e.proxy.bot.Conversations(t.Context()) {
			require.NoError(t, err)
			page, err := e.proxy.bot.MessagesPage(t.Context(), c.ID, chatclient.PageRequest{})
			require.NoError(t, err)
			assert.Equal(t, "You said: "+longText, page.Items[len(page.Items)-1].Text())
		}
		proxy := e.proxy
		err := errors.Join(server.Shutdown(ctx), proxy.Shutdown(ctx))
		require.NoError(t, err, "again")
		cancel()
		e.end()
		assert.Equal(t, before, goroutines())
	})
}

func TestProxy_ShutdownDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines()
		e, server := beginMany(t, 100, &Options{KeepReplies: true, Allow: always})
		require.NoError(t, server.Shutdown(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, e.proxy.Shutdown(ctx), context.DeadlineExceeded)
		assert.LessOrEqual(t, time.Since(begun), 2*time.Second)
		assert.Empty(t, e.reports(), "the site's own wish")
		e.nothingKept()
		cancel()
		e.end()
		assert.Equal(t, before, goroutines())
	})
}

// After Shutdown a reply ends with its request again, and a chat whose reply was dropped goes
// on.
func TestProxy_ShutdownThenMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &chatForm{site: newSite(t, keeping()), native: true, chat: "c"}
		defer f.end()
		f.begin("m1", longText, 2)()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, f.proxy.Shutdown(ctx), context.Canceled)
		got := f.again("m1", longText)
		assert.Equal(t, "You said: "+longText, got.text)
		f.begin("m2", longText, 4)()
		assert.Zero(t, f.streamsInUse())
	})
}

// A tool that ignores its context holds Shutdown for 5 seconds.
func TestProxy_ShutdownWithAToolThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keeping()
		s.fake.Reply = calling(chattest.ToolCall("call_1", "slow", `{}`))
		s.proxy.Tools = map[string]Tool{"slow": {Run: func(context.Context, ToolCall) (any, error) { time.Sleep(time.Minute); return nil, nil }}}
		f := &chatForm{site: newSite(t, s), native: true, chat: "c"}
		defer f.end()
		f.begin("m1", "a", 2)()
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		require.Error(t, f.proxy.Shutdown(ctx))
		assert.Equal(t, 6*time.Second, time.Since(begun))
		time.Sleep(2 * time.Minute)
		f.nothingKept()
	})
}

// aborting panics with http.ErrAbortHandler from the nth call on.
type aborting struct {
	*memoryChats
	n int
}

func (a *aborting) abort() {
	if a.n--; a.n < 0 {
		panic(http.ErrAbortHandler)
	}
}

func (a *aborting) Load(ctx context.Context, key string) ([]byte, error) {
	a.abort()
	return a.memoryChats.Load(ctx, key)
}

func (a *aborting) CompareAndSwap(ctx context.Context, key string, old, new []byte) (bool, error) {
	a.abort()
	return a.memoryChats.CompareAndSwap(ctx, key, old, new)
}

// Whatever Chats does, also while the exchange settles its chat, nothing of the exchange is left.
func TestExchange_ChatsAborts(t *testing.T) {
	for _, kept := range []bool{true, false} {
		for n := range 6 {
			synctest.Test(t, func(t *testing.T) {
				held := 0
				s := setup{fake: &chattest.Options{}, proxy: &Options{KeepReplies: kept, Chats: &aborting{newMemoryChats(), n}, AcquireStream: func(context.Context, Visitor) func() {
					held++
					return func() { held-- }
				}}, server: func(s *http.Server) { s.ErrorLog = log.New(io.Discard, "", 0) }}
				f := &chatForm{site: newSite(t, s), native: true, chat: "c"}
				f.fake.Script(chattest.Cut(0)) // so that the chat is settled at the end
				if res, err := f.client.Do(f.request("POST", "/messages", f.body("m1", "a", false))); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
				f.handlers.Wait()
				synctest.Wait()
				assert.Zero(t, held)
				f.nothingKept()
				f.end()
			})
		}
	}
}

// Of its request a kept reply has the header and the values of the context, for OnError.
func TestKeepReplies_Request(t *testing.T) {
	type name struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), name{}, "value"))
	r := newRequest("POST", "/messages", "{}").WithContext(ctx)
	r.TLS = &tls.ConnectionState{}
	kept := withoutBody(r)
	cancel()
	assert.Equal(t, "ada", kept.Header.Get(asUser))
	assert.Equal(t, "value", kept.Context().Value(name{}))
	assert.NoError(t, kept.Context().Err())
	assert.Equal(t, http.NoBody, kept.Body)
	assert.Nil(t, kept.TLS)
}
