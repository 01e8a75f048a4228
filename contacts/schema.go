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

// Schema is the definitions of custom attributes as they were when it was read.
// It is safe for use by many goroutines.
type Schema struct {
	attributes map[string]Attribute // by name
}

// Schema reads the definitions once. The errors are those of
// [Client.Attributes].
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

// Attribute returns a definition by its name.
func (s *Schema) Attribute(name string) (a Attribute, ok bool) {
	a, ok = s.attributes[name]
	return a, ok
}

// Check finds in an input what the service would reject or, with an attribute
// that is not defined, drop: the first bad value, by name, is a
// *[FieldError]. Null is good for every type; a date may be text or a number of
// seconds since 1970, as its form is not documented, and a number above 1e11 is
// rejected as milliseconds; a type that this package does not name takes anything.
// Fields other than CustomAttributes are not looked at.
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
	switch kind := kindOf(simple.Kind); {
	case kind == "":
		return ""
	case !a.Type.takes(kind):
		return fmt.Sprintf("expected %s, got %s", a.Type.or(), kind)
	case a.Type == TypeDate && kind == "number" && isMilliseconds(simple.Text):
		return "must be in seconds since 1970, got milliseconds (divide by 1,000, or pass a time.Time)"
	}
	return ""
}

// isMilliseconds reports whether a time since 1970 would be after the year 5138, or
// as long before 1970, if it were in seconds.
func isMilliseconds(number string) bool {
	n, err := strconv.ParseFloat(number, 64)
	return err != nil || math.Abs(n) > 1e11
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

// kindOf names a kind of value in the words of the service, or is empty for one
// that every type takes.
func kindOf(k value.Kind) string {
	switch k {
	case value.String:
		return "text"
	case value.Boolean:
		return "boolean"
	case value.Number:
		return "number"
	case value.List:
		return "an array"
	case value.Object:
		return "an object"
	}
	return ""
}

// AttributeError means that there is an attribute of that name, of another type
// or archived. It is always a pointer, in an *[Error].
type AttributeError struct {
	Have Attribute // there
	Want Attribute // by the argument
}

func (e *AttributeError) Error() string {
	if e.Have.Type.or() != e.Want.Type.or() {
		return fmt.Sprintf("the attribute %s is of type %.64q, not %q", e.Want.Name, e.Have.Type.or(), e.Want.Type.or())
	}
	return fmt.Sprintf("the attribute %s is archived", e.Want.Name)
}

// EnsureAttributes makes those definitions that are not there yet, and returns
// the schema with all. It may be called at every start of a program, by many at
// once. Labels and descriptions of those that are there stay as they are.
//
// A bad field is a *[FieldError], everything else that goes wrong an *[Error]:
// with an *[AttributeError] in it when an attribute is there with another type,
// or archived and not wanted so. Nothing is made then.
func (c *Client) EnsureAttributes(ctx context.Context, want []Attribute) (*Schema, error) {
	for i := range want {
		if err := want[i].check(fmt.Sprintf("want[%d]", i)); err != nil {
			return nil, err
		}
	}
	schema, err := c.Schema(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := schema.missing(want)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, a := range missing {
		made, err := c.DefineAttribute(ctx, a)
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		schema.attributes[a.Name] = made
	}
	if failed != nil {
		return c.madeByOthers(ctx, want, failed)
	}
	return schema, nil
}

// madeByOthers looks again after a failure: another program may have been
// faster, or a response was lost. If something is missing still, that failure is
// the error.
func (c *Client) madeByOthers(ctx context.Context, want []Attribute, failed error) (*Schema, error) {
	schema, err := c.Schema(ctx)
	if err != nil {
		return nil, failed
	}
	missing, err := schema.missing(want)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, failed
	}
	return schema, nil
}

// missing returns those that are not there, and an error for one that is there
// and not as it is wanted.
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
