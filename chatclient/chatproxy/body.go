package chatproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

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

// boundBody gives the body 10 seconds to come, also where it is not looked at:
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

// withBody reads a JSON body and calls decode with it, within the bounds. decode must
// not keep the body.
func (p *Proxy) withBody(w http.ResponseWriter, r *http.Request, v visit, limit int64, decode func(body []byte) *refusal) *refusal {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), "application/json") {
		return errNotJSON
	}
	if !p.bodies.perVisitor.take(v.subject()) {
		return tooManyRequests(time.Second)
	}
	defer p.bodies.perVisitor.free(v.subject())
	in := &counted{Reader: http.MaxBytesReader(w, r.Body, limit), all: &p.bodies.bytes}
	defer in.release()
	body, e := readBody(in)
	if e != nil {
		return e
	}
	return decode(body)
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
func readBody(in io.Reader) ([]byte, *refusal) {
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
	body = bytes.Trim(body, " \t\r\n") // white space in JSON
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, invalid("The body must be JSON in UTF-8.")
	}
	return body, nil
}

// only returns the members of a body that may have no others.
func only(body []byte, names ...string) (fields, *refusal) {
	for name := range members(body) {
		switch {
		case isUserID(name):
			return nil, errUserID
		case !slices.Contains(names, name):
			return nil, invalid("The body may have only " + strings.Join(names, " and ") + ".")
		}
	}
	return pick(body, names...), nil
}

// errUserID has a sentence of its own, since only the session says who the visitor is.
var errUserID = invalid("userId must not be sent: your session says who you are.")

func isUserID(name string) bool { return strings.EqualFold(name, "userId") }

// checkMessage rejects a message that the service would not take.
func checkMessage(text string) *refusal {
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
