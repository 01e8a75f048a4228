package chatproxy

import (
	"net/http"
	"path"
	"strings"
	"time"
)

// route is a kind of request. A star in its pattern matches one segment. A ServeMux would respond
// to other paths and methods in its own form, and remove the PathValues that the visitor
// function may need.
type route struct {
	method, pattern string
	limit           int64                                   // of the body
	decode          func(body []byte) (message, *httpError) // nil if there is no body
	serve           func(http.ResponseWriter, request) *httpError
}

func (p *Proxy) routeTable() []route {
	native := func(w http.ResponseWriter, r request) *httpError { return p.serveMessage(w, r, nativeEncoder{}) }
	aiSDK := func(w http.ResponseWriter, r request) *httpError { return p.serveMessage(w, r, &aiSDKEncoder{}) }
	return []route{
		{http.MethodPost, "messages", maxBody, decodeMessage, native},
		{http.MethodPost, "retry", maxBody, decodeRetry, native},
		{http.MethodPost, "ai-sdk", maxAIBody, decodeAISDK, aiSDK},
		{http.MethodPost, "tool-results", maxBody, decodeToolResults, native},
		{http.MethodPost, "stop", maxBody, decodeStop, p.stop},
		{http.MethodGet, "ai-sdk/*/stream", 0, nil, p.resume},
		{http.MethodGet, "reply", 0, nil, p.resume},
		{http.MethodGet, "conversation", 0, nil, p.findChat},
		{http.MethodGet, "conversations", 0, nil, p.listConversations},
		{http.MethodGet, "conversations/*/messages", 0, nil, p.listMessages},
		{http.MethodGet, "conversations/*/poll", 0, nil, p.poll},
		{http.MethodPatch, "conversations/*/messages/*/feedback", maxBody, decodeFeedback, p.setFeedback},
	}
}

// request is a request that has passed all checks of serve.
type request struct {
	*http.Request
	Visitor
	segments []string // of the path
	message  message
	begun    time.Time // before the visitor was known
}

// serve checks a request and calls the handler of its route; [exchange.respond] has the further steps
// of a message. A request counts before its body is read, so that bodies cannot be sent without limit.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) *httpError {
	requested := strings.TrimPrefix(r.URL.Path, "/")
	route := p.findRoute(requested)
	if route == nil {
		return &httpError{status: http.StatusNotFound, code: "not_found", sentence: "There is nothing here.", cause: p.checkPrefix(requested)}
	}
	_ = p.once(ErrNotStripped, nil) // it will not be reported: the prefix is right
	if r.Method != route.method {
		w.Header().Set("Allow", route.method)
		return errMethod
	}
	if e := p.checkOrigin(r); e != nil { // before the allowance, so that another site cannot use it up
		return e
	}
	begun := time.Now()
	visitor, e := p.authenticate(r)
	if e != nil {
		return e
	}
	if route.pattern != "stop" { // which requests nothing from the service
		if e := p.checkAllowance(r, visitor); e != nil {
			return e
		}
	}
	m, e := p.decodeBody(w, r, visitor, route)
	if e != nil {
		return e
	}
	return route.serve(w, request{r, visitor, strings.Split(requested, "/"), m, begun})
}

func (p *Proxy) findRoute(requested string) *route {
	for i, route := range p.routes {
		if matches, _ := path.Match(route.pattern, requested); matches {
			return &p.routes[i]
		}
	}
	return nil
}

// checkPrefix returns ErrNotStripped, once, if there is a route for the end of the path.
func (p *Proxy) checkPrefix(requested string) error {
	for found := true; found; {
		if _, requested, found = strings.Cut(requested, "/"); p.findRoute(requested) != nil || requested == scriptName {
			return p.once(ErrNotStripped, nil)
		}
	}
	return nil
}
