package chatproxy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
	"github.com/chatident/chatident/internal/value"
)

const (
	maxRounds     = 10
	maxCalls      = 10   // of one round
	maxLookups    = 3    // of the stored message
	maxResolved   = 1000 // calls of one reply that the service itself made
	maxToolOutput = 64 << 10
	toolTimeout   = 10 * time.Second

	// eventToolOutput is the type of an event that Chatbase documents.
	eventToolOutput = "tool-output-available"
)

// Tool is a function of your site that the assistant may call for a visitor. The guide is
// docs/tools.md.
type Tool struct {
	// Run returns the result. It is encoded with encoding/json, and must be at most 64 KB of
	// what [chatclient.ToolResult] accepts. Run is called on the goroutine of the request. Its
	// context ends after Timeout, or when the visitor leaves, unless Options.KeepReplies is
	// set. Run must then return. It is required.
	//
	// If Run returns an error or panics, or the result is invalid, the assistant gets a constant
	// sentence, and OnError the error. A call runs at most once in this process. Another reply
	// to the same message makes a new call with another ID, so a tool that changes something
	// needs an idempotency key of your site.
	Run func(context.Context, ToolCall) (any, error)

	// Label is what the browser may show while the tool runs, such as "Looking up your
	// order". Default: nothing.
	Label string

	// Timeout is the maximum duration of a call. Default: 10 seconds. A negative value is an
	// error.
	Timeout time.Duration

	// Anonymous allows the tool for visitors who are not signed in. Default: for them, the
	// assistant gets the result that they must sign in.
	Anonymous bool
}

// ToolCall is a call of a [Tool].
type ToolCall struct {
	ID   string // the service's id of the call
	Name string // the tool's name in Options.Tools

	// Visitor is the visitor whom the session names. Decide by it whose data the tool reads
	// or changes, never by the Input.
	Visitor Visitor

	// Conversation is the service's id of the conversation.
	Conversation string

	// Input is any JSON that the model wrote, or nil. Validate it like a form of the visitor,
	// who can make the model write anything.
	Input json.RawMessage
}

// The results that the assistant gets if a tool did not run.
var (
	outputFailed = json.RawMessage(`{"error":"There is no result: the tool failed, or does not exist."}`)
	outputSignIn = json.RawMessage(`{"error":"This tool is for visitors who are signed in."}`)
)

// toolTable returns all tools by their names. Those of the page have no Run.
func (o *Options) toolTable() (map[string]Tool, error) {
	tools := map[string]Tool{}
	for _, name := range o.PageTools {
		tools[name] = Tool{}
	}
	for name, tool := range o.Tools {
		field := fmt.Sprintf("Options.Tools[%q]", name)
		_, isPages := tools[name]
		switch {
		case isPages:
			return nil, &FieldError{field, "must not be in Options.PageTools as well"}
		case tool.Run == nil:
			return nil, &FieldError{field + ".Run", "must not be nil"}
		case tool.Timeout < 0:
			return nil, &FieldError{field + ".Timeout", "must not be negative"}
		}
		tools[name] = tool
	}
	return tools, nil
}

func (p *Proxy) isPageTool(name string) bool {
	tool, ok := p.tools[name]
	return ok && tool.Run == nil
}

// runTools makes the calls of a reply and returns the stream of its continuation, or nil if the page
// must make calls first.
func (x *exchange) runTools(reply *chatclient.Reply) (*chatclient.Stream, *httpError) {
	calls, err := x.findCalls(reply)
	if err != nil {
		return nil, replyFailed(err)
	}
	if x.rounds++; x.rounds > maxRounds || len(calls) > maxCalls {
		return nil, replyFailed(ErrTooManyCalls)
	}
	if e := x.p.checkAllowance(x.r, x.visitor); e != nil {
		return nil, e
	}
	if e := x.p.checkClaim(x.ctx, x.visitor, x.conversation); e != nil { // claimed during the reply
		return nil, e
	}
	var pages []chatclient.Part
	for _, call := range calls {
		if x.p.isPageTool(call.ToolName) {
			pages = append(pages, call)
		} else if e := x.makeCall(call); e != nil {
			return nil, e
		}
	}
	for _, call := range pages { // after the other results were submitted
		x.out.chunk(callChunk(call))
	}
	if len(pages) > 0 {
		return nil, nil
	}
	return x.continueReply()
}

// findCalls returns the calls that the service waits for: those of the stream, else those of the
// stored message, which may get them a moment later.
func (x *exchange) findCalls(reply *chatclient.Reply) (calls []chatclient.Part, err error) {
	if x.conversation == "" { // results cannot be submitted
		return nil, ErrNoToolCall
	}
	calls = openCalls(reply.Parts, x.resolved)
	for attempt := 0; len(calls) == 0; attempt++ {
		if attempt == maxLookups || attempt > 0 && !x.pause() {
			return nil, ErrNoToolCall
		}
		if calls, err = x.storedCalls(reply.Metadata.MessageID); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

// storedCalls returns the calls without a result in the stored message with this id, or in the
// newest message if there is none. Another tab may have sent a later message.
func (x *exchange) storedCalls(messageID string) ([]chatclient.Part, error) {
	page, err := x.p.bot.MessagesPage(x.ctx, x.conversation, chatclient.PageRequest{})
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	m := page.Items[len(page.Items)-1]
	if i := slices.IndexFunc(page.Items, func(m chatclient.StoredMessage) bool { return m.ID == messageID }); i >= 0 {
		m = page.Items[i]
	}
	if !(owner{x.visitor.UserID, x.conversation}).owns(m.Metadata.UserID, m.Metadata.ConversationID) {
		return nil, ErrForeignConversation
	}
	return openCalls(m.Parts, x.resolved), nil
}

// openCalls returns the calls among the parts that have no result, each once, and at most
// maxCalls+1.
func openCalls(parts []chatclient.Part, resolved map[string]bool) (open []chatclient.Part) {
	seen := map[string]bool{"": true}
	maps.Copy(seen, resolved)
	for _, p := range parts {
		if p.Type == chatclient.PartToolResult {
			seen[p.ToolCallID] = true
		}
	}
	for _, p := range parts {
		if p.Type == chatclient.PartToolCall && !seen[p.ToolCallID] && len(open) <= maxCalls {
			open, seen[p.ToolCallID] = append(open, p), true
		}
	}
	return open
}

// underWay is stored while a call runs, in place of its result, which is JSON.
const underWay = "under way"

// makeCall makes a call and submits its result. If the call was made before, for example in another
// tab, it submits the same result. If that call is still running, it returns an error.
func (x *exchange) makeCall(call chatclient.Part) *httpError {
	key, isNew := x.callKey(call.ToolCallID), x.takeCall(call.ToolCallID)
	output, _ := x.p.calls.Load(x.ctx, key) // in memory: there is no error
	switch {
	case isNew:
		var err error
		if output, err = x.runTool(call); err != nil {
			x.fault(fmt.Errorf("chatproxy: tool %.64q: %w", call.ToolName, err))
			output = outputFailed
		}
		_, _ = x.p.calls.CompareAndSwap(x.ctx, key, []byte(underWay), output)
	case len(output) == 0, string(output) == underWay:
		return replyFailed(ErrRepeatedCall)
	}
	return x.submit(chatclient.ToolResult{ToolCallID: call.ToolCallID, Output: json.RawMessage(output)}, !isNew)
}

// runTool runs the tool of a call and returns its result as JSON.
func (x *exchange) runTool(call chatclient.Part) (output []byte, err error) {
	tool, ok := x.p.tools[call.ToolName]
	switch {
	case !ok:
		return nil, ErrUnknownTool
	case x.visitor.anonymous() && !tool.Anonymous:
		return outputSignIn, nil
	}
	if tool.Label != "" {
		x.out.chunk(uiChunk{Type: "data-tool", Data: map[string]string{"label": tool.Label}})
	}
	if x.out.flush(); x.ctx.Err() != nil { // the visitor has left
		return nil, x.ctx.Err()
	}
	defer endpoint.Recover(func(p *endpoint.Panic) { err = (*PanicError)(p) })
	ctx, cancel := context.WithTimeout(x.ctx, cmp.Or(tool.Timeout, toolTimeout))
	defer cancel()
	result, err := tool.Run(ctx, ToolCall{call.ToolCallID, call.ToolName, x.visitor, string(x.conversation), call.Input})
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	return value.Append(nil, json.RawMessage(encoded), maxToolOutput)
}

// submit submits a result, and once more if it may have arrived. isAgain reports that it was
// submitted before: then the service may not know the call any more.
func (x *exchange) submit(result chatclient.ToolResult, isAgain bool) *httpError {
	_, err := x.p.bot.SubmitToolResult(x.ctx, x.conversation, result)
	if mayHaveArrived(err) {
		isAgain = true
		_, err = x.p.bot.SubmitToolResult(x.ctx, x.conversation, result)
	}
	e, ok := errors.AsType[*chatclient.Error](err)
	isUnknown := ok && e.Code == chatclient.CodeToolCallNotFound
	switch {
	case err == nil, isUnknown && isAgain:
		return nil
	case isUnknown:
		return replyFailed(err)
	}
	return x.orHeld(upstream(err, true))
}

// continueReply requests the rest of the reply after the results. Without a start-step, useChat would
// send the results before it again and again.
func (x *exchange) continueReply() (*chatclient.Stream, *httpError) {
	stream, err := x.p.bot.ContinueStream(x.ctx, x.conversation)
	e, ok := errors.AsType[*chatclient.Error](err)
	switch {
	case ok && e.StatusCode == http.StatusBadRequest && e.Code != chatclient.CodeConversationNotOngoing:
		return nil, replyFailed(x.p.once(ErrNoContinuation, err))
	case err != nil:
		return nil, x.callFailed(err, true)
	}
	x.out.chunk(uiChunk{Type: "start-step"})
	return stream, nil
}

// takeCall marks a call as running, and reports whether it was new in this process.
func (x *exchange) takeCall(id string) bool {
	isNew, _ := x.p.calls.CompareAndSwap(x.ctx, x.callKey(id), nil, []byte(underWay))
	return isNew
}

func (x *exchange) callKey(id string) string {
	return x.p.tickets.mark("call", subject{}, string(x.conversation)+"\x00"+id) // the mark includes the agent
}
