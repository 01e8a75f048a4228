package chatproxy

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxBody     = 64 << 10
	maxAIBody   = 1 << 20
	readTimeout = 10 * time.Second
)

// fields is a JSON object by the exact names of its fields.
type fields map[string]json.RawMessage

// boundBody gives the body 10 seconds to come, also where it is not looked at:
// the server reads on before it lets go of a connection.
func boundBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Where there is no deadline to set, the server's holds.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
	}
}

// readFields reads the body. net/http lifts the deadline when it is read.
func readFields(w http.ResponseWriter, r *http.Request, limit int64) (fields, *refusal) {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		return nil, errNotJSON
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errTooSlow
	case err != nil:
		return nil, invalid("The body could not be read.")
	}
	var f fields
	if !utf8.Valid(body) || json.Unmarshal(body, &f) != nil {
		return nil, invalid("The body must be a JSON object in UTF-8.")
	}
	return f, nil
}

// only refuses fields of other names. Who the visitor is says the session alone,
// so a userId gets a sentence of its own.
func (f fields) only(names ...string) *refusal {
	if e := f.noUserID(); e != nil {
		return e
	}
	known := 0
	for _, name := range names {
		if _, ok := f[name]; ok {
			known++
		}
	}
	if known < len(f) {
		return invalid("The body may have only " + strings.Join(names, " and ") + ".")
	}
	return nil
}

func (f fields) noUserID() *refusal {
	for name := range f {
		if strings.EqualFold(name, "userId") {
			return invalid("userId must not be sent: your session says who you are.")
		}
	}
	return nil
}

// text returns a string, "" where it is absent or null.
func (f fields) text(name string) (string, *refusal) {
	var s string
	if raw, ok := f[name]; ok && json.Unmarshal(raw, &s) != nil {
		return "", invalid(name + " must be a string.")
	}
	return s, nil
}

// checkMessage wants something to say.
func checkMessage(text string) *refusal {
	switch {
	case strings.TrimSpace(text) == "":
		return invalid("The message must not be empty.")
	case len(text) > maxBody:
		return errTooLarge
	}
	return nil
}
