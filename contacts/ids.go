package contacts

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/pathsegment"
)

func checkExternalID(id string) error {
	if broken := brokenByExternalID(id); broken != "" {
		return &FieldError{"externalID", broken}
	}
	return nil
}

// brokenByExternalID returns the rule that an external id breaks, or "" for a
// good one. An id is rejected if a server or a proxy may read it as another path
// than its own, even where it is escaped. Slashes are accepted: an external id
// has no documented pattern.
func brokenByExternalID(id string) (broken string) {
	switch pathsegment.CheckParts(id) {
	case pathsegment.NotUTF8:
		return "must be valid UTF-8"
	case pathsegment.Control:
		return "must not have control characters"
	case pathsegment.Encoded:
		return "must not be percent-encoded: a server that decodes it twice reads another id"
	case pathsegment.Empty:
		return "must not be empty, nor only slashes"
	case pathsegment.Dots:
		return "must not be . or .., nor have one between slashes"
	}
	return ""
}

// foldID returns an id that is equal for ids that differ in the case of letters
// only: the service may keep ids in lower case. This is the one rule of Get, Delete
// and Sync.
func foldID(id string) string {
	isFolded := func(r rune) bool { return r < utf8.RuneSelf && (r < 'A' || r > 'Z') }
	if !strings.ContainsFunc(id, func(r rune) bool { return !isFolded(r) }) {
		return id
	}
	return strings.Map(func(r rune) rune {
		r = unicode.ToLower(r)
		lowest := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			lowest = min(lowest, f)
		}
		return unicode.ToLower(lowest)
	}, id)
}
