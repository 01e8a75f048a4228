package contacts

import "encoding/json"

// Optional is a field of a write, which is one of three different things:
// absent, so that it stays as it is; null, so that it is cleared; or a value.
// The zero Optional is absent. [Set] and [Null] make the others.
type Optional[T any] struct {
	state optionalState
	value T
}

type optionalState byte

const (
	absent optionalState = iota
	null
	set
)

// Set returns an Optional with a value. Of a string, the empty one is a value
// too: it does not mean null.
func Set[T any](value T) Optional[T] { return Optional[T]{set, value} }

// Null returns an Optional that clears the field.
func Null[T any]() Optional[T] { return Optional[T]{state: null} }

// Get returns the value, and whether there is one.
func (o Optional[T]) Get() (value T, ok bool) { return o.value, o.state == set }

// IsNull reports whether the field is cleared.
func (o Optional[T]) IsNull() bool { return o.state == null }

// IsZero reports whether the field is absent. With the tag omitzero,
// encoding/json leaves it out then. In a struct of your own, mind the tag: with
// omitempty, what is absent is written as null.
func (o Optional[T]) IsZero() bool { return o.state == absent }

// MarshalJSON returns the value or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if o.state != set {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON reads null as null, and anything else as a value. A field that
// is not there stays absent.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*o = Null[T]()
		return nil
	}
	*o = Optional[T]{state: set}
	return json.Unmarshal(b, &o.value)
}
