package chatproxy

import (
	"net/http"
	"time"
)

// findChat responds with the conversation of a chat, for a page that no ticket has reached.
// It waits for a first exchange as a message does.
func (p *Proxy) findChat(w http.ResponseWriter, r request) *httpError {
	name := r.URL.Query().Get("chat")
	key, e := p.chatKey(r, name)
	if e != nil {
		return e
	}
	if !p.resumed.take(r.subject()) {
		return errTooManyStreams
	}
	defer p.resumed.free(r.subject())
	x := &exchange{p: p, visitor: r.Visitor, message: message{chat: name}, ctx: r.Context(), key: key, usesChats: true}
	begun := time.Now()
	c, value := x.load(r.subject())
	e = x.claimChat(&c, value)
	for c.isPending() && time.Since(begun) < maxAwait && x.pause() {
		c, value = x.load(r.subject())
		e = x.claimChat(&c, value)
	}
	for _, err := range x.failures {
		p.report(r.Request, err)
	}
	switch {
	case e != nil:
		return e
	case c.isPending():
		return errReplyPending
	}
	return p.respond(w, r, object{"conversation": orNull(c.Conversation)}, nil)
}
