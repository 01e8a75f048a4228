package chatproxy

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
	"github.com/chatident/chatident/internal/secret"
)

const (
	wireVersion       = 1
	defaultMaxStreams = 3

	// maxWait is the longest wait of a call for the key's budget.
	maxWait = 2 * time.Second
)

// Options of a [Proxy]. Zero fields mean the defaults. They show as [redacted]
// in fmt, slog and encoding/json, but their secrets are your own open strings:
// do not keep them in a struct that is printed.
type Options struct {
	redacted

	// Previous are the secrets that were in use before. Their tickets are still
	// accepted, but what Chats has is not found any more: a page that has no ticket yet
	// begins a new conversation. Default: none.
	Previous []string

	// Anonymous lets visitors chat who are not signed in but have a
	// Visitor.Session. They have no list of conversations. A session costs a
	// visitor nothing, so give them an Allow that counts something else, such as
	// addresses, which a middleware puts into the request's context. Default: they
	// get 401.
	Anonymous bool

	// ContinueAfterSignIn lets a chat go on when its visitor signs in: see
	// Visitor.EarlierSession. What visitors who are not signed in ask of a conversation
	// is looked up in Chats then, and is a 500 while Chats fails. Default: a chat from before
	// the sign-in does not go on.
	ContinueAfterSignIn bool

	// Allow reports whether a visitor may make one more request, and if not, when. It
	// is called once for each request of a visitor, also for one that is rejected
	// afterwards, before its body is read, and for each round of tools; but not for requests of other sites. It
	// runs on the goroutine of the request and with its context. Default: 20
	// requests in any 10 seconds, counted in this process.
	Allow func(context.Context, Visitor) (retryAfter time.Duration, ok bool)

	// MaxStreamsPerVisitor is how many replies of a visitor may be read at once, in
	// this process. Default: 3. A negative one is an error.
	MaxStreamsPerVisitor int

	// AcquireStream bounds the replies of a visitor on all machines together, in addition to
	// MaxStreamsPerVisitor. It is called before each reply, on the goroutine of the request.
	// It returns a function that is called once, after the reply, or nil to reject it.
	// Default: it rejects none.
	AcquireStream func(context.Context, Visitor) (release func())

	// Chats keeps which conversation each chat of a page belongs to. Set it where
	// several machines serve one site. Default: in this process, the 32 latest of a
	// visitor, 32 MB in all, for 24 hours after their last use.
	Chats Chats

	// Tools are functions of your site that the assistant may call, by the names that it
	// knows them by. When a reply asks for one, it is run for the visitor whom the session
	// names, and the reply continues with its result: at most 10 times, with at most 10 calls
	// each, and each time counts in Allow. Default: none. A bad tool is an error.
	Tools map[string]Tool

	// PageTools are the names of the tools that the page runs. It sees their input and sends
	// their results. A call of a name that is in neither list gets a constant sentence as
	// its result. Default: none.
	PageTools []string

	// PassTools lets the browser see tool calls, their results, and frames and
	// parts of unknown types, as they came: they may hold what your tools know.
	// useChat gets the tool calls alone, since it accepts no unknown frames.
	// Default: they stay on the server.
	PassTools bool

	// KeepReplies reads a reply whose browser is gone to its end, if the message names a chat.
	// The history has it whole then, and the page can resume it. A reply may take 10 minutes
	// and 4 MB, all replies 64 MB; what exceeds this ends with an error. While there are 500,
	// or 32 MB, a new reply ends with its request. MaxStreamsPerVisitor counts them, and the
	// browsers that resume.
	//
	// Tools run as the visitor who sent the message, also after that visitor has signed out.
	// They, Allow, OnReply and OnError run on the goroutine of the reply, and their context
	// does not end with the request: what it holds stays in memory as long. OnError gets the
	// request with its URL and header, which count within the bytes, but without its body and
	// TLS state. Call [Proxy.Shutdown] at the end of the program.
	// docs/chat-in-the-browser.md says what several machines need. Default: a reply ends when
	// its browser leaves.
	KeepReplies bool

	// CrossOrigin says which other origins may send requests. It is applied to
	// reading requests too, as if they were POST, with the path below the prefix.
	// Set it where a proxy rewrites Host, or where pages of another origin of yours
	// chat: those need a middleware for CORS as well, before this handler.
	// Default: the zero CrossOriginProtection, for pages of the same origin.
	CrossOrigin *http.CrossOriginProtection

	// OnReply, if non-nil, is called at the end of each reply that came with
	// metadata, also when the visitor has left, on the goroutine of the request:
	// what a reply cost, for billing and alerts. Default: nil.
	OnReply func(context.Context, Visitor, chatclient.Metadata)

	// OnError is called for every failure that is not the visitor's: a *[PanicError],
	// an error of the visitor function, of Chats or of the client, or one of this
	// package's; not for calls that a visitor gave up. It runs on the goroutine of
	// the request, after the response. Default: slog.Default() at level Error, with
	// at most 256 bytes of the error's text, or of the panic's text with its stack.
	OnError func(*http.Request, error)
}

// Proxy is the handler of the wire form in docs/wire.md. It is safe for concurrent
// use. However it is printed or encoded, it shows as [redacted].
type Proxy struct {
	redacted
	options Options // with their defaults, but no secrets
	bot     *chatclient.Client
	tickets *tickets
	visitor func(*http.Request) (Visitor, error)
	tools   map[string]Tool
	routes  []route

	calls     *memoryChats // keeps which calls of tools were made
	streams   *slots
	resumed   *slots       // and what waits for a chat
	bodies    *slots       // that are read and decoded
	bodyBytes atomic.Int64 // in memory
	running   sync.Map     // of *exchange, those that name a chat
	kept      *keptReplies
	polls     polls

	// For the misconfigurations that are reported once.
	rejected atomic.Int64 // requests, until one is allowed
	reported sync.Map     // of errors
}

type redacted = secret.Redacted

// New returns a Proxy for a client. The secret is for the tickets: at least 32 bytes,
// and not the client's API key. visitor returns who a request comes from, the zero
// [Visitor] for one without a session, who gets 401. It sees the request as the handler does, below
// the prefix; if it fails or panics, the response is a 500. The options may be nil. A
// bad argument is a *[FieldError].
//
// Source: Bookbag, "Recommended flow".
func New(bot *chatclient.Client, secret string, visitor func(*http.Request) (Visitor, error), options *Options) (*Proxy, error) {
	var o Options
	if options != nil {
		o = *options
	}
	switch {
	case bot == nil:
		return nil, &FieldError{"bot", "must not be nil"}
	case visitor == nil:
		return nil, &FieldError{"visitor", "must not be nil"}
	case o.MaxStreamsPerVisitor < 0:
		return nil, &FieldError{"Options.MaxStreamsPerVisitor", "must not be negative"}
	}
	tools, err := o.toolTable()
	if err != nil {
		return nil, err
	}
	t, err := newTickets(bot.Agent(), secret, o.Previous)
	if err != nil {
		return nil, err
	}
	o.setDefaults()
	o.Previous = nil
	p := &Proxy{
		options: o,
		bot:     bot.WithMaxWait(maxWait),
		tickets: t,
		visitor: visitor,
		tools:   tools,
		calls:   newMemoryChats(),
		streams: newSlots(o.MaxStreamsPerVisitor),
		resumed: newSlots(o.MaxStreamsPerVisitor),
		bodies:  newSlots(max(minBodies, o.MaxStreamsPerVisitor)),
		kept:    newKeptReplies(),
		polls:   newPolls(),
	}
	p.routes = p.routeTable()
	return p, nil
}

func (o *Options) setDefaults() {
	o.MaxStreamsPerVisitor = cmp.Or(o.MaxStreamsPerVisitor, defaultMaxStreams)
	if o.Allow == nil {
		all := newAllowance()
		o.Allow = func(_ context.Context, v Visitor) (time.Duration, bool) { return all.take(v.subject()) }
	}
	if o.AcquireStream == nil {
		o.AcquireStream = func(context.Context, Visitor) func() { return func() {} }
	}
	if o.Chats == nil {
		o.Chats = newMemoryChats()
	}
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	if o.OnReply == nil {
		o.OnReply = func(context.Context, Visitor, chatclient.Metadata) {}
	}
	if o.OnError == nil {
		o.OnError = func(r *http.Request, err error) {
			var stack []byte
			if p, ok := errors.AsType[*PanicError](err); ok {
				stack = p.Stack
			}
			endpoint.Log(r, "chat endpoint failed", err, stack)
		}
	}
}

// ServeHTTP responds to a request whose path is below the prefix: mount it within
// http.StripPrefix.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if serveScript(w, r) {
		return
	}
	endpoint.Private(w.Header())
	boundBody(w, r)
	unboundWrite(w)
	defer boundWrite(w) // net/http writes the end of the response after the handler
	if e := p.serve(w, r); e != nil {
		p.respondError(w, r, e)
	}
}

// once returns an error, with its cause if there is one, the first time, and nil after that.
func (p *Proxy) once(err, cause error) error {
	if _, before := p.reported.LoadOrStore(err, true); before {
		return nil
	}
	if cause != nil {
		err = errors.Join(err, cause)
	}
	return err
}
