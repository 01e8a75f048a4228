package bookbag

import (
	"encoding/json"
	"errors"
	"math"
)

// Unlimited is for lists of which a request does not say how many items they may
// have.
const Unlimited = math.MaxInt

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

// Object decodes the object in the member data, as Unmarshal does. It calls
// beside, if not nil, with the name of each other member.
func Object(s *Scanner, object any, beside func(name []byte) error) error {
	found := false
	err := s.Members(func(name []byte) error {
		switch {
		case string(name) == "data" && s.Kind() == '{':
			found = true
			return s.Decode(object)
		case beside != nil:
			return beside(name)
		}
		return nil
	})
	return expect(found, err)
}

// Record decodes the object in the member data, or the whole response if that
// has the member which every record has.
func Record(s *Scanner, member string, record any) error {
	inData, isRecord := false, false
	begin := s.pos
	err := s.Members(func(name []byte) error {
		if string(name) == "data" && s.Kind() == '{' {
			inData = true
			return s.Decode(record)
		}
		isRecord = isRecord || string(name) == member
		return nil
	})
	if err != nil || inData {
		return err
	}
	if !isRecord {
		return ErrFormat
	}
	return Unmarshal(s.buf[begin:s.pos], record)
}

// List decodes the list in the member data as Items does. It calls beside, if not
// nil, with the name of each other member.
func List[T any](s *Scanner, limit int, list *[]T, beside func(name []byte) error) error {
	found := false
	err := s.Members(func(name []byte) error {
		switch {
		case string(name) == "data" && !found:
			found = true
			return Items(s, limit, list)
		case beside != nil:
			return beside(name)
		}
		return nil
	})
	return expect(found, err)
}

// Items decodes a list as Unmarshal does, after it has checked that each item is
// an object and that there are not more than limit.
func Items[T any](s *Scanner, limit int, list *[]T) error {
	s.Kind() // what is before it is passed
	begin := s.pos
	if err := s.Items(limit, nil); err != nil {
		return err
	}
	return Unmarshal(s.buf[begin:s.pos], list)
}

func expect(found bool, err error) error {
	if err == nil && !found {
		return ErrFormat
	}
	return err
}
