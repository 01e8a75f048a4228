package bookbag

import (
	"cmp"
	"fmt"

	"github.com/chatident/chatident/internal/field"
)

const maxID = 128

// alphabet is the set of characters that an id may have, which words describes.
type alphabet struct {
	has           [256]bool
	words, advice string
}

var (
	issuedIDs = newAlphabet("_-", "letters, digits, underscore and hyphen", "")
	userIDs   = newAlphabet("._-", "letters, digits, dot, underscore and hyphen", " (chatclient.DeriveUserID makes one of an e-mail address)")
)

// newAlphabet returns the alphabet of the letters and digits of ASCII and the marks.
func newAlphabet(marks, words, advice string) *alphabet {
	a := &alphabet{words: words, advice: advice}
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + marks) {
		a.has[c] = true
	}
	return a
}

// UserID returns the rule that a userId breaks, or "" for a valid one. "." and ".." are
// rejected, because they would change the meaning of a path. Texts that mean "not set"
// are rejected, because all such visitors would be the same customer.
func UserID(id string) (broken string) {
	if id == "." || id == ".." {
		return "must not be . or .."
	}
	return cmp.Or(userIDs.check(id), field.Set(id))
}

// IssuedID returns the rule that an id of the service breaks, or "" for a valid one. The
// id becomes a segment of a path, and may come from a browser.
func IssuedID(id string) (broken string) { return issuedIDs.check(id) }

// ConversationID is IssuedID for the id of a conversation.
func ConversationID(id string) (broken string) {
	if id == "export" { // as a segment of a path it would name everybody's conversations
		return "must not be export"
	}
	return IssuedID(id)
}

func (a *alphabet) check(id string) (broken string) {
	if len(id) == 0 || len(id) > maxID {
		return fmt.Sprintf("must have 1 to %d characters, has %d", maxID, len(id))
	}
	for i := range len(id) {
		if !a.has[id[i]] {
			return fmt.Sprintf("must have only %s: byte %d is another%s", a.words, i+1, a.advice)
		}
	}
	return ""
}
