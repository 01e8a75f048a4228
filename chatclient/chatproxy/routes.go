package chatproxy

import (
	"net/http"
	"slices"
	"strings"
)

// route is a path and what answers it.
type route struct {
	method string
	path   []string
	serve  func(http.ResponseWriter, *http.Request, visit) *refusal
}

func (p *Proxy) table() []route {
	return []route{
		{http.MethodPost, []string{"messages"}, p.say},
		{http.MethodPost, []string{"ai-sdk"}, p.sayAISDK},
		{http.MethodGet, []string{"ai-sdk", ticket, "stream"}, nothingToResume},
		{http.MethodGet, []string{"conversations"}, p.listConversations},
		{http.MethodGet, []string{"conversations", ticket, "messages"}, p.listMessages},
		{http.MethodPatch, []string{"conversations", ticket, "messages", ticket, "feedback"}, p.setFeedback},
	}
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) *refusal {
	segments := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i := slices.IndexFunc(p.routes, func(way route) bool { return slices.EqualFunc(way.path, segments, isSegment) })
	if i < 0 {
		return errNotFound
	}
	way := p.routes[i]
	if r.Method != way.method {
		w.Header().Set("Allow", way.method)
		return errMethod
	}
	if e := p.admit(r); e != nil {
		return e
	}
	v, e := p.recognise(r)
	if e != nil {
		return e
	}
	return way.serve(w, r, visit{v, segments})
}

// ticket stands for a segment that is not fixed. The paths are matched here and not
// by a ServeMux: that would answer in words and redirects of its own, and take
// the request's PathValues away from the visitor function.
const ticket = "*"

func isSegment(wanted, got string) bool { return wanted == ticket || wanted == got }

// visit is a request of a visitor who is known.
type visit struct {
	Visitor
	segments []string // of the path
}

// admit refuses requests of other sites. Reading counts as well: it uses up the
// key's budget.
func (p *Proxy) admit(r *http.Request) *refusal {
	probe := r.WithContext(r.Context())
	probe.Method = http.MethodPost
	switch {
	case p.crossOrigin.Check(probe) != nil:
		return errCrossSite
	case r.Method == http.MethodGet && r.ContentLength != 0:
		return invalid("This request takes no body.") // while one is unread, nobody notices a visitor who leaves
	}
	return nil
}
