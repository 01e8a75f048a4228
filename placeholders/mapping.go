package placeholders

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Source is where the paths of a [Mapping] lead: identity.Payload is one, and so
// is whatever finds "userDetail.email". It must be safe for the use that you
// make of it.
type Source interface {
	// Lookup returns the value at a path, or false where there is none.
	Lookup(path string) (any, bool)
}

// Mapping says for each name of a placeholder which path its value comes from:
// "userEmail" from "userDetail.email". It comes from [NewMapping]; the zero
// Mapping is empty. It is safe for use by many goroutines.
//
// Source: Megadesk, "Custom data".
type Mapping struct {
	names []string // sorted
	paths map[string]string
}

// NewMapping checks names and paths, and copies them. A name is one that a
// placeholder can have, of 128 characters at most. A path is userDetail or
// integrations and at least one key behind it, separated by dots, 512 bytes at
// most. A key must not be empty, have control characters in it, or white space
// at its edges. The first fault, by name, is a *[FieldError].
//
// The two roots are the vendor's; the other rules are ours.
func NewMapping(paths map[string]string) (*Mapping, error) {
	if faults := checkMapping("mapping", paths, defaultName); len(faults) > 0 {
		return nil, faults[0]
	}
	return newMapping(paths), nil
}

func newMapping(paths map[string]string) *Mapping {
	return &Mapping{slices.Sorted(maps.Keys(paths)), maps.Clone(paths)}
}

func checkMapping(field string, paths map[string]string, maxName int) []error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		at, rule := checkName(name, maxName)
		if at < 0 {
			rule = pathRule(paths[name])
		}
		if rule != "" {
			faults = append(faults, &FieldError{member(field, name), rule})
		}
	}
	return faults
}

// pathRule returns the rule that a path breaks.
func pathRule(path string) string {
	const limit = 512
	root, rest, _ := strings.Cut(path, ".")
	switch {
	case root != "userDetail" && root != "integrations":
		return "must be a path that begins with userDetail. or integrations."
	case len(path) > limit:
		return fmt.Sprintf("must be a path of at most %d bytes", limit)
	case !utf8.ValidString(path):
		return notUTF8
	case strings.ContainsFunc(path, unicode.IsControl):
		return "must be a path without control characters"
	}
	for key := range strings.SplitSeq(rest, ".") {
		if key == "" {
			return "must be a path without empty keys"
		}
		if strings.TrimSpace(key) != key {
			return "must be a path whose keys do not begin or end with white space"
		}
	}
	return ""
}

// Names returns the names that have a path, sorted.
func (m *Mapping) Names() []string { return slices.Clone(m.names) }

// Values looks up every path. Names whose path the source does not have are
// left out, so that rendering tells of all that are missing at once. A nil
// source has none.
func (m *Mapping) Values(source Source) Values {
	values := make(Values, len(m.names))
	if isNil(source) {
		return values
	}
	for _, name := range m.names {
		if v, ok := source.Lookup(m.paths[name]); ok {
			values[name] = v
		}
	}
	return values
}
