package chatproxy

import (
	"net/http"
)

// stop ends the replies of a chat.
func (p *Proxy) stop(w http.ResponseWriter, r request) *httpError {
	key, e := p.chatKey(r, r.message.chat)
	if e != nil {
		return e
	}
	stopped := false
	for other := range p.running.Range {
		if x := other.(*exchange); x.key == key {
			x.stop()
			stopped = true
		}
	}
	return p.respond(w, r, object{"stopped": stopped}, nil)
}

// chatKey returns the key of the chat that a request must name.
func (p *Proxy) chatKey(r request, chat string) (string, *httpError) {
	if chat == "" || !isName(chat, maxChat) {
		return "", invalid("chat must be 1 to 128 visible ASCII characters.")
	}
	return p.tickets.chatKey(r.subject(), chat), nil
}
