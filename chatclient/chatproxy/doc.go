// Package chatproxy lets the pages of your site chat with Bookbag through your
// server: the key stays there, your session says who the visitor is, and nobody
// reads or continues somebody else's conversation.
//
// Most sites need one handler, made once, and a script tag:
//
//	proxy, err := chatproxy.New(bot, os.Getenv("CHATPROXY_SECRET"), visitor, nil)
//	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
//	mux.Handle("/chat/chatproxy.js", chatproxy.Script())
//
//	<script src="/chat/chatproxy.js" data-prefix="/chat" defer></script>
//
// visitor tells by your own session who a request comes from:
//
//	func visitor(r *http.Request) (chatproxy.Visitor, error) {
//		return chatproxy.Visitor{UserID: chatclient.UserID(sessions.GetString(r.Context(), "user"))}, nil
//	}
//
// The script draws a plain chat where it stands; without data-prefix it draws
// nothing and gives you its class, ChatProxy. Pages made with the AI SDK can use
// useChat as it is, see below. In tests, the package chattest plays Bookbag.
//
// # The secret and the tickets
//
// The secret is one of this handler's own, of at least 32 random bytes ("openssl
// rand -hex 32"), the same on all machines. It is not the API key, so that
// neither leaking nor changing one touches the other. To change it, put the old
// one into Options.Previous, and conversations go on.
//
// Bookbag does not document whether it checks that a conversation belongs to
// the userId it comes with. So no id of a conversation is taken from a browser,
// but a ticket: the id with a MAC over the agent, the visitor and the id. A
// ticket is no secret, and of no use to anybody but the visitor that it was made
// for. It does not expire, so that a conversation can be found again after
// months. The visitor is the user who is signed in, whatever the session, or
// else the anonymous session: after signing in or out, a new conversation begins.
//
// # What is promised and what is not
//
// What reaches the browser is chosen by name: the text, our own sentences about
// failures, and of a conversation its ticket, title, times, status, texts and
// feedback. Tool calls and everything unknown stay on the server, unless
// Options.PassTools lets them pass.
//
// Each piece of the reply is passed on as it comes. A visitor who leaves ends
// the call to Bookbag. A reply may take 10 minutes in all. Once it has begun, a
// comment is sent after every 15 seconds of silence, until the client's
// IdleTimeout; before, there is nothing for as long as the client's Timeout, so
// let load balancers in front wait longer than that.
//
// Each write, of a reply, of any other response and of the script, has a deadline
// of 30 seconds, whether the server has a WriteTimeout or not: a browser that reads
// nothing for so long is disconnected. The handler needs a ResponseWriter that can be flushed, also behind
// Unwrap, and fails with status 500 before it calls Bookbag where there is none,
// as within http.TimeoutHandler. A middleware whose writer has Flush but no
// Unwrap hides the deadlines: then only those of the server hold. nginx is told
// not to buffer; see to it that other proxies in front do not.
//
// One visitor cannot use up the key's budget for all: Options.Allow counts every
// request of a visitor before its body is read, Options.MaxStreamsPerVisitor bounds
// the replies, and a call waits for 2 seconds at most for the client's Limiter and
// the service's Retry-After together. All count for this process alone: on several
// machines, let Allow and the Limiter share a count. A request of another site is
// rejected before it is counted.
//
// Nor can one visitor use up the memory. Of each, 4 bodies are read and decoded at
// once (or as many as there may be replies), of all 64 MB. A body is searched, not
// decoded: of the messages of useChat only what is used becomes values.
//
// # The wire form, version 1
//
// Paths are below the prefix. Bodies and answers are JSON in UTF-8, requests
// with a body say Content-Type: application/json, and a ticket is a string to
// be passed back as it is.
//
//	POST  /messages                                              say something: an event stream
//	GET   /conversations?limit=&cursor=                          the visitor's conversations
//	GET   /conversations/{conversation}/messages?limit=&cursor=  a page of one's messages
//	PATCH /conversations/{conversation}/messages/{message}/feedback  a thumb up or down
//	POST  /ai-sdk                                                say something, for useChat
//	GET   /ai-sdk/{id}/stream                                    204: there is nothing to resume
//
// POST /messages takes {"message": text, "conversation": ticket}, 64 KB at most.
// Without a ticket, or with null, a conversation begins. The answer has data
// lines of one JSON object each, with a blank line between, and [DONE] last:
//
//	{"type":"start","version":1,"conversation":ticket}      first; the ticket where one was sent
//	{"type":"text-delta","text":text}                       a piece of the reply
//	{"type":"finish","finishReason":"stop","conversation":ticket,"message":ticket}
//	{"type":"error","code":code,"message":sentence,"conversation":ticket}
//
// A reply ends in finish or error, and a stream that ends without [DONE] was cut
// on its way. finishReason is stop, tool-calls or other.
// The tickets are there as far as the service told the ids: that of a new
// conversation comes with its end. When a first reply is stopped, the
// conversation is the newest of GET /conversations, as far as the service keeps
// it. Lines that begin with a colon and frames of other types are to be ignored.
//
// GET /conversations answers {"version":1,"conversations":[...],"cursor":cursor},
// those with the newest activity first, each {"conversation": ticket, "title":
// text or null, "createdAt", "updatedAt": Unix seconds or null, "status": text}.
// GET .../messages answers {"version":1,"conversation":ticket,"messages":[...],
// "cursor":cursor}, in a page in the order in which they were said; the pages
// go back in time. Each message is {"id": ticket, "role": "user" or "assistant",
// "parts": [{"type":"text","text":text}], "metadata": {"conversation": ticket,
// "message": ticket, "createdAt": Unix seconds or null, "feedback": "positive",
// "negative" or null}}: useChat takes it as it is. With Options.PassTools the
// other parts are there too, in the service's form. limit is 1 to 100, 20 by
// default; cursor is null at the end. An anonymous visitor has no history.
//
// PATCH .../feedback takes {"feedback": "positive", "negative" or null} and
// answers {"version":1,"message":ticket,"feedback":...}.
//
// A request that is refused is answered {"version":1,"error":{"code":code,
// "message":sentence}}, with Retry-After where it is known:
//
//	400  invalid_request         a field that is missing, unknown or wrong, or a character NUL
//	400  message_refused         the service does not take the message (413 where it says so)
//	400  regenerate_unsupported, edit_unsupported, files_unsupported  useChat's, which the service does not have
//	400  not_assistant           feedback on a message of the visitor's own
//	401  sign_in_required        nobody is signed in, or an anonymous visitor asks for history
//	403  cross_site              the request comes from another site
//	404  not_found               no such path: is the handler within http.StripPrefix?
//	404  conversation_not_found  the ticket is not this visitor's, or the conversation is gone: begin anew
//	404  message_not_found       the same for a message
//	405  method_not_allowed
//	408  too_slow                the body did not come within 10 seconds
//	409  conversation_ended      it takes no more messages: begin anew
//	413  too_large               the body
//	415  not_json                the Content-Type
//	429  too_many_requests       this visitor's allowance is used up, or too many bodies come at once
//	429  too_many_streams        this visitor reads too many replies at once
//	429  busy                    the site's budget with the service, or its room for bodies, is used up
//	500  internal_error          the site's own fault
//	502  bot_unavailable         the service failed, or does not take the site's key or request
//	503  bot_paused              the site's credits with the service are used up
//	504  bot_timeout             the service did not answer in time
//
// An error frame has reply_failed (the service says so, or the reply is another
// user's or another conversation's: then without a ticket), reply_cut (the stream
// ended early), reply_timeout (it fell silent) or reply_too_long (10 minutes,
// or the client's MaxBody). More codes may come within version 1, and more
// fields and types of frames; a change of what is there gets another version.
//
// # The AI SDK
//
// POST /ai-sdk takes the body that DefaultChatTransport of the npm package ai
// sends, at most 1 MB and 10,000 messages, and responds with its UI message stream,
// version 1:
//
//	useChat({ transport: new DefaultChatTransport({ api: "/chat/ai-sdk" }) })
//
// Of the body, the last message is sent, which must be a user's with at most 100
// text parts of 64 KB together, and the newest ticket in the metadata of an
// assistant's message is the conversation. The reply's metadata are
// {"conversation": ticket, "message": ticket}; there is no finishReason. Errors
// before the reply have the JSON form above, which useChat hands on as the text of
// its error, and those within it are sentences:
//
//	let code = "reply_failed", sentence = error.message;
//	try { ({ code, message: sentence } = JSON.parse(error.message).error); } catch {}
//
// After conversation_not_found and conversation_ended, call setMessages([]): the
// chat would send the same ticket again and again. To regenerate or edit a
// message, and to send files, is refused. The service has none of these, and
// useChat shortens its messages before it asks: do not offer them.
//
// Under a Content-Security-Policy without unsafe-eval, import a module before the
// SDK that calls config({ jitless: true }) of "zod/v4/core": zod, by which the SDK
// checks what arrives, tries eval otherwise. examples/webapp/usechat does.
package chatproxy
