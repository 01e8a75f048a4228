package chatproxy

import (
	"net/http"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/endpoint"
)

// Visitor is who a request comes from, according to your session.
type Visitor struct {
	// UserID is the id of the customer who is signed in. It must be valid for
	// [chatclient.ParseUserID]: otherwise the response is 500, and OnError gets the error. It
	// is empty for an anonymous visitor.
	UserID chatclient.UserID

	// Session identifies the session of an anonymous visitor: a random value that nobody
	// else knows or can choose. It is not sent anywhere. It is ignored for a customer, who
	// has the same conversations in all sessions.
	Session string

	// EarlierSession is the Session of this browser before the user signed in. The
	// conversations of that session become the user's as the page sends their tickets or
	// chats, and the earlier session gets conversation_not_found for them. Take it from your
	// session's data on the server, never from the request. End the earlier session at the
	// sign-in, and delete both at the sign-out. It is ignored for an anonymous visitor. It
	// must be empty without Options.ContinueAfterSignIn: otherwise the response is 500, and
	// OnError gets a *FieldError.
	EarlierSession string
}

// subject identifies the visitor that a ticket or a count belongs to.
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

// checkOrigin rejects requests of other sites, also those that only read, because they use the key's
// budget.
func (p *Proxy) checkOrigin(r *http.Request) *httpError {
	asPost := r.WithContext(r.Context())
	asPost.Method = http.MethodPost
	if p.options.CrossOrigin.Check(asPost) != nil {
		return errCrossSite
	}
	return nil
}
