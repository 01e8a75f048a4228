// Package chatproxy lets the pages of your site chat with Bookbag through your
// server: the key stays there, your session says who the visitor is, and nobody
// reads or continues somebody else's conversation.
//
// Most sites need one handler and a script tag:
//
//	proxy, err := chatproxy.New(bot, os.Getenv("CHATPROXY_SECRET"), visitor, nil)
//	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
//
//	<script src="/chat/chatproxy.js" data-prefix="/chat" defer></script>
//
// visitor returns who a request comes from, by your own session:
//
//	func visitor(r *http.Request) (chatproxy.Visitor, error) {
//		return chatproxy.Visitor{UserID: chatclient.UserID(sessions.GetString(r.Context(), "user"))}, nil
//	}
//
// The script draws a plain chat. Without data-prefix it only defines its class,
// ChatProxy. useChat of the AI SDK works with the path /chat/ai-sdk. docs/wire.md
// specifies the wire form. In tests, package chattest plays Bookbag.
//
// # The secret and the tickets
//
// The secret has at least 32 random bytes ("openssl rand -hex 32"), is the same on
// all machines, and is not the API key. To change it, put the old one into
// Options.Previous.
//
// Bookbag does not document whether it checks that a conversation belongs to the
// userId it comes with. So a browser sends no conversation's id, but a ticket:
// the id with a MAC over the agent, the visitor and the id. A ticket is no secret,
// and works for its visitor alone. It does not expire. The visitor is the user who
// is signed in, whatever the session, or else the anonymous session: after signing
// in or out, a new conversation begins.
//
// # Limits
//
// What reaches the browser is chosen by name. Calls of tools stay on the server, but
// those of Options.PageTools. Options.Tools are functions that the assistant calls for
// the visitor who is signed in: see docs/tools.md.
//
// The requests of a visitor are counted before their bodies are read, and replies
// and bodies in progress are bounded. A call waits at most 2 seconds for
// the client's Limiter and the service's Retry-After together. All bounds count for
// this process alone: on several machines, let Allow, AcquireStream, Chats and
// Limiter share a store.
//
// A reply may take 10 minutes, and each write 30 seconds, whatever the server's
// WriteTimeout. A browser that is gone ends the call to Bookbag, unless it is the
// first of a chat and its conversation is unknown: then the stream is read for up
// to 60 seconds more. See Options.KeepReplies. The handler needs a ResponseWriter that
// can be flushed, also behind Unwrap. A header stops nginx from buffering; other proxies
// must not buffer.
package chatproxy
