package contacts

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/chatident/chatident/internal/value"
)

// Schema is the definitions of custom attributes at the time when they were read. It
// is safe for concurrent use.
type Schema struct {
	attributes map[string]Attribute // by name
}

// Schema reads the definitions. Its errors are those of [Client.Attributes].
func (c *Client) Schema(ctx context.Context) (*Schema, error) {
	list, err := c.Attributes(ctx)
	if err != nil {
		return nil, err
	}
	s := &Schema{map[string]Attribute{}}
	for _, a := range list {
		s.attributes[a.Name] = a
	}
	return s, nil
}

// Attribute returns the definition with a name, and whether there is one.
func (s *Schema) Attribute(name string) (a Attribute, ok bool) {
	a, ok = s.attributes[name]
	return a, ok
}

// Check returns a *[FieldError] for the first custom attribute of an input, by name,
// that is not defined, is archived, or has a value of another type. The service would
// reject such a value, or drop it.
//
// Any attribute may be nil. The format of a date is not documented, so a date may be
// text or a number of Unix seconds. A number above 1e11 is rejected, because it must
// be in milliseconds. A type that this package does not name accepts any value. Check
// ignores all other fields of the input.
func (s *Schema) Check(in Fields) error {
	values, _ := in.CustomAttributes.Get()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if broken := s.broken(name, values[name]); broken != "" {
			return &FieldError{"input.CustomAttributes" + value.Path(name), broken}
		}
	}
	return nil
}

func (s *Schema) broken(name string, v any) string {
	a, ok := s.attributes[name]
	switch {
	case !ok:
		return "is not defined (see EnsureAttributes)"
	case a.Archived:
		return "is archived"
	}
	simple, err := value.Of(v)
	if err != nil {
		return err.Error()
	}
	number, _ := strconv.ParseFloat(simple.Text, 64) // infinite if it is out of range
	switch kind := kinds[simple.Kind]; {
	case kind == "":
		return ""
	case !a.Type.takes(kind):
		return fmt.Sprintf("expected %s, got %s", a.Type.or(), kind)
	case a.Type == TypeDate && kind == "number" && math.Abs(number) > 1e11: // after the year 5138
		return "must be in seconds since 1970, got milliseconds (divide by 1,000, or pass a time.Time)"
	}
	return ""
}

func (t AttributeType) or() AttributeType { return cmp.Or(t, TypeText) }

func (t AttributeType) takes(kind string) bool {
	switch t {
	case "", TypeText:
		return kind == "text"
	case TypeNumber, TypeBoolean:
		return kind == string(t)
	case TypeDate:
		return kind == "text" || kind == "number"
	}
	return true
}

// kinds are the service's names of kinds of values. Every type accepts the others.
var kinds = map[value.Kind]string{
	value.String: "text", value.Boolean: "boolean", value.Number: "number", value.List: "an array", value.Object: "an object",
}

// AttributeError means that an attribute is already defined with another type, or is
// archived. It is always a pointer, and wrapped in an *[Error].
type AttributeError struct {
	Have Attribute // in the service
	Want Attribute // in the argument
}

func (e *AttributeError) Error() string {
	if e.Have.Type.or() != e.Want.Type.or() {
		return fmt.Sprintf("the attribute %s has type %.64q, expected %q", e.Want.Name, e.Have.Type.or(), e.Want.Type.or())
	}
	return fmt.Sprintf("the attribute %s is archived", e.Want.Name)
}

// EnsureAttributes defines those attributes that are not defined yet, and returns the
// schema with all attributes. It may be called at each start of a program, and by
// several programs at once. It does not change labels and descriptions of existing
// attributes.
//
// It makes one request, and one more for each attribute that it defines.
//
// An invalid field is a *[FieldError]. Every other error is an *[Error]. It wraps an
// *[AttributeError] if an attribute exists with another type, or is archived and
// Archived is not set. In this case, nothing is defined.
func (c *Client) EnsureAttributes(ctx context.Context, want []Attribute) (*Schema, error) {
	for i := range want {
		if err := want[i].check(fmt.Sprintf("want[%d]", i)); err != nil {
			return nil, err
		}
	}
	// After a failure, the definitions are read again, once: another program may have defined
	// the attribute at the same time, or a response was lost.
	var failed error
	for {
		schema, err := c.Schema(ctx)
		if err != nil {
			return nil, cmp.Or(failed, err)
		}
		missing, err := schema.missing(want)
		switch {
		case err != nil:
			return nil, err
		case len(missing) > 0 && failed != nil:
			return nil, failed
		}
		for _, a := range missing {
			made, err := c.DefineAttribute(ctx, a)
			failed = cmp.Or(failed, err)
			schema.attributes[a.Name] = made // after a failure, the schema is not used
		}
		if failed == nil || len(missing) == 0 {
			return schema, nil
		}
	}
}

// missing returns the attributes that are not defined, or an error for one that is
// defined differently.
func (s *Schema) missing(want []Attribute) (missing []Attribute, err error) {
	for _, w := range want {
		have, ok := s.attributes[w.Name]
		switch {
		case !ok:
			missing = append(missing, w)
		case have.Type.or() != w.Type.or(), have.Archived && !w.Archived:
			return nil, &Error{
				Operation: "GET " + attributesPath, StatusCode: http.StatusOK, Attempts: 1,
				err: &AttributeError{Have: have, Want: w},
			}
		}
	}
	return missing, nil
}
