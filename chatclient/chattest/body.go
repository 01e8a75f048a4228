package chattest

import (
	"encoding/json"
	"io"
	"net/http"
)

// body is a JSON object, with what is wrong with its fields.
type body struct {
	fields map[string]json.RawMessage
	wrong  map[string]string
}

func readBody(r *http.Request) (*body, *refusal) {
	data, err := io.ReadAll(r.Body)
	if err != nil || !json.Valid(data) {
		return nil, &refusal{status: http.StatusBadRequest, Code: "VALIDATION_INVALID_JSON", Message: "The body is not JSON"}
	}
	b := &body{wrong: map[string]string{}}
	if json.Unmarshal(data, &b.fields) != nil || b.fields == nil {
		return nil, invalidBody(nil)
	}
	return b, nil
}

// field reads one by its exact name, where encoding/json would take any case.
func field[T any](b *body, name string) (value T, sent bool) {
	raw, sent := b.fields[name]
	b.require(name, !sent || string(raw) != "null" && json.Unmarshal(raw, &value) == nil, "is of the wrong type")
	return value, sent
}

func (b *body) require(name string, ok bool, rule string) {
	if !ok && b.wrong[name] == "" {
		b.wrong[name] = rule
	}
}

func (b *body) refusal() *refusal {
	if len(b.wrong) == 0 {
		return nil
	}
	return invalidBody(b.wrong)
}

// invalidBody also refuses a query: no other code is documented for one.
func invalidBody(details map[string]string) *refusal {
	return &refusal{status: http.StatusBadRequest, Code: "VALIDATION_INVALID_BODY", Message: "The request is not valid", Details: details}
}

// isUserID goes byte by byte: the $ of a pattern may let a last newline pass.
func isUserID(id string) bool {
	for _, c := range []byte(id) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return 1 <= len(id) && len(id) <= 128
}
