package chatproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
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

// The first word is at the browser before the service has said the second.
func TestRelay_EachPieceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said, next := make(chan string), make(chan bool)
		e := newSite(t, setup{})
		e.fake.Script(chattest.Respond(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, word := range []string{"one ", "two ", "three"} {
				_, _ = io.WriteString(w, `data: {"type":"text-delta","text":"`+word+`"}`+"\n\n")
				_ = http.NewResponseController(w).Flush()
				said <- word
				<-next
			}
			close(said)
			_, _ = io.WriteString(w, "data: {\"type\":\"finish\",\"finishReason\":\"stop\"}\n\ndata: [DONE]\n\n")
		}))
		res := e.open("POST", "/messages", `{"message":"Hello"}`)
		got := lines(res.Body)
		assert.Equal(t, `data: {"type":"start","version":1}`, <-got)
		assert.Empty(t, <-got)
		for word := range said {
			select {
			case line := <-got:
				assert.Equal(t, `data: {"type":"text-delta","text":"`+word+`"}`, line)
			case <-time.After(time.Second):
				t.Fatal("the word waits for the next one")
			}
			assert.Empty(t, <-got)
			next <- true
		}
		assert.Equal(t, `data: {"type":"finish","finishReason":"stop"}`, <-got)
		for range got {
		}
		e.end()
	})
}

// A visitor who leaves ends the call to the service at its next word, and the reply is found
// again, as far as it came.
func TestRelay_VisitorLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan bool, 1)
		e := newSite(t, setup{fake: &chattest.Options{Pace: 20 * time.Millisecond, Reply: func(chattest.Turn) []chattest.Part {
			return []chattest.Part{chattest.Text(strings.Repeat("word ", 10_000))}
		}}})
		e.fake.Script(func(normal http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				normal.ServeHTTP(w, r)
				gone <- r.Context().Err() != nil
			})
		})
		res, leave := e.openToLeave("POST", "/messages", `{"message":"Hello"}`)
		for got, n := bufio.NewScanner(res.Body), 0; n < 5 && got.Scan(); n++ {
		}
		begun := time.Now()
		leave()
		assert.True(t, <-gone)
		assert.LessOrEqual(t, time.Since(begun), 20*time.Millisecond)
		_, list := e.do("GET", "/conversations", "")
		assert.Contains(t, list, `{"conversation":"v1.456.`)
		ticket := e.proxy.tickets.conversation(ada, "456")
		_, messages := e.do("GET", "/conversations/"+ticket+"/messages", "")
		assert.Contains(t, messages, `"parts":[{"type":"text","text":"word `)
		assert.Zero(t, e.streamsInUse())
		assert.Empty(t, e.reports(), "nothing went wrong")
		e.end()
	})
}

// A visitor who leaves is noticed also while nothing is written, and while the
// service has not responded at all.
func TestRelay_VisitorLeavesWhileServiceIsSilent(t *testing.T) {
	for name, fault := range map[string]chattest.Fault{"within the reply": chattest.Silence(1), "before it": chattest.Slow(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gone := make(chan time.Time, 1)
				e := newSite(t, setup{})
				e.fake.Script(func(normal http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						fault(normal).ServeHTTP(w, r)
						gone <- time.Now()
					})
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begun := time.Now()
				res, err := e.client.Do(e.request("POST", "/messages", `{"message":"Hello"}`).WithContext(ctx))
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
				assert.Equal(t, time.Second, (<-gone).Sub(begun), "at once")
				assert.Empty(t, e.reports())
				e.end()
			})
		})
	}
}

// A GET with a body would hide a visitor who leaves.
func TestProxy_GETWithBody(t *testing.T) {
	e := newSite(t, setup{})
	e.rejected(400, "invalid_request", "GET", "/conversations", `{}`)
	r := newRequest("GET", "/conversations", "{}")
	r.ContentLength = -1 // chunked
	w := newRecorder()
	e.proxy.ServeHTTP(w, r)
	assert.Equal(t, 400, w.Code)
	assert.Empty(t, e.fake.Requests())
}

// What ends a reply early is in a frame, whatever it is; nothing hangs.
func TestRelay_EndsEarly(t *testing.T) {
	reply := func(turn chattest.Turn) []chattest.Part {
		if turn.Message == "short" {
			return []chattest.Part{chattest.Text("ok")}
		}
		return []chattest.Part{chattest.Text(strings.Repeat("word ", 700))}
	}
	for name, test := range map[string]struct {
		fault chattest.Fault
		pace  time.Duration
		code  string
		takes time.Duration
		cause error
	}{
		"failed":           {chattest.StreamError(2, "SQL: secret"), 0, "reply_failed", 0, chatclient.ErrStreamFailed},
		"cut":              {chattest.Cut(2), 0, "reply_cut", 0, chatclient.ErrStreamCut},
		"cut at once":      {chattest.Cut(0), 0, "reply_cut", 0, chatclient.ErrStreamCut},
		"silent":           {chattest.Silence(2), 0, "reply_timeout", time.Minute, chatclient.ErrStreamIdle},
		"never ends":       {chattest.Pass(), time.Second, "reply_too_long", 10 * time.Minute, ErrReplyTooLong},
		"an endless event": {chattest.Insert(2, "data: "+strings.Repeat("x", 2<<20)+"\n\n"), 0, "reply_too_long", 0, chatclient.ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newSite(t, setup{fake: &chattest.Options{Reply: reply, Pace: test.pace}})
				ticket := e.send("short", "").Conversation
				e.fake.Script(test.fault)
				begun := time.Now()
				_, stream := e.do("POST", "/messages", `{"message":"Hello","conversation":"`+ticket+`"}`)
				assert.Equal(t, test.takes, time.Since(begun))
				frames := framesOf(stream)
				last := frames[len(frames)-2]
				assert.Regexp(t, `^\{"type":"error","code":"`+test.code+`","message":"[A-Z].*\.","conversation":"`+ticket+`"\}$`, last)
				assert.Equal(t, "[DONE]", frames[len(frames)-1])
				assert.NotContains(t, stream, "secret")
				assert.NotContains(t, stream, `"finish"`)
				reports := e.reports()
				require.Len(t, reports, 1)
				assert.ErrorIs(t, reports[0], test.cause)
				e.end()
			})
		})
	}
}

// While the service is silent, the connection is kept in use.
func TestEventWriter_Comments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{bot: &chatclient.Options{IdleTimeout: 50 * time.Second}})
		e.fake.Script(chattest.Silence(1))
		_, stream := e.do("POST", "/messages", `{"message":"Hello"}`)
		assert.Equal(t, 3, strings.Count(stream, ":\n\n"), "at 15, 30 and 45 seconds")
		e.end()
	})
}

// Frames are signs of life as well: there is a comment only after 15 seconds
// without one.
func TestEventWriter_NoCommentsBetweenFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{fake: &chattest.Options{Pace: 14 * time.Second}})
		_, stream := e.do("POST", "/messages", `{"message":"a b c d e"}`)
		said, end, _ := strings.Cut(stream, `"text":"e"`)
		assert.NotContains(t, said, ":\n\n")
		assert.Contains(t, end, ":\n\n", "the service's finish is not passed on")
		e.end()
	})
}

// Comments of the service keep it alive, but do not reach the browser.
func TestRelay_CommentsOfTheService(t *testing.T) {
	e := newSite(t, setup{})
	e.fake.Script(chattest.Insert(1, ": secret\n\n"))
	_, stream := e.do("POST", "/messages", `{"message":"Hello"}`)
	assert.NotContains(t, stream, "secret")
	assert.Contains(t, stream, "finish")
}

// The deadlines of the server are for other handlers, and ours for ourselves.
func TestProxy_DeadlinesOfTheServer(t *testing.T) {
	for name, set := range map[string]func(*http.Server){
		"WriteTimeout": func(s *http.Server) { s.WriteTimeout = 2 * time.Second },
		"ReadTimeout":  func(s *http.Server) { s.ReadTimeout = 2 * time.Second },
		"none":         func(*http.Server) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newSite(t, setup{fake: &chattest.Options{Pace: 5 * time.Second}, server: func(s *http.Server) {
					set(s)
					inner := s.Handler
					s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path != "/chat/other" {
							inner.ServeHTTP(w, r)
							return
						}
						time.Sleep(40 * time.Second)
						w.WriteHeader(200)
					})
				}})
				first := e.send("Hello", "")
				time.Sleep(time.Minute) // the deadlines of the first reply must not meet the second
				e.send("Again", first.Conversation)
				e.fake.Script(chattest.Slow(10*time.Second), chattest.Slow(10*time.Second), chattest.Slow(70*time.Second))
				res, _ := e.do("GET", "/conversations", "")
				assert.Equal(t, 200, res.StatusCode)
				res, _ = e.do("PATCH", "/conversations/"+first.Conversation+"/messages/"+first.Message+"/feedback", `{"feedback":null}`)
				assert.Equal(t, 200, res.StatusCode)
				before := len(e.fake.Requests())
				_, stream := e.do("POST", "/messages", `{"message":"a"}`)
				assert.Contains(t, stream, `"code":"bot_timeout"`)
				assert.Len(t, e.fake.Requests(), before+1)
				assert.Len(t, e.reports(), 1)
				if name != "WriteTimeout" { // on the connection that the replies were on
					res, _ = e.do("GET", "/other", "")
					assert.Equal(t, 200, res.StatusCode)
				}
				e.end()
			})
		})
	}
}

func TestProxy_HTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{server: func(s *http.Server) {
			s.Protocols = unencryptedHTTP2()
			s.WriteTimeout = 200 * time.Millisecond
			s.ReadTimeout = 200 * time.Millisecond
		}})
		e.client.Transport.(*http.Transport).Protocols = unencryptedHTTP2()
		e.fake.Script(chattest.Slow(time.Second))
		res, stream := e.do("POST", "/messages", `{"message":"Hello"}`)
		assert.Equal(t, 2, res.ProtoMajor)
		assert.Contains(t, stream, "[DONE]")
		e.end()
	})
}

// The deadline of a write does not end a response over HTTP/2 that was written already,
// while OnError takes its time.
func TestProxy_SlowOnErrorOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{
			proxy:  &Options{OnError: func(*http.Request, error) { time.Sleep(time.Minute) }},
			server: func(s *http.Server) { s.Protocols = unencryptedHTTP2() },
		})
		e.client.Transport.(*http.Transport).Protocols = unencryptedHTTP2()
		e.fake.Script(chattest.Status(402, ""), chattest.Cut(1))
		for _, want := range []string{`"code":"bot_paused"`, "[DONE]"} {
			begun := time.Now()
			res, text := e.do("POST", "/messages", `{"message":"a"}`)
			assert.Equal(t, 2, res.ProtoMajor)
			assert.Contains(t, text, want)
			assert.Equal(t, time.Minute, time.Since(begun), "the response ends with the handler")
		}
		e.end()
	})
}

func unencryptedHTTP2() *http.Protocols {
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	return p
}

// A client that sends a request and reads no response, or not its end, holds its
// connection for 30 seconds, whether the server has a WriteTimeout or none.
func TestProxy_StalledReader(t *testing.T) {
	for name, test := range map[string]struct{ method, path, body, readTo string }{
		"list":                   {"GET", "/chat/conversations", "", ""},
		"feedback":               {"PATCH", "/chat/conversations/CONVERSATION/messages/MESSAGE/feedback", `{"feedback":null}`, ""},
		"not found":              {"GET", "/chat/x", "", ""},
		"nothing to resume":      {"GET", "/chat/ai-sdk/c/stream", "", ""},
		"invalid body":           {"POST", "/chat/messages", `{}`, ""},
		"stream, from the start": {"POST", "/chat/messages", `{"message":"a"}`, ""},
		"stream, at the end":     {"POST", "/chat/messages", `{"message":"a"}`, "data: [DONE]"},
		"script":                 {"GET", "/chat/chatproxy.js", "", ""},
		"script, half read":      {"GET", "/chat/chatproxy.js", "", "(() => {"},
		"script, wrong method":   {"POST", "/chat/chatproxy.js", "", ""},
	} {
		for _, timeout := range []time.Duration{0, time.Second, time.Hour} {
			t.Run(fmt.Sprint(name, ", WriteTimeout ", timeout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := newSite(t, setup{})
					own := e.send("Hello", "")
					mux := http.NewServeMux()
					mux.Handle("/chat/", http.StripPrefix("/chat", e.proxy))
					browser, server := net.Pipe() // without a buffer: what is not read is not written
					closed := make(chan bool)
					s := &http.Server{Handler: mux, WriteTimeout: timeout, ConnState: func(_ net.Conn, state http.ConnState) {
						if state == http.StateClosed {
							close(closed)
						}
					}}
					_ = s.Serve(&oneConn{conn: server})
					r := e.request(test.method, "", test.body)
					r.URL.Path = strings.NewReplacer("CONVERSATION", own.Conversation, "MESSAGE", own.Message).Replace(test.path)
					begun := time.Now()
					go func() { _ = r.Write(browser) }()
					for in := bufio.NewScanner(browser); test.readTo != "" && in.Scan() && in.Text() != test.readTo; {
					}
					<-closed
					assert.LessOrEqual(t, time.Since(begun), 31*time.Second)
					_ = s.Close()
					e.end()
				})
			})
		}
	}
}

// A browser that takes nothing for 30 seconds does not hold the service.
func TestEventWriter_SlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Duration, 1)
		e := newSite(t, setup{fake: &chattest.Options{Pace: time.Second, Reply: func(chattest.Turn) []chattest.Part {
			return []chattest.Part{chattest.Text(strings.Repeat("word ", 1000))}
		}}})
		begun := time.Now()
		e.fake.Script(func(normal http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				normal.ServeHTTP(w, r)
				ended <- time.Since(begun)
			})
		})
		browser, server := net.Pipe() // without a buffer: what is not read is not written
		s := &http.Server{Handler: http.StripPrefix("/chat", e.proxy), ErrorLog: log.New(io.Discard, "", 0)}
		_ = s.Serve(&oneConn{conn: server})
		go func() { _ = e.request("POST", "/messages", `{"message":"Hello"}`).Write(browser) }()
		after := <-ended
		assert.LessOrEqual(t, after, 32*time.Second)
		assert.GreaterOrEqual(t, after, 30*time.Second)
		assert.Empty(t, e.reports())
		_ = browser.Close()
		_ = s.Close()
		e.end()
	})
}

// A body that does not come is not waited for, whether it is wanted or not.
func TestProxy_SlowBody(t *testing.T) {
	for _, test := range []struct {
		user   string
		length int64
		want   int
	}{{"ada", 1000, 408}, {"", 1000, 401}, {"ada", -1, 408}} {
		synctest.Test(t, func(t *testing.T) {
			e := newSite(t, setup{})
			body, stalled := io.Pipe()
			go func() { _, _ = stalled.Write([]byte(`{"message":`)) }()
			r := e.request("POST", "/messages", "{}", asUser, test.user)
			r.Body, r.ContentLength, r.GetBody = body, test.length, nil
			begun := time.Now()
			res, err := e.client.Do(r)
			require.NoError(t, err)
			assert.Equal(t, test.want, res.StatusCode)
			assert.Equal(t, 10*time.Second, time.Since(begun))
			_ = res.Body.Close()
			assert.Empty(t, e.fake.Requests())
			_ = stalled.Close()
			e.end()
		})
	}
}

// wrapped is what a session middleware makes of a writer.
type wrapped struct{ inner http.ResponseWriter }

func (w wrapped) Header() http.Header         { return w.inner.Header() }
func (w wrapped) Write(b []byte) (int, error) { return w.inner.Write(b) }
func (w wrapped) WriteHeader(status int)      { w.inner.WriteHeader(status) }
func (w wrapped) Unwrap() http.ResponseWriter { return w.inner }

// opaque is what http.TimeoutHandler makes of one.
type opaque struct{ http.ResponseWriter }

func TestProxy_WrappedWriters(t *testing.T) {
	e := newSite(t, setup{server: func(s *http.Server) {
		inner := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(wrapped{wrapped{w}}, r) })
	}})
	e.send("Hello", "")

	e = newSite(t, setup{server: func(s *http.Server) {
		inner := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(opaque{w}, r) })
	}})
	e.rejected(500, "internal_error", "POST", "/messages", `{"message":"a"}`)
	assert.Equal(t, []error{ErrCannotFlush}, e.reports())
	e = newSite(t, setup{server: func(s *http.Server) { s.Handler = http.TimeoutHandler(s.Handler, time.Minute, "") }})
	e.rejected(500, "internal_error", "POST", "/messages", `{"message":"a"}`)
}

// flushing can be flushed, in the way of ResponseController alone.
type flushing struct{ opaque }

func (f flushing) FlushError() error { return http.NewResponseController(f.ResponseWriter).Flush() }

func TestProxy_WriterWithFlushError(t *testing.T) {
	e := newSite(t, setup{server: func(s *http.Server) {
		inner := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(flushing{opaque{w}}, r) })
	}})
	e.send("Hello", "")
}

// failing is a browser that takes no more after some writes, as a middleware
// tells it: the connection is well.
type failing struct {
	wrapped
	writes, flushes *int
}

var errFull = errors.New("full")

func (f failing) Write(b []byte) (int, error) {
	if *f.writes--; *f.writes < 0 {
		return 0, errFull
	}
	return f.wrapped.Write(b)
}

func (f failing) FlushError() error {
	if *f.flushes--; *f.flushes < 0 {
		return errFull
	}
	return http.NewResponseController(f.inner).Flush()
}

func TestEventWriter_WriteFails(t *testing.T) {
	for name, test := range map[string]struct{ writes, flushes int }{"write": {2, 100}, "flush": {100, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan time.Time, 1)
				e := newSite(t, setup{
					fake: &chattest.Options{Pace: time.Millisecond, Reply: func(chattest.Turn) []chattest.Part {
						return []chattest.Part{chattest.Text(strings.Repeat("word ", 10_000))}
					}},
					server: func(s *http.Server) {
						inner := s.Handler
						s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							inner.ServeHTTP(failing{wrapped{w}, &test.writes, &test.flushes}, r)
						})
					}})
				e.fake.Script(func(normal http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						normal.ServeHTTP(w, r)
						ended <- time.Now()
					})
				})
				begun := time.Now()
				_, _ = e.do("POST", "/messages", `{"message":"Hello"}`)
				assert.Less(t, (<-ended).Sub(begun), time.Second, "the service does not go on")
				if reports := e.reports(); assert.Len(t, reports, 1, "the visitor was there") {
					assert.ErrorIs(t, reports[0], ErrWriteFailed)
					assert.ErrorIs(t, reports[0], errFull)
				}
				test.writes, test.flushes = 0, 0
				_, _ = e.do("POST", "/messages", `{"message":"Hello"}`)
				assert.Empty(t, e.reports(), "it is reported once")
				assert.GreaterOrEqual(t, test.writes, -1, "nothing is tried again")
				e.end()
			})
		})
	}
}

// exploding panics in the write of a comment, which comes from a timer.
type exploding struct{ wrapped }

func (x exploding) Write(b []byte) (int, error) {
	if b[0] == ':' {
		panic("boom")
	}
	return x.wrapped.Write(b)
}

func TestEventWriter_PanicInAComment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panicked := make(chan any, 1)
		e := newSite(t, setup{server: func(s *http.Server) {
			inner := s.Handler
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { panicked <- recover() }()
				inner.ServeHTTP(exploding{wrapped{w}}, r)
			})
		}})
		e.fake.Script(chattest.Silence(1))
		begun := time.Now()
		_, _ = e.do("POST", "/messages", `{"message":"Hello"}`)
		assert.Equal(t, "boom", <-panicked, "on the goroutine of the request, where net/http knows what to do")
		assert.Equal(t, 15*time.Second, time.Since(begun))
		assert.Empty(t, e.proxy.streams.used)
		e.end()
	})
}

func TestProxy_MaxStreamsPerVisitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{proxy: &Options{MaxStreamsPerVisitor: 2}})
		e.fake.Script(chattest.Silence(1), chattest.Silence(1))
		_, leave := e.openToLeave("POST", "/messages", `{"message":"a"}`)
		_, leaveToo := e.openToLeave("POST", "/messages", `{"message":"a"}`)
		res := e.rejected(429, "too_many_streams", "POST", "/messages", `{"message":"a"}`)
		assert.Equal(t, "1", res.Header.Get("Retry-After"))
		e.send("Hello", "", asUser, "grace")
		leave()
		e.send("Hello", "") // one is free again
		leaveToo()
		e.end()
	})
}

// Nothing stays behind: neither a goroutine nor a count.
func TestProxy_LeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		settled := func() int {
			e.client.CloseIdleConnections()
			e.bot.CloseIdleConnections()
			time.Sleep(time.Second)
			synctest.Wait()
			return goroutines()
		}
		e.send("Hello", "")
		before := settled()
		for range 50 {
			e.fake.Script(chattest.Pass(), chattest.Cut(1), chattest.StreamError(1, "x"), chattest.Status(500, ""))
			e.send("Hello", "")
			for range 3 {
				_, _ = e.do("POST", "/messages", `{"message":"a"}`)
			}
		}
		assert.Equal(t, before, settled())
		assert.Zero(t, e.streamsInUse())
		e.end()
	})
}
