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

	// maxWait is Options.MaxWait of the client.
	maxWait = 2 * time.Second
)

// Options configures a [Proxy]. Zero fields mean the defaults. It prints and encodes as
// [redacted], because Previous contains secrets.
type Options struct {
	redacted

	// Previous are the secrets that were used before. Their tickets remain valid, but the
	// values of Chats are not found any more: a page without a ticket begins a new
	// conversation. Default: none. A secret of fewer than 32 bytes is an error.
	Previous []string

	// Anonymous allows visitors who are not signed in, if they have a Visitor.Session. They
	// have no list of conversations. Anyone can get a new session, so let Allow count
	// something else for them, such as addresses, which a middleware puts into the request's
	// context. Default: the response is 401.
	Anonymous bool

	// ContinueAfterSignIn lets a chat continue when its visitor signs in: see
	// Visitor.EarlierSession. Each request of an anonymous visitor for a conversation then
	// reads Chats, and gets 500 while Chats fails. Default: after a sign-in, a new chat begins.
	ContinueAfterSignIn bool

	// Allow reports whether a visitor may make another request, and if not, how long to wait.
	// It is called for each request of a visitor before its body is read, also if the request
	// is rejected later, and for each round of tools. It is not called for requests of other
	// sites, and not for POST /stop, which requests nothing from the service. It runs on the
	// goroutine of the request, with its context. Default: 20 requests in any 10 seconds,
	// counted in this process.
	Allow func(context.Context, Visitor) (retryAfter time.Duration, ok bool)

	// MaxStreamsPerVisitor is the maximum number of replies that a visitor receives at the
	// same time from this process. Default: 3. A negative value is an error.
	MaxStreamsPerVisitor int

	// AcquireStream limits the replies of a visitor on all machines together, in addition to
	// MaxStreamsPerVisitor. It is called before each reply, on the goroutine of the request.
	// It returns a function that is called once after the reply, or nil to reject the reply.
	// Default: no further limit.
	AcquireStream func(context.Context, Visitor) (release func())

	// Chats stores which conversation each chat of a page belongs to. Set it if several
	// machines serve one site. Default: in this process, the latest 32 chats of a visitor, 32
	// MB in all, for 24 hours after their last use.
	Chats Chats

	// Tools are functions of your site that the assistant may call, by their names. When a
	// reply calls one, it runs for the visitor whom the session names, and the reply continues
	// with its result: at most 10 times, with at most 10 calls each time. Each time counts in
	// Allow. Default: none. A tool without Run is an error, and so is a name that is also in
	// PageTools.
	Tools map[string]Tool

	// PageTools are the names of tools that the page runs. The page receives their input and
	// sends their results. A call of a tool in neither list gets a constant sentence as its
	// result. Default: none.
	PageTools []string

	// PassTools passes tool calls, tool results, and frames and parts of unknown types to the
	// browser unchanged. They may contain anything that your tools return. useChat receives
	// only the tool calls, because it rejects unknown frames. Default: the browser does not
	// receive them.
	PassTools bool

	// KeepReplies reads a reply to its end after its browser has left, if the message names a
	// chat. The history then has the whole reply, and the page can resume it. Call
	// [Proxy.Shutdown] at the end of the program. Default: a reply ends when its browser leaves.
	//
	// A reply may take 10 minutes and 4 MB, and all replies 64 MB. A reply that exceeds this
	// ends with an error. While there are 500 replies or 32 MB, a new reply ends with its
	// request. Kept replies, and the browsers that resume them, count in MaxStreamsPerVisitor.
	//
	// Tools run as the visitor who sent the message, also after a sign-out, unless it calls
	// [Proxy.StopReplies]. Tools, Allow, OnReply and OnError run on the goroutine of the reply.
	// Their context does not end with the request, and its values stay in memory until the
	// reply ends. OnError gets the request without its body and TLS state.
	// docs/chat-in-the-browser.md describes the use on several machines.
	KeepReplies bool

	// CrossOrigin decides which other origins may send requests. It is applied to GET requests
	// too, as if they were POST, with the path below the prefix. Set it if a proxy rewrites
	// Host, or if pages of another origin chat: these also need a CORS middleware around this
	// handler. Default: the zero CrossOriginProtection, for pages of the same origin.
	CrossOrigin *http.CrossOriginProtection

	// OnReply, if non-nil, is called at the end of each reply with metadata, also if the
	// visitor has left. It runs on the goroutine of the request. Use it for billing and
	// alerts. Default: nil.
	OnReply func(context.Context, Visitor, chatclient.Metadata)

	// OnError is called after the response for each error that is not the visitor's: a
	// *[PanicError], an error of the visitor function, of a tool, of Chats or of the client, or
	// an error of this package. It is not called for calls that end because the visitor
	// leaves. It runs on the goroutine of the request. Default: slog.Default() at level Error,
	// with at most 256 bytes of the error's text, and for a panic with its stack.
	OnError func(*http.Request, error)
}

// Proxy is a handler that implements docs/wire.md. It is safe for concurrent use. It prints
// and encodes as [redacted].
type Proxy struct {
	redacted
	options Options // with the defaults, and without secrets
	bot     *chatclient.Client
	tickets *tickets
	visitor func(*http.Request) (Visitor, error)
	tools   map[string]Tool
	routes  []route

	calls     *memoryChats // the tool calls that were made, and their results
	streams   *slots       // replies
	resumed   *slots       // requests that resume a reply, or wait for a chat
	bodies    *slots       // bodies that are read and decoded
	bodyBytes atomic.Int64 // of all bodies in memory
	running   sync.Map     // the exchanges, as keys
	stops     stops
	kept      *keptReplies
	polls     polls

	rejected atomic.Int64 // requests that Allow has rejected before it allowed one
	reported sync.Map     // the errors that once has returned, as keys
}

type redacted = secret.Redacted

// New returns a Proxy for a client. The secret protects the tickets: at least 32 bytes, and not
// the API key. visitor returns who a request comes from, or the zero [Visitor] if there is no
// session: the response is then 401. It receives the request with the path below the prefix. If
// it returns an error or panics, the response is 500. The options may be nil. An invalid argument
// is a *[FieldError].
//
// Source: Bookbag, "Recommended flow".
func New(bot *chatclient.Client, secret string, visitor func(*http.Request) (Visitor, error), options *Options) (*Proxy, error) {
	o := *cmp.Or(options, &Options{})
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
		stops:   stops{times: map[subject]time.Time{}},
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

// ServeHTTP serves a request whose path is below the prefix. Mount p with http.StripPrefix.
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

// once returns err joined with its cause, if not nil, the first time it is called with err. After that
// it returns nil.
func (p *Proxy) once(err, cause error) error {
	if _, before := p.reported.LoadOrStore(err, true); before {
		return nil
	}
	if cause != nil {
		err = errors.Join(err, cause)
	}
	return err
}
