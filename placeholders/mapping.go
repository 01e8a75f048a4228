package placeholders

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// Source returns the values at the paths of a [Mapping], such as "userDetail.email".
// An identity.Payload is a Source.
type Source interface {
	// Lookup returns the value at a path, or false if there is none.
	Lookup(path string) (any, bool)
}

// Mapping maps the names of placeholders to the paths of their values: "userEmail"
// to "userDetail.email". It comes from [NewMapping]; the zero value is empty. It is
// safe for concurrent use.
//
// Source: Megadesk, "Custom data".
type Mapping struct{ paths map[string]string }

// NewMapping checks and copies a map from names to paths. A name must be valid in a
// placeholder. A path is userDetail or integrations, followed by at least one key,
// separated by dots, and has at most 512 bytes. A key must not be empty or have white
// space at its edges. The error is a *[FieldError] for the first fault, in the order of
// the names.
//
// The vendor documents the two roots. The other rules are this package's own.
func NewMapping(paths map[string]string) (*Mapping, error) {
	if faults := checkNames("mapping", paths, checkPath); len(faults) > 0 {
		return nil, faults[0]
	}
	return &Mapping{maps.Clone(paths)}, nil
}

// checkPath returns the rule that a path breaks.
func checkPath(path string) string {
	const limit = 512
	root, keys, _ := strings.Cut(path, ".")
	badKey := func(key string) bool { return key == "" || strings.TrimSpace(key) != key }
	switch {
	case root != "userDetail" && root != "integrations":
		return "must be a path that begins with userDetail. or integrations."
	case len(path) > limit:
		return fmt.Sprintf("must be a path of at most %d bytes", limit)
	case slices.ContainsFunc(strings.Split(keys, "."), badKey):
		return "must be a path without empty keys, and without white space around a key"
	}
	return value.Text(path)
}

// Values looks up every path. Names whose path has no value are left out, and rendering
// reports them as missing. A nil source has no values.
func (m *Mapping) Values(source Source) Values {
	values := Values{}
	if isNil(source) {
		return values
	}
	for name, path := range m.paths {
		if v, ok := source.Lookup(path); ok {
			values[name] = v
		}
	}
	return values
}

// isNil also reports a nil pointer or map in the interface, whose methods may panic.
func isNil(source Source) bool {
	r := reflect.ValueOf(source)
	switch r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func:
		return r.IsNil()
	}
	return source == nil
}
