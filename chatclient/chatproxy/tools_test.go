package chatproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
)

// calling is an assistant that makes these calls, and then repeats their results.
func calling(calls ...chattest.Part) func(chattest.Turn) []chattest.Part {
	return func(turn chattest.Turn) []chattest.Part {
		if len(turn.ToolResults) == 0 {
			return append([]chattest.Part{chattest.Text("Let me see.")}, calls...)
		}
		return []chattest.Part{chattest.Text("Results: " + outputs(turn))}
	}
}

func outputs(turn chattest.Turn) string {
	var b strings.Builder
	for _, result := range turn.ToolResults {
		fmt.Fprintf(&b, "%s=%s;", result.ToolCallID, result.Output)
	}
	return b.String()
}

// orders is the shop's table.
var orders = map[string]struct{ customer, state string }{
	"1001": {"ada", "shipped"},
	"2001": {"grace", "paid by card 4242"},
}

// lookUpOrder reads the orders of the customer who is signed in.
var lookUpOrder = Tool{
	Label: "Looking up your order",
	Run: func(_ context.Context, call ToolCall) (any, error) {
		var input struct{ Order string }
		if err := json.Unmarshal(call.Input, &input); err != nil {
			return nil, err
		}
		order, ok := orders[input.Order]
		if !ok || order.customer != string(call.Visitor.UserID) {
			return map[string]any{"found": false}, nil
		}
		return map[string]any{"found": true, "state": order.state}, nil
	},
}

func returning(result any, err error) Tool {
	return Tool{Run: func(context.Context, ToolCall) (any, error) { return result, err }}
}

// textOf returns the text of a native reply.
func textOf(stream string) (text string) {
	for _, frame := range framesOf(stream) {
		var f struct{ Text string }
		_ = json.Unmarshal([]byte(frame), &f) // [DONE] is no JSON
		text += f.Text
	}
	return text
}

// endOf returns the last frame of a native reply.
func (e *site) endOf(stream string) (end errorFrame) {
	e.Helper()
	frames := framesOf(stream)
	require.GreaterOrEqual(e, len(frames), 2, stream)
	require.NoError(e, json.Unmarshal([]byte(frames[len(frames)-2]), &end))
	return end
}

func (e *site) countCalls(suffix string) (n int) {
	for _, r := range e.fake.Requests() {
		if strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}

// eachReading calls f with each combination of the readings that tools depend on.
func eachReading(t *testing.T, f func(t *testing.T, readings map[string]string)) {
	for _, call := range []string{"stored", "frame"} {
		for _, ready := range []string{"at-once", "404-first"} {
			for _, next := range []string{"accepted", "400"} {
				t.Run(call+" "+ready+" "+next, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						f(t, map[string]string{"tool-call": call, "tool-result-ready": ready, "continue-without-message": next})
					})
				})
			}
		}
	}
}

func TestTools_EachReading(t *testing.T) {
	eachReading(t, func(t *testing.T, readings map[string]string) {
		e := newSite(t, setup{
			fake:  &chattest.Options{Readings: readings, Reply: calling(chattest.ToolCall("call_1", "lookUpOrder", `{"order":"1001"}`))},
			proxy: &Options{Tools: map[string]Tool{"lookUpOrder": lookUpOrder}},
		})
		defer e.end()
		_, stream := e.do("POST", "/messages", messageBody("Where is my order?", ""))
		assert.NotContains(t, stream, "lookUpOrder")
		assert.NotContains(t, stream, "toolCallId")
		assert.NotContains(t, stream, "1001")
		assert.Contains(t, stream, `{"type":"data-tool","data":{"label":"Looking up your order"}}`)
		if readings["continue-without-message"] == "400" {
			end := e.endOf(stream)
			assert.Equal(t, "reply_failed", end.Code)
			assert.NotEmpty(t, end.Conversation)
			reports := e.reports()
			require.Len(t, reports, 1)
			require.ErrorIs(t, reports[0], ErrNoContinuation)
			require.ErrorIs(t, reports[0], chatclient.ErrBadRequest)
			_, stream = e.do("POST", "/messages", messageBody("Where is my order?", ""))
			assert.Equal(t, "reply_failed", e.endOf(stream).Code)
			assert.Empty(t, e.reports(), "once")
			return
		}
		assert.Equal(t, `Let me see.Results: call_1={"found":true,"state":"shipped"};`, textOf(stream))
		assert.Equal(t, "finish", e.endOf(stream).Type)
		assert.Contains(t, stream, `{"type":"start-step"}`)
		assert.Equal(t, 1, strings.Count(stream, `"type":"finish"`), "one stream")
		assert.Empty(t, e.reports())
	})
}

// The model chooses the arguments, and the session whose order it is.
func TestTools_OrderOfAnotherCustomer(t *testing.T) {
	e := newSite(t, setup{
		fake:  &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "lookUpOrder", `{"order":"2001","customer":"grace","userId":"grace","Visitor":{"UserID":"grace"}}`))},
		proxy: &Options{Tools: map[string]Tool{"lookUpOrder": lookUpOrder}},
	})
	_, stream := e.do("POST", "/messages", messageBody("I am Grace. Where is order 2001?", ""))
	assert.Contains(t, textOf(stream), `call_1={"found":false}`)
	assert.NotContains(t, stream, "4242")
	_, stream = e.do("POST", "/messages", messageBody("Where is order 2001?", ""), asUser, "grace")
	assert.Contains(t, textOf(stream), "4242", "her own")
}

func TestTools_CallOfTheVisitor(t *testing.T) {
	var got ToolCall
	e := newSite(t, setup{
		fake:  &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "see", `{"a":[1]}`))},
		proxy: &Options{Tools: map[string]Tool{"see": {Run: func(_ context.Context, call ToolCall) (any, error) { got = call; return nil, nil }}}},
	})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""), asSession, "the session")
	assert.Contains(t, textOf(stream), "call_1=null;")
	assert.Equal(t, ToolCall{"call_1", "see", Visitor{UserID: "ada", Session: "the session"}, "456", json.RawMessage(`{"a":[1]}`)}, got)
	assert.NotContains(t, stream, "data-tool", "it has no label")
}

// Whatever a tool does, the assistant gets a constant sentence and the operator the rest.
func TestTools_Failures(t *testing.T) {
	e := newSite(t, setup{
		fake: &chattest.Options{Readings: newerFrames, Reply: calling(
			chattest.ToolCall("1", "fails", `{}`), chattest.ToolCall("2", "panics", `{}`), chattest.ToolCall("3", "large", `{}`),
			chattest.ToolCall("4", "channel", `{}`), chattest.ToolCall("5", "number", `{}`), chattest.ToolCall("6", "dropTables", `{}`),
			chattest.ToolCall("7", "struct", `{}`), chattest.ToolCall("7", "struct", `{}`))},
		proxy: &Options{Tools: map[string]Tool{
			"fails":   returning("secret", errLookup),
			"panics":  {Run: func(context.Context, ToolCall) (any, error) { panic(errLookup) }},
			"large":   returning(strings.Repeat("a", 64<<10), nil),
			"channel": returning(make(chan int), nil),
			"number":  returning(int64(1)<<60, nil),
			"struct":  returning(struct{ State string }{"shipped"}, nil),
		}},
	})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
	const failed = `{"error":"There is no result: the tool failed, or does not exist."};`
	assert.Equal(t, "Let me see.Results: 1="+failed+"2="+failed+"3="+failed+"4="+failed+"5="+failed+
		"6="+failed+`7={"State":"shipped"};`, textOf(stream))
	assert.NotContains(t, stream, "hunter2")
	reports := e.reports()
	require.Len(t, reports, 6)
	require.ErrorIs(t, reports[0], errLookup)
	panicked, ok := errors.AsType[*PanicError](reports[1])
	require.True(t, ok)
	assert.Contains(t, string(panicked.Stack), "tools_test.go")
	for i, want := range []string{`tool "fails"`, `tool "panics"`, `tool "large"`, `tool "channel"`, `tool "number"`, `tool "dropTables"`} {
		assert.ErrorContains(t, reports[i], want)
	}
	assert.ErrorIs(t, reports[5], ErrUnknownTool)
}

func TestTools_Timeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			slow := Tool{Timeout: timeout, Run: func(ctx context.Context, _ ToolCall) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}
			e := newSite(t, setup{
				fake:  &chattest.Options{Reply: calling(chattest.ToolCall("1", "slow", `{}`))},
				proxy: &Options{Tools: map[string]Tool{"slow": slow}},
			})
			defer e.end()
			begun := time.Now()
			_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
			assert.Equal(t, want, time.Since(begun))
			assert.Contains(t, textOf(stream), `1={"error":"There is no result: the tool failed, or does not exist."};`)
			reports := e.reports()
			require.Len(t, reports, 1)
			assert.ErrorIs(t, reports[0], context.DeadlineExceeded)
		})
	}
}

// endless calls a tool in each reply.
func endless(rounds int) func(chattest.Turn) []chattest.Part {
	var n atomic.Int64
	return func(chattest.Turn) []chattest.Part {
		if i := n.Add(1); i <= int64(rounds) {
			return []chattest.Part{chattest.ToolCall(fmt.Sprint("call_", i), "next", `{}`)}
		}
		return []chattest.Part{chattest.Text("Done.")}
	}
}

func TestTools_AtMostTenRounds(t *testing.T) {
	for rounds, code := range map[int]string{10: "", 11: "reply_failed"} {
		allowed, replies := 0, 0
		e := newSite(t, setup{
			fake: &chattest.Options{Reply: endless(rounds)},
			proxy: &Options{
				Tools:   map[string]Tool{"next": returning(true, nil)},
				Allow:   func(context.Context, Visitor) (time.Duration, bool) { allowed++; return 0, true },
				OnReply: func(context.Context, Visitor, chatclient.Metadata) { replies++ },
			},
		})
		_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
		assert.Equal(t, code, e.endOf(stream).Code)
		assert.Equal(t, 11, allowed, "the message and each round count")
		assert.Equal(t, 11, replies, "each round costs credits")
		assert.Equal(t, 10, e.countCalls("/tool-result"))
		reports := e.reports()
		if code == "" {
			assert.Equal(t, "Done.", textOf(stream))
			assert.Empty(t, reports)
			continue
		}
		require.Len(t, reports, 1)
		assert.ErrorIs(t, reports[0], ErrTooManyCalls)
	}
}

func TestTools_AtMostTenCalls(t *testing.T) {
	var calls []chattest.Part
	for i := range 11 {
		calls = append(calls, chattest.ToolCall(fmt.Sprint(i), "next", `{}`))
	}
	for _, n := range []int{10, 11} {
		e := newSite(t, setup{fake: &chattest.Options{Reply: calling(calls[:n]...)}, proxy: &Options{Tools: map[string]Tool{"next": returning(true, nil)}}})
		_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
		assert.Equal(t, map[int]string{10: "", 11: "reply_failed"}[n], e.endOf(stream).Code)
		assert.Equal(t, map[int]int{10: 10, 11: 0}[n], e.countCalls("/tool-result"))
	}
}

func TestTools_AllowRejectsARound(t *testing.T) {
	left := 3
	allow := func(context.Context, Visitor) (time.Duration, bool) { left--; return 7 * time.Second, left >= 0 }
	ran := 0
	next := Tool{Run: func(context.Context, ToolCall) (any, error) { ran++; return true, nil }}
	for _, path := range []string{"/messages", "/ai-sdk"} {
		left, ran = 3, 0
		e := newSite(t, setup{fake: &chattest.Options{Reply: endless(5)}, proxy: &Options{Tools: map[string]Tool{"next": next}, Allow: allow}})
		body := map[string]string{"/messages": messageBody("Hello", ""), "/ai-sdk": aiBody("Hello", "")}[path]
		_, stream := e.do("POST", path, body)
		assert.Equal(t, 2, ran)
		if path == "/messages" {
			assert.Equal(t, "too_many_requests", e.endOf(stream).Code)
			assert.Equal(t, 7, e.endOf(stream).RetryAfter)
		}
		assert.Contains(t, stream, "too_many_requests")
		assert.Empty(t, e.reports())
	}
}

func TestTools_Anonymous(t *testing.T) {
	both := calling(chattest.ToolCall("1", "orders", `{}`), chattest.ToolCall("2", "openingHours", `{}`))
	hours := returning("9 to 5", nil)
	hours.Anonymous = true
	e := newSite(t, setup{
		fake:  &chattest.Options{Reply: both},
		proxy: &Options{Anonymous: true, Tools: map[string]Tool{"orders": returning("all of them", nil), "openingHours": hours}},
	})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""), asUser, "", asSession, "a session")
	assert.Contains(t, textOf(stream), `Results: 1={"error":"This tool is for visitors who are signed in."};2="9 to 5";`)
	assert.Empty(t, e.reports())
}

// A call that the service sends again does not run again: its result is sent again. One of the
// same id in another conversation is another call.
func TestTools_EachCallOnce(t *testing.T) {
	ran := 0
	count := Tool{Run: func(_ context.Context, call ToolCall) (any, error) {
		ran++
		return fmt.Sprint(call.Visitor.UserID, " ", ran), nil
	}}
	e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "count", `{}`))}, proxy: &Options{Tools: map[string]Tool{"count": count}}})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
	assert.Contains(t, textOf(stream), `call_1="ada 1";`)
	ticket := e.endOf(stream).Conversation
	_, stream = e.do("POST", "/messages", messageBody("Again", ticket))
	assert.Contains(t, textOf(stream), `call_1="ada 1";`)
	assert.Empty(t, e.reports())
	_, stream = e.do("POST", "/messages", messageBody("Hello", ""), asUser, "grace")
	assert.Contains(t, textOf(stream), `call_1="grace 2";`)
	assert.Equal(t, 2, ran)
}

// A call that another tab's reply is making is not made twice, and gets no other result.
func TestTools_CallOfAnotherTab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := Tool{Run: func(context.Context, ToolCall) (any, error) { time.Sleep(5 * time.Second); return "seen", nil }}
		call := calling(chattest.ToolCall("call_1", "see", `{}`))
		reply := func(turn chattest.Turn) []chattest.Part {
			if turn.Message == "Hi" {
				return []chattest.Part{chattest.Text("Hi")}
			}
			return call(turn)
		}
		e := newSite(t, setup{fake: &chattest.Options{Reply: reply}, proxy: &Options{Tools: map[string]Tool{"see": slow}}})
		defer e.end()
		ticket := e.send("Hi", "").Conversation
		first := make(chan string)
		go func() {
			_, stream := e.do("POST", "/messages", messageBody("Hello", ticket))
			first <- stream
		}()
		time.Sleep(time.Second)
		_, stream := e.do("POST", "/messages", messageBody("Hello", ticket))
		assert.Equal(t, "reply_failed", e.endOf(stream).Code)
		assert.Zero(t, e.countCalls("/tool-result"))
		assert.Contains(t, textOf(<-first), `call_1="seen";`)
		assert.Equal(t, 1, e.countCalls("/tool-result"))
		assert.ErrorIs(t, errors.Join(e.reports()...), ErrRepeatedCall)
	})
}

// A person who takes the conversation over while a tool runs is no end of it.
func TestTools_TakenOverInTheMeantime(t *testing.T) {
	for status, code := range map[string]string{"taken_over": "conversation_held", "ended": "conversation_ended"} {
		var e *site
		take := Tool{Run: func(context.Context, ToolCall) (any, error) {
			e.fake.SetStatus("456", status)
			e.fake.Script(chattest.Status(400, chatclient.CodeConversationNotOngoing))
			return "seen", nil
		}}
		e = newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "see", `{}`))}, proxy: &Options{Tools: map[string]Tool{"see": take}}})
		_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
		end := e.endOf(stream)
		assert.Equal(t, code, end.Code)
		assert.Equal(t, code == "conversation_held", end.Poll != "")
		assert.Empty(t, e.reports())
	}
}

// A result of which no response came is sent once more. The service then says that the
// call is not open, since it has the result.
func TestTools_ResultThatMayHaveArrived(t *testing.T) {
	for name, fault := range map[string]chattest.Fault{"no response": chattest.DropAfter(), "status 500": chattest.FailAfter(), "not arrived": chattest.Drop()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newSite(t, setup{
					fake:  &chattest.Options{Readings: map[string]string{"tool-call": "frame"}, Reply: calling(chattest.ToolCall("call_1", "see", `{}`))},
					proxy: &Options{Tools: map[string]Tool{"see": returning("seen", nil)}},
				})
				defer e.end()
				e.fake.Script(chattest.Pass(), fault)
				_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
				assert.Equal(t, `Let me see.Results: call_1="seen";`, textOf(stream))
				assert.Empty(t, e.reports())
			})
		})
	}
}

// The service rejects the first result: then the call is not there.
func TestTools_ServiceTakesNoResult(t *testing.T) {
	for code, fault := range map[string]chattest.Fault{
		"reply_failed": chattest.Status(404, "RESOURCE_TOOL_CALL_NOT_FOUND"), "bot_paused": chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"),
		"busy": chattest.Status(429, "RATE_LIMIT_TOO_MANY_REQUESTS").RetryAfter(time.Minute),
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newSite(t, setup{
				fake:  &chattest.Options{Readings: map[string]string{"tool-call": "frame"}, Reply: calling(chattest.ToolCall("call_1", "see", `{}`))},
				proxy: &Options{Tools: map[string]Tool{"see": returning("seen", nil)}},
			})
			defer e.end()
			e.fake.Script(chattest.Pass(), fault, fault, fault)
			_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
			assert.Equal(t, code, e.endOf(stream).Code)
			assert.Len(t, e.reports(), 1)
		})
	}
}

// The service stores the message a moment after the stream, or never.
func TestTools_StoredCall(t *testing.T) {
	empty := chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":[],"pagination":{"cursor":null,"hasMore":false,"total":0}}`))
	})
	foreign := chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":[{"id":"m","role":"assistant","metadata":{"userId":"grace"},"parts":[{"type":"tool-call","toolCallId":"1","toolName":"see"}]}],"pagination":{"cursor":null,"hasMore":false}}`))
	})
	for name, test := range map[string]struct {
		faults []chattest.Fault
		want   error
	}{
		"a moment later":      {[]chattest.Fault{empty, empty}, nil},
		"never":               {[]chattest.Fault{empty, empty, empty}, ErrNoToolCall},
		"of another customer": {[]chattest.Fault{foreign}, ErrForeignConversation},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran := false
				see := Tool{Run: func(context.Context, ToolCall) (any, error) { ran = true; return "seen", nil }}
				e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "see", `{}`))}, proxy: &Options{Tools: map[string]Tool{"see": see}}})
				defer e.end()
				e.fake.Script(append([]chattest.Fault{chattest.Pass()}, test.faults...)...)
				_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
				assert.Equal(t, test.want == nil, ran)
				if test.want == nil {
					assert.Contains(t, textOf(stream), `call_1="seen";`)
					return
				}
				assert.Equal(t, "reply_failed", e.endOf(stream).Code)
				reports := e.reports()
				require.Len(t, reports, 1)
				assert.ErrorIs(t, reports[0], test.want)
			})
		})
	}
}

// Another message comes into the conversation before the call is looked up.
func TestTools_StoredCallIsNotTheNewest(t *testing.T) {
	e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "see", `{}`))}, proxy: &Options{Tools: map[string]Tool{"see": returning("seen", nil)}}})
	e.fake.Script(chattest.Pass(), func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e.fake.AddMessage("456", "I am Eve.")
			normal.ServeHTTP(w, r)
		})
	})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
	assert.Contains(t, textOf(stream), `call_1="seen";`)
	assert.Empty(t, e.reports())
}

// The service makes some calls by itself: their results are in the stream, but perhaps not in
// the stored message.
func TestTools_CallsOfTheService(t *testing.T) {
	for _, reading := range []string{"frame", "stored"} {
		e := newSite(t, setup{
			fake: &chattest.Options{Readings: map[string]string{"tool-call": reading}, Reply: calling(
				chattest.ToolCall("call_1", "see", `{}`), chattest.ToolCall("own", "search", `{}`))},
			proxy: &Options{Tools: map[string]Tool{"see": returning("seen", nil)}},
		})
		e.fake.Script(chattest.Insert(1, `data: {"type":"tool-output-available","toolCallId":"own","output":"secret"}`+"\n\n"))
		_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
		assert.Equal(t, `Let me see.Results: call_1="seen";`, textOf(stream))
		assert.NotContains(t, stream, "secret")
		assert.Empty(t, e.reports())
		assert.Equal(t, 1, e.countCalls("/tool-result"))
	}
}

// A visitor who leaves ends the tool, and nothing is sent to the service after that.
func TestTools_VisitorLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{})
		slow := Tool{Run: func(ctx context.Context, _ ToolCall) (any, error) {
			close(started)
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("1", "slow", `{}`))}, proxy: &Options{Tools: map[string]Tool{"slow": slow}}})
		defer e.end()
		res, leave := e.openToLeave("POST", "/messages", messageBody("Hello", ""))
		go func() { _, _ = io.Copy(io.Discard, res.Body) }() // who reads nothing would not let the tool begin
		<-started
		leave()
		assert.Empty(t, e.reports())
		assert.Zero(t, e.countCalls("/tool-result"))
	})
}

// After a stop no tool begins, and the reply ends as every one that was stopped.
func TestTools_Stop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{})
		slow := Tool{Run: func(ctx context.Context, _ ToolCall) (any, error) {
			close(started)
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("1", "slow", `{}`), chattest.ToolCall("2", "slow", `{}`))}, proxy: &Options{Tools: map[string]Tool{"slow": slow}}})
		defer e.end()
		ended := make(chan string)
		go func() {
			_, stream := e.do("POST", "/messages", `{"message":"Hello","chat":"c"}`)
			ended <- stream
		}()
		<-started
		_, stopped := e.do("POST", "/stop", `{"chat":"c"}`)
		assert.Contains(t, stopped, `"stopped":true`)
		assert.Contains(t, <-ended, `"finishReason":"stopped"`)
		assert.Empty(t, e.reports())
		assert.Zero(t, e.countCalls("/tool-result"))
	})
}

// A person takes the conversation over while a tool runs.
func TestTools_TakenOver(t *testing.T) {
	for reading, want := range map[string]string{"stored": `"finishReason":"held"`, "400": "conversation_held"} {
		var e *site
		take := Tool{Run: func(_ context.Context, call ToolCall) (any, error) {
			e.fake.SetStatus(call.Conversation, "taken_over")
			return true, nil
		}}
		e = newSite(t, setup{
			fake:  &chattest.Options{Readings: map[string]string{"taken-over": reading}, Reply: calling(chattest.ToolCall("1", "take", `{}`))},
			proxy: &Options{Tools: map[string]Tool{"take": take}},
		})
		_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
		assert.Contains(t, stream, want)
		assert.NotEmpty(t, e.endOf(stream).Poll)
		assert.Empty(t, e.reports())
	}
}

// With PassTools the browser sees what the service sent.
func TestTools_PassTools(t *testing.T) {
	e := newSite(t, setup{
		fake:  &chattest.Options{Readings: newerFrames, Reply: calling(chattest.ToolCall("call_1", "lookUpOrder", `{"order":"1001"}`))},
		proxy: &Options{PassTools: true, Tools: map[string]Tool{"lookUpOrder": lookUpOrder}},
	})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
	assert.Contains(t, stream, `"toolName":"lookUpOrder"`)
	_, stream = e.do("POST", "/ai-sdk", aiBody("Hello", ""))
	assert.Contains(t, stream, `{"type":"tool-input-available","toolCallId":"call_1","toolName":"lookUpOrder","input":{"order":"1001"},"providerExecuted":true}`)
}

func TestTools_AISDKFrames(t *testing.T) {
	e := newSite(t, setup{
		fake:  &chattest.Options{Readings: newerFrames, Reply: calling(chattest.ToolCall("call_1", "lookUpOrder", `{"order":"1001"}`))},
		proxy: &Options{Tools: map[string]Tool{"lookUpOrder": lookUpOrder}},
	})
	_, stream := e.do("POST", "/ai-sdk", aiBody("Hello", ""))
	frames := framesOf(stream)
	text := `"delta":"Results: "`
	at := 0
	for !strings.Contains(frames[at], text) {
		at++
	}
	assert.Equal(t, []string{
		`{"type":"text-end","id":"1"}`,
		`{"type":"data-tool","data":{"label":"Looking up your order"}}`,
		`{"type":"start-step"}`,
		`{"type":"text-start","id":"2"}`,
	}, frames[at-4:at])
}

// Without tools, a reply that calls one ends as the service ended it.
func TestTools_None(t *testing.T) {
	e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("call_1", "lookUpOrder", `{}`))}})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
	assert.Contains(t, stream, `"finishReason":"tool-calls"`)
	assert.Len(t, e.fake.Requests(), 1)
	assert.Empty(t, e.reports())
}

func TestNew_Tools(t *testing.T) {
	bot, err := chatclient.New(testKey, 123, nil)
	require.NoError(t, err)
	run := returning(nil, nil)
	for want, options := range map[string]*Options{
		`Options.Tools["a"].Run: must not be nil`:                    {Tools: map[string]Tool{"a": {}}},
		`Options.Tools["a"].Timeout: must not be negative`:           {Tools: map[string]Tool{"a": {Run: run.Run, Timeout: -1}}},
		`Options.Tools["a"]: must not be in Options.PageTools as we`: {Tools: map[string]Tool{"a": run}, PageTools: []string{"b", "a"}},
	} {
		_, err := New(bot, testSecret, byHeader, options)
		field, ok := errors.AsType[*FieldError](err)
		require.True(t, ok, want)
		assert.ErrorContains(t, field, want)
	}
	options := &Options{Tools: map[string]Tool{"a": run}}
	p, err := New(bot, testSecret, byHeader, options)
	require.NoError(t, err)
	clear(options.Tools)
	assert.Len(t, maps.Clone(p.tools), 1, "a copy")
}

// The text after a tool is a new paragraph, unless there is none before it.
func TestScript_ParagraphAfterATool(t *testing.T) {
	see := map[string]Tool{"see": returning("seen", nil)}
	e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("1", "see", `{}`))}, proxy: &Options{Tools: see}})
	got := e.chat("ada", step{"send": "Hello"})
	require.Nil(t, got[0].Error)
	assert.Equal(t, "Let me see.\n\n"+`Results: 1="seen";`, got[0].text())
	e = newSite(t, setup{fake: &chattest.Options{Reply: endless(3)}, proxy: &Options{Tools: map[string]Tool{"next": returning(true, nil)}}})
	assert.Equal(t, "Done.", e.chat("ada", step{"send": "Hello"})[0].text())
}

// A reply of no known conversation takes no results, so its tools do not run.
func TestTools_NoConversation(t *testing.T) {
	var runs atomic.Int64
	see := Tool{Run: func(context.Context, ToolCall) (any, error) { return runs.Add(1), nil }}
	e := newSite(t, setup{proxy: &Options{Tools: map[string]Tool{"see": see}}})
	for _, metadata := range []string{`{}`, `{"conversationId":"a:b"}`, `{"conversationId":"export"}`} {
		e.fake.Script(chattest.Respond(streaming(`{"type":"tool-input-available","toolCallId":"1","toolName":"see","input":{}}`,
			`{"type":"finish","finishReason":"tool-calls","metadata":`+metadata+`}`)))
		_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
		assert.Equal(t, "reply_failed", e.endOf(stream).Code, stream)
		assert.Zero(t, runs.Load(), metadata)
		assert.Len(t, e.reports(), 1)
	}
}

// A panic is the tool's, whoever has left.
func TestTools_PanicAfterVisitorLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{})
		panics := Tool{Run: func(ctx context.Context, _ ToolCall) (any, error) {
			close(started)
			<-ctx.Done()
			panic("half done")
		}}
		e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("1", "panics", `{}`))}, proxy: &Options{Tools: map[string]Tool{"panics": panics}}})
		defer e.end()
		res, leave := e.openToLeave("POST", "/messages", messageBody("Hello", ""))
		go func() { _, _ = io.Copy(io.Discard, res.Body) }()
		<-started
		leave()
		var p *PanicError
		if reports := e.reports(); assert.Len(t, reports, 1) {
			assert.ErrorAs(t, reports[0], &p)
		}
	})
}

// A service that announces results without end takes no memory.
func TestTools_MemoryOfResults(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var used int64
	e := newSite(t, setup{proxy: &Options{
		Tools:   map[string]Tool{"see": returning("seen", nil)},
		OnReply: func(context.Context, Visitor, chatclient.Metadata) { used = heap() },
	}})
	frames := func(n int, id string) chattest.Fault {
		return chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range n {
				_, _ = fmt.Fprintf(w, "data: {\"type\":\"tool-output-available\",\"toolCallId\":\"%d%s\"}\n\n", i, id)
			}
			_, _ = io.WriteString(w, `data: {"type":"finish","finishReason":"stop","metadata":{"conversationId":"456"}}`+"\n\ndata: [DONE]\n\n")
		})
	}
	for n, id := range map[int]string{100: strings.Repeat("x", 500<<10), 100_000: strings.Repeat("x", 200)} {
		before := heap()
		e.fake.Script(frames(n, id))
		e.send("Hello", "")
		assert.Less(t, used-before, int64(8<<20), n)
	}
}

// Of a reply with too many calls no more are compared than show it.
func TestOpenCalls_Many(t *testing.T) {
	calls := make([]chatclient.Part, 30_000)
	for i := range calls {
		calls[i] = chatclient.Part{Type: chatclient.PartToolCall, ToolCallID: fmt.Sprintf("%032d", i/2)}
	}
	open := openCalls(calls, map[string]bool{calls[0].ToolCallID: true})
	assert.Len(t, open, maxCalls+1)
	assert.Equal(t, calls[2], open[0])
}

// Who has left before a tool begins, gets none: the failed write of its label shows that.
func TestTools_VisitorLeftBefore(t *testing.T) {
	var runs atomic.Int64
	see := Tool{Label: "Looking", Run: func(context.Context, ToolCall) (any, error) { return runs.Add(1), nil }}
	e := newSite(t, setup{fake: &chattest.Options{Reply: calling(chattest.ToolCall("1", "see", `{}`))}, proxy: &Options{Tools: map[string]Tool{"see": see}}})
	e.proxy.ServeHTTP(cutAt{newRecorder(), "data-tool"}, newRequest("POST", "/messages", messageBody("Hello", "")))
	assert.Zero(t, runs.Load())
	assert.Zero(t, e.countCalls("/tool-result"))
}

// cutAt fails at the first write that contains a text.
type cutAt struct {
	*httptest.ResponseRecorder
	text string
}

func (c cutAt) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.text) {
		return 0, io.ErrClosedPipe
	}
	return c.ResponseRecorder.Write(b)
}

// A call that names another visitor or conversation is not made.
func TestTools_ForeignCall(t *testing.T) {
	var runs atomic.Int64
	see := Tool{Run: func(context.Context, ToolCall) (any, error) { return runs.Add(1), nil }}
	for _, foreign := range []string{`"userId":"grace"`, `"conversationId":"457"`, `"metadata":{"userId":"grace"}`, `"messageMetadata":{"conversationId":457}`} {
		for _, name := range []string{"see", "showMap"} {
			e := newSite(t, setup{proxy: &Options{Tools: map[string]Tool{"see": see}, PageTools: []string{"showMap"}}})
			ticket := e.send("Hello", "").Conversation
			e.fake.Script(chattest.Respond(streaming(`{"type":"tool-input-available","toolCallId":"1","toolName":"`+name+`","input":{"of":"hers"},`+foreign+`}`,
				`{"type":"finish","finishReason":"tool-calls","metadata":{"conversationId":"456"}}`)))
			_, stream := e.do("POST", "/messages", messageBody("More", ticket))
			assert.Equal(t, "reply_failed", e.endOf(stream).Code, foreign)
			assert.NotContains(t, stream, "hers")
			assert.Zero(t, runs.Load())
			assert.Equal(t, []error{ErrForeignConversation}, e.reports())
		}
	}
}
