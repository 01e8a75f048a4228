// Package wire has the small forms of Bookbag's API that its clients share:
// ids, times and envelopes. None of it shows in a public signature.
package wire

import (
	"fmt"
	"strconv"
	"strings"
)

const maxID = 128

// UserID returns the rule that a userId breaks, or "" for a good one. "." and
// ".." are not good, since they would change the meaning of a path.
func UserID(id string) (broken string) { return check(id, true) }

// IssuedID returns the rule that an id breaks which the service issued and that
// becomes a segment of a path, or "" for a good one: one from a browser could be
// anything.
func IssuedID(id string) (broken string) { return check(id, false) }

// ConversationID is IssuedID for the id of a conversation.
func ConversationID(id string) (broken string) {
	if id == "export" { // as a segment of a path it would name everybody's conversations
		return "must not be export"
	}
	return IssuedID(id)
}

// check is for ids of letters, digits, underscore and hyphen, and of dots where
// these may be in it.
func check(id string, dots bool) (broken string) {
	if len(id) == 0 || len(id) > maxID {
		return fmt.Sprintf("must have 1 to %d characters, has %d", maxID, len(id))
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.' && dots:
		case dots:
			return fmt.Sprintf("must have only letters, digits, dot, underscore and hyphen: byte %d is another", i+1)
		default:
			return fmt.Sprintf("must have only letters, digits, underscore and hyphen: byte %d is another", i+1)
		}
	}
	if id == "." || id == ".." {
		return "must not be . or .."
	}
	return ""
}

// ParseAgent reads an agent's number, with white space around it ignored, or
// returns the rule that the text breaks.
func ParseAgent(text string) (id int64, broken string) {
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, "must be a number"
	}
	return id, Agent(id)
}

// Agent returns the rule that an agent's number breaks, or "" for a good one.
func Agent(id int64) (broken string) {
	if id <= 0 {
		return "must be positive"
	}
	return ""
}
