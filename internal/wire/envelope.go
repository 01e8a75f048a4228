package wire

import (
	"encoding/json"
	"errors"
)

// Unmarshal decodes what it can: the forms of the answers are not all documented
// by Bookbag itself, so a field of another type is left out, not the whole
// answer. It is false for what is no JSON.
func Unmarshal(b []byte, v any) bool {
	err := json.Unmarshal(b, v)
	_, otherType := errors.AsType[*json.UnmarshalTypeError](err)
	return err == nil || otherType
}

// Data returns what stands in the data of an answer. It is false where there is
// nothing of that kind, which begins with the given byte.
func Data(b []byte, kind byte) (data json.RawMessage, ok bool) {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(b, &envelope)
	return envelope.Data, err == nil && len(envelope.Data) > 0 && envelope.Data[0] == kind
}
