package chatproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
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

// resultsBody is the body of POST /tool-results. The results are pairs of an id and an
// output.
func resultsBody(ticket string, results ...string) string {
	var list []string
	for i := 0; i < len(results); i += 2 {
		list = append(list, `{"toolCallId":`+quoted(results[i])+`,"output":`+results[i+1]+`}`)
	}
	return `{"conversation":` + quoted(ticket) + `,"results":[` + strings.Join(list, ",") + `]}`
}

// aiResults is what useChat sends after addToolOutput. The parts are those of the message.
func aiResults(ticket string, parts ...string) string {
	return `{"id":"c","trigger":"submit-message","messageId":"a","messages":[{"id":"u","role":"user","parts":[{"type":"text","text":"Hello"}]},
		{"id":"a","role":"assistant","metadata":{"conversation":` + quoted(ticket) + `},"parts":[` + strings.Join(parts, ",") + `]}]}`
}

func toolPart(name, id, state, more string) string {
	return `{"type":"tool-` + name + `","toolCallId":` + quoted(id) + `,"state":"` + state + `","input":{}` + more + `}`
}

// newPage is a site whose page runs showMap and pickDate, and whose server runs see. The
// ticket is of a conversation whose reply has made the calls.
func newPage(t *testing.T, s setup, calls ...chattest.Part) (e *site, ticket, stream string) {
	t.Helper()
	if s.fake == nil {
		s.fake = &chattest.Options{}
	}
	s.fake.Reply = calling(calls...)
	s.proxy = &Options{Anonymous: true, PageTools: []string{"showMap", "pickDate"}, Tools: map[string]Tool{"see": returning("seen", nil)}}
	e = newSite(t, s)
	_, stream = e.do("POST", "/messages", messageBody("Hello", ""))
	require.Contains(t, stream, `"finishReason":"tool-calls"`)
	return e, e.endOf(stream).Conversation, stream
}

// A result that is rejected takes none of those that came with it.
func TestPageTools_RejectedResultsTakeNone(t *testing.T) {
	for _, other := range []string{"call_x", "call_1"} {
		e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("call_1", "showMap", `{}`))
		e.failed(404, "tool_call_not_found", "POST", "/tool-results", resultsBody(ticket, "call_1", "1", other, "1"))
		_, stream := e.do("POST", "/tool-results", resultsBody(ticket, "call_1", "1"))
		assert.Equal(t, "Results: call_1=1;", textOf(stream))
	}
}

// All requests take the calls in the order of the reply, whatever that of their results. So of two
// requests at once, one has all: the other fails at the first call and takes no later one.
func TestPageTools_ResultsInAnotherOrder(t *testing.T) {
	e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("1", "showMap", `{}`), chattest.ToolCall("2", "pickDate", `{}`))
	other := &exchange{p: e.proxy, ctx: t.Context(), conversation: chatclient.ConversationID(strings.Split(ticket, ".")[1])}
	require.True(t, other.takeCall("1"))
	e.failed(404, "tool_call_not_found", "POST", "/tool-results", resultsBody(ticket, "2", "2", "1", "1"))
	assert.True(t, other.takeCall("2"))
}

func TestPageTools_EachReading(t *testing.T) {
	eachReading(t, func(t *testing.T, readings map[string]string) {
		e, ticket, stream := newPage(t, setup{fake: &chattest.Options{Readings: readings}}, chattest.ToolCall("call_1", "showMap", `{"at":"Ulm"}`))
		defer e.end()
		const call = `{"type":"tool-input-available","toolCallId":"call_1","toolName":"showMap","input":{"at":"Ulm"}}`
		assert.Equal(t, 1, strings.Count(stream, call), stream)
		assert.Less(t, strings.Index(stream, "see."), strings.Index(stream, call))
		_, stream = e.do("POST", "/tool-results", resultsBody(ticket, "call_1", `{"shown":true}`))
		if readings["continue-without-message"] == "400" {
			assert.Equal(t, "reply_failed", e.endOf(stream).Code)
			assert.Len(t, e.reports(), 1)
			return
		}
		assert.Equal(t, []string{`{"type":"start","version":1,"conversation":"` + ticket + `"}`, `{"type":"start-step"}`}, framesOf(stream)[:2])
		assert.Equal(t, `Results: call_1={"shown":true};`, textOf(stream))
		assert.Equal(t, ticket, e.endOf(stream).Conversation)
		assert.Empty(t, e.reports())
	})
}

// The page gets its calls when the results of the server's are in.
func TestPageTools_BesideTools(t *testing.T) {
	e, ticket, stream := newPage(t, setup{},
		chattest.ToolCall("1", "showMap", `{}`), chattest.ToolCall("2", "see", `{"secret":1}`), chattest.ToolCall("3", "pickDate", `{}`))
	assert.NotContains(t, stream, "secret")
	assert.Equal(t, 1, e.countCalls("/tool-result"))
	assert.Zero(t, strings.Count(stream, "start-step"))
	_, stream = e.do("POST", "/tool-results", resultsBody(ticket, "3", `"Friday"`, "1", `null`))
	assert.Equal(t, `Results: 2="seen";3="Friday";1=null;`, textOf(stream))
	assert.Empty(t, e.reports())
}

// A reply that calls the page's tools again, after its results.
func TestPageTools_Again(t *testing.T) {
	reply := func(turn chattest.Turn) []chattest.Part {
		switch n := len(turn.ToolResults); {
		case n == 0:
			return []chattest.Part{chattest.ToolCall("1", "showMap", `{}`)}
		case turn.ToolResults[0].ToolCallID == "1":
			return []chattest.Part{chattest.ToolCall("2", "see", `{}`)}
		case turn.ToolResults[0].ToolCallID == "2":
			return []chattest.Part{chattest.ToolCall("3", "showMap", `{}`)}
		}
		return []chattest.Part{chattest.Text("Done.")}
	}
	e := newSite(t, setup{fake: &chattest.Options{Reply: reply}, proxy: &Options{PageTools: []string{"showMap"}, Tools: map[string]Tool{"see": returning("seen", nil)}}})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
	ticket := e.endOf(stream).Conversation
	_, stream = e.do("POST", "/tool-results", resultsBody(ticket, "1", `1`))
	assert.Contains(t, stream, `"toolCallId":"3"`)
	_, stream = e.do("POST", "/tool-results", resultsBody(ticket, "3", `3`))
	assert.Equal(t, "Done.", textOf(stream))
}

// A page decides neither what the server's tools return nor anything of other visitors.
func TestPageTools_Rejected(t *testing.T) {
	e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("1", "showMap", `{}`), chattest.ToolCall("2", "see", `{}`), chattest.ToolCall("3", "pickDate", `{}`))
	calls := e.countCalls("/tool-result")
	for _, test := range []struct {
		status     int
		code, body string
		header     []string
	}{
		{404, "tool_call_not_found", resultsBody(ticket, "1", "1", "2", `"forged"`), nil},
		{404, "tool_call_not_found", resultsBody(ticket, "1", "1", "4", `"unknown"`), nil},
		{404, "tool_call_not_found", resultsBody(ticket, "2", "1", "2", `"forged"`, "2", "1"), nil},
		{404, "conversation_not_found", resultsBody(ticket, "1", "1", "3", "3"), []string{asUser, "grace"}},
		{404, "conversation_not_found", resultsBody(ticket, "1", "1", "3", "3"), []string{asUser, "", asSession, "s"}},
		{404, "conversation_not_found", resultsBody("v1.456.forged", "1", "1", "3", "3"), nil},
		{404, "conversation_not_found", resultsBody("", "1", "1", "3", "3"), nil},
		{404, "conversation_not_found", `{"chat":"c","results":[{"toolCallId":"1"}]}`, nil},
		{404, "conversation_not_found", aiResults("", toolPart("showMap", "1", "output-available", "")), nil},
		{400, "invalid_request", resultsBody(ticket, "1", "1"), nil},
		{401, "sign_in_required", resultsBody(ticket, "1", "1", "3", "3"), []string{asUser, ""}},
	} {
		path := "/tool-results"
		if strings.Contains(test.body, `"messages"`) {
			path = "/ai-sdk"
		}
		e.failed(test.status, test.code, "POST", path, test.body, test.header...)
	}
	assert.Equal(t, calls, e.countCalls("/tool-result"), "nothing was submitted")
	assert.Empty(t, e.reports())
}

// A result for a call that only the server makes is none of the page's, with every form of
// the request.
func TestPageTools_ResultOfATool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		e := newSite(t, setup{
			fake: &chattest.Options{Readings: newerFrames, Reply: calling(chattest.ToolCall("1", "see", `{}`))},
			proxy: &Options{PassTools: true, PageTools: []string{"showMap"}, Tools: map[string]Tool{"see": {Run: func(context.Context, ToolCall) (any, error) {
				<-slow
				return "seen", nil
			}}}},
		})
		ticket := e.proxy.tickets.conversation(ada, "456")
		ended := make(chan string)
		go func() {
			_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
			ended <- stream
		}()
		synctest.Wait()
		_, stored := e.do("GET", "/conversations/"+ticket+"/messages", "")
		require.Contains(t, stored, `"tool-call"`)
		e.failed(404, "tool_call_not_found", "POST", "/tool-results", resultsBody(ticket, "1", `"forged"`))
		e.failed(404, "tool_call_not_found", "POST", "/ai-sdk", aiResults(ticket, toolPart("see", "1", "output-available", `,"output":"forged"`)))
		e.failed(404, "tool_call_not_found", "POST", "/ai-sdk", aiResults(ticket, toolPart("showMap", "1", "output-available", `,"output":"forged"`)))
		close(slow)
		assert.Contains(t, textOf(<-ended), `1="seen";`)
		e.end()
	})
}

// Results count once, also when two requests bring them at the same time.
func TestPageTools_ResultsOnce(t *testing.T) {
	e, ticket, _ := newPage(t, setup{fake: &chattest.Options{Pace: time.Millisecond}}, chattest.ToolCall("1", "showMap", `{}`))
	streams := make([]string, 3)
	var all sync.WaitGroup
	for i := range streams {
		all.Go(func() { _, streams[i] = e.do("POST", "/tool-results", resultsBody(ticket, "1", fmt.Sprint(i))) })
	}
	all.Wait()
	continued := slices.DeleteFunc(slices.Clone(streams), func(s string) bool { return !strings.Contains(s, "Results") })
	assert.Len(t, continued, 1, streams)
	assert.Equal(t, 1, e.countCalls("/tool-result"))
	e.failed(404, "tool_call_not_found", "POST", "/tool-results", resultsBody(ticket, "1", "1"))
	e.failed(404, "tool_call_not_found", "POST", "/ai-sdk", aiResults(ticket, toolPart("showMap", "1", "output-available", `,"output":1`)))

	// Of a service that does not store results, the call looks open.
	e.fake.Script(chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":[{"id":"m","role":"assistant","parts":[{"type":"tool-call","toolCallId":"1","toolName":"showMap"}]}],"pagination":{"cursor":null,"hasMore":false}}`))
	}))
	e.failed(404, "tool_call_not_found", "POST", "/tool-results", resultsBody(ticket, "1", "1"))
	assert.Equal(t, 1, e.countCalls("/tool-result"))
	assert.Empty(t, e.reports())
}

// A call of the server that was not made, since the visitor's allowance was used up, is
// not the page's either.
func TestPageTools_ResultOfAToolThatDidNotRun(t *testing.T) {
	left := 1
	e := newSite(t, setup{
		fake: &chattest.Options{Reply: calling(chattest.ToolCall("1", "see", `{}`))},
		proxy: &Options{PageTools: []string{"showMap"}, Tools: map[string]Tool{"see": returning("seen", nil)},
			Allow: func(context.Context, Visitor) (time.Duration, bool) { left--; return time.Second, left >= 0 }},
	})
	_, stream := e.do("POST", "/messages", messageBody("Hello", ""))
	ticket := e.endOf(stream).Conversation
	assert.Equal(t, "too_many_requests", e.endOf(stream).Code)
	left = 2
	e.failed(404, "tool_call_not_found", "POST", "/tool-results", resultsBody(ticket, "1", `"forged"`))
	e.failed(404, "tool_call_not_found", "POST", "/ai-sdk", aiResults(ticket, toolPart("see", "1", "output-available", `,"output":"forged"`)))
	assert.Zero(t, e.countCalls("/tool-result"))
}

// A page that sends another message leaves its calls behind.
func TestPageTools_AbandonedCall(t *testing.T) {
	e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("1", "showMap", `{}`))
	e.fake.AddMessage("456", "I am Eve.")
	e.failed(404, "tool_call_not_found", "POST", "/tool-results", resultsBody(ticket, "1", "1"))
}

func TestPageTools_Bodies(t *testing.T) {
	e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("1", "showMap", `{}`))
	before := len(e.fake.Requests())
	for _, body := range []string{
		`{}`, `[]`, `{"conversation":"x"}`, resultsBody(ticket), `{"conversation":"` + ticket + `","results":{}}`,
		`{"conversation":"` + ticket + `","results":[1]}`, `{"conversation":"` + ticket + `","results":[{}]}`,
		`{"conversation":"` + ticket + `","results":[{"toolCallId":""}]}`, `{"conversation":"` + ticket + `","results":[{"toolCallId":1}]}`,
		`{"conversation":"` + ticket + `","results":[{"toolCallId":"1","name":"showMap"}]}`,
		`{"conversation":7,"results":[{"toolCallId":"1"}]}`, `{"chat":"a b","results":[{"toolCallId":"1"}]}`,
		strings.Replace(resultsBody(ticket, "1", "1"), `{"conv`, `{"message":"Hello","conv`, 1),
		strings.Replace(resultsBody(ticket, "1", "1"), `{"conv`, `{"userId":"grace","conv`, 1),
		resultsBody(ticket, "1", `1e400`), resultsBody(ticket, "1", `"a\u0000"`), resultsBody(ticket, "1", `12345678901234567890`),
		resultsBody(ticket, "1", strings.Repeat("[", 40)+strings.Repeat("]", 40)),
		resultsBody(ticket, strings.Split(strings.Repeat("1,1,", 11)+"1", ",")[:22]...),
	} {
		e.failed(400, "invalid_request", "POST", "/tool-results", body)
	}
	for _, parts := range [][]string{
		{}, {toolPart("showMap", "1", "input-available", "")}, {toolPart("showMap", "1", "output-available", `,"providerExecuted":true`)},
		{toolPart("showMap", "1", "output-available", ""), `{"type":"step-start"}`, `{"type":"text","text":"Results"}`},
		{toolPart("showMap", "", "output-available", "")}, {toolPart("showMap", "1", "output-available", `,"output":1e400`)},
		{`{"type":"data-tool","data":{},"toolCallId":"1","state":"output-available"}`}, {`7`},
		slices.Repeat([]string{toolPart("showMap", "1", "output-available", "")}, 11),
		{toolPart("showMap", "1", "output-available", `,"output":`+quoted(strings.Repeat("a", 64<<10)))},
	} {
		e.failed(400, "invalid_request", "POST", "/ai-sdk", aiResults(ticket, parts...))
	}
	assert.Len(t, e.fake.Requests(), before, "the service was called")
	assert.Empty(t, e.reports())
}

func TestPageTools_AISDK(t *testing.T) {
	for name, test := range map[string]struct{ part, want string }{
		"output": {toolPart("showMap", "1", "output-available", `,"output":{"shown":true}`), `1={"shown":true};`},
		"none":   {toolPart("showMap", "1", "output-available", ""), `1=null;`},
		"error":  {toolPart("showMap", "1", "output-error", `,"errorText":"NoMap"`), `1={"error":"NoMap"};`},
	} {
		t.Run(name, func(t *testing.T) {
			e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("1", "showMap", `{"at":"Ulm"}`))
			_, stream := e.do("POST", "/ai-sdk", aiResults(ticket, toolPart("pickDate", "0", "output-available", ""), `{"type":"step-start"}`, `{"type":"text","text":"Let me see."}`, test.part))
			frames := framesOf(stream)
			assert.Equal(t, []string{`{"type":"start","messageMetadata":{"conversation":"` + ticket + `"}}`, `{"type":"start-step"}`}, frames[:2])
			assert.Contains(t, stream, `"delta":`+quoted(test.want))
			assert.Empty(t, e.reports())
		})
	}
}

func TestPageTools_AISDKFrames(t *testing.T) {
	e := newSite(t, setup{
		fake:  &chattest.Options{Readings: newerFrames, Reply: calling(chattest.ToolCall("1", "showMap", `{"at":"Ulm"}`))},
		proxy: &Options{PassTools: true, PageTools: []string{"showMap"}},
	})
	_, stream := e.do("POST", "/ai-sdk", aiBody("Hello", ""))
	assert.Equal(t, 1, strings.Count(stream, `{"type":"tool-input-available","toolCallId":"1","toolName":"showMap","input":{"at":"Ulm"}}`), stream)
	var finish struct{ MessageMetadata replyTickets }
	frames := framesOf(stream)
	require.NoError(t, json.Unmarshal([]byte(frames[len(frames)-2]), &finish))
	assert.NotEmpty(t, finish.MessageMetadata.Conversation, "which useChat sends back with the results")
}

// What goes wrong after the results were taken comes in the stream.
func TestPageTools_ServiceFails(t *testing.T) {
	for code, fault := range map[string]chattest.Fault{
		"reply_failed": chattest.Status(404, "RESOURCE_TOOL_CALL_NOT_FOUND"), "bot_paused": chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"),
	} {
		synctest.Test(t, func(t *testing.T) {
			e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("1", "showMap", `{}`))
			defer e.end()
			e.fake.Script(chattest.Pass(), fault, fault, fault)
			res, stream := e.do("POST", "/tool-results", resultsBody(ticket, "1", "1"))
			assert.Equal(t, 200, res.StatusCode)
			assert.Equal(t, code, e.endOf(stream).Code)
			assert.Len(t, e.reports(), 1)
		})
	}
	e, ticket, _ := newPage(t, setup{}, chattest.ToolCall("1", "showMap", `{}`))
	e.fake.Script(chattest.BadGateway(), chattest.BadGateway(), chattest.BadGateway())
	e.failed(502, "bot_unavailable", "POST", "/tool-results", resultsBody(ticket, "1", "1"))
	_, stream := e.do("POST", "/tool-results", resultsBody(ticket, "1", "1"))
	assert.Contains(t, textOf(stream), "Results", "nothing was taken before")
}

// Whatever the results: no panic, and only those of the page's open call reach the service,
// unchanged.
func FuzzToolResults(f *testing.F) {
	ticket := newTestTickets(f, 123, testSecret).conversation(ada, "456")
	f.Add([]byte(resultsBody(ticket, "1", `{"shown":true}`)))
	f.Add([]byte(resultsBody(ticket, "1", "1", "2", `"forged"`)))
	f.Add([]byte(aiResults(ticket, toolPart("showMap", "1", "output-available", `,"output":[1.5]`))))
	f.Add([]byte(aiResults(ticket, toolPart("showMap", "1", "output-error", `,"errorText":"a"`), `{"type":"step-start"}`)))
	f.Add([]byte(aiResults(ticket, toolPart("see", "2", "output-available", `,"providerExecuted":true`))))
	f.Fuzz(func(t *testing.T, body []byte) {
		fake, err := chattest.New(&chattest.Options{Reply: calling(chattest.ToolCall("1", "showMap", `{}`), chattest.ToolCall("2", "hidden", `{}`))})
		require.NoError(t, err)
		defer fake.Close()
		bot, err := chatclient.New(testKey, 123, &chatclient.Options{BaseURL: chattest.BaseURL, HTTPClient: fake.Client()})
		require.NoError(t, err)
		proxy, err := New(bot, testSecret, byHeader, &Options{Allow: always, PageTools: []string{"showMap"}})
		require.NoError(t, err)
		_, err = bot.Send(t.Context(), chatclient.Message{Text: "Hello", UserID: "ada"})
		require.NoError(t, err)
		for _, path := range []string{"/tool-results", "/ai-sdk"} {
			before := len(fake.Requests())
			w := newRecorder()
			proxy.ServeHTTP(w, newRequest("POST", path, string(body)))
			for _, request := range fake.Requests()[before:] {
				if strings.HasSuffix(request.Path, "/tool-result") {
					require.Contains(t, string(request.Body), `"toolCallId":"1"`)
					require.True(t, json.Valid(request.Body))
				}
			}
			require.Contains(t, []int{200, 400, 404, 413, 415, 502}, w.Code)
		}
	})
}

// Two tabs of a visitor and another visitor do what they can at the same time: no call is
// made twice, no result is sent twice, and nothing is there for the other visitor.
func TestPageTools_Interleavings(t *testing.T) {
	for seed := range uint64(40) {
		var n atomic.Int64
		var mu sync.Mutex
		ran := map[string]int{}
		see := Tool{Run: func(_ context.Context, call ToolCall) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			ran[call.Conversation+" "+call.ID]++
			return call.Visitor.UserID, nil
		}}
		e := newSite(t, setup{
			fake: &chattest.Options{Reply: func(turn chattest.Turn) []chattest.Part {
				if len(turn.ToolResults) > 0 {
					return []chattest.Part{chattest.Text(outputs(turn))}
				}
				return []chattest.Part{chattest.ToolCall(fmt.Sprint("s", n.Add(1)), "see", `{}`), chattest.ToolCall(fmt.Sprint("p", n.Add(1)), "showMap", `{}`)}
			}},
			proxy: &Options{PageTools: []string{"showMap"}, Tools: map[string]Tool{"see": see}, MaxStreamsPerVisitor: 20},
		})
		ticket := e.send("Hello", "").Conversation
		newest := func() string { // of all calls, which may be one of another conversation
			return fmt.Sprint("p", max(2, n.Load()-n.Load()%2))
		}
		var all sync.WaitGroup
		for i := range uint64(3) {
			random := rand.New(rand.NewPCG(seed, i))
			all.Go(func() {
				for range 8 {
					switch random.IntN(5) {
					case 0:
						_, _ = e.do("POST", "/messages", `{"message":"Hello","chat":"c","conversation":`+quoted(ticket)+`}`)
					case 1:
						_, _ = e.do("POST", "/stop", `{"chat":"c"}`)
					case 2, 3:
						_, _ = e.do("POST", "/tool-results", strings.Replace(resultsBody(ticket, newest(), "1"), `{`, `{"chat":"c",`, 1))
					case 4:
						res, text := e.do("POST", "/tool-results", resultsBody(ticket, newest(), "1"), asUser, "grace")
						assert.Equal(t, 404, res.StatusCode, text)
					}
				}
			})
		}
		all.Wait()
		e.handlers.Wait()
		for call, times := range ran {
			assert.Equal(t, 1, times, call)
		}
		sent := map[string]int{}
		for _, r := range e.fake.Requests() {
			var body struct{ ToolCallID, Output string }
			if _ = json.Unmarshal(r.Body, &body); body.ToolCallID != "" {
				sent[body.ToolCallID]++
				assert.NotEqual(t, "grace", body.Output)
			}
		}
		require.NotEmpty(t, sent)
		for id, times := range sent {
			assert.Equal(t, 1, times, "%s, seed %d", id, seed)
		}
	}
}
