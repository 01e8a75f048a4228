// Package chatproxy lets the pages of your site chat with Bookbag through your server. The
// API key stays on the server, your session determines who the visitor is, and nobody can
// read or continue another visitor's conversation.
//
// Most sites need a handler and a script tag:
//
//	proxy, err := chatproxy.New(bot, os.Getenv("CHATPROXY_SECRET"), visitor, nil)
//	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
//
//	<script src="/chat/chatproxy.js" data-prefix="/chat" defer></script>
//
// visitor returns who a request comes from, according to your session:
//
//	func visitor(r *http.Request) (chatproxy.Visitor, error) {
//		return chatproxy.Visitor{UserID: chatclient.UserID(sessions.GetString(r.Context(), "user"))}, nil
//	}
//
// The script shows a plain chat. Without data-prefix, it only defines the class ChatProxy.
// useChat of the AI SDK works with the path /chat/ai-sdk. docs/wire.md specifies the wire
// form. In tests, use package chattest.
//
// # The secret and the tickets
//
// The secret is a random text of at least 32 bytes, such as the output of "openssl rand -hex
// 32". It is the same on all machines, and is not the API key. To change it, add the old one
// to Options.Previous.
//
// Bookbag does not document whether it checks that a conversation belongs to a userId.
// Therefore a browser sends a ticket instead of a conversation id: the id with a MAC over the
// agent, the visitor and the id. A ticket is not secret, because it works only for its
// visitor. It does not expire. The visitor is the user who is signed in, in any session, or
// else the anonymous session. After signing in or out, a new conversation begins.
//
// # Limits
//
// The browser receives only the fields that docs/wire.md names. Tool calls stay on the
// server, except those of Options.PageTools. Options.Tools are functions that the assistant
// calls for the visitor who is signed in: see docs/tools.md.
//
// A visitor's requests are counted before their bodies are read, and the replies and bodies
// in progress are limited. A call waits at most 2 seconds for the client's Limiter and the
// service's Retry-After together. All limits are per process. On several machines, let
// Allow, AcquireStream, Chats and the Limiter share a store.
//
// A reply may take 10 minutes, and each write 30 seconds, whatever the server's
// WriteTimeout. When the browser leaves, the call to Bookbag ends. The first reply of a chat is
// read until its conversation is known, for up to 60 seconds. See also Options.KeepReplies.
// The ResponseWriter must support flushing, directly or through Unwrap. A header prevents
// nginx from buffering; other proxies must not buffer.
package chatproxy
