package chatproxy

import (
	"cmp"
	"strings"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/value"
)

// message is a decoded body: of a message, a retry, a stop, results of tools, or feedback.
type message struct {
	text   string
	chat   string // the page's id of the chat, "" for none
	id     string // the page's id of the message, "" for none
	ticket string // of the conversation, "" for that of the chat
	again  bool   // a retry
	later  bool   // the body shows a later message of the visitor

	results  []chatclient.ToolResult // of the page's tools
	feedback chatclient.Feedback
}

func decodeMessage(body []byte) (message, *httpError) {
	m, e := decodeNative(body, "message", "conversation", "chat", "id")
	if e == nil {
		e = checkText(m.text)
	}
	return m, e
}

func decodeRetry(body []byte) (message, *httpError) {
	m, e := decodeNative(body, "message", "conversation", "chat", "id")
	m.again = true
	switch {
	case e != nil:
	case m.id == "":
		e = invalid("id must be that of the message.")
	case m.chat == "" && m.ticket == "":
		e = invalid("chat or conversation must be sent.")
	case m.text != "":
		e = checkText(m.text)
	}
	return m, e
}

func decodeStop(body []byte) (message, *httpError) { return decodeNative(body, "chat") }

// decodeNative decodes a body that may have only these members.
func decodeNative(body []byte, names ...string) (message, *httpError) {
	f, e := only(body, names...)
	text, badText := f.text("message")
	ticket, badTicket := f.ticket()
	chat, badChat := f.name("chat", maxChat)
	id, badID := f.name("id", maxMessageID)
	return message{text: text, ticket: ticket, chat: chat, id: id}, cmp.Or(e, badText, badTicket, badChat, badID)
}

// checkText rejects a message that the service would not accept.
func checkText(text string) *httpError {
	switch {
	case strings.TrimSpace(text) == "":
		return invalid("The message must not be empty.")
	case len(text) > maxBody:
		return errTooLarge
	case value.Text(text) != "":
		return invalid("The message must not contain the character NUL.")
	}
	return nil
}
