package chatproxy

import (
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
)

// Visitor says who a request comes from, by your own session.
type Visitor struct {
	// UserID is the customer who is signed in, in the form of
	// [chatclient.ParseUserID]: another is the site's fault, gets status 500 and
	// is reported to OnError. Empty for an anonymous visitor.
	UserID chatclient.UserID

	// Session names the session of an anonymous visitor: a random value that
	// nobody else knows or can choose. It is not sent anywhere. It is not needed
	// for a customer, whose conversations are the same in all sessions.
	Session string

	// EarlierSession is the Session of this browser before the user signed in, so that a
	// chat goes on: the tickets and chats of it that the page sends become the user's, and
	// the earlier session gets conversation_not_found for them. Take it from your session's
	// data on the server, never from the request, end the earlier session at the sign-in,
	// and forget both when the user signs out. Anonymous visitors have none.
	// Without Options.ContinueAfterSignIn it must be empty, else the site gets a *FieldError.
	EarlierSession string
}

// subject is the visitor that a ticket or a count belongs to.
type subject struct{ kind, id string }

func (v Visitor) subject() subject {
	if v.UserID != "" {
		return subject{"user", string(v.UserID)}
	}
	return subject{"session", v.Session}
}

func (v Visitor) anonymous() bool { return v.UserID == "" }

// authenticate calls the visitor function, and rejects a visitor who may not chat.
func (p *Proxy) authenticate(r *http.Request) (v Visitor, e *httpError) {
	defer endpoint.Recover(func(p *endpoint.Panic) { e = internal((*PanicError)(p)) })
	v, err := p.visitor(r)
	switch {
	case err != nil:
		return v, internal(err)
	case v.anonymous() && (!p.options.Anonymous || v.Session == ""):
		return v, errSignIn
	case v.anonymous():
		return v, nil
	case v.EarlierSession != "" && !p.options.ContinueAfterSignIn:
		return v, internal(&FieldError{"Visitor.EarlierSession", "must be empty without Options.ContinueAfterSignIn"})
	}
	if _, err := chatclient.ParseUserID(string(v.UserID)); err != nil {
		return v, internal(err)
	}
	return v, nil
}

// checkOrigin rejects requests of other sites. Reading counts as well: it uses up the
// key's budget.
func (p *Proxy) checkOrigin(r *http.Request) *httpError {
	asPost := r.WithContext(r.Context())
	asPost.Method = http.MethodPost
	if p.options.CrossOrigin.Check(asPost) != nil {
		return errCrossSite
	}
	return nil
}
