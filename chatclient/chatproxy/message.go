package chatproxy

import (
	"net/http"
)

// serveMessage responds to a message with its reply.
func (p *Proxy) serveMessage(w http.ResponseWriter, r request, encoder replyEncoder) *httpError {
	x, e := p.newExchange(w, r.Request, r.Visitor, r.message, encoder)
	if e != nil {
		return e
	}
	if x.kept == nil {
		x.serve(w)
		return nil
	}
	defer x.slot.release(func(err error) { p.report(r.Request, err) })
	go x.serveKept()
	return p.passOn(x.kept, w, r.Request)
}

// serve responds, and reports what went wrong after the response.
func (x *exchange) serve(w http.ResponseWriter) {
	if e := x.respond(); e != nil {
		x.p.respondError(w, x.r, e)
	}
	x.report()
}
