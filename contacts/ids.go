package contacts

import (
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/wire"
)

// AgentID is the number of an agent. The paths of this API call it chatbotId.
type AgentID int64

// ParseAgentID reads an agent's number as the dashboard shows it, with white
// space around it ignored. Anything else than a positive number is a
// *[FieldError].
func ParseAgentID(text string) (AgentID, error) {
	id, broken := wire.ParseAgent(text)
	if broken != "" {
		return 0, &FieldError{"agent", broken}
	}
	return AgentID(id), nil
}

func checkExternalID(field, id string) error {
	if broken := brokenByExternalID(id); broken != "" {
		return &FieldError{field, broken}
	}
	return nil
}

// brokenByExternalID returns the rule that an external id breaks, or "" for a
// good one. Refused is what could mean another path than its own: nothing but
// slashes, and "." or ".." alone or between slashes, as proxies and routers may
// resolve these even where they are escaped. Everything else that is UTF-8 may be
// an external id.
func brokenByExternalID(id string) (broken string) {
	if !utf8.ValidString(id) {
		return "must be valid UTF-8"
	}
	if id != "" && !strings.ContainsAny(id, `./\`) { // as nearly always
		return ""
	}
	empty := true
	for part := range strings.FieldsFuncSeq(id, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." {
			return "must not be . or .., nor have one between slashes"
		}
		empty = false
	}
	if empty {
		return "must not be empty, nor only slashes"
	}
	return ""
}
