package chatproxy

import (
	"net/http"
)

// serveMessage returns the handler of a message. Its steps are those of all three forms,
// which differ in their decoder and encoder alone. A request counts before its body is
// read, so that a body costs the visitor something.
func (p *Proxy) serveMessage(d decoder[message], newEncoder func() replyEncoder) handler {
	return func(w http.ResponseWriter, r *http.Request, _ []string) *httpError {
		visitor, e := p.authenticate(r)
		if e != nil {
			return e
		}
		if e := p.checkAllowance(r, visitor); e != nil {
			return e
		}
		m, e := decodeBody(p, w, r, visitor, d)
		if e != nil {
			return e
		}
		x, e := p.newExchange(w, r, visitor, m, newEncoder())
		if e != nil {
			return e
		}
		if x.kept == nil {
			return x.serve()
		}
		defer x.slot.release(func(err error) { p.report(r, err) })
		go x.serveKept()
		return p.passOn(x.kept, w, r)
	}
}

// serve opens and relays the reply, and reports after it.
func (x *exchange) serve() *httpError {
	defer x.close()
	stream, e := x.open()
	if e != nil {
		return x.reject(e)
	}
	x.opened.Store(true)
	for stream != nil {
		stream = x.relay(stream)
	}
	x.close()
	x.report()
	return nil
}
