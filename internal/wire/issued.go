package wire

import "fmt"

const maxIssuedID = 128

// IssuedID returns the rule that an id breaks which the service issued and that
// becomes a segment of a path, or "" for a good one: one from a browser could be
// anything.
func IssuedID(id string) (broken string) {
	if len(id) == 0 || len(id) > maxIssuedID {
		return fmt.Sprintf("must have 1 to %d characters, has %d", maxIssuedID, len(id))
	}
	for i := range len(id) {
		if c := id[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return fmt.Sprintf("must have only letters, digits, underscore and hyphen: byte %d is another", i+1)
		}
	}
	return ""
}

// ConversationID is IssuedID for the id of a conversation.
func ConversationID(id string) (broken string) {
	if id == "export" { // as a segment of a path it would name everybody's conversations
		return "must not be export"
	}
	return IssuedID(id)
}
