// Package wire has the small forms of Bookbag's API that its clients share:
// ids, times and envelopes. None of it shows in a public signature.
package wire

import (
	"fmt"
	"strconv"
	"strings"
)

const maxUserID = 128

// UserID returns the rule that a userId breaks, or "" for a good one. "." and
// ".." are not good, since they would change the meaning of a path.
func UserID(id string) (broken string) {
	if len(id) == 0 || len(id) > maxUserID {
		return fmt.Sprintf("must have 1 to %d characters, has %d", maxUserID, len(id))
	}
	for i := range len(id) {
		if !isUserIDByte(id[i]) {
			return fmt.Sprintf("must have only letters, digits, dot, underscore and hyphen: byte %d is another", i+1)
		}
	}
	if id == "." || id == ".." {
		return "must not be . or .."
	}
	return ""
}

func isUserIDByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
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
