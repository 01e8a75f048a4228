package contacts

import (
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/pathsegment"
)

func checkExternalID(id string) error {
	if broken := brokenByExternalID(id); broken != "" {
		return &FieldError{"externalID", broken}
	}
	return nil
}

// brokenByExternalID returns the rule that an external id breaks, or "" if it is
// valid. It rejects an id that a server or a proxy may interpret as another path,
// even when it is escaped. Slashes are accepted, because no pattern of external ids
// is documented.
func brokenByExternalID(id string) (broken string) { return idRules[pathsegment.CheckParts(id)] }

var idRules = map[pathsegment.Fault]string{
	pathsegment.NotUTF8: "must be valid UTF-8",
	pathsegment.Control: "must not contain control characters",
	pathsegment.Encoded: "must not be percent-encoded (a server that decodes it twice reads another id)",
	pathsegment.Empty:   "must not be empty or consist only of slashes",
	pathsegment.Dots:    "must not be . or .., or contain one between slashes",
}

// foldID returns the same id for ids that differ only in the case of letters, because
// the service may convert ids to lower case. Get, Delete and Sync all compare ids in
// this way. Letters outside ASCII may have two lower-case forms, but one in upper case.
func foldID(id string) string {
	if strings.ContainsFunc(id, func(r rune) bool { return r >= utf8.RuneSelf }) {
		id = strings.ToUpper(id)
	}
	return strings.ToLower(id)
}
