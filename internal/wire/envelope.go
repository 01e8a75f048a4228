package wire

import (
	"encoding/json"
	"errors"
	"reflect"
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

// Object decodes the object that stands in the data of an answer, as Unmarshal
// does. It is false where there is none. T must have no UnmarshalJSON.
func Object[T any](b []byte, object *T) bool {
	var answer struct {
		Data *T `json:"data"`
	}
	err := json.Unmarshal(b, &answer)
	wrong, otherType := errors.AsType[*json.UnmarshalTypeError](err)
	if answer.Data == nil || err != nil && !otherType || otherType && wrong.Type == reflect.TypeFor[T]() {
		return false
	}
	*object = *answer.Data
	return true
}

// List decodes the list that stands in the data of an answer, as Unmarshal does.
// It is false where there is none.
func List[T any](b []byte, list *[]T) bool {
	var answer struct {
		Data []T `json:"data"`
	}
	ok := Unmarshal(b, &answer)
	*list = answer.Data
	return ok && answer.Data != nil
}
