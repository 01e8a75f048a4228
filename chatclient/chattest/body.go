package chattest

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// body is a JSON object, with what is wrong with its fields.
type body struct {
	fields map[string]json.RawMessage
	wrong  map[string]string
}

func readBody(r *http.Request) (*body, *rejection) {
	data, err := io.ReadAll(r.Body)
	if err != nil || !json.Valid(data) {
		return nil, &rejection{status: http.StatusBadRequest, Code: "VALIDATION_INVALID_JSON", Message: "The body is not JSON"}
	}
	b := &body{wrong: map[string]string{}}
	if json.Unmarshal(data, &b.fields) != nil || b.fields == nil {
		return nil, invalid(nil)
	}
	return b, nil
}

// field returns a field by its exact name. encoding/json itself ignores case.
func field[T any](b *body, name string) (value T, sent bool) {
	raw, sent := b.fields[name]
	b.require(name, !sent || string(raw) != "null" && json.Unmarshal(raw, &value) == nil, "is of the wrong type")
	return value, sent
}

// messageID returns the field messageId, a string or, where the service's own
// ids are numbers, a number too.
func (b *body) messageID(numeric bool) (id string, sent bool) {
	if raw := b.fields["messageId"]; numeric && !strings.HasPrefix(string(raw), `"`) {
		number, sent := field[json.Number](b, "messageId")
		return number.String(), sent
	}
	return field[string](b, "messageId")
}

func (b *body) require(name string, ok bool, rule string) {
	if !ok && b.wrong[name] == "" {
		b.wrong[name] = rule
	}
}

// rejection returns nil for a valid body.
func (b *body) rejection() *rejection {
	if len(b.wrong) == 0 {
		return nil
	}
	return invalid(b.wrong)
}

// invalid also rejects a query: no other code is documented for one.
func invalid(details map[string]string) *rejection {
	return &rejection{status: http.StatusBadRequest, Code: "VALIDATION_INVALID_BODY", Message: "The request is not valid", Details: details}
}

const userIDRule = "must be 1 to 128 of a-z, A-Z, 0-9, ., _ and -"

var userIDPattern = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}\z`)
