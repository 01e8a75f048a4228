package placeholders

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// Source has the values of the paths of a [Mapping], such as "userDetail.email".
// identity.Payload is one.
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

// NewMapping checks names and paths, and copies them. A name is one that a
// placeholder can have. A path is userDetail or integrations and at least one key,
// separated by dots, and at most 512 bytes. A key must not be empty or have white
// space at its edges. The first fault, by name, is a *[FieldError].
//
// The two roots are the vendor's; the other rules are ours.
func NewMapping(paths map[string]string) (*Mapping, error) {
	if faults := checkMapping("mapping", paths); len(faults) > 0 {
		return nil, faults[0]
	}
	return &Mapping{maps.Clone(paths)}, nil
}

func checkMapping(field string, paths map[string]string) []error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		rule := checkName(name)
		if rule == "" {
			rule = checkPath(paths[name])
		}
		if rule != "" {
			faults = append(faults, &FieldError{field + value.Path(name), rule})
		}
	}
	return faults
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

// Values looks up every path. Names whose path the source does not have are left
// out: rendering then reports all that are missing. A nil source has none.
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
