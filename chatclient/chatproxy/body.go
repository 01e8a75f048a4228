package chatproxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/value"
)

const (
	maxBody     = 64 << 10
	maxAIBody   = 1 << 20
	readTimeout = 10 * time.Second

	// minBodies is how many bodies of one visitor are read and decoded at once, at
	// least: as many as the replies that the visitor may read, if these are more.
	minBodies = 4

	// maxBodyBytes bounds the bodies of all visitors that are in memory at once.
	maxBodyBytes = 64 << 20
)

// boundBody gives the body 10 seconds to arrive, also where it is not looked at:
// the server reads on before it lets go of a connection.
func boundBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Where there is no deadline to set, the server's holds.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
	}
}

// decodeBody reads the JSON body of a request and decodes it, within the bounds.
func (p *Proxy) decodeBody(w http.ResponseWriter, r *http.Request, v Visitor, route *route) (m message, e *httpError) {
	if route.decode == nil {
		if r.ContentLength != 0 {
			return m, invalid("This request takes no body.") // net/http notices that a visitor leaves only after the body
		}
		return m, nil
	}
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), "application/json") {
		return m, errNotJSON
	}
	if !p.bodies.take(v.subject()) {
		return m, tooManyRequests(time.Second)
	}
	defer p.bodies.free(v.subject())
	in := &counted{Reader: http.MaxBytesReader(w, r.Body, route.limit), all: &p.bodyBytes}
	defer func() { p.bodyBytes.Add(-in.n) }()
	body, e := readBody(in)
	if e == errTooLarge && route.limit == maxAIBody {
		e = errChatTooLarge
	}
	if e != nil {
		return m, e
	}
	return route.decode(body)
}

// counted counts the bytes that were read among those of all bodies.
type counted struct {
	io.Reader
	all *atomic.Int64
	n   int64
}

var errBodiesTooLarge = errors.New("chatproxy: the bodies of all requests are too large")

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	if c.all.Add(int64(n)) > maxBodyBytes {
		return n, errBodiesTooLarge
	}
	return n, err
}

// readBody returns a body that is valid JSON and does not say who the visitor is. net/http
// lifts the deadline when it has read the body.
func readBody(in io.Reader) (body []byte, e *httpError) {
	body, err := io.ReadAll(in)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errTooSlow
	case err == errBodiesTooLarge:
		return nil, errBusy
	case err != nil:
		return nil, invalid("The body could not be read.")
	case !utf8.Valid(body) || !json.Valid(body):
		return nil, invalid("The body must be JSON in UTF-8.")
	case bookbag.CheckLength(body) != nil: // it has too many values to look at
		return nil, errTooLarge
	}
	members(body, func(name string, _ json.RawMessage) {
		if strings.EqualFold(name, "userId") {
			e = errUserID
		}
	})
	return body, e
}

// A body may be a megabyte of tiny values, which cost a hundred times as much once
// they are decoded. So it is searched, and only what is used is decoded.

// fields are members of a JSON object by name, as they were written.
type fields map[string]json.RawMessage

// errUserID has another sentence than unknown members: only the session says who the visitor
// is.
var errUserID = invalid("userId must not be sent: your session says who you are.")

// members calls f for each member of valid JSON, none for another value, or one of too many
// values.
func members(object []byte, f func(name string, value json.RawMessage)) {
	if bookbag.CheckLength(object) != nil || !json.Valid(object) {
		return
	}
	for name, value := range bookbag.Values(object, '{') {
		f(name, value)
	}
}

// pick returns the members of these names. The last member of a name counts, as in
// encoding/json.
func pick(object []byte, names ...string) fields {
	f := fields{}
	members(object, func(name string, value json.RawMessage) {
		if slices.Contains(names, name) {
			f[name] = value
		}
	})
	return f
}

// text returns a string, "" if it is absent or null.
func (f fields) text(name string) (s string, e *httpError) {
	if raw, ok := f[name]; ok && json.Unmarshal(raw, &s) != nil {
		return "", invalid(name + " must be a string.")
	}
	return s, nil
}

// name returns what a page calls a chat or a message, "" if the member is absent or null.
func (f fields) name(member string, limit int) (string, *httpError) {
	name, e := f.text(member)
	if e != nil || f.isEmpty(member) || !isName(name, limit) {
		return "", invalid(fmt.Sprintf("%s must be 1 to %d visible ASCII characters.", member, limit))
	}
	return name, nil
}

// ticket returns the ticket of a conversation, "" if it is absent or null.
func (f fields) ticket() (string, *httpError) {
	if f.isEmpty("conversation") { // a ticket that was lost begins no new conversation
		return "", errConversationNotFound
	}
	return f.text("conversation")
}

// isEmpty reports whether a member is the empty string, which is never an id: a page has
// lost one.
func (f fields) isEmpty(name string) bool { return string(f[name]) == `""` }

// items returns the objects of a JSON list, none for a value that is no list of objects. Of
// more than limit it returns one more.
func items(list []byte, limit int) (objects []json.RawMessage) {
	if bookbag.CheckLength(list) != nil || !json.Valid(list) {
		return nil
	}
	for _, item := range bookbag.Values(list, '[') {
		if item[0] != '{' {
			return nil
		}
		if objects = append(objects, item); len(objects) > limit {
			break
		}
	}
	return objects
}

// only returns the members of a body that may have no others.
func only(body []byte, names ...string) (f fields, e *httpError) {
	members(body, func(name string, _ json.RawMessage) {
		if !slices.Contains(names, name) {
			e = invalid("The body may have only " + strings.Join(names, ", ") + ".")
		}
	})
	return pick(body, names...), e
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

const (
	maxChat      = 128
	maxMessageID = 256
)

// isName reports whether a page may call something so: visible ASCII characters.
func isName(name string, limit int) bool {
	return len(name) <= limit && !strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' })
}
