package bookbag

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
)

// Unlimited is for a list whose request does not limit the number of items.
const Unlimited = math.MaxInt

// maxMembers is how many members Members returns at most.
const maxMembers = 1000

// Unmarshal skips fields that have another type, because Bookbag does not document the
// form of all responses. Its error is ErrFormat, or ErrTooLong if an UnmarshalJSON
// method returns that.
func Unmarshal(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); err == nil || ok {
		return nil
	}
	if errors.Is(err, ErrTooLong) {
		return ErrTooLong
	}
	return ErrFormat
}

// Members returns the members of a JSON object by their exact names. If two have the same
// name, it returns the last one. It returns nil for any other text, and for an object of
// more than 1,000 members. It does not check whether the member data is valid JSON, since
// encoding/json does that when it decodes it.
func Members(object []byte) map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	for name, value := range Values(object, '{') {
		if members[name] = value; len(members) > maxMembers {
			return nil
		}
	}
	outline := object
	if data := members["data"]; len(data) > 0 {
		begin := cap(object) - cap(data) // data is a part of object
		outline = slices.Concat(object[:begin], []byte("0"), object[begin+len(data):])
	}
	if !json.Valid(outline) || !bytes.HasPrefix(bytes.TrimSpace(object), []byte("{")) {
		return nil
	}
	return members
}

// Object decodes a JSON object as Unmarshal does. Any other value is ErrFormat.
func Object(object []byte, v any) error {
	if !bytes.HasPrefix(object, []byte("{")) {
		return ErrFormat
	}
	return Unmarshal(object, v)
}

// Record decodes the member data of a response if it is an object. Otherwise it decodes
// the response itself, which must have the member.
func Record(response []byte, member string, v any) error {
	members := Members(response)
	if data := members["data"]; len(data) > 0 && data[0] == '{' {
		return Unmarshal(data, v)
	}
	if members[member] == nil {
		return ErrFormat
	}
	return Unmarshal(response, v)
}

// List decodes a list as Unmarshal does. An item that is not an object, or more than
// limit items, is ErrFormat.
func List[T any](list []byte, limit int) (items []T, err error) {
	if !bytes.HasPrefix(list, []byte("[")) {
		return nil, ErrFormat
	}
	n := 0
	for _, item := range Values(list, '[') {
		if n++; n > limit || item[0] != '{' {
			return nil, ErrFormat
		}
	}
	err = Unmarshal(list, &items)
	return items, err
}
