package bookbag

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/field"
)

const maxID = 128

// alphabet is the characters that an id may have, as a table and in words.
type alphabet struct {
	invalid [256]byte // 1 for those that it may not have
	words   string
	advice  string
}

var (
	issuedIDs = newAlphabet("_-", "letters, digits, underscore and hyphen", "")
	userIDs   = newAlphabet("._-", "letters, digits, dot, underscore and hyphen", " (chatclient.DeriveUserID makes one of an e-mail address)")
)

func newAlphabet(marks, words, advice string) *alphabet {
	a := &alphabet{words: words, advice: advice}
	for c := range a.invalid {
		a.invalid[c] = 1
	}
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + marks {
		a.invalid[c] = 0
	}
	return a
}

// UserID returns the rule that a userId breaks, or "" for a good one. "." and
// ".." are not good, since they would change the meaning of a path, nor are texts
// that mean "not set", since all such visitors would be one.
func UserID(id string) (broken string) {
	if id == "." || id == ".." {
		return "must not be . or .."
	}
	return cmp.Or(userIDs.check(id), field.Set(id))
}

// IssuedID returns the rule that an id breaks which the service issued and that
// becomes a segment of a path, or "" for a good one: one from a browser could be
// anything.
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
	// Nearly all ids are good, so there is no branch for a byte, and four at a time.
	var invalid byte
	rest := id
	for ; len(rest) >= 4; rest = rest[4:] {
		invalid |= a.invalid[rest[0]] | a.invalid[rest[1]] | a.invalid[rest[2]] | a.invalid[rest[3]]
	}
	for i := range len(rest) {
		invalid |= a.invalid[rest[i]]
	}
	if invalid == 0 {
		return ""
	}
	first := strings.IndexFunc(id, func(r rune) bool { return r >= utf8.RuneSelf || a.invalid[r] == 1 })
	return fmt.Sprintf("must have only %s: byte %d is another%s", a.words, first+1, a.advice)
}
