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

const maxSegments = 5 // of the longest path

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
	segments := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", maxSegments+1)
	i := slices.IndexFunc(p.routes, func(way route) bool { return slices.EqualFunc(way.path, segments, isSegment) })
	if i < 0 {
		return errNotFound
	}
	way := p.routes[i]
	if r.Method != way.method {
		w.Header().Set("Allow", way.method)
		return errMethod
	}
	if !p.sameSite(r) { // before the visitor is known: other sites use up nothing of a visitor's
		return errCrossSite
	}
	v, e := p.authenticate(r)
	if e != nil {
		return e
	}
	if e := p.count(r.Context(), v); e != nil {
		return e
	}
	if r.Method == http.MethodGet && r.ContentLength != 0 {
		return invalid("This request takes no body.") // net/http notices that a visitor leaves only after the body
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

// sameSite rejects requests of other sites. Reading counts as well: it uses up the
// key's budget.
func (p *Proxy) sameSite(r *http.Request) bool {
	probe := r.WithContext(r.Context())
	probe.Method = http.MethodPost
	return p.crossOrigin.Check(probe) == nil
}
