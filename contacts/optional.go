package contacts

import "encoding/json"

// Optional is a field to write. It is absent, so that the field keeps its value;
// null, which clears the field; or a value. The zero Optional is absent. [Set] and
// [Null] return the others.
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

// Set returns an Optional with a value. An empty string is a value, not null.
func Set[T any](value T) Optional[T] { return Optional[T]{set, value} }

// Null returns an Optional that clears the field.
func Null[T any]() Optional[T] { return Optional[T]{state: null} }

// Get returns the value, and whether the field has one.
func (o Optional[T]) Get() (value T, ok bool) { return o.value, o.state == set }

// IsNull reports whether the field is null.
func (o Optional[T]) IsNull() bool { return o.state == null }

// IsZero reports whether the field is absent. With the tag omitzero, encoding/json
// omits an absent field. With omitempty, it writes null instead.
func (o Optional[T]) IsZero() bool { return o.state == absent }

// MarshalJSON returns the value or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if o.state != set {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON decodes null as null, and anything else as a value. A field that is
// missing in the JSON remains absent.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*o = Null[T]()
		return nil
	}
	*o = Optional[T]{state: set}
	return json.Unmarshal(b, &o.value)
}
