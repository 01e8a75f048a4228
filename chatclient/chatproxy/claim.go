package chatproxy

import (
	"bytes"
	"cmp"
	"context"

	"github.com/chatident/chatident/chatclient"
)

// With Options.ContinueAfterSignIn, a user claims a conversation of the session before the sign-in:
// it becomes the user's, and the earlier session loses it. The claim is a value in Chats.

// earlier returns the session before the sign-in, or the zero subject, which has no tickets.
func (v Visitor) earlier() subject {
	if v.anonymous() || v.EarlierSession == "" {
		return subject{}
	}
	return subject{"session", v.EarlierSession}
}

// claim returns the key of a conversation's claim under one of the secrets, and its value for
// a user.
func (t *tickets) claim(secret int, id chatclient.ConversationID, user chatclient.UserID) (key string, value []byte) {
	mark := func(user chatclient.UserID) string {
		return t.mac(secret, string(id), "claim", subject{"user", string(user)})
	}
	key = mark("")
	return key[:markSize] + "." + key, []byte(`"` + mark(user) + `"`)
}

// openConversation returns the conversation of a visitor's ticket. open is tickets.openConversation
// or tickets.openPoll. A conversation of the earlier session is claimed.
func (p *Proxy) openConversation(
	ctx context.Context, v Visitor, ticket string, open func(subject, string) chatclient.ConversationID,
) (chatclient.ConversationID, *httpError) {
	if id := open(v.subject(), ticket); id != "" {
		return id, p.checkClaim(ctx, v, id)
	}
	if id := open(v.earlier(), ticket); id != "" {
		return id, p.claim(ctx, v, id)
	}
	return "", errConversationNotFound
}

// openMessage returns the message of a ticket in the visitor's conversation, "" if the ticket is not
// valid there.
func (p *Proxy) openMessage(v Visitor, in chatclient.ConversationID, ticket string) string {
	return cmp.Or(p.tickets.openMessage(v.subject(), in, ticket), p.tickets.openMessage(v.earlier(), in, ticket))
}

// checkClaim returns an error if a user has claimed the anonymous visitor's conversation, or if Chats
// fails.
func (p *Proxy) checkClaim(ctx context.Context, v Visitor, id chatclient.ConversationID) *httpError {
	if !p.options.ContinueAfterSignIn || !v.anonymous() || id == "" {
		return nil
	}
	claimed, _, err := p.findClaim(ctx, id, "")
	switch {
	case err != nil:
		return internal(err)
	case claimed:
		return errConversationNotFound
	}
	return nil
}

// claim makes a conversation of the earlier session the user's, unless it is another user's.
func (p *Proxy) claim(ctx context.Context, v Visitor, id chatclient.ConversationID) *httpError {
	claimed, own, err := p.findClaim(ctx, id, v.UserID)
	if err == nil && !claimed {
		c, failure := p.bot.Conversation(ctx, id)
		if failure != nil {
			return upstream(failure, true)
		}
		if !(owner{v.UserID, id}).owns(c.UserID, c.ID) {
			return errConversationNotFound
		}
		key, value := p.tickets.claim(0, id, v.UserID)
		if _, err = p.swapValue(ctx, key, nil, value); err == nil { // another user may have been faster
			_, own, err = p.findClaim(ctx, id, v.UserID)
		}
	}
	switch {
	case err != nil:
		return internal(err)
	case !own:
		return errConversationNotFound
	}
	return nil
}

// findClaim reports whether a conversation was claimed under any of the secrets, and whether by this
// user.
func (p *Proxy) findClaim(ctx context.Context, id chatclient.ConversationID, user chatclient.UserID) (claimed, own bool, err error) {
	for secret := range p.tickets.macs {
		key, wanted := p.tickets.claim(secret, id, user)
		value, err := p.loadValue(ctx, key)
		if err != nil || len(value) > 0 {
			return true, bytes.Equal(value, wanted), err
		}
	}
	return false, false, nil
}

// claimChat checks the claim of the chat's conversation. If Chats has no value for the user, it sets c
// to the chat of the earlier session, and claims its conversation.
func (x *exchange) claimChat(c *chat, value []byte) *httpError {
	earlier := x.visitor.earlier()
	if earlier == (subject{}) || len(value) > 0 || !x.usesChats {
		return x.p.checkClaim(x.ctx, x.visitor, x.idOf(c))
	}
	*c, _ = x.load(earlier)
	id := x.p.tickets.openConversation(earlier, c.Conversation)
	if id == "" { // it may still be pending
		return nil
	}
	*c = chat{Conversation: x.p.tickets.conversation(x.visitor.subject(), id)}
	return x.p.claim(x.ctx, x.visitor, id)
}
