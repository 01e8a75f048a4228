package faults

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
)

const testKey = "oc_test_faults"

// reading is the text of a response, or of its beginning.
type reading struct {
	text  string
	whole bool
}

// operation is a call of a client, and an oracle: a plain reader of the same response that
// uses none of the client's code.
type operation struct {
	name    string
	isEvent bool // its response is an event stream
	call    call
	read    func(body []byte, atEOF bool) reading
	proxy   *proxy
}

// either returns the expected outcome: stream for an event stream, response otherwise.
func (o *operation) either(response, stream string) string {
	if o.isEvent && stream != "" {
		return stream
	}
	return response
}

// header returns the header of a response, with more lines in it.
func (o *operation) header(more string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: " + o.either("application/json", "text/event-stream") + "\r\n" + more + "\r\n"
}

// means reads a response from its bytes on the wire.
func (o *operation) means(wire []byte) reading {
	in := bufio.NewReader(bytes.NewReader(wire))
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return reading{}
		}
		switch mediaType, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); {
		case res.StatusCode/100 == 1 && res.StatusCode != http.StatusSwitchingProtocols:
			continue
		case res.StatusCode/100 != 2, o.isEvent && mediaType != "text/event-stream":
			return reading{}
		}
		body, err := io.ReadAll(inflated(res))
		return o.read(body, err == nil)
	}
}

var (
	hello = chatclient.Message{Text: "Where is my order?", UserID: "user_8821"}
	two   = []contacts.Fields{
		{ExternalID: contacts.Set("user_8821"), Name: contacts.Set("Ada")},
		{ExternalID: contacts.Set("user_8822"), Name: contacts.Set("Grace \"G\" Höpper")},
	}
)

func inflated(res *http.Response) io.Reader {
	if !strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		return res.Body
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		return iotest.ErrReader(err)
	}
	return z
}

// record makes the call, and returns the bytes of its response.
func (o *operation) record(t *testing.T) (response []byte) {
	recorded := make(chan []byte, 1)
	o.proxy.behave.Store(behaviour(func(client net.Conn, ask func() []byte) {
		response := ask()
		recorded <- response
		_, _ = client.Write(response)
	}))
	_, err := o.call(t.Context())
	require.NoError(t, err)
	return <-recorded
}

// onServices are the operations on loopback.
func onServices(t *testing.T) []*operation {
	chatFake, err := chattest.New(&chattest.Options{APIKey: testKey, Reply: func(chattest.Turn) []chattest.Part {
		return []chattest.Part{chattest.Text("Your \"order\" is on its way: schöne Grüße!")}
	}})
	require.NoError(t, err)
	chat := chatFake.Start()
	t.Cleanup(chat.Close)
	contactsFake, err := contactstest.New(&contactstest.Options{APIKey: testKey})
	require.NoError(t, err)
	book := contactsFake.Start()
	t.Cleanup(book.Close)
	return operations(t, onLoopback(t, chat.URL), onLoopback(t, book.URL))
}

// operations returns one operation of each kind: sending and reading, with a response
// and with a stream.
func operations(t *testing.T, chat, book *proxy) []*operation {
	bot, err := chatclient.New(testKey, 123, &chatclient.Options{BaseURL: proxied, HTTPClient: chat.client(), MaxRetries: -1, MaxBody: 1 << 20, MaxEvent: 64 << 10})
	require.NoError(t, err)
	client, err := contacts.New(testKey, 123, &contacts.Options{BaseURL: proxied, HTTPClient: book.client(), MaxRetries: -1, MaxBody: 1 << 20})
	require.NoError(t, err)
	return []*operation{
		{name: "Send", proxy: chat, read: readReply, call: send(bot)}, // and so there is a conversation
		{name: "Stream", proxy: chat, read: readStream, call: stream(bot), isEvent: true},
		{name: "Conversations", proxy: chat, read: readList("id", "userId"), call: listConversations(bot)},
		{name: "Upsert", proxy: book, read: readList("external_id", "name"), call: upsert(client)}, // and so there are contacts
		{name: "Page", proxy: book, read: readList("external_id", "name"), call: listContacts(client)},
	}
}

type call = func(context.Context) (text string, err error)

func send(bot *chatclient.Client) call {
	return func(ctx context.Context) (string, error) {
		reply, err := bot.Send(ctx, hello)
		if err != nil {
			return "", err
		}
		return reply.ID + " " + reply.Text(), nil
	}
}

func stream(bot *chatclient.Client) call {
	return func(ctx context.Context) (string, error) {
		stream, err := bot.Stream(ctx, hello)
		if err != nil {
			return "", err
		}
		var text strings.Builder
		for piece, e := range stream.Text() {
			text.WriteString(piece)
			err = e
		}
		return text.String(), err
	}
}

func listConversations(bot *chatclient.Client) call {
	return func(ctx context.Context) (text string, err error) {
		page, err := bot.ConversationsPage(ctx, chatclient.PageRequest{})
		for _, c := range page.Items {
			text += fmt.Sprintln(c.ID, c.UserID)
		}
		return text, err
	}
}

func upsert(client *contacts.Client) call {
	return func(ctx context.Context) (string, error) {
		saved, err := client.Upsert(ctx, two)
		if err != nil {
			return "", err
		}
		return textOf(saved.Contacts), nil
	}
}

func listContacts(client *contacts.Client) call {
	return func(ctx context.Context) (string, error) {
		page, err := client.Page(ctx, contacts.PageRequest{})
		return textOf(page.Contacts), err
	}
}

func textOf(list []contacts.Contact) (text string) {
	for _, c := range list {
		text += fmt.Sprintln(c.ExternalID, c.Name)
	}
	return text
}

func readReply(body []byte, atEOF bool) reading {
	var response struct {
		Data *struct {
			ID    string
			Parts []struct{ Type, Text string }
		}
	}
	if !atEOF || json.Unmarshal(body, &response) != nil || response.Data == nil {
		return reading{}
	}
	text := response.Data.ID + " "
	for _, part := range response.Data.Parts {
		if part.Type == "text" {
			text += part.Text
		}
	}
	return reading{text, true}
}

// readList takes two fields of each item, of which the case does not matter to
// encoding/json.
func readList(first, second string) func([]byte, bool) reading {
	return func(body []byte, atEOF bool) reading {
		var response struct{ Data []map[string]any }
		if !atEOF || json.Unmarshal(body, &response) != nil || response.Data == nil {
			return reading{}
		}
		text := ""
		for _, item := range response.Data {
			text += fmt.Sprintln(field(item, first), field(item, second))
		}
		return reading{text, true}
	}
}

func field(item map[string]any, name string) string {
	for key, value := range item {
		if strings.EqualFold(key, name) && value != nil {
			return fmt.Sprint(value)
		}
	}
	return ""
}

var lineEnd = regexp.MustCompile("\r\n|\n|\r")

// readStream follows the standard, except that the last event needs no blank line. The
// client makes this exception for [DONE] only; without [DONE] the reply is incomplete.
func readStream(body []byte, atEOF bool) (r reading) {
	if atEOF {
		body = append(body, "\n\n"...)
	}
	events := strings.Split(lineEnd.ReplaceAllString(strings.TrimPrefix(string(body), "\ufeff"), "\n"), "\n\n")
	for _, event := range events[:len(events)-1] {
		var data []string
		for line := range strings.SplitSeq(event, "\n") {
			if name, value, _ := strings.Cut(line, ":"); name == "data" {
				data = append(data, strings.TrimPrefix(value, " "))
			}
		}
		joined := strings.Join(data, "\n")
		if joined == "[DONE]" {
			return reading{r.text, true}
		}
		var frame map[string]json.RawMessage
		var kind, text string
		_ = json.Unmarshal([]byte(joined), &frame)
		_ = json.Unmarshal(frame["type"], &kind)
		_ = json.Unmarshal(frame["text"], &text)
		if kind == "text-delta" {
			r.text += text
		}
	}
	return r
}
