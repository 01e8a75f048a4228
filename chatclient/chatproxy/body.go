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
)

const (
	maxBody     = 64 << 10
	maxAIBody   = 1 << 20
	readTimeout = 10 * time.Second

	// minBodies is how many bodies of a visitor may be read at once. If
	// MaxStreamsPerVisitor is larger, that many.
	minBodies = 4

	// maxBodyBytes bounds the bodies of all visitors in memory.
	maxBodyBytes = 64 << 20
)

// boundBody gives the body 10 seconds to arrive, also if the handler does not read it: net/http
// reads it before it reuses the connection.
func boundBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// A ResponseWriter without deadlines has those of its server.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
	}
}

// decodeBody reads and decodes the JSON body of a request, within the bounds.
func (p *Proxy) decodeBody(w http.ResponseWriter, r *http.Request, v Visitor, route *route) (m message, e *httpError) {
	if route.decode == nil {
		if r.ContentLength != 0 {
			return m, invalid("This request takes no body.") // net/http would not notice that the visitor leaves
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

// counted adds the bytes that are read to those of all bodies.
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

// readBody returns a body that is valid JSON and contains no userId. net/http removes the deadline
// at the end of the body.
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
	case bookbag.CheckLength(body) != nil: // it has too many values
		return nil, errTooLarge
	}
	members(body, func(name string, _ json.RawMessage) {
		if strings.EqualFold(name, "userId") {
			e = errUserID
		}
	})
	return body, e
}

// A megabyte of tiny JSON values takes a hundred times as much memory when decoded. Therefore a
// body is searched, and only the members that are used are decoded.

// fields are members of a JSON object by their names, not decoded.
type fields map[string]json.RawMessage

var errUserID = invalid("userId must not be sent: your session says who you are.")

// members calls f for each member of an object. It does not call f if the text is not valid
// JSON, not an object, or has too many values.
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

// name returns the page's id of a chat or a message, "" if it is absent or null.
func (f fields) name(member string, limit int) (string, *httpError) {
	name, e := f.text(member)
	if e != nil || f.isEmpty(member) || !isName(name, limit) {
		return "", invalid(fmt.Sprintf("%s must be 1 to %d visible ASCII characters.", member, limit))
	}
	return name, nil
}

// ticket returns the ticket of a conversation, "" if it is absent or null.
func (f fields) ticket() (string, *httpError) {
	if f.isEmpty("conversation") { // a page that has lost its ticket must not begin a new conversation
		return "", errConversationNotFound
	}
	return f.text("conversation")
}

// isEmpty reports whether a member is the empty string, which is never an id.
func (f fields) isEmpty(name string) bool { return string(f[name]) == `""` }

// items returns the objects of a JSON list, or none if it contains another value. If there are
// more than limit, it returns limit+1.
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

// only returns the members of these names, and an error if there are others.
func only(body []byte, names ...string) (f fields, e *httpError) {
	members(body, func(name string, _ json.RawMessage) {
		if !slices.Contains(names, name) {
			e = invalid("The body may have only " + strings.Join(names, ", ") + ".")
		}
	})
	return pick(body, names...), e
}

const (
	maxChat      = 128
	maxMessageID = 256
)

// isName reports whether a page may use name as an id: visible ASCII characters.
func isName(name string, limit int) bool {
	return len(name) <= limit && !strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' })
}
