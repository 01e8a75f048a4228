package chatproxy

import (
	"net/http"
	"slices"
	"strings"
)

// handler serves a request whose path has been split into segments.
type handler func(w http.ResponseWriter, r *http.Request, segments []string) *httpError

type route struct {
	method string
	path   []string
	serve  handler
}

const maxSegments = 5 // of the longest path

// ticket matches any segment of a path. The paths are not matched by a ServeMux, which
// would respond in its own form and take away the PathValues that the visitor function
// may need.
const ticket = "*"

func (p *Proxy) routeTable() []route {
	newNative := func() replyEncoder { return nativeEncoder{} }
	newAISDK := func() replyEncoder { return &aiSDKEncoder{} }
	return []route{
		{http.MethodPost, []string{"messages"}, p.serveMessage(decoder[message]{maxBody, decodeMessage}, newNative)},
		{http.MethodPost, []string{"retry"}, p.serveMessage(decoder[message]{maxBody, decodeRetry}, newNative)},
		{http.MethodPost, []string{"ai-sdk"}, p.serveMessage(decoder[message]{maxAIBody, decodeAISDK}, newAISDK)},
		{http.MethodPost, []string{"tool-results"}, p.serveMessage(decoder[message]{maxBody, decodeToolResults}, newNative)},
		{http.MethodPost, []string{"stop"}, p.withVisitor(p.stop)},
		{http.MethodGet, []string{"ai-sdk", ticket, "stream"}, p.withVisitor(p.resume(false, func(r request) string { return r.segments[1] }))},
		{http.MethodGet, []string{"reply"}, p.withVisitor(p.resume(true, func(r request) string { return r.URL.Query().Get("chat") }))},
		{http.MethodGet, []string{"conversation"}, p.withVisitor(p.findChat)},
		{http.MethodGet, []string{"conversations"}, p.withVisitor(p.listConversations)},
		{http.MethodGet, []string{"conversations", ticket, "messages"}, p.withVisitor(p.listMessages)},
		{http.MethodGet, []string{"conversations", ticket, "poll"}, p.withVisitor(p.poll)},
		{http.MethodPatch, []string{"conversations", ticket, "messages", ticket, "feedback"}, p.withVisitor(p.setFeedback)},
	}
}

// serve calls the handler of the path, for requests of this site alone.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) *httpError {
	segments := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", maxSegments+1)
	i := p.findRoute(segments)
	if i < 0 {
		return &httpError{status: http.StatusNotFound, code: "not_found", sentence: "There is nothing here.", cause: p.checkPrefix(segments)}
	}
	p.found.Store(true)
	found := p.routes[i]
	if r.Method != found.method {
		w.Header().Set("Allow", found.method)
		return errMethod
	}
	if e := p.checkOrigin(r); e != nil { // before the visitor is known: other sites use up nothing of a visitor's
		return e
	}
	return found.serve(w, r, segments)
}

func (p *Proxy) findRoute(segments []string) int {
	return slices.IndexFunc(p.routes, func(r route) bool {
		return slices.EqualFunc(r.path, segments, func(wanted, got string) bool { return wanted == ticket || wanted == got })
	})
}

// checkPrefix returns an error if the end of a path would be found: StripPrefix is
// missing. Once a path was found it is not.
func (p *Proxy) checkPrefix(segments []string) error {
	if p.found.Load() {
		return nil
	}
	for len(segments) > 1 {
		segments = segments[1:]
		if p.findRoute(segments) >= 0 || slices.Equal(segments, []string{scriptName}) {
			return p.once(ErrNotStripped, nil)
		}
	}
	return nil
}

// request is a request of a visitor who is known and may make it.
type request struct {
	*http.Request
	Visitor
	segments []string // of the path
}

// withVisitor returns the handler of a request that is no message.
func (p *Proxy) withVisitor(serve func(http.ResponseWriter, request) *httpError) handler {
	return func(w http.ResponseWriter, r *http.Request, segments []string) *httpError {
		visitor, e := p.authenticate(r)
		if e != nil {
			return e
		}
		if e := p.checkAllowance(r, visitor); e != nil {
			return e
		}
		if r.Method == http.MethodGet && r.ContentLength != 0 {
			return invalid("This request takes no body.") // net/http notices that a visitor leaves only after the body
		}
		return serve(w, request{r, visitor, segments})
	}
}
