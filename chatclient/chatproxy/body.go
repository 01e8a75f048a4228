package chatproxy

import (
	"bytes"
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

// bodies bounds what the bodies of requests cost.
type bodies struct {
	perVisitor *slots
	bytes      atomic.Int64 // in memory
}

// decoder decodes a body of at most limit bytes. decode must not keep the body.
type decoder[T any] struct {
	limit  int64
	decode func(body []byte) (T, *httpError)
}

// decodeBody reads a JSON body and decodes it, within the bounds.
func decodeBody[T any](p *Proxy, w http.ResponseWriter, r *http.Request, v Visitor, d decoder[T]) (value T, e *httpError) {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), "application/json") {
		return value, errNotJSON
	}
	if !p.bodies.perVisitor.take(v.subject()) {
		return value, tooManyRequests(time.Second)
	}
	defer p.bodies.perVisitor.free(v.subject())
	in := &counted{Reader: http.MaxBytesReader(w, r.Body, d.limit), all: &p.bodies.bytes}
	defer in.release()
	body, e := readBody(in)
	if e == errTooLarge && d.limit == maxAIBody {
		e = errChatTooLarge
	}
	if e != nil {
		return value, e
	}
	return d.decode(body)
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

func (c *counted) release() { c.all.Add(-c.n) }

// readBody returns a body that is valid JSON. net/http lifts the deadline when it has
// read the body.
func readBody(in io.Reader) ([]byte, *httpError) {
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
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, invalid("The body must be JSON in UTF-8.")
	}
	return body, nil
}

// A body may be a megabyte of tiny values, which cost a hundred times as much once
// they are decoded. So it is searched, and only what is used is decoded.

// fields are members of a JSON object by name, as they were written.
type fields map[string]json.RawMessage

// members calls f for each member of valid JSON, none for another value. It
// is false if there are too many values to look at.
func members(object []byte, f func(name string, value json.RawMessage)) bool {
	err := bookbag.Scan(object, func(s *bookbag.Scanner) error {
		if s.Kind() != '{' {
			_, err := s.Value()
			return err
		}
		return s.Members(func(name []byte) error {
			value, err := s.Value()
			if err == nil {
				f(unescape(name), value)
			}
			return err
		})
	})
	return err != bookbag.ErrTooLong
}

// unescape decodes the name of a member. Nearly none has an escape.
func unescape(name []byte) (s string) {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name)
	}
	_ = json.Unmarshal([]byte(`"`+string(name)+`"`), &s) // it is valid
	return s
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

// text returns a string, "" if it is absent or null, and false for other values.
func (f fields) text(name string) (s string, ok bool) {
	raw, present := f[name]
	return s, !present || json.Unmarshal(raw, &s) == nil
}

// name returns what a page calls a chat or a message, "" if the member is absent or null.
func (f fields) name(member string, limit int) (string, *httpError) {
	name, ok := f.text(member)
	if !ok || f.isEmpty(member) || !isName(name, limit) {
		return "", invalid(fmt.Sprintf("%s must be 1 to %d visible ASCII characters.", member, limit))
	}
	return name, nil
}

// isEmpty reports whether a member is the empty string, which is never an id: a page has
// lost one.
func (f fields) isEmpty(name string) bool { return string(f[name]) == `""` }

var errTooMany = errors.New("chatproxy: too many items")

// items returns the objects of a JSON list, none for a value that is no list of objects.
// More than limit are errTooMany.
func items(list []byte, limit int) (objects []json.RawMessage, err error) {
	if len(list) == 0 || list[0] != '[' {
		return nil, nil
	}
	err = bookbag.Scan(list, func(s *bookbag.Scanner) error {
		return s.Items(limit+1, func(item []byte) error {
			if objects = append(objects, item); len(objects) > limit {
				return errTooMany
			}
			return nil
		})
	})
	if err != nil && err != errTooMany {
		return nil, nil
	}
	return objects, err
}

// only returns the members of a body that may have no others.
func only(body []byte, names ...string) (f fields, e *httpError) {
	f = fields{}
	members(body, func(name string, value json.RawMessage) {
		switch {
		case isUserID(name):
			e = errUserID
		case slices.Contains(names, name):
			f[name] = value
		case e == nil:
			e = invalid("The body may have only " + strings.Join(names, ", ") + ".")
		}
	})
	return f, e
}

// errUserID has another sentence, since only the session says who the visitor is.
var errUserID = invalid("userId must not be sent: your session says who you are.")

func isUserID(name string) bool { return strings.EqualFold(name, "userId") }

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
