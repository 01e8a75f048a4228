package chatproxy

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatident/chatident/chatclient/chattest"
)

// visits counts the runs of a tool by visitor.
type visits struct {
	mu   sync.Mutex
	runs map[Visitor]int
}

func (v *visits) tool() Tool {
	return Tool{Anonymous: true, Run: func(_ context.Context, call ToolCall) (any, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.runs[call.Visitor]++
		return "done", nil
	}}
}

func (v *visits) counts() map[Visitor]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.runs)
}

// newVisits returns a setup whose assistant says seven words, one in a second, and then calls the
// tool, unless the message is "hello".
func newVisits(kept bool) (*visits, setup) {
	v, s := &visits{runs: map[Visitor]int{}}, keeping()
	s.proxy.KeepReplies = kept
	s.proxy.Tools = map[string]Tool{"count": v.tool()}
	s.fake.Reply = func(turn chattest.Turn) []chattest.Part {
		switch {
		case turn.Message == "hello":
			return []chattest.Part{chattest.Text("hello")}
		case len(turn.ToolResults) > 0:
			return []chattest.Part{chattest.Text("done")}
		}
		return []chattest.Part{chattest.Text("one two three four five six seven"), chattest.ToolCall("call_"+turn.Message, "count", `{}`)}
	}
	return v, s
}

// who is the visitor of a chatForm.
func (f *chatForm) who() Visitor {
	if f.visitor == nil {
		return Visitor{UserID: "ada"}
	}
	return Visitor{Session: "s1"}
}

func TestStopReplies(t *testing.T) {
	for _, kept := range []bool{false, true} {
		var tools *visits
		eachForm(t, func() (s setup) { tools, s = newVisits(kept); return s }, func(f *chatForm) {
			f.send("m1", "hello")
			if kept { // a reply without its browser, of a known conversation
				f.begin("m2", "a", 2)()
			}
			ends := make(chan string, 4)
			start := func(path, body string, header ...string) {
				res := f.open("POST", path, body, header...)
				go func() {
					stream := ""
					for line := range lines(res.Body) {
						if stream += line + "\n"; line+"\n\n" == done {
							ends <- stream
						}
					}
				}()
			}
			if !kept {
				start(f.path(false), f.body("m2", "a", false), f.visitor...)
			}
			first := &chatForm{site: f.site, native: f.native, chat: "new", visitor: f.visitor}
			start(f.path(false), first.body("m1", "b", false), f.visitor...)
			start("/messages", `{"message":"c"}`, f.visitor...) // without a chat
			hers := make(chan string, 1)
			go func() {
				_, stream := f.site.do("POST", "/messages", `{"message":"d","chat":"new"}`, asUser, "grace")
				hers <- stream
			}()
			time.Sleep(1500 * time.Millisecond)

			f.proxy.StopReplies(f.who())
			stopped := time.Now()
			for n := map[bool]int{false: 3, true: 2}[kept]; n > 0; n-- {
				stream := <-ends
				assert.NotContains(f, stream, "seven")
				assert.NotContains(f, stream, `"error`)
				if f.native {
					assert.Contains(f, stream, `"finishReason":"stopped"`)
				}
			}
			assert.Zero(f, time.Since(stopped))
			f.nothingToResume(f.visitor...)
			assert.Equal(f, "one two three four five six sevendone", textOf(<-hers))
			time.Sleep(2 * time.Minute)
			assert.Equal(f, map[Visitor]int{{UserID: "grace"}: 1}, tools.counts())
			assert.Equal(f, "hello", f.send("m3", "hello").text, "who has signed in again")
			assert.Empty(f, f.reports())
			f.nothingKept()
		})
	}
}

// A message whose visitor was known before the call of StopReplies, but whose reply was not
// running yet, is stopped before it is sent.
func TestStopReplies_BeforeTheReply(t *testing.T) {
	for _, at := range []string{"visitor", "Allow", "AcquireStream"} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, kept %t", at, kept), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan bool)
					wait := func(here string) {
						if at == here {
							<-release
						}
					}
					tools, s := newVisits(kept)
					s.proxy.Allow = func(context.Context, Visitor) (time.Duration, bool) { wait("Allow"); return 0, true }
					s.proxy.AcquireStream = func(context.Context, Visitor) func() { wait("AcquireStream"); return func() {} }
					e := newSite(t, s)
					defer e.end()
					e.proxy.visitor = func(r *http.Request) (Visitor, error) {
						defer wait("visitor") // the session was read
						return byHeader(r)
					}
					ends := make(chan string)
					for _, body := range []string{`{"message":"a","chat":"c"}`, `{"message":"b"}`} {
						go func() {
							_, stream := e.do("POST", "/messages", body)
							ends <- stream
						}()
					}
					synctest.Wait()
					e.proxy.StopReplies(Visitor{UserID: "ada"})
					e.proxy.StopReplies(Visitor{UserID: "grace"})
					close(release)
					assert.Contains(t, <-ends, `"finishReason":"stopped"`)
					assert.Contains(t, <-ends, `"finishReason":"stopped"`)
					assert.Empty(t, e.fake.Requests(), "no message was sent")
					time.Sleep(time.Minute)
					assert.Empty(t, tools.counts())
					e.send("hello", "")
					assert.Empty(t, e.reports())
					e.nothingKept()
				})
			})
		}
	}
}

// The context of a tool that runs ends, and no further call of the reply is made.
func TestStopReplies_RunningTool(t *testing.T) {
	for _, kept := range []bool{false, true} {
		eachForm(t, func() setup {
			s := keeping()
			s.proxy.KeepReplies = kept
			s.fake.Reply = calling(chattest.ToolCall("1", "slow", `{}`), chattest.ToolCall("2", "slow", `{}`))
			return s
		}, func(f *chatForm) {
			runs, started := 0, make(chan bool)
			f.proxy.tools["slow"] = Tool{Anonymous: true, Timeout: time.Hour, Run: func(ctx context.Context, _ ToolCall) (any, error) {
				runs++
				close(started)
				<-ctx.Done()
				return "done", nil // as if it could not stop any more
			}}
			ended := make(chan outcome)
			go func() { ended <- f.send("m1", "a") }()
			<-started
			f.proxy.StopReplies(f.who())
			got := <-ended
			assert.Empty(f, got.code)
			assert.Equal(f, f.native, got.reason == "stopped")
			f.nothingKept()
			assert.Equal(f, 1, runs)
			assert.Zero(f, f.countCalls("/tool-result"))
			assert.Empty(f, f.reports())
		})
	}
}

// The sign-out of a user also ends the replies of the session before the sign-in, and none of
// other sessions.
func TestStopReplies_EarlierSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tools, s := newVisits(true)
		s.proxy.Anonymous, s.proxy.ContinueAfterSignIn = true, true
		e := newSite(t, s)
		defer e.end()
		var leave []func()
		for _, session := range []string{"s1", "s2"} {
			f := &chatForm{site: e, native: true, chat: "c", visitor: []string{asUser, "", asSession, session}}
			f.send("m1", "hello")
			leave = append(leave, f.begin("m2", session, 2))
		}
		e.proxy.StopReplies(Visitor{}) // of nobody
		assert.Len(t, e.running(), 2)
		begun := time.Now()
		e.proxy.StopReplies(Visitor{UserID: "ada", EarlierSession: "s1"})
		assert.True(t, e.proxy.stops.since(subject{"session", "s1"}, begun), "a request of it that has begun")
		assert.False(t, e.proxy.stops.since(subject{"session", "s2"}, begun))
		synctest.Wait()
		assert.Len(t, e.running(), 1)
		for _, leave := range leave {
			leave()
		}
		time.Sleep(time.Minute)
		assert.Equal(t, map[Visitor]int{{Session: "s2"}: 1}, tools.counts())
		e.nothingKept()
	})
}

func TestStopReplies_ForgetsOldCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSite(t, setup{})
		defer e.end()
		for i := range 1000 {
			e.proxy.StopReplies(Visitor{Session: fmt.Sprint(i)})
		}
		begun := time.Now()
		time.Sleep(maxStart)
		e.proxy.StopReplies(Visitor{UserID: "ada"})
		assert.True(t, e.proxy.stops.since(subject{"session", "0"}, begun))
		assert.False(t, e.proxy.stops.since(subject{"session", "0"}, begun.Add(1)))
		time.Sleep(time.Nanosecond)
		e.proxy.StopReplies(Visitor{UserID: "ada"})
		assert.Len(t, e.proxy.stops.times, 1)
	})
}
