package chatclient

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/textdelta"
)

// UserID is your id of a customer, in the form that the service accepts: 1 to 128
// characters of a-z, A-Z, 0-9, dot, underscore and hyphen. "." and ".." are rejected,
// because they have a meaning in a path. A string may be converted to a UserID: it is
// checked before it is sent.
//
// Source: Bookbag, API v2, "Send a message".
type UserID string

// UnmarshalJSON accepts a string such as "user_8821" or a number such as 8821. For
// null and "" it leaves the id unchanged. Any other value becomes an id that matches
// no customer, because an owner that cannot be decoded must not look like none.
func (id *UserID) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case 'n':
		return nil
	case '"':
		return (*issuedID)(id).UnmarshalJSON(b)
	}
	*id = UserID(b)
	return nil
}

// ParseUserID returns s as a UserID, or a *[FieldError]. If a customer's only id is an
// e-mail address, use [DeriveUserID].
func ParseUserID(s string) (UserID, error) {
	id := UserID(s)
	return id, id.check("userID")
}

func (id UserID) check(field string) error { return checkRule(field, bookbag.UserID(string(id))) }

// DeriveUserID derives a UserID from another id, such as an e-mail address: "u_" and
// its HMAC-SHA256 in 52 characters of base32. The same secret and text always give the
// same id. Nobody without the secret can find the text from the id. The text is used
// unchanged: if your site ignores case in e-mail addresses, convert them to lower case
// first.
//
// The secret is a random value of at least 32 bytes, not the API key. A shorter secret
// or an empty text is a *[FieldError].
func DeriveUserID(secret, text string) (UserID, error) {
	switch {
	case len(secret) < 32:
		return "", &FieldError{"secret", fmt.Sprintf("must be at least 32 bytes, got %d (is the variable set?)", len(secret))}
	case text == "":
		return "", &FieldError{"text", "must not be empty"}
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return UserID("u_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)))), nil
}

// ConversationID is the id of a conversation. The service documents an integer in
// requests and shows a string in responses. Both are accepted, and an id that is an
// integer is sent as one. Empty means none.
type ConversationID string

// UnmarshalJSON accepts 456, "456" and "conv_123". Any other value, such as null,
// leaves the id unchanged.
func (id *ConversationID) UnmarshalJSON(b []byte) error {
	return (*issuedID)(id).UnmarshalJSON(b)
}

// issuedID is an id that the service issues, a string or a number in its responses.
type issuedID string

// UnmarshalJSON leaves the id unchanged for null, "" and a value of another type: a
// stream repeats its metadata, and may know less of it in a later event.
func (id *issuedID) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"':
		*id = cmp.Or(issuedID(textdelta.Text(b)), *id)
	case c == '-' || '0' <= c && c <= '9':
		*id = issuedID(b)
	}
	return nil
}

// MarshalJSON encodes an id that is an integer as a number, and any other id as a
// string.
func (id ConversationID) MarshalJSON() ([]byte, error) {
	if n, err := strconv.ParseInt(string(id), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(id) {
		return []byte(id), nil
	}
	return json.Marshal(string(id))
}

func (id ConversationID) check(field string) error {
	return checkRule(field, bookbag.ConversationID(string(id)))
}

func checkIssuedID(field, id string) error { return checkRule(field, bookbag.IssuedID(id)) }

// checkRule returns a *FieldError with the rule that a field breaks, nil if that is "".
func checkRule(field, broken string) error {
	if broken == "" {
		return nil
	}
	return &FieldError{field, broken}
}
