package chatproxy

import (
	"net/http"
	"sync"
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
		if x.out.all == nil {
			return x.serve(w, r)
		}
		defer x.slot.release(func(err error) { p.report(r, err) })
		go x.respondKept()
		return p.passOn(x.out, w, r)
	}
}

// serve runs an exchange whose reply ends with its request, while another goroutine copies the
// reply to the browser.
func (x *exchange) serve(w http.ResponseWriter, r *http.Request) (failure *httpError) {
	var err error
	var panicked any // of a middleware's writer
	var copied sync.WaitGroup
	copied.Go(func() {
		defer x.slot.release(func(err error) { x.p.report(r, err) })
		defer func() {
			if panicked = recover(); !x.out.isEnded() {
				x.leave()
			}
			x.out.close()
		}()
		failure, err = x.out.copyTo(w, r)
	})
	func() {
		defer copied.Wait() // also when the exchange panics with http.ErrAbortHandler
		x.respond()
	}()
	if panicked != nil {
		panic(panicked)
	}
	if failure != nil {
		x.p.respondError(w, r, failure)
	}
	x.p.reportWrite(r, err)
	x.report()
	return nil
}
