package chatproxy

import (
	"context"
	"net/http"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
	"github.com/chatident/chatident/internal/secret"
)

const (
	wireVersion       = 1
	defaultMaxStreams = 3

	// maxWait bounds what a call waits for the key's budget.
	maxWait = 2 * time.Second
)

// Options of a [Proxy]. Zero fields mean the defaults. They show as [redacted]
// in fmt, slog and encoding/json, but their secrets are your own open strings:
// do not keep them in a struct that is printed.
type Options struct {
	redacted

	// Previous are the secrets that were in use before. Their tickets are still
	// taken. Default: none.
	Previous []string

	// Anonymous lets visitors chat who are not signed in but have a
	// Visitor.Session. They have no history. A session costs a visitor nothing,
	// so give them an Allow that counts something else, such as addresses, which
	// a middleware puts into the request's context. Default: they are refused.
	Anonymous bool

	// Allow says whether a visitor may make one more request, and if not, when. It
	// is called once for each request of a visitor, also for one that is rejected
	// afterwards, before its body is read; but not for requests of other sites. It
	// runs on the goroutine of the request and with its context. Default: 20
	// requests in any 10 seconds, counted in this process.
	Allow func(context.Context, Visitor) (retryAfter time.Duration, ok bool)

	// MaxStreamsPerVisitor is how many replies a visitor may read at once, in
	// this process. Default: 3. A negative one is an error.
	MaxStreamsPerVisitor int

	// PassTools lets the browser see tool calls, their results, and frames and
	// parts of unknown types, as they came: they may hold what your tools know.
	// useChat gets the tool calls alone, since it takes no unknown frames.
	// Default: they stay on the server.
	PassTools bool

	// CrossOrigin says which other origins may ask. It is applied to reading
	// requests too, as if they were POST, with the path below the prefix. Set it
	// where a proxy rewrites Host, or where pages of another origin of yours
	// chat: those need a middleware for CORS besides, in front of this handler.
	// Default: the zero CrossOriginProtection, for pages of the same origin.
	CrossOrigin *http.CrossOriginProtection

	// OnError is told of every failure that is not the visitor's: a *[PanicError],
	// an error of the visitor function, an error of the client, [ErrCannotFlush],
	// [ErrForeignConversation], [ErrUnusableID], [ErrReplyTooLong]; not of calls
	// that a visitor gave up. It is called on the goroutine of the request, when
	// the answer has been sent. Default: slog.Default() at level Error, with at
	// most 256 bytes of the error's text, or of the panic's text with its stack.
	OnError func(*http.Request, error)
}

// Proxy is the handler of the wire form that the package comment specifies. It
// is safe for use by many goroutines. However it is printed or encoded, it shows
// as [redacted].
type Proxy struct {
	redacted
	bot         *chatclient.Client
	tickets     *tickets
	visitor     func(*http.Request) (Visitor, error)
	anonymous   bool
	passTools   bool
	allow       func(context.Context, Visitor) (time.Duration, bool)
	streams     *slots
	bodies      bodies
	crossOrigin *http.CrossOriginProtection
	onError     func(*http.Request, error)
	routes      []route
}

type redacted = secret.Redacted

// New returns a Proxy in front of a client. The secret is for the tickets: at
// least 32 bytes, and not the client's API key. visitor says who a request comes
// from, the zero [Visitor] for nobody, which is refused with 401. It sees the
// request as the handler does, below the prefix; when it fails or panics, the
// answer is a 500. The options may be nil. A bad argument is a *[FieldError].
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
	case o.MaxStreamsPerVisitor == 0:
		o.MaxStreamsPerVisitor = defaultMaxStreams
	}
	if o.Allow == nil {
		o.Allow = (&allowance{requests: map[subject][]time.Time{}}).allow
	}
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	if o.OnError == nil {
		o.OnError = func(r *http.Request, err error) { endpoint.Log(r, "chat endpoint failed", err, stackOf(err)) }
	}
	t, err := newTickets(bot.Agent(), secret, o.Previous)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		bot:         bot.WithMaxWait(maxWait),
		tickets:     t,
		visitor:     visitor,
		anonymous:   o.Anonymous,
		passTools:   o.PassTools,
		allow:       o.Allow,
		streams:     &slots{max: o.MaxStreamsPerVisitor, used: map[subject]int{}},
		bodies:      bodies{perVisitor: &slots{max: max(minBodies, o.MaxStreamsPerVisitor), used: map[subject]int{}}},
		crossOrigin: o.CrossOrigin,
		onError:     o.OnError,
	}
	p.routes = p.table()
	return p, nil
}

// ServeHTTP answers a request whose path is below the prefix: mount it within
// http.StripPrefix.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint.Private(w.Header())
	boundBody(w, r)
	unboundWrite(w)
	defer boundWrite(w) // net/http writes the end of the response after the handler
	if e := p.serve(w, r); e != nil {
		p.refuse(w, r, e)
	}
}

// count counts a request of the visitor, before anything of it is read.
func (p *Proxy) count(ctx context.Context, v Visitor) (e *refusal) {
	defer endpoint.Recover(func(p *endpoint.Panic) { e = internal((*PanicError)(p)) })
	if retryAfter, ok := p.allow(ctx, v); !ok {
		return tooManyRequests(retryAfter)
	}
	return nil
}
