package bookbag

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
)

// Unlimited is for lists of which a request does not say how many items they may
// have.
const Unlimited = math.MaxInt

// maxMembers is how many members Members returns at most.
const maxMembers = 1000

// Unmarshal decodes what it can: Bookbag does not document the form of all
// responses, so a field of another type is left out, not the whole response. Its
// error is ErrFormat, or ErrTooLong where an UnmarshalJSON method returns that.
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

// Members returns the members of a JSON object by their exact names, of which the last
// one with a name counts. It returns nil for any other text, and for an object of more
// than 1,000 members. Whether the member data is valid JSON is not checked: encoding/json
// checks it when it decodes it.
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

// Record decodes the object in the member data of a response, or else the whole
// response if it has the member which every record has.
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

// List decodes a list of valid JSON as Unmarshal does, after it has checked that each
// item is an object and that there are not more than limit.
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
